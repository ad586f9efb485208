"""What must hold in every world, one file each; a violation ends the run."""

from typing import TYPE_CHECKING, Any

from .acked_jobs_survive import AckedJobsSurvive
from .attempts_never_overlap import AttemptsNeverOverlap
from .base import HOOKS, Invariant
from .by_hand_alone import ByHandAlone
from .changes_are_audited import ChangesAreAudited
from .deadlines_hold import DeadlinesHold
from .durable_before_visible import DurableBeforeVisible
from .failures_are_counted import FailuresAreCounted
from .keys_are_unique import KeysAreUnique
from .leases_survive_restarts import LeasesSurviveRestarts
from .machines_agree_with_themselves import MachinesAgreeWithThemselves
from .never_early import NeverEarly
from .nothing_waits_unseen import NothingWaitsUnseen
from .one_finish_an_attempt import OneFinishAnAttempt
from .one_tick_an_instant import OneTickAnInstant
from .only_leased_jobs_start import OnlyLeasedJobsStart
from .reboots_fire_once import RebootsFireOnce
from .refusals_mean_absence import RefusalsMeanAbsence
from .schedules_survive_restarts import SchedulesSurviveRestarts
from .slots_are_given_back import SlotsAreGivenBack
from .success_was_earned import SuccessWasEarned
from .ticks_follow_policy import TicksFollowPolicy
from .truncation_keeps_open_leases import TruncationKeepsOpenLeases

if TYPE_CHECKING:
    from ..world import World

ALL: tuple[type[Invariant], ...] = (
    AckedJobsSurvive,
    AttemptsNeverOverlap,
    ByHandAlone,
    ChangesAreAudited,
    DeadlinesHold,
    DurableBeforeVisible,
    FailuresAreCounted,
    KeysAreUnique,
    LeasesSurviveRestarts,
    MachinesAgreeWithThemselves,
    NeverEarly,
    NothingWaitsUnseen,
    OneFinishAnAttempt,
    OneTickAnInstant,
    OnlyLeasedJobsStart,
    RebootsFireOnce,
    RefusalsMeanAbsence,
    SchedulesSurviveRestarts,
    SlotsAreGivenBack,
    SuccessWasEarned,
    TicksFollowPolicy,
    TruncationKeepsOpenLeases,
)


class Invariants:
    """All of them, told of everything that they watch."""

    def __init__(self, world: "World") -> None:
        self.all = [kind(world) for kind in ALL]
        for hook in HOOKS:
            watching = [
                getattr(one, hook) for one in self.all if getattr(type(one), hook) is not getattr(Invariant, hook)
            ]
            setattr(self, hook, _all_of(watching))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{name} is no hook of an invariant")


def _all_of(watching: list[Any]) -> Any:
    if len(watching) == 1:
        return watching[0]

    def tell(*values: Any) -> None:
        for watch in watching:
            watch(*values)

    return tell
