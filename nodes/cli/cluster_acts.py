"""`mainspring cluster add`, `remove`, `replace`, `transfer`, `drain`: change who is a member, and who leads.

Decides in which order things are asked for and how that is shown. It must not know how a leader does them, nor how the
members are reached (cluster_calling.py). Each may be repeated: what is done already is passed over.
"""

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..settings.forms import check_endpoint, check_name
from .cluster_calling import SETTLE_S, WAIT, Act, Timeout, Told, calls, carry_out, ready
from .connection import Url
from .errors import CommandError
from .output import Json, cell, show_json
from .progress import progress_bar

if TYPE_CHECKING:
    from ...broker.net.cluster_calls import ClusterCalls
    from ...broker.net.cluster_picture import Picture


def _name(text: str) -> str:
    return _checked(check_name, text)


def _endpoint(text: str) -> str:
    return _checked(check_endpoint, text)


def _checked(check: Any, text: str) -> str:
    try:
        return check(text)
    except ValueError as fault:
        raise typer.BadParameter(f"{text!r:.80}: {fault}") from None


Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the member: `name` in its [node].", parser=_name)]
MemberEndpoint = Annotated[
    str,
    typer.Option("--member-endpoint", metavar="URL", help="Where the other members reach it.", parser=_endpoint),
]
ClientEndpoint = Annotated[
    str,
    typer.Option("--client-endpoint", metavar="URL", help="Where clients and executors reach it.", parser=_endpoint),
]


def add(
    name: Name,
    member_endpoint: MemberEndpoint,
    client_endpoint: ClientEndpoint,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it votes in all shards.")] = False,
    timeout: Timeout = WAIT,
    url: Url = None,
    json: Json = False,
) -> None:
    """Take a node into the cluster.

    The node's file has `join = true` and its own [[cluster.members]] table, whose endpoints are given here. It gets the
    log of every shard, and votes once it has caught up; until then it counts for nothing, so the node may be started
    before or after this.
    """
    with calls(url) as talk, _shown(name) as told:
        picture = ready(talk, "add a member")
        _check_new(picture, name, member_endpoint, client_endpoint)
        found = carry_out(
            talk, Act("add", name, member_endpoint, client_endpoint), list(picture.groups()), timeout, told,
            is_waiting=wait,
        )  # fmt: skip
    is_done = all(code == "done" for code, _ in found.values())
    text = f"{name} is a voting member" if is_done else f"{name} is a member, and votes once it has caught up"
    _tell(text, found, as_json=json)


def remove(
    name: Name,
    timeout: Timeout = WAIT,
    url: Url = None,
    json: Json = False,
) -> None:
    """Take a member out of the cluster.

    Its shards are led by others first. Its data stays where it is and belongs to nobody: before the node may be used
    again, delete its data folder.
    """
    with calls(url) as talk, _shown() as told:
        picture = ready(talk, "remove a member")
        if name not in picture.members():
            raise CommandError(f"{name} is no member; there are {', '.join(picture.members())}")
        _check_rest(picture, name)
        found = carry_out(talk, Act("remove", name), list(picture.groups()), timeout, told)
    _tell(f"{name} is no member any more: stop its node, and delete its data folder", found, as_json=json)


def replace(
    old: Annotated[str, typer.Argument(metavar="OLD", help="The member that goes.", parser=_name)],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The one that comes.", parser=_name)],
    member_endpoint: MemberEndpoint,
    client_endpoint: ClientEndpoint,
    timeout: Timeout = WAIT,
    url: Url = None,
    json: Json = False,
) -> None:
    """Put a node in the place of a member that has failed or is to go.

    The new one is taken in, and the old one is removed when the new one votes: so no failure more than before is
    dangerous meanwhile. Repeat it if it was broken off. A new name is wanted even for the same machine, for the old
    one has promised things that a new disk does not know.
    """
    if old == new:
        raise typer.BadParameter(f"OLD and NEW are both {old}: give the new node a name of its own")
    with calls(url) as talk, _shown(new) as told:
        picture = ready(talk, "replace a member")
        known = picture.members()
        if old not in known and new not in known:
            raise CommandError(f"{old} is no member; there are {', '.join(known)}")
        _check_new(picture, new, member_endpoint, client_endpoint)
        shards = list(picture.groups())
        found = carry_out(talk, Act("add", new, member_endpoint, client_endpoint), shards, timeout, told)
        if old in known:
            found = carry_out(talk, Act("remove", old), shards, timeout, told)
    _tell(f"{new} votes in the place of {old}: delete the data folder of {old}", found, as_json=json)


