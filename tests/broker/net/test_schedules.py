"""`client.schedules` against real shards behind a real ROUTER, for threads and for asyncio."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from serve_shard import Served, serve_shard

import mainspring
from mainspring.broker.net.async_client import AsyncClient
from mainspring.broker.net.changes import Change
from mainspring.broker.net.client import Client
from mainspring.broker.net.who import who
from mainspring.broker.tasks.exceptions import InvalidOption
from mainspring.broker.wire.messages import ScheduleAct, ScheduleChanged, ScheduleSet
from mainspring.broker.wire.routing import shard_for

ECHO = mainspring.job("echo", "hello")
NIGHTLY = "0 3 * * *"
QUEUES = {shard_for("default", name, 2): name for name in "abcdefgh"}
"""A queue of each of the two shards of `served`."""


def words(changes: list[Change]) -> list[tuple[str, str]]:
    """What became of which name."""
    return [(change.name, change.change) for change in changes]


def test_the_life_of_a_schedule(client: Client) -> None:
    """Defined, changed, paused, resumed, run and removed; each answer says what became of it."""
    schedules = client.schedules
    assert schedules.add("nightly", ECHO, NIGHTLY).change == "added"
    assert schedules.add("nightly", ECHO, NIGHTLY).change == "unchanged"
    changed = schedules.add("nightly", ECHO, mainspring.Schedule("0 4 * * *", overlap="allow"))
    assert str(changed).startswith("nightly: changed (")
    assert "'0 3 * * *' -> '0 4 * * *'" in str(changed)
    assert words(schedules.pause("nightly", note="too loud")) == [("nightly", "paused")]
    shown = schedules.show("nightly")
    assert (shown["expression"], shown["state"], shown["pause_note"]) == ("0 4 * * *", "paused", "too loud")
    assert words(schedules.resume(["nightly"])) == [("nightly", "resumed")]
    handle = schedules.run("nightly")
    assert handle.status() == "ready"
    assert [record["name"] for record in schedules.list()] == ["nightly"]
    assert [(tick["reason"], tick["job_id"]) for tick in schedules.ticks("nightly")] == [("manual", handle.id)]
    assert words(schedules.remove("nightly")) == [("nightly", "removed")]
    assert schedules.list() == []
    assert schedules.show("nightly")["state"] == "removed"
    assert schedules.add("nightly", ECHO, NIGHTLY).change == "added"
    assert schedules.show("nightly")["state"] == "active"
    assert {record["who"] for record in client.query("audit")} == {who()}


def test_names_that_nobody_knows(client: Client) -> None:
    """They are an error that a caller can look into; what was found is done."""
    client.schedules.add("known", ECHO, NIGHTLY)
    with pytest.raises(
        mainspring.ScheduleNotFound, match="no schedule of tenant 'default' is named 'x', 'y'; correct"
    ) as caught:
        client.schedules.pause(["x", "known", "y"])
    assert words(caught.value.changes) == [("known", "paused")]
    assert isinstance(caught.value, LookupError)
    for ask in (client.schedules.run, client.schedules.show, client.schedules.ticks, client.schedules.remove):
        with pytest.raises(mainspring.ScheduleNotFound):
            ask("x")


def test_a_run_that_overlap_forbids(client: Client) -> None:
    """It is no job, so it is an error that says why."""
    client.schedules.add("nightly", ECHO, NIGHTLY)
    first = client.schedules.run("nightly")
    with pytest.raises(mainspring.ScheduleRefused, match="nightly was not run: a job of it has not ended") as caught:
        client.schedules.run("nightly")
    assert caught.value.code == "overlap"
    first.cancel()
    assert client.schedules.run("nightly").id != first.id


def test_a_source_is_applied_whole(client: Client) -> None:
    """Over all shards; a dry run changes nothing, and what the source no longer has is removed."""
    rows = [mainspring.Schedule("@daily").row(ECHO, name=f"s{shard}", queue=QUEUES[shard]) for shard in (1, 0)]
    client.schedules.add("mine", ECHO, NIGHTLY, queue=QUEUES[0])
    dry = client.schedules.apply(rows, "file:x", dry_run=True)
    assert words(dry) == [("s1", "added"), ("s0", "added")]
    assert words(client.schedules.apply(rows, "file:x", revision="r1")) == words(dry)
    assert client.schedules.show("s1")["revision"] == "r1"
    assert words(client.schedules.apply(rows[:1], "file:x")) == [("s1", "unchanged"), ("s0", "removed")]
    assert words(client.schedules.apply([], "file:x", whole=False)) == []
    assert words(client.schedules.apply([], "file:x")) == [("s1", "removed")]
    assert [record["name"] for record in client.schedules.list()] == ["mine"]


def test_one_bad_row_changes_nothing(client: Client) -> None:
    """A fault that only the other shard finds keeps this one from changing, too."""
    good = mainspring.Schedule("@daily").row(ECHO, name="good", queue=QUEUES[0])
    bad = mainspring.Schedule("@daily").row(ECHO, name="bad", queue=QUEUES[1], tenant="nobody")
    while shard_for("nobody", bad[2], 2) == 0:
        bad[2] += "x"
    with pytest.raises(mainspring.ScheduleRefused, match="nobody"):
        client.schedules.apply([good, bad], "file:x")
    assert client.schedules.list() == []


def test_a_schedule_that_moves_to_another_queue(client: Client) -> None:
    """Its name is of one shard alone, whichever has it."""
    client.schedules.add("mover", ECHO, NIGHTLY, queue=QUEUES[0])
    assert client.schedules.add("mover", ECHO, NIGHTLY, queue=QUEUES[1]).change == "added"
    assert [record["queue"] for record in client.schedules.list()] == [QUEUES[1]]
    assert client.schedules.show("mover")["queue"] == QUEUES[1]


def test_a_schedule_of_a_task_by_name(client: Client) -> None:
    """Queue and priority are those that its executors announced; without those it is refused."""
    client.schedules.add("by name", mainspring.job("at"), NIGHTLY, tz="Europe/Paris", retries=2, note="a note")
    shown = client.schedules.show("by name")
    assert (shown["queue"], shown["priority"], shown["zone"], shown["note"]) == ("slow", 5, "Europe/Paris", "a note")
    with pytest.raises(mainspring.TaskRefused):
        client.schedules.add("unheard", mainspring.job("unheard"), NIGHTLY)


@pytest.mark.parametrize(
    ("ask", "error", "named"),
    [
        (lambda s: s.add("x", ECHO, "nonsense"), InvalidOption, "nonsense"),
        (lambda s: s.add("", ECHO, NIGHTLY), InvalidOption, "1 to 200"),
        (lambda s: s.add("x", ECHO, NIGHTLY, when=1), InvalidOption, "when is no option of a schedule; there are tz"),
        (lambda s: s.add("x", ECHO, NIGHTLY, overlap="no"), InvalidOption, "give one of skip, allow"),
        (lambda s: s.add("x", ECHO, NIGHTLY, queue="no such"), InvalidOption, "queue 'no such'"),
        (lambda s: s.add("x", "echo", NIGHTLY), TypeError, "is no job"),
        (lambda s: s.apply([["x"]], "file:x"), InvalidOption, "a row has the columns"),
        (lambda s: s.apply([], ""), InvalidOption, "source is ''"),
        (lambda s: s.apply([], "x", revision="r" * 201), InvalidOption, "revision is"),
        (lambda s: s.pause(5), TypeError, ""),
        (lambda s: s.pause([5]), InvalidOption, "give text"),
        (lambda s: s.pause("x", note="n" * 1001), InvalidOption, "note is"),
    ],
)
def test_what_is_refused_before_anything_is_sent(
    served: Served, client: Client, ask: Any, error: Any, named: str
) -> None:
    """Faults are told where they are written."""
    with pytest.raises(error) as caught:
        ask(client.schedules)
    assert named in str(caught.value)
    assert not any(isinstance(message, ScheduleSet | ScheduleAct) for message in served.received)


def test_a_lost_answer_is_asked_for_again(served: Served, client: Client) -> None:
    """A run that was asked for twice is one run."""
    client.schedules.add("nightly", ECHO, NIGHTLY)
    lost: list[object] = []

    def lose_first(message: object) -> bool:
        is_lost = isinstance(message, ScheduleChanged) and bool(message.changes[0][5]) and not lost
        lost.extend([message] * is_lost)
        return is_lost

    served.lose = lose_first
    handle = client.schedules.run("nightly")
    assert lost
    assert [record["id"] for record in client.query("jobs")] == [handle.id]


def test_the_same_api_awaited(tmp_path: Path) -> None:
    """Every method of the asyncio client."""

    async def main(served: Served) -> None:
        async with AsyncClient(served.endpoint) as client:
            schedules = client.schedules
            assert (await schedules.add("nightly", ECHO, NIGHTLY)).change == "added"
            assert words(await schedules.pause("nightly")) == [("nightly", "paused")]
            assert words(await schedules.resume("nightly")) == [("nightly", "resumed")]
            handle = await schedules.run("nightly")
            assert await handle.status() == "ready"
            assert [record["name"] for record in await schedules.list()] == ["nightly"]
            assert (await schedules.show("nightly"))["expression"] == NIGHTLY
            assert (await schedules.ticks("nightly"))[0]["job_id"] == handle.id
            assert words(await schedules.remove("nightly")) == [("nightly", "removed")]
            row = mainspring.Schedule("@daily").row(ECHO, name="daily")
            assert words(await schedules.apply([row], "file:x", dry_run=True)) == [("daily", "added")]
            with pytest.raises(mainspring.ScheduleNotFound):
                await schedules.run("daily")
            with pytest.raises(mainspring.ScheduleNotFound):
                await schedules.ticks("daily")

    with serve_shard(tmp_path) as served:
        asyncio.run(main(served))


def test_how_a_change_reads() -> None:
    """The tenant where it is not the usual one, what is different, and the job."""
    assert str(Change("default", "nightly", "not_found", 0)) == "nightly: not found"
    assert str(Change("acme", "nightly", "ran", 3, (), (3 << 40) + 1042)) == "acme/nightly: ran as job 3-1042"
    fields = (("expression", "0 3 * * *", "0 4 * * *"), ("note", None, "why"))
    assert str(Change("default", "nightly", "changed", 3, fields)) == (
        "nightly: changed (expression: '0 3 * * *' -> '0 4 * * *', note: none -> 'why')"
    )
