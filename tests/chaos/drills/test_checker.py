"""The judge of drills: a clean story is clean, and each planted fault is found and told."""

from dataclasses import replace

import pytest

from mainspring.actors.jobs.lifecycle import READY, SUCCEEDED
from mainspring.chaos.drills import checker, runs
from mainspring.chaos.drills.facts import Facts, Job, Tick
from mainspring.chaos.drills.history import INVOKE, OK, REFUSED, UNKNOWN, Event

FIRST_MS = 1_000_000
HASHES = {"jobs": "a", "finished": "b"}
TICKS = [Tick(FIRST_MS + 1000 * at, FIRST_MS + 1000 * at, 1, 90 + at, FIRST_MS + 1000 * at + 2) for at in range(3)]
JOBS = [Job(1, "k1", SUCCEEDED), Job(2, "k2", SUCCEEDED), Job(3, "k3", SUCCEEDED)]
JOBS += [Job(90 + at, None, SUCCEEDED) for at in range(3)]
CLEAN = Facts(JOBS, {job.id: 1 for job in JOBS}, TICKS, HASHES)
STORY = [
    Event(1, INVOKE, 1, ["k1"], [], ""),
    Event(2, OK, 1, [], [1], ""),
    Event(3, INVOKE, 2, ["k2", "k3"], [], ""),
    Event(4, REFUSED, 2, [], [], "draining"),
    Event(5, UNKNOWN, 2, [], [], "timeout"),
    Event(6, OK, 2, [], [2, 3], ""),
]


def sign(kind: str, job: int, attempt: int, at_ns: int) -> runs.Run:
    """Returns a line that a handler has written."""
    return runs.Run(kind, job, attempt, 1, 1, at_ns, 7)


SIGNS = [sign(runs.BEGUN, 1, 1, 10), sign(runs.GOING, 1, 1, 20), sign(runs.BEGUN, 1, 2, 30), sign(runs.ENDED, 1, 2, 40)]


def judged(
    events: list[Event] = STORY,
    signs: list[runs.Run] = SIGNS,
    leader: Facts = CLEAN,
    others: dict[str, dict[str, str]] | None = None,
    last_ms: int = FIRST_MS + 2000,
) -> checker.Verdict:
    """Judges the clean story, but for what is given."""
    return checker.judge(events, signs, leader, others or {"n2": HASHES}, (FIRST_MS, last_ms))


def test_a_clean_story_is_clean() -> None:
    """Nothing is told; errors that were tried again are counted."""
    verdict = judged()
    assert verdict.is_clean, verdict.told
    assert (verdict.acked, verdict.unknown, verdict.errors) == (3, 0, 2)
    assert verdict.refusals == {"draining": 1, "timeout": 1}
    assert (verdict.ticks, verdict.ticks_late) == (3, 0)


def test_a_lost_job() -> None:
    """A job that was acknowledged and is not there."""
    verdict = judged(leader=replace(CLEAN, jobs=[job for job in JOBS if job.id != 2]))
    assert verdict.lost == 1
    assert "k2 (job 2)" in verdict.told[0]


def test_a_job_under_another_key_is_lost() -> None:
    """An id alone is not enough: the job has to be the one that was sent."""
    jobs = [job._replace(key="k9") if job.id == 2 else job for job in JOBS]
    verdict = judged(leader=replace(CLEAN, jobs=jobs))
    assert (verdict.lost, verdict.invented) == (1, 1)


def test_two_jobs_of_one_key() -> None:
    """A submit that was tried again has made a second job."""
    verdict = judged(leader=replace(CLEAN, jobs=[*JOBS, Job(4, "k1", SUCCEEDED)]))
    assert verdict.duplicated == 1
    assert "k1 as [1, 4]" in verdict.told[0]


def test_one_id_for_two_keys() -> None:
    """Two clients were told the same id."""
    events = [*STORY, Event(7, INVOKE, 3, ["k4"], [], ""), Event(8, OK, 3, [], [1], "")]
    verdict = judged(events=events)
    assert not verdict.is_clean
    assert any("job 1 for 2 keys" in text for text in verdict.told)


