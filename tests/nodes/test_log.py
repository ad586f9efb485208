"""The form of log lines, for people and for machines."""

import json
import logging
import re
from collections.abc import Iterator

import pytest

from mainspring.nodes.log import configure_log, fields

log = logging.getLogger("mainspring.test")
INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    """Puts back how logging was set up."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)


def test_a_line_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """Time, level, actor, message and facts must stand in this order, on stderr alone."""
    configure_log("info", "text", "coordinator")
    log.info("started %s", "well", extra=fields(pid=7, path="/a b", empty=""))
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(INSTANT + r' info    coordinator started well pid=7 path="/a b" empty=""\n', err)


def test_a_members_line_names_its_node(capsys: pytest.CaptureFixture[str]) -> None:
    """Where the lines of several nodes are read together, each must say whose it is; elsewhere it is no news."""
    configure_log("info", "text", "coordinator", "b", names_node=True)
    log.info("leads")
    configure_log("info", "text", "coordinator", "b")
    log.info("leads")
    one, other = capsys.readouterr().err.splitlines()
    assert one.endswith(" info    b/coordinator leads")
    assert other.endswith(" info    coordinator leads")


def test_a_line_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    """It must be one JSON object, whose own keys no fact can take."""
    configure_log("info", "json", "coordinator", "east")
    log.warning("two\nlines", extra=fields(pid=7, level="x", other={1}))
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    found = json.loads(line)
    assert re.fullmatch(INSTANT, found.pop("time"))
    assert found == {
        "level": "warning",
        "actor": "coordinator",
        "node": "east",
        "message": "two\nlines",
        "pid": 7,
        "other": "{1}",
    }


def test_the_level_holds_and_the_last_setup_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """Less severe records must not appear, and none may appear twice."""
    configure_log("debug", "text", "a")
    configure_log("warning", "text", "b")
    log.info("not seen")
    log.error("seen")
    assert capsys.readouterr().err.count("\n") == 1


def test_no_text_can_forge_a_line_or_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Further lines must be indented, and control characters shown as what they are."""
    configure_log("info", "text", "executor-1")
    log.info("a\nb\x1b[2J\rc", extra=fields(text="d\ne"))
    assert capsys.readouterr().err.endswith(' a\n    b\\x1b[2J\\rc text="d\\ne"\n')


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_belongs_to_its_record(capsys: pytest.CaptureFixture[str], form: str) -> None:
    """Where an exception is logged, its traceback must be there."""
    configure_log("info", form, "executor-1")
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("failed")
    err = capsys.readouterr().err
    assert "ValueError: broken" in err
    assert err.count("\n") == (1 if form == "json" else 1 + err.count("\n    "))
