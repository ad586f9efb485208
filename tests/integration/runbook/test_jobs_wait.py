"""Jobs wait, or are refused."""

import json
import re

import pytest
from live_node import LiveNode, wait_until
from runbook_operator import SCHEDULES, Operator, logged, saw
from runbook_page import WAIT

import mainspring


def test_a_job_waits_for_a_queue_that_nobody_serves(node: LiveNode, operator: Operator) -> None:
    """The job names its queue, the executors theirs."""
    job = operator.submit("add", 1, 2, "--queue", "reports")
    assert re.search(r"^queue +reports$", operator.do(WAIT, "mainspring job", ID=job), re.MULTILINE)
    assert "reports" in operator.do(WAIT, "mainspring queues")
    told = operator.do(WAIT, "mainspring executors")
    assert "default" in told
    assert "reports" not in told
    assert "main" in operator.do(WAIT, "mainspring processes")
    assert "will not run" in operator.run(f"mainspring cancel {job}")


def test_a_job_waits_for_a_slot(node: LiveNode, operator: Operator) -> None:
    """What takes the slots is listed; cancelled, it makes room."""
    hanging = [operator.submit("hangs") for _ in range(2)]
    for job in hanging:
        operator.becomes(job, "running")
    waiting = operator.submit("add", 1, 2)
    assert operator.state(waiting) == "ready"

    def listed() -> set[str]:
        return {row["job"] for row in json.loads(operator.run("mainspring jobs --state running --json"))}

    wait_until(lambda: listed() == set(hanging), "both to be listed: a lease has a row after a second")
    operator.run(f"mainspring cancel --wait {' '.join(hanging)}")
    operator.becomes(waiting, "succeeded")


def test_a_job_waits_for_its_time_or_its_next_attempt(node: LiveNode, operator: Operator) -> None:
    """A retry by hand runs it now."""
    delayed, failed = operator.submit("add", 1, 2, "--delay", "1h"), operator.submit("later", 7)
    operator.becomes(failed, "retrying")
    for job, state in ((delayed, "scheduled"), (failed, "retrying")):
        assert re.search(rf"^state +{state}$", operator.do(WAIT, "mainspring job", ID=job), re.MULTILINE)
    (node.folder / "mended").touch()
    assert "runs" in operator.run(f"mainspring retry {delayed} {failed}")
    operator.becomes(delayed, "succeeded")
    operator.becomes(failed, "succeeded")


def test_a_schedule_waits_because_it_is_paused_or_its_file_has_faults(node: LiveNode, operator: Operator) -> None:
    """Each is said by the command that the page names, and each is mended."""
    operator.run("mainspring schedules pause nightly")
    assert "paused" in operator.run("mainspring schedules show nightly")
    operator.run("mainspring schedules ticks nightly")
    assert "resumed" in operator.run("mainspring schedules resume nightly")
    (node.folder / "schedules.toml").write_text(SCHEDULES.replace("0 3", "0 33"))
    logged(node, WAIT, "has faults, so nothing is changed")
    assert "33" in operator.run("mainspring schedules lint schedules.toml", status=1)
    (node.folder / "schedules.toml").write_text(SCHEDULES)
    assert "nightly" in operator.run("mainspring schedules")
    job = operator.do("the-clock-was-set", "mainspring schedules run", NAME="nightly").strip()
    operator.becomes(job, "succeeded")
    wait_until(lambda: "asked" in operator.do("the-clock-was-set", "mainspring schedules ticks", NAME="nightly"), "it")


def test_refused_submits_say_why(node: LiveNode, operator: Operator) -> None:
    """A full queue, a task and a tenant that nobody knows; with room, it is taken."""
    section = "submits-are-refused"
    with mainspring.Client(node.url) as client:
        taken = client.submit_many([mainspring.job("shop.add", 1, 2) for _ in range(20)], delay=3600)
        with pytest.raises(mainspring.QueueFull):
            client.submit(mainspring.job("shop.add", 1, 2))
    saw(section, "at most", operator.run("mainspring submit shop.add 1 2", status=1))
    operator.run(f"mainspring cancel {' '.join(str(job.id) for job in taken)}")
    saw(section, "task '", operator.run("mainspring submit shop.nix", status=1))
    saw(section, "tenant '", operator.run("mainspring submit shop.add 1 2 --tenant nix", status=1))
    operator.becomes(operator.submit("add", 1, 2), "succeeded")