def test_a_job_that_succeeded_twice() -> None:
    """Two attempts are recorded as the one that succeeded."""
    verdict = judged(leader=replace(CLEAN, successes={**CLEAN.successes, 2: 2}))
    assert verdict.duplicated == 1


def test_a_job_that_stands_live_and_finished() -> None:
    """The same id in two tables."""
    assert judged(leader=replace(CLEAN, jobs=[*JOBS, Job(1, "k1", READY)])).duplicated == 1


def test_a_job_that_has_not_ended() -> None:
    """An acknowledged job still waits when all is over."""
    jobs = [job._replace(state=READY) if job.id == 3 else job for job in JOBS]
    assert judged(leader=replace(CLEAN, jobs=jobs)).unended == 1


@pytest.mark.parametrize("late", [runs.GOING, runs.ENDED])
def test_attempts_that_overlap(late: str) -> None:
    """The first attempt shows a sign of life after the second has begun."""
    verdict = judged(signs=[*SIGNS, sign(late, 1, 1, 31)])
    assert verdict.overlapping == 1
    assert "attempt 1 outlives the start of 2" in verdict.told[0]


def test_an_attempt_that_began_twice() -> None:
    """One lease was run by two."""
    verdict = judged(signs=[*SIGNS, sign(runs.BEGUN, 1, 2, 50)])
    assert verdict.duplicated == 1
    assert "attempt 2" in verdict.told[0]


def test_a_job_that_ran_and_is_not_there() -> None:
    """A handler ran for a job that no file has."""
    assert judged(signs=[*SIGNS, sign(runs.BEGUN, 77, 1, 50)]).invented == 1


def test_a_missing_tick() -> None:
    """An instant has no job."""
    verdict = judged(last_ms=FIRST_MS + 3000)
    assert verdict.ticks_missing == 1
    assert str(FIRST_MS + 3000) in verdict.told[0]


def test_a_skipped_tick_is_missing() -> None:
    """An instant is accounted for, but without a job."""
    ticks = [*TICKS[:2], TICKS[2]._replace(job=None, started_ms=None)]
    assert judged(leader=replace(CLEAN, ticks=ticks)).ticks_missing == 1


def test_a_tick_with_two_jobs() -> None:
    """An instant was fired by two leaders."""
    verdict = judged(leader=replace(CLEAN, ticks=[*TICKS, TICKS[0]._replace(job=99)]))
    assert verdict.ticks_doubled == 1
    assert not verdict.is_clean


def test_a_late_tick_is_counted() -> None:
    """It is told in the table, and is no violation: while nobody leads nobody fires."""
    ticks = [TICKS[0]._replace(started_ms=FIRST_MS + 1500), *TICKS[1:]]
    verdict = judged(leader=replace(CLEAN, ticks=ticks))
    assert (verdict.ticks_late, verdict.latest_tick_ms) == (1, 1500)
    assert verdict.is_clean


def test_a_range_of_ticks_is_taken_apart() -> None:
    """Instants of one row lie evenly between its ends."""
    assert checker.instants(Tick(1000, 3000, 3, 5, None)) == [1000, 2000, 3000]


def test_files_that_differ() -> None:
    """A follower has other rows, or a table less."""
    verdict = judged(others={"n2": {**HASHES, "jobs": "x"}, "n3": {"jobs": "a"}})
    assert verdict.differing == 2
    assert "jobs at n2, finished at n3" in verdict.told[0]


def test_what_was_never_acknowledged_may_be_missing() -> None:
    """A job whose fate nobody knows is no loss, whether it is there or not."""
    events = [*STORY, Event(7, INVOKE, 3, ["k4"], [], ""), Event(8, UNKNOWN, 3, [], [], "timeout")]
    verdict = judged(events=events)
    assert verdict.is_clean
    assert verdict.unknown == 1
