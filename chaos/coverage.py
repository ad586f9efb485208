"""What a set of seeds must have met: an outcome that never happens is one that nobody has tested.

Decides the list, by the names under which machines, network, faults and clients count. Rule: a set of seeds with an
empty bucket fails, however clean its runs were; a generator with a blind spot finds nothing there for ever.
"""

from collections.abc import Mapping

from ..actors.schedules.reasons import CUT_SHORT, REASONS
from .cluster_options import MEMBER_FAULTS
from .options import FAULTS, SCHEDULE_FAULTS

SEEDS_MIN = 150
"""Fewer seeds than this need not meet everything."""

_LOG = (
    "op_ask op_cancel op_executors op_expire op_finish op_hold op_keys_end op_lanes op_lease op_noop op_prune "
    "op_ready op_revive op_sessions_end op_settle op_submit op_tasks "
    "entries_lost log_segments_dropped applies_locked starts_locked"
)
_ATTEMPTS = (
    "attempts_cancelled attempts_crashed attempts_failed attempts_lost attempts_returned attempts_succeeded "
    "attempts_timed_out truth_died truth_failed truth_stopped truth_succeeded"
)
_COORDINATOR = (
    "cancelled_ahead leased_ahead executors_lapsed finishes_stale lanes_given_back leases_found_at_start "
    "runs_missed submits_repeated refused_draining refused_forgotten refused_invalid_query refused_overloaded "
    "refused_queue_full refused_unknown_task"
)
_BY_HAND = (
    "act_code_asked act_code_discarded act_code_ended act_code_not_found act_code_retried act_code_running "
    "act_code_skipped act_code_succeeded act_code_waiting act_done acts_ask acts_discard acts_end acts_ready "
    "acts_revive acts_set_back acts_skip acts_withdraw ended_discarded ended_skipped"
)
_VERDICTS = (
    "deadlines_over deadlines_watched truth_snoozed verdicts_no_count verdicts_no_retry verdicts_retry verdicts_snooze"
)
_EXECUTOR = (
    "children_died children_killed executor_drained leases_fenced loops_replaced runs_given_back runs_repeated "
    "runs_void"
)
_CLIENT = (
    "ended_cancelled ended_dead ended_expired ended_not_found ended_succeeded cancel_code_asked "
    "cancel_code_cancelled cancel_code_finished cancel_code_not_found submit_done submit_draining "
    "submit_overloaded submit_queue_full submit_timeout submit_unknown_task query_done status_done"
)
_SCHEDULES = (
    "change_added change_changed change_not_found change_paused change_ran change_removed change_resumed "
    "change_skipped change_unchanged op_audit op_boot op_pause op_schedule op_tick op_ticks_end op_unschedule "
    "reboots_found refused_invalid_schedule runs_asked_again wall_set_back wall_set_forward"
)
_NETWORK = "frames_cut frames_doubled frames_late frames_lost frames_to_nobody"

_GROUPS = (_LOG, _ATTEMPTS, _COORDINATOR, _BY_HAND, _VERDICTS, _EXECUTOR, _CLIENT, _SCHEDULES, _NETWORK)
WANTED = (
    *sorted(name for group in _GROUPS for name in group.split()),
    # No world is large enough for a change to be cut short.
    *(f"ticks_{reason.name}" for number, reason in REASONS.items() if number != CUT_SHORT),
    *(f"fault_{fault}" for fault in (*FAULTS, *SCHEDULE_FAULTS)),
)
"""Every bucket that must not stay empty."""

assert len(set(WANTED)) == len(WANTED), "a bucket stands twice in the list"


_CLUSTER = (
    "attempts_lost changes_begun cluster_maps depositions deposed_with_waiting_sends elected_disconnected "
    "elected_silence elected_start elected_transfer entries_cut executors_lapsed fault_jump_wall fault_reboot_host "
    "finishes_stale frames_cut frames_lost leaders_crashed leads leases_found_at_start log_segments_dropped "
    "member_crashes members_behind members_changed op_tick reboots_found refused_not_here rows_stood_still "
    "shards_left snapshots_installed submits_repeated syncs_failed take_overs_slow transfers_begun truth_succeeded"
)
CLUSTER_WANTED = (*sorted(_CLUSTER.split()), *(f"fault_{fault}" for fault in MEMBER_FAULTS))
"""Every bucket that must not stay empty in worlds of several members."""


def empty(counts: Mapping[str, int], members: int = 1) -> list[str]:
    """Returns the buckets that nothing has fallen into."""
    return [name for name in (WANTED if members == 1 else CLUSTER_WANTED) if not counts.get(name)]
