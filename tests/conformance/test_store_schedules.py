"""What every `ShardStore` must do with schedules, ticks and the audit."""

import re
from collections.abc import Callable
from typing import Any

import apsw
import pytest
from schedule_entries import MINUTE_MS, NOON_MS, a_definition, a_schedule, a_tick, made_by_schedule, schedules_of_each
from shard_entries import EXECUTORS, LANES, START_MS, a_finish, an_entry, apply, one_of_each

from mainspring.actors import entries
from mainspring.actors.entries import Op
from mainspring.actors.jobs import lifecycle as life
from mainspring.actors.schedules import reasons
from mainspring.actors.store import SCHEDULE_STATE_COLUMNS, ReadListing, ShardStore

Make = Callable[[], ShardStore]
FIRST = an_entry(LANES, EXECUTORS)


def state(store: ShardStore, number: int = 1) -> dict[str, Any]:
    """What a machine takes over of one schedule."""
    (row,) = (row for row in store.restore().schedules if row[0] == number)
    return dict(zip(SCHEDULE_STATE_COLUMNS, row, strict=True))


def listed(store: ShardStore, name: str, /, **chosen: Any) -> list[dict[str, Any]]:
    """The rows of a listing by column."""
    columns, rows, _ = store.read(ReadListing(name, chosen))
    return [dict(zip(columns, row, strict=True)) for row in rows]


def test_new_schedule(make: Make) -> None:
    """A new schedule stands as it was defined, with nothing run."""
    store = make()
    definition = a_definition(retry=[3, 1000, 2.0], paused=True, note="why")
    apply(store, an_entry([entries.SCHEDULE, "file:a.toml", "r1", [[1, 5, None, definition]]]))
    row = [1, "file:a.toml", "r1", 1, None, 5, None, 0, None, None, None, None, definition]
    assert store.restore().schedules == [row]
    assert store.restore().next_schedule == 2
    store.close()


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "a batch each"])
@pytest.mark.parametrize(
    ("before", "asked", "after"),
    [(None, None, 1), (None, True, 1), (None, False, 0), (True, True, 1), (True, False, 0), (False, None, 1)],
)
def test_definition_again(make: Make, before: bool | None, asked: bool | None, after: int, together: bool) -> None:
    """A definition that comes again asks for a pause only where it says something new of it; runs and buffer stay."""
    store = make()
    log = [
        FIRST,
        an_entry(a_schedule(paused=before)),
        an_entry(made_by_schedule(1), a_tick(job=1), a_tick(1, 1, reasons.BUFFERED)),
        an_entry(a_tick(1, 2, reasons.BUFFER_FULL), [entries.PAUSE, [1], 1, "ink"]),
        an_entry([entries.SCHEDULE, "code", "v2", [[1, 7, 8, a_definition(paused=asked, queue="web")]]]),
    ]
    if together:
        assert store.apply(list(enumerate(log, 1)))
    else:
        apply(store, *log)
    found = state(store)
    assert found.pop("definition") == a_definition(paused=asked, queue="web")
    note = "ink" if asked is None or asked is before else None
    assert list(found.values()) == [1, "code", "v2", after, note, 7, 8, 1, NOON_MS + MINUTE_MS, None, None, None]
    store.close()


