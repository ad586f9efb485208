"""The page itself: every section is tried, every symptom and every link leads somewhere."""

import re
from pathlib import Path

import pytest
from runbook_operator import PAGE
from runbook_page import NOTHING, SYMPTOMS, WAIT, anchor

import mainspring
from mainspring.nodes.metrics.families import FAMILIES

HERE = Path(__file__).parents[1]
OWN = sorted(Path(__file__).parent.glob("test_*.py"))
TRIED: dict[str, list[str]] = {
    "": ["test_what_to_type_first"],
    SYMPTOMS: ["test_every_symptom_leads_to_a_section_that_shows_it"],
    "nobody-answers": ["test_nobody_answers", "test_a_coordinator_that_was_stopped_answers_again"],
    NOTHING: [
        "test_a_faulty_file_starts_nothing",
        "test_a_second_node_names_the_first",
        "test_a_port_that_is_taken_is_named",
        "test_modules_that_do_not_import_are_named",
        "test_files_of_another_version_or_shape_are_named",
        "test_disk_full.py::test_a_start_on_a_full_disk_says_so_and_goes_on_later",
    ],
    "a-process-starts-again-and-again": [
        "test_a_process_that_dies_is_started_again",
        "supervisor/test_node.py::test_a_process_that_fails_later_waits_longer_each_time",
    ],
    "the-disk-is-full": ["test_a_disk_is_full_and_then_read_only", "test_disk_full.py::test_a_full_disk_is_survived"],
    "the-disk-is-slow": ["test_a_slow_disk_can_be_measured"],
    "the-disk-is-read-only-or-fails": [
        "test_a_disk_is_full_and_then_read_only",
        "test_disk_read_only.py::test_a_log_that_cannot_be_written_any_more",
        "../nodes/storage/test_storage_faults.py::test_a_failed_fsync_of_the_log_is_not_tried_again",
    ],
    "a-bit-has-flipped": [
        "test_a_damaged_shard_file_is_named",
        "test_bit_flips.py::test_a_broken_shard_file_of_a_stopped_node",
        "test_bit_flips.py::test_a_broken_log_of_a_stopped_node",
        "test_bit_flips.py::test_a_shard_file_that_breaks_under_a_running_node",
    ],
    "rows-fall-behind": [
        "test_rows_fall_behind_while_somebody_holds_a_lock",
        "test_drain.py::test_a_reader_that_pins_the_wal_is_named",
    ],
    WAIT: [
        "test_a_job_waits_for_a_queue_that_nobody_serves",
        "test_a_job_waits_for_a_slot",
        "test_a_job_waits_for_its_time_or_its_next_attempt",
        "test_a_schedule_waits_because_it_is_paused_or_its_file_has_faults",
        "test_recycling.py::test_a_task_runs_only_where_its_labels_are",
    ],
    "submits-are-refused": [
        "test_refused_submits_say_why",
        "../actors/coordinator/test_codes.py::test_a_shard_refuses_with_each_code",
        "../nodes/processes/test_intake.py::test_without_room_new_clients_are_refused_in_words",
    ],
    "attempts-crash": ["test_a_poison_job_is_found_and_retried"],
    "jobs-run-too-long": ["test_jobs_that_run_too_long_are_found_and_ended"],
    "a-loop-or-a-thread-is-stuck": [
        "test_a_loop_that_is_stuck_is_named_and_freed",
        "test_misbehaviour.py::test_the_neighbours_of_a_thread_that_hangs_go_back_unpunished",
    ],
    "dead-letters-pile-up": ["test_dead_letters_are_cleared", "test_operator.py::test_an_incident_is_repaired"],
    "is-a-job-lost": ["test_a_job_is_not_lost", "test_kill.py::test_no_acknowledged_job_is_lost"],
    "a-deploy": ["test_a_deploy_and_one_that_fails"],
    "a-deploy-fails": [
        "test_a_deploy_and_one_that_fails",
        "test_reload.py::test_code_that_does_not_import_stops_the_reload_and_the_others_go_on",
    ],
    "wrong-cluster": ["test_an_executor_of_another_cluster_is_refused"],
    "the-clock-was-set": [
        "test_a_schedule_waits_because_it_is_paused_or_its_file_has_faults",
        "test_clocks.py::test_a_wall_clock_that_is_set",
        "test_clocks.py::test_a_zone_whose_rules_have_changed",
        "test_clocks.py::test_a_machine_that_is_held_goes_on_with_what_it_ran",
    ],
    "memory-grows": [
        "test_memory_is_bounded_by_what_the_page_writes",
        "test_recycling.py::test_a_child_that_has_grown_is_replaced",
    ],
    "a-peer-floods": [
        "test_a_peer_that_speaks_nonsense_is_counted",
        "test_hostile.py::test_a_flood_keeps_nobody_else_from_working",
        "../broker/net/test_listening.py::test_connections_above_the_bound_are_closed",
    ],
    "an-executor-is-silent": ["test_a_silent_executor_loses_its_leases_and_comes_back"],
    "a-process-was-killed": [
        "test_a_process_that_dies_is_started_again",
        "test_kill.py::test_no_acknowledged_job_is_lost",
        "test_schedules.py::test_the_keeper_comes_back_and_goes_on",
    ],
    "restore-a-backup": [
        "test_a_backup_is_restored_and_a_node_moved",
        "test_backup.py::test_backup_under_load_kill_and_restore_elsewhere",
    ],
    "move-a-node": ["test_a_backup_is_restored_and_a_node_moved"],
    "the-log-says-too-little": ["test_the_log_says_more_and_less"],
    "metrics-are-missing": [
        "test_metrics_are_there_and_the_exporter_is_listed",
        "test_metrics.py::test_a_scrape_tells_what_has_happened",
        "test_metrics.py::test_a_port_in_use_stops_the_node_with_the_mend",
    ],
    "upgrade": ["test_a_backup_is_restored_and_a_node_moved", "test_files_of_another_version_or_shape_are_named"],
}
"""Section -> the tests that try it, here or in another file (from this folder on)."""


