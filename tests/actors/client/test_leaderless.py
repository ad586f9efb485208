"""What a request that comes to nothing claims while nobody leads: which shard it is, what was sent, and what to do."""

from collections.abc import Callable
from typing import Any

import pytest
from client_script import PEER, ClientScript, a_welcome, answer, welcomed
from cluster_maps import a_map

from mainspring.actors.client.events import AwaitJobs, CancelJobs, Command, RunQuery, StatusJobs
from mainspring.actors.events import PeerGone

A, B, C = b"tcp://a:1", b"tcp://b:1", b"tcp://c:1"
PEERS = (A, B, C)
MEMBERS = {"a": "tcp://a:1", "b": "tcp://b:1", "c": "tcp://c:1"}
SECOND_MS = 1_000


def in_cluster(**settings: Any) -> ClientScript:
    """A client of three nodes of which A leads the one shard, under epoch 5; its session is open (request 1)."""
    script = ClientScript(**{"peers": PEERS, **settings})
    script.submit()
    script.hear(a_map("b", {0: (5, "a")}, MEMBERS), peer=B)
    script.hear(a_map("c", {0: (5, "a")}, MEMBERS), peer=C)
    (first,) = script.hear(a_welcome(epoch=5), peer=A)
    script.hear(answer(first, 1), peer=A)
    assert script.completed[1].value == [1]
    return script


def overdue(script: ClientScript, request: int) -> tuple[str, bool, str]:
    """Waits for the deadline of a request; returns code, whether it is definite, and the text."""
    script.wait(2 * SECOND_MS)
    failure = script.completed[request].failure
    assert failure is not None
    return failure.code, failure.definite, failure.text


def deadline_ns(script: ClientScript) -> int:
    """Returns a deadline in two seconds."""
    return script.now_ns + 2 * SECOND_MS * 1_000_000


LOOK = "a majority of the members must run: look at `mainspring cluster status` (tcp://a:1, tcp://b:1, tcp://c:1)"


def test_a_request_that_no_leader_takes_in_time_was_never_sent() -> None:
    """That is definite, and the text says which shard it is, and what to do."""
    script = in_cluster()
    script.turn(PeerGone(A))
    script.submit(timeout_ms=2 * SECOND_MS)
    text = f"no node leads shard 0, and the jobs for it were not sent; {LOOK}"
    assert overdue(script, 2) == ("unreachable", True, text)


def test_what_was_sent_to_a_leader_that_is_gone_is_unknown() -> None:
    """The text says that nobody leads now."""
    script = in_cluster()
    script.submit(timeout_ms=2 * SECOND_MS)
    script.turn(PeerGone(A))
    code, definite, text = overdue(script, 2)
    assert (code, definite) == ("timeout", False)
    assert text.endswith(f"look them up by key or list; no node leads shard 0: {LOOK}")


@pytest.mark.parametrize(
    "question",
    [
        lambda request, ns: RunQuery(request, None, "jobs", {}, ns),
        lambda request, ns: StatusJobs(request, [1], ns),
        lambda request, ns: CancelJobs(request, [1], ns),
    ],
)
def test_a_question_that_nobody_leads_to_says_so(question: Callable[[int, int], Command]) -> None:
    """What nobody was asked has not happened; what was asked of a leader that is gone may have, and is asked again."""
    script = in_cluster()
    script.turn(PeerGone(A))
    request = script.next_request()
    script.turn(question(request, deadline_ns(script)))
    assert overdue(script, request) == ("unreachable", True, f"no node leads shard 0, and nothing was sent; {LOOK}")

    script = in_cluster()
    request = script.next_request()
    script.turn(question(request, deadline_ns(script)))
    script.turn(PeerGone(A))
    text = f"no node leads shard 0, so not all has been answered; {LOOK}, and ask again"
    assert overdue(script, request) == ("timeout", False, text)


def test_an_await_that_nobody_leads_to_says_so() -> None:
    """Whether the jobs go on, nobody knows."""
    script = in_cluster()
    script.turn(PeerGone(A))
    request = script.next_request()
    script.turn(AwaitJobs(request, [1, 2], deadline_ns(script)))
    text = f"2 of 2 awaited jobs have not ended in time; no node leads shard 0: {LOOK}"
    assert overdue(script, request) == ("timeout", False, text)


def test_a_lone_node_that_is_gone_is_no_cluster() -> None:
    """Nobody is sent to look for a majority."""
    script = welcomed()
    script.turn(PeerGone(PEER))
    request = script.next_request()
    script.turn(RunQuery(request, None, "jobs", {}, deadline_ns(script)))
    code, definite, text = overdue(script, request)
    assert (code, definite) == ("unreachable", True)
    assert text.startswith("no node answers at ")
    assert text.endswith(", and nothing was sent; is it running? start one with `mainspring up`")
