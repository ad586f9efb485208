"""Schedules through the client: the right shards, tried before meant, one answer, and never more than was asked."""

from typing import Any

import pytest
from client_script import ClientScript, a_welcome, welcomed
from schedule_bench import a_schedule

from mainspring.actors.client.events import ActOnSchedules, Close, SetSchedules
from mainspring.broker.wire.limits import BATCH_BYTES_MAX, BATCH_JOBS_MAX
from mainspring.broker.wire.messages import Message, Refused, ScheduleAct, ScheduleChanged, ScheduleSet
from mainspring.broker.wire.routing import shard_for

SHARDS = 3
QUEUES = {shard_for("default", name, SHARDS): name for name in "abcdefghijklmno"}
"""A queue of each shard."""

Row = list[Any]


def cluster(shards: int = SHARDS) -> ClientScript:
    """A client that knows that many shards, and the task `echo` of queue `default`."""
    script = ClientScript()
    script.turn(ActOnSchedules(script.next_request(), "pause", "default", ["x"], None, "me", None))
    said = script.hear(*[a_welcome(shard, shards) for shard in range(shards)])
    script.hear(*[answer(message, ["default", "x", "not_found", 0, [], None]) for message in said])
    assert script.completed[1].value == [["default", "x", "not_found", 0, [], None]]
    return script


def define(script: ClientScript, *rows: Row, **options: Any) -> SetSchedules:
    """Makes the command of a set."""
    values = {"source": "client", "revision": "", "is_whole": False, "is_dry": False, "deadline_ns": None, **options}
    return SetSchedules(script.next_request(), list(rows), "me@host", **values)


def act(script: ClientScript, action: str, *names: str, **options: Any) -> ActOnSchedules:
    """Makes the command of an action."""
    values = {"tenant": "default", "note": None, "by": "me@host", "deadline_ns": None, **options}
    return ActOnSchedules(script.next_request(), action, names=list(names), **values)


def answer(message: Message, *changes: Row) -> ScheduleChanged:
    """Makes the answer to a message about schedules."""
    assert isinstance(message, ScheduleSet | ScheduleAct)
    return ScheduleChanged(message.shard, message.request, list(changes))


def refuse(message: Message, code: str) -> Refused:
    """Makes the refusal of a message about schedules."""
    assert isinstance(message, ScheduleSet | ScheduleAct)
    return Refused(message.shard, 0, message.request, code, f"because of {code}")


def a_change(name: str, change: str, job: int | None = None) -> Row:
    """A row of CHANGE_COLUMNS."""
    return ["default", name, change, 0 if change == "not_found" else 1, [], job]


def sets(messages: list[Message]) -> list[ScheduleSet]:
    """The messages, which must all be sets."""
    found = [message for message in messages if isinstance(message, ScheduleSet)]
    assert len(found) == len(messages)
    return found


def test_one_shard_is_asked_once() -> None:
    """There is nothing to try first, and nowhere else for the name to be."""
    script = cluster(1)
    row = a_schedule(name="nightly")
    assert script.turn(define(script, row, revision="r1")) == [
        ScheduleSet(0, script.machine.state.number, "me@host", "client", "r1", False, False, 1, 1, [row])
    ]
    (message,) = script.wait(600)
    assert script.hear(answer(message, a_change("nightly", "added"))) == []
    assert script.completed[2].value == [a_change("nightly", "added")]
    assert script.wait(20_000) == []


def test_several_shards_are_tried_before_it_is_meant() -> None:
    """First a dry run on all, then the set, then the names go from the shards that are not theirs."""
    script = cluster()
    rows = [a_schedule(name=f"s{shard}", queue=QUEUES[shard]) for shard in (2, 0)]
    tried = sets(script.turn(define(script, *rows)))
    assert [(message.shard, message.is_dry, message.schedules) for message in tried] == [
        (2, True, [rows[0]]),
        (0, True, [rows[1]]),
    ]
    assert script.hear(answer(tried[0], a_change("s2", "added"))) == []
    meant = sets(script.hear(answer(tried[1], a_change("s0", "changed"))))
    assert [(message.shard, message.is_dry, message.schedules) for message in meant] == [
        (2, False, [rows[0]]),
        (0, False, [rows[1]]),
    ]
    assert not {message.request for message in meant} & {message.request for message in tried}
    script.hear(answer(meant[1], a_change("s0", "changed")))
    acts = script.hear(answer(meant[0], a_change("s2", "added")))
    assert [(a.shard, a.action, a.names) for a in acts if isinstance(a, ScheduleAct)] == [
        (0, "remove", ["s2"]),
        (1, "remove", ["s2", "s0"]),
        (2, "remove", ["s0"]),
    ]
    assert len({a.token for a in acts if isinstance(a, ScheduleAct)}) == 3
    gone = [a_change("s0", "not_found"), a_change("s2", "removed"), a_change("s0", "not_found")]
    script.hear(*[answer(a, change) for a, change in zip(acts, (gone[1], gone[2], gone[0]), strict=True)])
    assert script.completed[2].value == [a_change("s2", "added"), a_change("s2", "removed"), a_change("s0", "changed")]


