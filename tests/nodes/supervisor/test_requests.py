"""What the control socket understands, and what it says of everything else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.nodes.supervisor.requests import (
    LevelRequest,
    ReloadRequest,
    RequestFault,
    StatusRequest,
    parse_request,
)

NAMES = ["supervisor", "coordinator", "e-1"]


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        (b'{"do": "reload"}', ReloadRequest()),
        (b' {"do":"status"} \r', StatusRequest()),
        (b'{"do": "log-level", "level": "debug"}', LevelRequest("debug", None)),
        (b'{"do": "log-level", "level": "error", "process": null}', LevelRequest("error", None)),
        (b'{"do": "log-level", "level": "info", "process": "e-1"}', LevelRequest("info", "e-1")),
    ],
)
def test_requests(line: bytes, request_: object) -> None:
    """Each request must be read as it is meant."""
    assert parse_request(line, NAMES) == request_


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"", "the request is no JSON (Expecting value: line 1 column 1 (char 0)): give one JSON object a line, such"),
        (b"\xff\xfe", "the request is no JSON ('utf-8' codec can't decode byte 0xff in position 0: invalid …)"),
        (b"[" * 4000, "the request is no JSON ("),
        (b"[1]", "the request is no JSON object: give one"),
        (b"{}", "do is null: give one of reload, log-level, status"),
        (b'{"do": ["reload"]}', "do is no text: give one of"),
        (b'{"do": "' + b"x" * 100 + b'"}', 'do is "' + "x" * 59 + "…: give one of"),
        (b'{"do": "reload", "now": 1}', 'reload has no field "now": it takes nothing else'),
        (b'{"do": "log-level", "lvl": 1}', 'log-level has no field "lvl": it takes level, process'),
        (b'{"do": "log-level"}', "there is no level null: give one of debug, info, warning, error"),
        (b'{"do": "log-level", "level": {}}', "there is no level no text: give one of"),
        (b'{"do": "log-level", "level": "loud"}', 'there is no level "loud": give one of'),
        (
            b'{"do": "log-level", "level": "info", "process": "e-2"}',
            'there is no process "e-2": this node has supervisor, coordinator, e-1',
        ),
        (b'{"do": "log-level", "level": "info", "process": 7}', "there is no process 7: this node has"),
    ],
)
def test_faults_are_named_with_the_mend(line: bytes, text: str) -> None:
    """Whatever comes must be answered, never raised through."""
    with pytest.raises(RequestFault) as caught:
        parse_request(line, NAMES)
    assert str(caught.value).startswith(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)
VALUES = st.sampled_from(["reload", "status", "log-level", "info", "e-1"]) | JSON


@given(
    st.binary(max_size=200)
    | st.dictionaries(st.sampled_from(["do", "level", "process", "x"]), VALUES).map(
        lambda values: json.dumps(values).encode()
    )
)
def test_nothing_but_a_request_or_a_fault_comes_of_it(line: bytes) -> None:
    """The supervisor must survive every line, and answer in few words."""
    try:
        found: object = parse_request(line, NAMES)
    except RequestFault as fault:
        found = str(fault)
    assert isinstance(found, (ReloadRequest, StatusRequest, LevelRequest)) or 0 < len(str(found)) < 300