def test_ticks_move_the_schedule(make: Make) -> None:
    """A skip can grow, a fired instant ends it, and an instant that waited has its turn under its own time."""
    store = make()
    apply(store, FIRST, an_entry(a_schedule(overlap="buffer_one")), an_entry(a_tick(1, 1, reasons.PAUSED)))
    assert (state(store)["skip_from_ms"], state(store)["skip_count"]) == (NOON_MS + MINUTE_MS, 1)
    apply(store, an_entry(a_tick(1, 1, reasons.PAUSED, to_minute=4, count=4)))
    found = state(store)
    assert (found["skip_count"], found["skip_reason"], store.restore().ticks) == (4, reasons.PAUSED, 1)
    assert (found["cursor_ms"], found["next_ms"]) == (NOON_MS + 4 * MINUTE_MS, NOON_MS + 5 * MINUTE_MS)
    apply(store, an_entry(a_tick(1, 5, reasons.BUFFERED)))
    assert (state(store)["buffered_ms"], state(store)["skip_from_ms"]) == (NOON_MS + 5 * MINUTE_MS, None)
    apply(store, an_entry(made_by_schedule(1), a_tick(1, 5, reasons.AFTER_OTHER, job=1)))
    found = state(store)
    assert (found["buffered_ms"], found["runs"], store.restore().ticks) == (None, 1, 2)
    waited, skipped = listed(store, "ticks")
    assert (waited["fate"], waited["reason"], waited["job_id"]) == ("fired", "after_other", 1)
    assert (skipped["count"], skipped["to_ms"], skipped["fate"]) == (4, NOON_MS + 4 * MINUTE_MS, "skipped")
    store.close()


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "two batches"])
@pytest.mark.parametrize(
    ("end", "lives"),
    [
        (a_finish(1), False),
        (a_finish(1, outcome=life.OUTCOME_FAILED, state=life.DEAD), False),
        (a_finish(1, outcome=life.OUTCOME_FAILED, state=life.RETRYING, due_ms=1), True),
        ([entries.CANCEL, [1], life.CANCELLED], False),
        ([entries.EXPIRE, [1]], False),
        ([entries.UNSCHEDULE, [1]], True),
    ],
    ids=["succeeded", "dead", "retrying", "cancelled", "expired", "removed"],
)
def test_live_jobs_of_ticks(make: Make, end: Op, lives: bool, together: bool) -> None:
    """The jobs of ticks are known as long as they live, whatever becomes of their schedule."""
    store = make()
    log = [FIRST, an_entry(a_schedule(), made_by_schedule(1), a_tick(job=1)), an_entry(end)]
    if together:
        assert store.apply(list(enumerate(log, 1)))
    else:
        apply(store, *log[:2])
        assert store.restore().tick_jobs == [[1, 1]]
        apply(store, log[2])
    assert store.restore().tick_jobs == ([[1, 1]] if lives else [])
    store.close()


def test_jobs_of_schedules_leave_no_answer(make: Make) -> None:
    """Session 0 is the shard's own: nobody asks again, and any number of its submits may come."""
    store = make()
    apply(store, FIRST, an_entry(made_by_schedule(1)), an_entry(made_by_schedule(2), made_by_schedule(3)))
    assert (store.restore().sessions, store.restore().next_sequence) == ([], 4)
    store.close()


def test_removed_schedule(make: Make) -> None:
    """A removed schedule is not taken over; its name may come again, under a new number, and both stay listed."""
    store = make()
    removed = an_entry([entries.UNSCHEDULE, [1]], stamp_ms=START_MS + 1)
    apply(store, FIRST, an_entry(a_schedule(1)), an_entry(a_tick(1, 0, reasons.MISSED)), removed)
    assert store.restore().schedules == []
    apply(store, an_entry(a_schedule(2), stamp_ms=START_MS + 1), an_entry(a_tick(2, 3), stamp_ms=START_MS + 1))
    assert [row["schedule"] for row in listed(store, "schedules")] == [2]
    (gone,) = listed(store, "schedules", state="removed")
    assert (gone["schedule"], gone["state"], gone["next_ms"]) == (1, "removed", None)
    assert [(row["schedule"], row["removed_ms"]) for row in listed(store, "schedule", name="report")] == [
        (2, None),
        (1, START_MS + 1),
    ]
    assert [row["schedule"] for row in listed(store, "ticks", name="report")] == [2, 1]
    store.close()


def test_old_ticks_go(make: Make) -> None:
    """What ended before goes, a range that has grown beyond stays whole; so do no more than `limit` at once."""
    store = make()
    ticks = [a_tick(1, minute, reasons.MISSED if minute % 2 else reasons.PAUSED) for minute in range(6)]
    long = a_tick(2, 0, reasons.PAUSED, to_minute=60, count=61)
    apply(store, FIRST, an_entry(a_schedule(1), a_schedule(2, name="paused"), *ticks, long))
    apply(store, an_entry([entries.TICKS_END, NOON_MS + 3 * MINUTE_MS, 100, 2]))
    assert [row["from_ms"] for row in listed(store, "ticks", schedule=1)][-1] == NOON_MS + 2 * MINUTE_MS
    apply(store, an_entry([entries.TICKS_END, NOON_MS + 3 * MINUTE_MS, 100, 2]))
    assert store.restore().ticks == len(listed(store, "ticks")) == 4
    apply(store, an_entry([entries.TICKS_END, 0, 1, 100]))
    (kept,) = listed(store, "ticks")
    assert (kept["schedule"], kept["count"], store.restore().ticks) == (2, 61, 1)
    apply(store, an_entry(a_tick(1, 9)), an_entry([entries.TICKS_END, NOON_MS + 10 * MINUTE_MS, None, 100]))
    assert store.restore().ticks == 1
    store.close()


