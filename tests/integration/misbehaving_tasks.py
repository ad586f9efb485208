"""Jobs that do to their runner child whatever can be done to one. Each says "begins" first: the last words."""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

from mainspring import task

ONCE = {"retries": 0, "backoff": (0.01, 0.01)}
FOR_EVER_S = 1000


def _leaves(pid: int) -> None:
    """Writes down a process that nothing may be left of."""
    with Path("left.txt").open("a") as file:
        file.write(f"{pid}\n")


@task(**ONCE)
def returns(value: int) -> int:
    """Behaves."""
    print(f"returns {value}")
    return value


@task(**ONCE)
def raises() -> None:
    """Fails, and has printed."""
    print("begins: raises")
    raise ValueError("on purpose")


@task(**ONCE)
def exits_0() -> None:
    """Ends its process as if all were well."""
    print("begins: exits_0")
    os._exit(0)


@task(**ONCE)
def exits_7() -> None:
    """Ends its process."""
    print("begins: exits_7", file=sys.stderr)
    os._exit(7)


@task(**ONCE)
def asks_to_exit() -> None:
    """Asks Python to end."""
    print("begins: asks_to_exit")
    sys.exit("enough")


@task(**ONCE)
def segfaults() -> None:
    """Dies of a bad pointer."""
    print("begins: segfaults")
    ctypes.string_at(0)


@task(**ONCE)
def is_killed() -> None:
    """Dies as the kernel kills where memory has run out."""
    print("begins: is_killed")
    os.kill(os.getpid(), signal.SIGKILL)


@task(**ONCE, memory="64MiB")
def maps_too_much() -> None:
    """Asks for more memory than its task allows."""
    print("begins: maps_too_much")
    bytearray(10**9)


@task(**ONCE, memory="64MiB")
def starts_what_uses_too_much() -> None:
    """Uses it in a process of its own, whose allocations its child does not see."""
    print("begins: starts_what_uses_too_much")
    # Shared memory, which no limit that it inherits would count.
    code = "import mmap, time; m = mmap.mmap(-1, 3 * 10**8); "
    code += "[m.write(b'x' * 10**6) for _ in range(300)]; time.sleep(1000)"
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        _leaves(process.pid)


@task(**ONCE, cpu=0.2)
def computes() -> None:
    """Uses more CPU time than its task allows."""
    print("begins: computes")
    while True:
        pass


@task(**ONCE, cpu=0.2)
def starts_what_computes() -> None:
    """Has another process use it."""
    print("begins: starts_what_computes")
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        _leaves(process.pid)


@task(**ONCE, timeout=0.3)
def ignores_everything() -> None:
    """Goes on whatever it is told."""
    print("begins: ignores_everything")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(FOR_EVER_S)


@task(**ONCE, timeout=0.3)
def stops_itself() -> None:
    """Stops, and is not even there to be told."""
    print("begins: stops_itself")
    os.kill(os.getpid(), signal.SIGSTOP)


@task(**ONCE)
def closes_all() -> None:
    """Closes whatever its process has open, the way to its parent too, and goes on."""
    print("begins: closes_all")
    os.closerange(0, 1000)
    time.sleep(FOR_EVER_S)


@task(**ONCE)
def closes_its_output() -> str:
    """Closes what it could print to, and returns."""
    print("begins: closes_its_output")
    os.close(1)
    os.close(2)
    return "done"


@task(**ONCE)
def writes_a_lot(megabytes: int) -> None:
    """Writes more than anybody wants to keep, and fails."""
    line = b"x" * 1023 + b"\n"
    for _ in range(megabytes):
        sys.stdout.buffer.write(line * 1024)
    print("ends: writes_a_lot")
    raise ValueError("on purpose")


@task(**ONCE)
def forks() -> None:
    """Leaves a process that holds all it had open, and dies."""
    print("begins: forks")
    pid = os.fork()
    if pid == 0:
        time.sleep(FOR_EVER_S)
    _leaves(pid)
    os._exit(1)


@task(**ONCE)
def forks_behind_python() -> None:
    """Leaves one that Python does not know of, so that it holds its parent's way out."""
    print("begins: forks_behind_python")
    pid = ctypes.CDLL(None).fork()
    if pid == 0:
        ctypes.CDLL(None).sleep(FOR_EVER_S)
    _leaves(pid)
    os._exit(1)


@task(**ONCE)
def leaves_a_daemon() -> None:
    """Leaves a process with a session of its own, whose parent is gone, and dies."""
    print("begins: leaves_a_daemon")
    read_fd, write_fd = os.pipe()
    if os.fork() == 0:
        os.setsid()
        pid = os.fork()
        if pid == 0:
            time.sleep(FOR_EVER_S)
        os.write(write_fd, str(pid).encode())
        os._exit(0)
    _leaves(int(os.read(read_fd, 20)))
    os._exit(1)


@task(**ONCE)
def keeps_two_busy() -> None:
    """Waits for two others, of which one has a session of its own; once, and not again."""
    if Path("left.txt").exists():
        return
    words = ["sleep", str(FOR_EVER_S)]
    with subprocess.Popen(words) as one, subprocess.Popen(words, start_new_session=True) as other:
        _leaves(one.pid)
        _leaves(other.pid)


@task(**ONCE)
def uses_up_descriptors() -> None:
    """Opens files until there are no more."""
    print("begins: uses_up_descriptors")
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    kept = [os.open(os.devnull, os.O_RDONLY) for _ in range(soft + 1)]
    print(len(kept))


@task(**ONCE)
def changes_its_process() -> str:
    """Leaves its process with another umask and environment."""
    os.environ["LEFT_BEHIND"] = "yes"
    os.umask(0o077)
    return "done"


@task(**ONCE)
def tells_of_its_process() -> list[object]:
    """Finds what was left behind, where it was."""
    umask = os.umask(0o022)
    os.umask(umask)
    return [os.environ.get("LEFT_BEHIND"), umask]


@task(**ONCE)
def kills_its_siblings() -> None:
    """Kills every child of its parent, itself last."""
    print("begins: kills_its_siblings")
    parent = os.getppid()
    for name in os.listdir("/proc"):  # noqa: PTH208  (numbers, not paths)
        if name.isdecimal() and int(name) != os.getpid():
            try:
                words = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(words[1]) == parent:
                os.kill(int(name), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


@task(**ONCE, timeout=0.3)
async def blocks_its_loop() -> None:
    """Never gives the loop back."""
    print("begins: blocks_its_loop")
    while True:
        time.sleep(FOR_EVER_S)


@task(**ONCE)
async def kills_its_loop() -> None:
    """Ends the process that it shares."""
    print("begins: kills_its_loop")
    os._exit(3)


@task(**ONCE, runner="thread", timeout=0.3)
def hangs_in_a_thread() -> None:
    """Waits in C, where no exception reaches it."""
    print("begins: hangs_in_a_thread")
    time.sleep(FOR_EVER_S)


@task(**ONCE, runner="thread")
def waits_in_a_thread(seconds: float) -> str:
    """Takes its time beside others."""
    time.sleep(seconds)
    return "done"


@task(**ONCE, runner="thread")
def kills_its_thread() -> None:
    """Ends the process that it shares."""
    print("begins: kills_its_thread")
    os._exit(3)
