"""`mainspring repair`: does something about many dead letters, once it has shown which and what.

Decides the order (the table, the question, the work, the counts) and what an interruption leaves. It must not know why
a failure is worth another attempt (repair_rules.py). Rule: nothing changes before the table was printed and agreed to.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ...broker.tasks.submit import DEFAULT_TENANT
from .connection import Url, connected
from .dead import FailedBefore, dead_filter
from .errors import USAGE, CommandError
from .formats import iso_utc, short_time
from .job_acts import act, is_wanted, meaning
from .options import LIMIT_MAX, ErrorKind, Queue, Reason, Task, Tenant, moment, one_of, whole
from .output import Column, Json, show_json, show_list
from .progress import bar
from .repair_plan import DRY_RUN, STRATEGIES, Group, Plan, read_plan
from .repair_rules import in_words

if TYPE_CHECKING:
    from ...broker.net.client import Client

BATCH: Final = 500
JOBS_MAX: Final = 10_000_000
NEEDS_A_PERSON: Final = "needs a person"
INTERRUPTED: Final = 130

COLUMNS: Final = (
    Column("task", "task"),
    Column("queue", "queue"),
    Column("error_kind", "error kind"),
    Column("count", "jobs", right=True),
    Column("first", "first"),
    Column("last", "last"),
    Column("action", "what is done"),
    Column("why", "why"),
)

COUNT_COLUMNS: Final = (
    Column("count", "jobs", right=True),
    Column("action", "asked for"),
    Column("code", "code"),
    Column("meaning", ""),
)


@dataclass
class Work:
    """How far a repair has come."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    """(action, code) -> jobs that were answered so."""
    under_way: int = 0
    """Jobs of a batch that is not answered."""
    interrupted: bool = False

    @property
    def done(self) -> int:
        """How many jobs were answered."""
        return self.counts.total()

    @property
    def status(self) -> int:
        """The exit status."""
        if self.interrupted:
            return INTERRUPTED
        return 0 if all(is_wanted(action, [code]) for action, code in self.counts) else 1


def command(
    failed_after: Annotated[int, moment("--failed-after", "Failed then or later: 2h ago, yesterday, ISO 8601.")],
    failed_before: FailedBefore = None,
    queue: Queue = None,
    task: Task = None,
    tenant: Tenant = None,
    error_kind: ErrorKind = None,
    limit: Annotated[
        int,
        typer.Option("--limit", metavar="N", help="How many jobs at most, newest first.", parser=whole(1, JOBS_MAX)),
    ] = LIMIT_MAX,
    strategy: Annotated[
        str,
        typer.Option(
            "--strategy", metavar="STRATEGY", help=", ".join(STRATEGIES), parser=one_of(STRATEGIES, "strategy")
        ),
    ] = DRY_RUN,
    reason: Reason = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    url: Url = None,
    json: Json = False,
) -> int:
    """Repair dead letters after an incident: show which there are, and retry, skip or discard them together.

    The table always comes first: what failed alike, how often and when, and what is done about it. `dry-run` stops
    there, and tells what `auto` would do; the others ask, unless `--yes` is given. Ctrl-C stops between two batches.
    What is done stays done, and the same command goes on with the rest: only dead letters are touched. The exit status
    is 1 if a job could not be dealt with as asked.

    Example: mainspring repair --failed-after 2h --strategy auto --reason "the mail server was down"
    """
    chosen = dead_filter(queue, task, tenant, error_kind, failed_after, failed_before)
    if json and strategy != DRY_RUN and not yes:
        raise CommandError("with --json nobody is asked: add --yes", USAGE)
    with connected(url) as client:
        with bar(None, "jobs read") as step:
            plan = read_plan(client, chosen, limit, strategy, step)
        if not json:
            _show_plan(plan)
        if strategy == DRY_RUN or not plan.count:
            if json:
                show_json(_told(plan, strategy, Work()))
            return 0
        if not yes and not _agreed(plan):
            sys.stderr.write("nothing was changed\n")
            return 1
        work = Work()
        try:
            _run(client, plan, reason or f"repair --strategy {strategy}", work)
        finally:
            _show_end(plan, strategy, work, as_json=json)
    return work.status


command.__doc__ = f"{(command.__doc__ or '').rstrip()}\n\n    What `auto` does, by error kind: {in_words()}.\n    "


def _agreed(plan: Plan) -> bool:
    """Asks whoever sits there.

    Raises:
        CommandError: nobody does.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise CommandError("nobody can be asked here, so nothing was changed: add --yes", USAGE)
    done = Counter[str]()
    for group in plan.groups:
        done[group.action] += 0 if group.is_left else len(group.ids)
    told = " and ".join(f"{action} {count} job{'s' if count != 1 else ''}" for action, count in done.items() if count)
    return typer.confirm(f"{told}?", err=True)