def test_removed_schedules_and_the_audit_go(make: Make) -> None:
    """A removed schedule goes once its last tick has gone; audit rows go by their stamps, and no id comes again."""
    store = make()
    rows = [["ada", "schedule removed", f"default/plan-{number}", None, None, None] for number in range(3)]
    apply(
        store,
        an_entry(*(a_schedule(number, name=f"plan-{number}") for number in (1, 2, 3)), [entries.AUDIT, rows]),
        an_entry(a_tick(2), [entries.UNSCHEDULE, [1, 2, 3]], stamp_ms=START_MS + 9),
    )
    for limit, left in ((1, [2, 3]), (5, [2])):
        apply(store, an_entry([entries.TICKS_END, 0, 10, limit], stamp_ms=START_MS + 9))
        assert [row["schedule"] for row in listed(store, "schedules", state="removed")] == left
    apply(store, an_entry([entries.TICKS_END, START_MS, 10, 5], stamp_ms=START_MS + 9))
    assert listed(store, "schedules", state="removed") == []
    assert len(listed(store, "audit")) == 3
    apply(store, an_entry([entries.TICKS_END, START_MS + 1, 10, 2], stamp_ms=START_MS + 9))
    assert [row["id"] for row in listed(store, "audit")] == [3]
    apply(store, an_entry([entries.TICKS_END, START_MS + 1, 10, 2], [entries.AUDIT, rows[:1]], stamp_ms=START_MS + 9))
    assert [row["id"] for row in listed(store, "audit")] == [4]
    assert store.restore().next_schedule == 4
    store.close()


def test_boots(make: Make) -> None:
    """The last boot id of each node is kept."""
    store = make()
    boots = [[entries.BOOT, node, boot] for node, boot in (("b", "1"), ("a", "2"), ("b", "3"))]
    apply(store, an_entry(*boots[:2]), an_entry(boots[2]))
    assert store.restore().boots == [["a", "2"], ["b", "3"]]
    store.close()


@pytest.mark.parametrize(
    ("op", "text"),
    [
        (a_schedule(3), "schedule 3 is added; 2 is next"),
        (a_tick(2), "schedule 2 does not exist"),
        ([entries.PAUSE, [2], 1, None], "schedule 2 does not exist"),
        ([entries.UNSCHEDULE, [2]], "schedule 2 does not exist"),
    ],
)
def test_faults(make: Make, op: Op, text: str) -> None:
    """An op about a schedule that is not there is a fault in the program."""
    store = make()
    apply(store, an_entry(a_schedule()))
    with pytest.raises(AssertionError, match=text):
        store.apply([(2, an_entry(op))])
    store.close()


@pytest.mark.parametrize("op", [a_schedule(), a_tick(), [entries.PAUSE, [1], 1, None], [entries.UNSCHEDULE, [1]]])
def test_removed_is_removed(make: Make, op: Op) -> None:
    """Nothing may happen to a schedule once it is removed."""
    store = make()
    apply(store, an_entry(a_schedule()), an_entry([entries.UNSCHEDULE, [1]]))
    with pytest.raises(AssertionError, match="schedule 1 was removed"):
        store.apply([(3, an_entry(op))])
    store.close()


def test_a_name_is_given_once(make: Make) -> None:
    """Two live schedules of a tenant never share a name; those of two tenants may."""
    store = make()
    apply(store, an_entry(a_schedule(1), a_schedule(2, tenant="other")))
    with pytest.raises((AssertionError, apsw.ConstraintError)):
        store.apply([(2, an_entry(a_schedule(3)))])
    store.close()


