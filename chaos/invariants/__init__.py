"""What must hold in every world, one file each; a violation ends the run."""

from typing import TYPE_CHECKING, Any, TypeVar

from .acked_jobs_survive import AckedJobsSurvive
from .answers_are_linearizable import AnswersAreLinearizable
from .applied_is_committed import AppliedIsCommitted
from .attempts_never_overlap import AttemptsNeverOverlap
from .base import HOOKS, SHARD_AT, Invariant
from .by_hand_alone import ByHandAlone
from .changes_are_audited import ChangesAreAudited
from .deadlines_hold import DeadlinesHold
from .durable_before_visible import DurableBeforeVisible
from .failures_are_counted import FailuresAreCounted
from .keys_are_unique import KeysAreUnique
from .leases_survive_restarts import LeasesSurviveRestarts
from .logs_match import LogsMatch
from .machines_agree_with_themselves import MachinesAgreeWithThemselves
from .never_early import NeverEarly
from .nothing_waits_unseen import NothingWaitsUnseen
from .one_finish_an_attempt import OneFinishAnAttempt
from .one_leader_an_epoch import OneLeaderAnEpoch
from .one_tick_an_instant import OneTickAnInstant
from .only_leased_jobs_start import OnlyLeasedJobsStart
from .pre_votes_are_sticky import PreVotesAreSticky
from .reads_are_confirmed import ReadsAreConfirmed
from .reboots_fire_once import RebootsFireOnce
from .refusals_mean_absence import RefusalsMeanAbsence
from .rows_follow_from_the_log import RowsFollowFromTheLog
from .schedules_survive_restarts import SchedulesSurviveRestarts
from .slots_are_given_back import SlotsAreGivenBack
from .success_was_earned import SuccessWasEarned
from .ticks_follow_policy import TicksFollowPolicy
from .truncation_keeps_open_leases import TruncationKeepsOpenLeases

if TYPE_CHECKING:
    from ..world import World

ALL: tuple[type[Invariant], ...] = (
    AckedJobsSurvive,
    AnswersAreLinearizable,
    AppliedIsCommitted,
    AttemptsNeverOverlap,
    ByHandAlone,
    ChangesAreAudited,
    DeadlinesHold,
    DurableBeforeVisible,
    FailuresAreCounted,
    KeysAreUnique,
    LeasesSurviveRestarts,
    LogsMatch,
    MachinesAgreeWithThemselves,
    NeverEarly,
    NothingWaitsUnseen,
    OneFinishAnAttempt,
    OneLeaderAnEpoch,
    OneTickAnInstant,
    OnlyLeasedJobsStart,
    PreVotesAreSticky,
    ReadsAreConfirmed,
    RebootsFireOnce,
    RefusalsMeanAbsence,
    RowsFollowFromTheLog,
    SchedulesSurviveRestarts,
    SlotsAreGivenBack,
    SuccessWasEarned,
    TicksFollowPolicy,
    TruncationKeepsOpenLeases,
)


Kind = TypeVar("Kind", bound=Invariant)


class Invariants:
    """All of them, told of everything that they watch."""

    def __init__(self, world: "World") -> None:
        shards = world.options.shards
        kinds = [(kind, range(shards) if kind.EACH_SHARD else (0,)) for kind in ALL]
        self.all = [kind(world, shard) for kind, mine in kinds for shard in mine]
        for hook in HOOKS:
            watching = [one for one in self.all if getattr(type(one), hook) is not getattr(Invariant, hook)]
            if shards == 1 or hook not in SHARD_AT:
                setattr(self, hook, _all_of([getattr(one, hook) for one in watching]))
                continue
            told = [[one for one in watching if not one.EACH_SHARD or one.shard == shard] for shard in range(shards)]
            setattr(
                self, hook, _of_shard(SHARD_AT[hook], [_all_of([getattr(one, hook) for one in ones]) for ones in told])
            )

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{name} is no hook of an invariant")

    def one(self, kind: type[Kind], shard: int) -> Kind:
        """Returns a shard's invariant of a kind."""
        return next(one for one in self.all if type(one) is kind and one.shard == shard)


def _all_of(watching: list[Any]) -> Any:
    if len(watching) == 1:
        return watching[0]

    def tell(*values: Any) -> None:
        for watch in watching:
            watch(*values)

    return tell


def _of_shard(at: int, tells: list[Any]) -> Any:
    def tell(*values: Any) -> None:
        tells[values[at].shard](*values)

    return tell
