"""A node of stand-ins in processes of its own: starts it, hears what its processes tell, asks it.

It decides nothing; what a stand-in does is in stand_ins/actor.py.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

SUPPORT = Path(__file__).parent
PATIENCE_S = 20


def answer(sock: socket.socket) -> list[dict[str, Any]]:
    """Reads an answer to its end."""
    with sock, sock.makefile("rb") as lines:
        return [json.loads(line) for line in lines]


class Node:
    """A supervisor with stand-ins, and the ear for what they tell."""

    def __init__(self, folder: Path, *words: str, data_dir: Path | None = None) -> None:
        self.folder = folder
        self.data_dir = data_dir or folder / "data"
        self.words = words
        self.ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ear.bind(str(folder / "events"))
        self.ear.settimeout(PATIENCE_S)
        self.seen: list[dict[str, Any]] = []
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> "subprocess.Popen[str]":
        """Starts the supervisor."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "stand_ins.node", str(self.data_dir), *self.words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        )
        return self.process

    @property
    def environment(self) -> dict[str, str]:
        """What the stand-ins need to find themselves and the test."""
        path = os.pathsep.join(filter(None, [str(SUPPORT), os.environ.get("PYTHONPATH")]))
        return {**os.environ, "PYTHONPATH": path, "STAND_INS": str(self.folder)}

    def asking(self, line: bytes) -> socket.socket:
        """Sends a line to the control socket; gives the connection."""
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(PATIENCE_S)
        sock.connect(str(self.data_dir / "control.sock"))
        sock.sendall(line + b"\n")
        return sock

    def ask(self, request: object) -> list[dict[str, Any]]:
        """Asks through the control socket; gives the lines of the answer."""
        return answer(self.asking(json.dumps(request).encode()))

    def behave(self, name: str, how: str) -> None:
        """Sets how a process behaves from its next life on."""
        (self.folder / name).write_text(how)

    def event(self, what: str, name: str | None = None) -> dict[str, Any]:
        """Waits for the next event of that kind; keeps those before it in `seen`."""
        while True:
            event = json.loads(self.ear.recv(4096))
            self.seen.append(event)
            if event["what"] == what and name in (None, event["name"]):
                return event

    def pids(self, count: int = 5) -> dict[tuple[str, str], int]:
        """Waits until `count` processes, runners included, have started; gives (name, what) -> pid."""
        found: dict[tuple[str, str], int] = {}
        while len(found) < count:
            event = json.loads(self.ear.recv(4096))
            self.seen.append(event)
            if event["what"].endswith("started"):
                found[event["name"], event["what"]] = event["pid"]
        return found

    def up(self) -> dict[tuple[str, str], int]:
        """Starts the node and waits until it is ready; gives the pids."""
        process = self.start()
        pids = self.pids()
        assert process.stdout is not None
        assert process.stdout.readline() == f"ready ipc://{self.data_dir}/coordinator.sock\n"
        return pids

    def end(self) -> tuple[int, str]:
        """Waits for the supervisor's end; gives its exit status and its log."""
        assert self.process is not None
        _, log = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, log