def _run(client: "Client", plan: Plan, reason: str, work: Work) -> None:
    """Deals with the jobs, batch by batch, until it is through or interrupted.

    Raises:
        CommandError: the node has not answered.
    """
    from ...broker.tasks.exceptions import MainspringError

    try:
        with bar(plan.count, "jobs") as step:
            for group, ids in _batches(plan):
                work.under_way = len(ids)
                codes = act(client, group.action, ids, reason)
                work.counts.update((group.action, code) for code in codes.values())
                work.under_way = 0
                step(len(ids))
    except KeyboardInterrupt:
        work.interrupted = True
    except MainspringError as error:
        raise CommandError(f"{error}\n{_so_far(plan, work)}") from error
    if work.interrupted:
        sys.stderr.write(f"interrupted: {_so_far(plan, work)}\n")


def _batches(plan: Plan) -> Iterator[tuple[Group, list[int]]]:
    for group in plan.groups:
        for at in range(0, 0 if group.is_left else len(group.ids), BATCH):
            yield group, list(group.ids[at : at + BATCH])


def _so_far(plan: Plan, work: Work) -> str:
    told = f"{work.done} of {plan.count} jobs are done"
    if work.under_way:
        told += f", and perhaps the {work.under_way} of the batch that was under way"
    return f"{told}; the same command goes on with the rest"


def _show_plan(plan: Plan) -> None:
    columns = COLUMNS
    if any(group.tenant != DEFAULT_TENANT for group in plan.groups):
        columns = (Column("tenant", "tenant"), *COLUMNS)
    rows = [
        {
            **vars(group),
            "count": len(group.ids),
            "first": short_time(group.first_ms),
            "last": short_time(group.last_ms),
            "action": NEEDS_A_PERSON if group.is_left else group.action,
        }
        for group in plan.groups
    ]
    show_list(rows, columns, as_json=False, empty="no dead letters")
    if rows:
        jobs = sum(len(group.ids) for group in plan.groups)
        left = jobs - plan.count
        needy = f", of which {left} need{'s' if left == 1 else ''} a person" if left else ""
        sys.stdout.write(f"\n{jobs} job{'s' if jobs != 1 else ''}{needy}\n")
        sys.stdout.flush()  # whoever is asked has read it, through a pipe as well
    if plan.more:
        sys.stderr.write("there are more: a larger --limit takes them in, or run it again afterwards\n")


def _show_end(plan: Plan, strategy: str, work: Work, *, as_json: bool) -> None:
    if as_json:
        show_json(_told(plan, strategy, work))
        return
    rows = [
        {"count": count, "action": action, "code": code, "meaning": meaning(action, code)}
        for (action, code), count in work.counts.most_common()
    ]
    show_list(rows, COUNT_COLUMNS, as_json=False, empty="nothing was done")


def _told(plan: Plan, strategy: str, work: Work) -> dict[str, Any]:
    """Returns a repair for programs."""
    groups: list[dict[str, Any]] = []
    for group in plan.groups:
        told = {name: value for name, value in vars(group).items() if name != "ids"}
        times = {"first_at": iso_utc(group.first_ms), "last_at": iso_utc(group.last_ms)}
        groups.append({**told, **times, "count": len(group.ids)})
    counts = [{"action": action, "code": code, "count": count} for (action, code), count in work.counts.items()]
    return {
        "strategy": strategy,
        "groups": groups,
        "more": plan.more,
        "done": counts,
        "interrupted": work.interrupted,
    }