@pytest.mark.parametrize(
    ("name", "chosen", "text"),
    [
        (
            "schedules",
            {"state": "running"},
            "state='running' does not exist; states are active, paused, ended, removed",
        ),
        ("schedule", {}, "the listing schedule needs name; give it"),
        ("ticks", {"fate": "lost"}, "fate='lost' does not exist; fates are fired, skipped, waiting"),
        ("ticks", {"reason": "rain"}, "reason='rain' does not exist; reasons are on_time, caught_up,"),
        ("ticks", {"limit": 0}, "limit=0 is out of range"),
        ("audit", {"when": 1}, "has no filter 'when'; its filters: who, action, object, after_id, limit"),
    ],
)
def test_refused_listings(make: Make, name: str, chosen: dict[str, Any], text: str) -> None:
    """What cannot be asked is refused with what can."""
    store = make()
    with pytest.raises(ValueError, match=re.escape(text)):
        store.read(ReadListing(name, chosen))
    store.close()


def test_listing_of_schedules_pages(make: Make) -> None:
    """Pages give every schedule once, in order of name and tenant."""
    store = make()
    names = [("b", "x"), ("a", "y"), ("c", "x"), ("a", "x"), ("b", "y")]
    ops = [a_schedule(number, name=name, tenant=tenant) for number, (name, tenant) in enumerate(names, 1)]
    apply(store, an_entry(*ops))
    seen: list[tuple[str, str]] = []
    after: dict[str, Any] = {}
    more = True
    while more:
        columns, rows, more = store.read(ReadListing("schedules", {"limit": 2, **after}))
        last = dict(zip(columns, rows[-1], strict=True))
        after = {f"after_{key}": last[key] for key in ("name", "tenant", "schedule")}
        seen += [(row[2], row[1]) for row in rows]
    assert seen == sorted(names)
    store.close()


def test_listing_of_ticks_pages(make: Make) -> None:
    """Pages give every tick once, newest first, where many schedules share an instant."""
    store = make()
    schedules = [a_schedule(number, name=f"plan-{number}") for number in (1, 2, 3)]
    ticks = [a_tick(number, minute, reasons.MISSED) for minute in range(4) for number in (1, 2, 3)]
    apply(store, an_entry(*schedules, *ticks))
    seen: list[tuple[int, int]] = []
    below: dict[str, int] = {}
    more = True
    while more:
        _, rows, more = store.read(ReadListing("ticks", {"limit": 5, **below}))
        below = {"until_ms": rows[-1][3], "below_schedule": rows[-1][0]}
        seen += [(row[3], row[0]) for row in rows]
    expected = [(NOON_MS + minute * MINUTE_MS, number) for minute in range(4) for number in (1, 2, 3)]
    assert seen == sorted(expected, reverse=True)
    store.close()


def test_the_tick_of_an_instant(make: Make) -> None:
    """The first tick below an instant's end is the one that covers it, ranges included."""
    store = make()
    ops = [a_tick(1, 0, reasons.MISSED), a_tick(1, 1, reasons.PAUSED, to_minute=30, count=30)]
    apply(store, an_entry(a_schedule(), *ops))
    instant_ms = NOON_MS + 12 * MINUTE_MS
    (row,) = listed(store, "ticks", name="report", until_ms=instant_ms + 1, limit=1)
    assert row["reason"] == "paused"
    assert row["from_ms"] <= instant_ms <= row["to_ms"]
    store.close()


def test_listings_of_a_small_history(make: Make) -> None:
    """Filters of each listing find what they name."""
    store = make()
    apply(store, *one_of_each(), *schedules_of_each())
    assert [row["name"] for row in listed(store, "schedules")] == ["at-boot", "once", "pings", "report"]
    for chosen, names in (
        ({"state": "active"}, ["at-boot", "report"]),
        ({"state": "paused"}, ["pings"]),
        ({"state": "ended"}, ["once"]),
        ({"tenant": "other"}, ["once"]),
        ({"source": "code"}, ["pings"]),
        ({"queue": "web"}, []),
    ):
        assert [row["name"] for row in listed(store, "schedules", **chosen)] == names
    (report,) = listed(store, "schedule", name="report", tenant="default")
    assert (report["payload"], report["retry"], report["paused"]) == ('{"kwargs":{"day":"today"}}', None, 0)
    assert [row["name"] for row in listed(store, "ticks", fate="fired")] == ["once", "pings", "report"]
    assert [row["name"] for row in listed(store, "ticks", fate="waiting")] == ["pings"]
    assert [row["job_state"] for row in listed(store, "ticks", reason="caught_up")] == ["cancelled"]
    assert [row["who"] for row in listed(store, "audit", object="default/report")] == ["ada"]
    assert listed(store, "audit", who="bob") == []
    store.close()