def transfer(
    name: Name,
    shard: Annotated[
        int | None, typer.Option("--shard", metavar="N", help="Only this one; all if not given.", show_default=False)
    ] = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Let a member lead a shard, or all of them.

    The present leader waits until the other one has all entries, and hands over; that takes as long as a round trip.
    Sooner or later, shards go back to the members that they belong to (`rebalance_s` in [cluster]).
    """
    with calls(url) as talk, _shown() as told:
        picture = ready(talk, "hand over")
        if name not in picture.members():
            raise CommandError(f"{name} is no member; there are {', '.join(picture.members())}")
        if name not in picture.shown:
            raise CommandError(f"{name} does not answer, so it cannot lead: start its node first")
        shards = list(picture.groups())
        if shard is not None and shard not in shards:
            raise typer.BadParameter(f"there is no shard {shard}; there are {', '.join(map(str, shards))}")
        if not picture.members()[name]["is_voter"]:
            raise CommandError(f"{name} does not vote yet, so it cannot lead: wait until it has caught up")
        found = carry_out(talk, Act("transfer", name), shards if shard is None else [shard], SETTLE_S, told)
    _tell(f"{name} leads", found, as_json=json)


def drain(name: Name, url: Url = None, json: Json = False) -> None:
    """Let others lead what a member leads, before its node is stopped or its machine restarted.

    Jobs on its executors run on. Then stop the node; when it is back and all has been quiet for `rebalance_s`, it leads
    its share again.
    """
    with calls(url) as talk, _shown() as told:
        picture = ready(talk, "hand over")
        if name not in picture.members():
            raise CommandError(f"{name} is no member; there are {', '.join(picture.members())}")
        led = [shard for shard, leader in picture.leaders().items() if leader == name]
        if led:
            _check_others(picture, name)
        found = carry_out(talk, Act("drain", name), led, SETTLE_S, told) if led else {}
    _tell(f"{name} leads nothing now: its node may be stopped", found, as_json=json)


def take_in(
    talk: "ClusterCalls", act: Act, timeout_s: float, check: Callable[["Picture"], None]
) -> dict[int, tuple[str, str]]:
    """Adds a member and waits until it votes, with a bar.

    Args:
        talk: connections to the members.
        act: the member.
        timeout_s: how long it is waited for.
        check: raises if it does not fit into this cluster.
    """
    with _shown(act.name) as told:
        picture = ready(talk, "add a member")
        check(picture)
        _check_new(picture, act.name, act.member_endpoint, act.client_endpoint)
        return carry_out(talk, act, list(picture.groups()), timeout_s, told)


def _check_new(picture: "Picture", name: str, member_endpoint: str, client_endpoint: str) -> None:
    """Refuses a member that would be taken for another.

    Raises:
        CommandError: the name or an endpoint is another member's.
    """
    for other, row in picture.members().items():
        if other == name and (row["member_endpoint"], row["client_endpoint"]) != (member_endpoint, client_endpoint):
            raise CommandError(
                f"{name} is a member already, at {row['member_endpoint']} and {row['client_endpoint']}: "
                "remove it first, or give a new name"
            )
        used = {row["member_endpoint"], row["client_endpoint"]}
        if other != name and (twice := used & {member_endpoint, client_endpoint}):
            raise CommandError(f"{other} listens on {twice.pop()}: give {name} endpoints of its own")


def _check_rest(picture: "Picture", name: str) -> None:
    """Refuses to leave no voter, or too few that answer.

    Raises:
        CommandError: the cluster would stand still.
    """
    rest = [other for other, row in picture.members().items() if row["is_voter"] and other != name]
    answering = [other for other in rest if other in picture.shown]
    if not rest:
        raise CommandError(f"{name} is the only voter: a cluster keeps one; stop its node if nobody needs it")
    if len(answering) < len(rest) // 2 + 1:
        silent = [other for other in rest if other not in answering]
        one = len(silent) == 1
        do = "does not answer: start or remove it first" if one else "do not answer: start or remove them first"
        raise CommandError(f"without {name} too few would be left, for {', '.join(silent)} {do}")


def _check_others(picture: "Picture", name: str) -> None:
    """Refuses to have somebody hand over to nobody.

    Raises:
        CommandError: no other member could lead.
    """
    voters = [other for other, row in picture.members().items() if row["is_voter"] and other != name]
    if not voters:
        raise CommandError(
            f"{name} is the only voter, so no other member can lead: stop its node when its work may wait"
        )
    if not any(other in picture.shown for other in voters):
        raise CommandError(
            f"{', '.join(voters)} do not answer, so nobody can lead in the place of {name}: start one first"
        )


@contextmanager
def _shown(name: str = "") -> Generator[Told]:
    """Gives what shows how far a change is.

    Args:
        name: of the member that catches up meanwhile; without one, shards are counted.
    """
    with progress_bar() as progress:

        def told(picture: "Picture", found: dict[int, tuple[str, str]]) -> None:
            texts = dict.fromkeys(text for code, text in found.values() if code != "done" and text)
            done, total = sum(code == "done" for code, _ in found.values()), len(found)
            if held := [
                (follower["match"], picture.best(shard)["last"])
                for shard in picture.groups()
                for follower in picture.best(shard)["followers"]
                if follower["name"] == name
            ]:
                done, total = (sum(column) for column in zip(*held, strict=True))
            progress("; ".join(texts), done, total)

        yield told


def _tell(text: str, found: dict[int, tuple[str, str]], *, as_json: bool) -> None:
    if as_json:
        show_json({"text": text, "shards": rows(found)})
    else:
        sys.stdout.write(f"{cell(text)}\n")


def rows(found: dict[int, tuple[str, str]]) -> Sequence[dict[str, object]]:
    """Returns what became of each shard, for programs."""
    return [{"shard": shard, "code": code, "text": told} for shard, (code, told) in sorted(found.items())]