def test_every_section_is_tried() -> None:
    """A section without a test, and one that is gone, are found."""
    assert PAGE.keys() == TRIED.keys()


@pytest.mark.parametrize("test", sorted({test for tests in TRIED.values() for test in tests}))
def test_what_tries_a_section_exists(test: str) -> None:
    """A test that was renamed must be named anew."""
    file, _, name = test.rpartition("::")
    files = [HERE / file] if file else OWN
    assert any(re.search(rf"^def {name}\(", path.read_text("utf-8"), re.MULTILINE) for path in files)


def test_every_section_says_what_one_sees_and_what_to_do() -> None:
    """In the same words everywhere, so that the eye finds them."""
    for name, section in PAGE.items():
        if name not in ("", SYMPTOMS):
            for part in ("You see", "It means", "Then"):
                assert f"**{part}" in section.text, f"#{name} has no {part}"
            assert "**Do**" in section.text or " do |\n" in section.text, f"#{name} has nothing to do"


def is_known(symptom: str, told: str) -> bool:
    """Tells whether an exception or a metric exists, and whether a line stands in the text that it leads to."""
    if re.fullmatch(r"[A-Z]\w+", symptom):
        return hasattr(mainspring, symptom)
    name = symptom.partition("{")[0]
    return name in FAMILIES if re.fullmatch(r"\w+_\w+", name) else all(part in told for part in symptom.split("…"))


def test_every_symptom_leads_to_a_section_that_shows_it() -> None:
    """Each row of the tables at the top; and every section can be reached from there."""
    for row in re.findall(r"^\| (`.+) \| (\[.+) \|$", PAGE[SYMPTOMS].text, re.MULTILINE):
        targets = re.findall(r"\]\(#([\w-]+)\)", row[1])
        assert targets, row
        assert all(target in PAGE for target in targets), row
        for symptom in re.findall(r"`([^`]+)`", row[0]):
            assert is_known(symptom, " ".join(PAGE[target].text for target in targets)), symptom
    links = set(re.findall(r"\]\(#([\w-]+)\)", PAGE[SYMPTOMS].text))
    assert PAGE.keys() - {"", SYMPTOMS} == links


def test_links_lead_somewhere() -> None:
    """Within the page, and to other pages."""
    for section in PAGE.values():
        for page, _, name in (link.partition("#") for link in re.findall(r"\]\(([^)]+)\)", section.text)):
            text = (HERE.parents[1] / "docs" / page).read_text("utf-8") if page else ""
            titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE) if page else PAGE
            assert not name or name in {anchor(title) for title in titles}, (page, name)
