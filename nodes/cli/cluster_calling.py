"""How the commands about a cluster reach its members, and have a change done in all shards.

Decides how often is asked, what is waited for, and which answers end it. It must not know what a change is, or how its
progress is drawn.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from ..spans import parse_duration
from .connection import nowhere
from .errors import CommandError

if TYPE_CHECKING:
    from ...broker.net.cluster_calls import ClusterCalls
    from ...broker.net.cluster_picture import Picture


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from None


Timeout = Annotated[
    float, typer.Option("--timeout", metavar="TIME", help="How long it is waited for, such as 30s.", parser=_seconds)
]
"""The type of a command's `--timeout` option: `timeout: Timeout = WAIT`."""
WAIT: Final[Any] = "10m"
"""The default of that option, which is parsed as well."""

SETTLE_S: Final = 20.0
"""For a change that needs nobody to catch up."""
QUICK_MS: Final = 500
"""How long a member may take to answer while a change goes on: a silent one must not hold that up."""
REFUSED_MS: Final = 3_000
"""What is refused for so long is refused: until then, an earlier change may have been under way."""


class Act(NamedTuple):
    """A change."""

    action: str
    name: str
    member_endpoint: str = ""
    client_endpoint: str = ""


Told = Callable[["Picture", dict[int, tuple[str, str]]], None]
"""Is told, now and then, how far a change is: the picture, and shard -> code and text."""


@contextmanager
def calls(url: str | None) -> Generator["ClusterCalls"]:
    """Gives connections to the members.

    Raises:
        CommandError: the URL is none.
        MainspringError: there is no node to be found.
    """
    from ...broker.net.cluster_calls import ClusterCalls
    from ...broker.net.discovery import find_endpoints

    try:
        talk = ClusterCalls(find_endpoints(url))
    except ValueError as fault:
        raise CommandError(str(fault)) from None
    with talk:
        yield talk


def looked(url: str | None) -> "Picture":
    """Asks all members once.

    Raises:
        CommandError: none answers.
    """
    with calls(url) as talk:
        return seen(talk)


def seen(talk: "ClusterCalls") -> "Picture":
    """Asks all members once over connections that are there.

    Raises:
        CommandError: none answers.
    """
    picture = talk.look()
    if not picture.shown and not picture.refused:
        told = ", ".join(picture.lost)
        do = nowhere(picture.lost) or "start its node, or give the URL of one that runs"
        raise CommandError(f"no member answers at {told}: {do}")
    return picture


def ready(talk: "ClusterCalls", action: str) -> "Picture":
    """Asks all members, for a change that every shard's leader has to make.

    Raises:
        CommandError: this is no cluster, or some shard has no leader.
    """
    picture = seen(talk)
    for endpoint, text in picture.refused.items():
        raise CommandError(f"the node at {endpoint} refuses: {text}")
    if not picture.members():
        raise CommandError("this node stands alone: docs/cluster.md says how one node becomes a cluster")
    if leaderless := [shard for shard, leader in picture.leaders().items() if leader is None]:
        told = f"{'shard' if len(leaderless) == 1 else 'shards'} {', '.join(map(str, leaderless))}"
        has = "has" if len(leaderless) == 1 else "have"
        raise CommandError(
            f"{told} {has} no leader, so nobody can {action} there: `mainspring cluster` says what is missing"
        )
    return picture


def carry_out(
    talk: "ClusterCalls",
    act: Act,
    shards: Sequence[int],
    timeout_s: float,
    told: Told,
    *,
    is_waiting: bool = True,
) -> dict[int, tuple[str, str]]:
    """Asks the leaders for a change until it is done in all shards.

    Args:
        talk: connections to the members.
        act: the change.
        shards: in which.
        timeout_s: how long it is asked for.
        told: is told how far it is.
        is_waiting: False if it is enough that all leaders have begun with it.

    Returns:
        Shard -> code and text.

    Raises:
        CommandError: a leader keeps refusing, or it takes too long; what is done so far stays.
    """
    from ...broker.net.clock import read_clocks
    from ...broker.net.cluster_calls import DONE, REFUSED, UNDER_WAY

    enough = {DONE} if is_waiting else {DONE, UNDER_WAY}
    end_ns = read_clocks().elapsed_ns + round(timeout_s * 1e9)
    found: dict[int, tuple[str, str]] = {}
    refused_ns: int | None = None
    while True:
        left = [shard for shard in shards if found.get(shard, ("", ""))[0] not in enough]
        picture = talk.look(QUICK_MS)
        found |= talk.act(
            act.action, act.name, left, picture,
            member_endpoint=act.member_endpoint, client_endpoint=act.client_endpoint,
        )  # fmt: skip
        told(picture, found)
        now_ns = read_clocks().elapsed_ns
        refusals = [f"shard {shard}: {text}" for shard, (code, text) in found.items() if code == REFUSED]
        refused_ns = (refused_ns or now_ns) if refusals else None
        if refused_ns is not None and now_ns - refused_ns >= REFUSED_MS * 1_000_000:
            raise CommandError("; ".join(refusals))
        open_ones = [shard for shard in shards if found[shard][0] not in enough]
        if not open_ones:
            return found
        if now_ns >= end_ns:
            why = "; ".join(f"shard {shard}: {found[shard][1] or found[shard][0]}" for shard in open_ones)
            raise CommandError(
                f"not done within {timeout_s:g} s ({why}); what is done stays, and the same command again goes on"
            )
        talk.pause()
