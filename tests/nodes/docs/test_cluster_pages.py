"""The pages about clusters show files that a node takes, commands that there are, and texts that the code has."""

import re
import textwrap
from pathlib import Path

import pytest
import typer.main

from mainspring.nodes.cli.app import assembled
from mainspring.nodes.settings.load import load

ROOT = Path(__file__).parents[3]
FOLDERS = ("nodes/cli", "nodes/processes", "nodes/storage/shard", "actors/client", "actors/raft", "broker/net")
PAGES = {name: (ROOT / "docs" / name).read_text("utf-8") for name in ("cluster.md", "failure-modes.md", "consensus.md")}

_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
BLOCKS = [(kind, textwrap.dedent(text)) for page in PAGES.values() for _, kind, text in _BLOCK.findall(page)]
FILES = [text for kind, text in BLOCKS if kind == "toml"]
COMMANDS = sorted(
    {
        line.split("#")[0].strip()
        for kind, text in BLOCKS
        if kind == "sh"
        for line in text.splitlines()
        if re.search(r"\bmainspring [a-z]", line)
    }
)
QUOTED = sorted(
    {
        found.partition("…")[0].partition("shard 0")[0].strip()
        for found in re.findall(r"^\| `(?:fault: |note: )?([^`]+)`", PAGES["failure-modes.md"], re.MULTILINE)
        if not found.startswith(("scheduler_", "`"))
    }
)


@pytest.mark.parametrize("text", FILES)
def test_a_file_on_a_page_is_taken(tmp_path: Path, text: str) -> None:
    """Who copies it must not be told of a fault."""
    (tmp_path / "node.toml").write_text(text)
    settings = load(tmp_path / "node.toml", {})
    assert settings.coordinator.enabled == (settings.member is not None)


def test_the_pages_were_understood() -> None:
    """Files of one of three that begin, of workers, of one that joins, of one that was alone; and many commands."""
    assert len(FILES) == 4
    assert len(COMMANDS) > 12
    assert len(QUOTED) > 12


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_on_a_page_is_there(line: str) -> None:
    """Each subcommand and each option must be one that the program has."""
    words = re.split(r"\bmainspring ", line)[1].split()
    command: object = typer.main.get_command(assembled())
    while words and (inner := getattr(command, "commands", {}).get(words[0])) is not None:
        command = inner
        words.pop(0)
    assert not getattr(command, "commands", None) or not words or words[0] in (">", "--json"), line
    known = {option for param in getattr(command, "params", ()) for option in param.opts}
    assert {word for word in words if word.startswith("--")} <= known, line


@pytest.mark.parametrize("quoted", QUOTED)
def test_a_text_on_the_page_of_failures_is_in_the_code(quoted: str) -> None:
    """What an operator looks for must be what the program says."""
    sources = "".join(path.read_text("utf-8") for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.py")))
    bare = re.sub(r"\"\s*f?\"", "", sources)
    parts = [part for part in re.split(r"\b[acd]\b|\d+|=", quoted) if len(part.strip()) > 3]
    for part in parts:
        assert part.strip() in bare, part
