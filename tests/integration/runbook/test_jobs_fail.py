"""Jobs that misbehave, fail, or seem to be lost."""

import re

from live_node import LiveNode, wait_until
from runbook_operator import PAGE, Operator, logged, saw


def test_a_poison_job_is_found_and_retried(node: LiveNode, operator: Operator) -> None:
    """Its signal, its budget and its last words are shown; mended, it succeeds."""
    section = "attempts-crash"
    job = operator.submit("poison")
    operator.becomes(job, "dead")
    logged(node, section, "attempt crashed")
    told = operator.do(section, "mainspring job", ID=job)
    saw(section, "SIGSEGV", told)
    saw(section, "crash budget", told)
    assert "last words" in told
    assert "had ended already" in operator.do(section, "mainspring cancel", ID=job)
    (node.folder / "mended").touch()
    assert "runs again" in operator.do(section, "mainspring retry", ID=job)
    operator.becomes(job, "succeeded")
    assert job not in operator.run("mainspring dead --error-kind crash_budget --json")
    assert "task_failures_total" in operator.scrape()


def test_jobs_that_run_too_long_are_found_and_ended(node: LiveNode, operator: Operator) -> None:
    """One that ignores its timeout is killed; one without stands in v_leases, and is cancelled."""
    section = "jobs-run-too-long"
    deaf = operator.submit("deaf")
    operator.becomes(deaf, "dead")
    logged(node, section, "attempt timed out")
    saw(section, "did not stop within", operator.run(f"mainspring job {deaf}"))
    hanging = operator.submit("hangs")
    wait_until(lambda: "shop.hangs" in operator.do(section, "mainspring shards query"), "the lease to have a row")
    assert "was running, and has been stopped" in operator.do(section, "mainspring cancel", ID=hanging)


def test_a_loop_that_is_stuck_is_named_and_freed(node: LiveNode, operator: Operator) -> None:
    """The log names the job and shows the line; when it is gone, others run."""
    section = "a-loop-or-a-thread-is-stuck"
    job = operator.submit("blocks")
    logged(node, section, "blocks its event loop")
    assert "time.sleep(600)" in node.log()
    assert "has been stopped" in operator.do(section, "mainspring cancel", ID=job)
    assert operator.run("mainspring submit shop.turns --wait 20").endswith('"turned"\n')


def test_dead_letters_are_cleared(node: LiveNode, operator: Operator) -> None:
    """Looked at in groups, one is retried, the others are repaired."""
    section = "dead-letters-pile-up"
    saw(section, "is dead after", operator.run("mainspring submit shop.charge 1 --wait 20", status=1))
    first, second = operator.submit("charge", 2), operator.submit("charge", 3)
    operator.becomes(first, "dead")
    operator.becomes(second, "dead")
    assert "payments.example" in operator.do(section, "mainspring dead --group")
    assert "ConnectionError" in operator.do(section, "mainspring job", ID=first)
    (node.folder / "mended").touch()
    assert "runs again" in operator.do(section, "mainspring retry", ID=first)
    operator.becomes(first, "succeeded")
    assert "retry" in operator.do(section, "mainspring repair")
    assert operator.state(second) == "dead", "a dry run changes nothing"
    assert "retried" in operator.do(section, "mainspring repair --failed-after 2h --strategy")
    operator.becomes(second, "succeeded")
    assert "shop.charge" not in operator.run("mainspring dead")


def test_a_job_is_not_lost(node: LiveNode, operator: Operator) -> None:
    """By id, argument and key; and an id that nobody has is said to be none."""
    section = "is-a-job-lost"
    job = operator.submit("add", 17, 2, "--key", "order-17")
    operator.becomes(job, "succeeded")
    by_argument, by_key, attempts = [one for one in PAGE[section].commands if "shards query" in one]
    assert job == operator.submit("add", 17, 2, "--key", "order-17"), "the same key gives the same job"
    wait_until(lambda: f"{job} " in operator.run(by_argument), "the row")
    assert "succeeded" in operator.run(by_key)
    assert "succeeded" in operator.run(re.sub(r"\bID\b", job, attempts))
    assert "succeeded" in operator.do(section, "mainspring job", ID=job)
    saw(section, "NOT FOUND", operator.do(section, "mainspring job", status=1, ID=999_999))