def test_a_refused_try_changes_nothing_anywhere() -> None:
    """No shard is sent the set itself, and the refusal is definite."""
    script = cluster()
    tried = script.turn(define(script, *[a_schedule(name=f"s{s}", queue=QUEUES[s]) for s in range(SHARDS)]))
    script.hear(refuse(tried[0], "invalid_schedule"), answer(tried[1], a_change("s1", "added")))
    assert script.hear(answer(tried[2], a_change("s2", "added"))) == []
    failure = script.completed[2].failure
    assert failure is not None
    assert (failure.code, failure.definite) == ("invalid_schedule", True)
    assert script.wait(20_000) == []


def test_a_refusal_after_the_try_is_indefinite() -> None:
    """Another shard may have done its part."""
    script = cluster()
    tried = script.turn(define(script, *[a_schedule(name=f"s{s}", queue=QUEUES[s]) for s in (0, 1)]))
    meant = script.hear(*[answer(message) for message in tried])
    script.hear(refuse(meant[0], "draining"))
    assert script.hear(answer(meant[1], a_change("s1", "added"))) == []
    failure = script.completed[2].failure
    assert failure is not None
    assert (failure.code, failure.definite) == ("draining", False)
    assert "other shards may have done their part" in failure.text


def test_a_whole_source_is_told_to_every_shard() -> None:
    """Those without a row of it have nothing of that source any more."""
    script = cluster()
    row = a_schedule(name="s1", queue=QUEUES[1])
    tried = sets(script.turn(define(script, row, is_whole=True, source="file:x")))
    assert {message.shard: message.schedules for message in tried} == {0: [], 1: [row], 2: []}
    meant = sets(script.hear(*[answer(message, a_change("old", "removed")) for message in tried]))
    assert all(message.is_whole and message.source == "file:x" and not message.is_dry for message in meant)
    acts = script.hear(
        answer(meant[0], a_change("old", "removed")), answer(meant[1], a_change("s1", "unchanged")), answer(meant[2])
    )
    assert [message.shard for message in acts if isinstance(message, ScheduleAct)] == [0, 2]
    script.hear(*[answer(message, a_change("s1", "not_found")) for message in acts])
    assert script.completed[2].value == [a_change("s1", "unchanged"), a_change("old", "removed")]


@pytest.mark.parametrize("shards", [1, SHARDS])
def test_a_dry_run_is_no_more_than_that(shards: int) -> None:
    """Its answer is what would change."""
    script = cluster(shards)
    tried = sets(script.turn(define(script, a_schedule(name="s1"), is_dry=True, is_whole=True)))
    assert [message.is_dry for message in tried] == [True] * shards
    assert script.hear(*[answer(m, *[a_change("s1", "added")] * bool(m.schedules)) for m in tried]) == []
    assert script.completed[2].value == [a_change("s1", "added")]


def test_a_long_list_comes_in_parts() -> None:
    """Each part fits a frame, all have one number, all are sent again, and there is one answer."""
    script = cluster(1)
    big = BATCH_BYTES_MAX // 4 // 3
    rows = [a_schedule(name=f"s{n}") for n in range(BATCH_JOBS_MAX + 1)]
    rows += [a_schedule(name=f"big{n}", payload="x" * big) for n in range(4)]
    messages = sets(script.turn(define(script, *rows)))
    assert [len(message.schedules) for message in messages] == [1024, 3, 2]
    assert [(message.part, message.parts) for message in messages] == [(1, 3), (2, 3), (3, 3)]
    assert len({message.request for message in messages}) == 1
    assert [row for message in messages for row in message.schedules] == rows
    assert script.wait(600) == messages
    script.hear(answer(messages[0], *[a_change(row[0], "added") for row in reversed(rows)]))
    assert [change[1] for change in script.completed[2].value] == [row[0] for row in rows]


def test_a_schedule_by_name_takes_what_its_task_says() -> None:
    """Queue and priority are those that executors announced; an unknown task is asked for once more, then refused."""
    script = cluster(1)
    (message,) = sets(script.turn(define(script, a_schedule(queue=None, priority=None))))
    assert message.schedules == [a_schedule(queue="default", priority=0)]
    script.hear(answer(message))
    script.turn(define(script, a_schedule(queue=None, task="unheard")))
    assert script.hear(a_welcome()) == []
    assert script.code() == "unknown_task"
    (message,) = sets(script.turn(define(script, a_schedule(queue="q", priority=None, task="unheard"))))
    assert message.schedules == [a_schedule(queue="q", priority=0, task="unheard")]


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ([a_schedule(name="")], "1 to 200"),
        ([a_schedule(gap="leap")], "give one of shift, skip"),
        ([a_schedule(payload="x" * (2**20 + 1))], "at most 1048576 are taken"),
        ([a_schedule(), a_schedule(queue="other")], "two schedules of tenant 'default' are named 'nightly'"),
    ],
)
def test_what_no_shard_would_take_is_not_sent(rows: list[Row], named: str) -> None:
    """The refusal is the cluster's own, and definite."""
    script = cluster()
    assert script.turn(define(script, *rows)) == []
    failure = script.completed[2].failure
    assert failure is not None
    assert (failure.code, failure.definite) == ("invalid_schedule", True)
    assert named in failure.text


def test_nothing_asked_is_answered_at_once() -> None:
    """An empty list that is not whole, and no names."""
    script = cluster()
    assert script.turn(define(script), act(script, "pause")) == []
    assert script.completed[2].value == script.completed[3].value == []


def test_names_are_looked_for_in_all_shards() -> None:
    """A name is not found where no shard knows it; the others come in the caller's order, each once."""
    script = cluster()
    messages = script.turn(act(script, "pause", "b", "a", "b", "x", note="too loud"))
    assert [message.shard for message in messages if isinstance(message, ScheduleAct)] == [0, 1, 2]
    assert all(isinstance(m, ScheduleAct) and (m.names, m.note) == (["b", "a", "x"], "too loud") for m in messages)
    missing = {name: a_change(name, "not_found") for name in "abx"}
    script.hear(
        answer(messages[0], missing["a"], missing["b"], missing["x"]),
        answer(messages[1], a_change("a", "paused"), missing["b"], missing["x"]),
        answer(messages[2], missing["a"], a_change("b", "paused"), missing["x"]),
    )
    assert script.completed[2].value == [a_change("b", "paused"), a_change("a", "paused"), missing["x"]]


def test_a_run_is_repeated_under_its_token() -> None:
    """The same call has the same token however often it is sent, another call another one."""
    script = cluster(1)
    (first,) = script.turn(act(script, "run", "nightly"))
    again = script.wait(5_000)
    assert len(again) >= 2
    assert all(message == first for message in again)
    script.hear(answer(first, a_change("nightly", "ran", 1042)))
    assert script.completed[2].value == [a_change("nightly", "ran", 1042)]
    (second,) = script.turn(act(script, "run", "nightly"))
    assert isinstance(first, ScheduleAct)
    assert isinstance(second, ScheduleAct)
    assert first.token != second.token
    assert min(first.token, second.token) >= 0


@pytest.mark.parametrize(("copies", "definite"), [(1, True), (2, False)])
def test_a_repeated_run_may_have_been_taken(copies: int, definite: bool) -> None:
    """Who is refused by a coordinator that started again cannot tell what the one before did."""
    script = cluster(1)
    (message,) = script.turn(act(script, "run", "nightly"))
    script.wait(600 * (copies - 1))
    script.hear(refuse(message, "draining"))
    failure = script.completed[2].failure
    assert failure is not None
    assert failure.definite is definite


@pytest.mark.parametrize(
    ("action", "names", "named"), [("stop", ["a"], "pause, resume, run, remove"), ("run", [""], "1")]
)
def test_what_cannot_be_done_is_not_sent(action: str, names: list[str], named: str) -> None:
    """The text says what can."""
    script = cluster()
    assert script.turn(act(script, action, *names)) == []
    failure = script.completed[2].failure
    assert failure is not None
    assert failure.code == "invalid_schedule"
    assert named in failure.text


def test_an_answer_that_is_none_is_an_error() -> None:
    """Rows of another version are not guessed at; an answer of another kind or shard is passed over."""
    script = cluster(1)
    (message,) = script.turn(act(script, "pause", "a"))
    assert isinstance(message, ScheduleAct)
    script.hear(ScheduleChanged(1, message.request, []))
    assert 2 not in script.completed
    script.hear(ScheduleChanged(0, message.request, [["default", "a", "exploded", 1, [], None]]))
    assert script.code() == "malformed"


def test_a_set_waits_for_the_cluster_and_out_of_time() -> None:
    """Before the first welcome nothing is sent; without an answer it times out and stops."""
    script = ClientScript()
    script.turn(define(script, a_schedule(), deadline_ns=script.now_ns + 10**9))
    (message,) = sets(script.hear(a_welcome()))
    script.wait(1_001)
    assert script.code() == "timeout"
    assert script.wait(20_000) == []
    assert script.hear(answer(message)) == []


@pytest.mark.parametrize(("is_dry", "definite"), [(True, True), (False, False)])
def test_a_close_in_the_middle(is_dry: bool, definite: bool) -> None:
    """What was only tried has not happened."""
    script = welcomed()
    script.turn(define(script, a_schedule(), is_dry=is_dry))
    script.turn(Close())
    failure = script.completed[2].failure
    assert failure is not None
    assert (failure.code, failure.definite) == ("closed", definite)
