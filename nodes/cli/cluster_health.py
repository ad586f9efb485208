"""What is wrong with a cluster, in words.

Decides what counts as a fault (something does not work, or the next failure would stop it) and what is only worth
knowing. It must not know how the members were asked, nor how it is printed. Rule: docs/failure-modes.md.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from ...broker.net.cluster_picture import Picture, Table
from .formats import duration

FAULT, NOTE = "fault", "note"

SILENT_MS: Final = 3_000
"""A member that its leader has not heard for so long is told."""
BEHIND_ENTRIES: Final = 1_000
"""A member that lacks so many entries is told, though it answers."""


class Finding(NamedTuple):
    """One thing that is worth telling."""

    level: str
    """fault or note."""
    what: str
    do: str


def findings(picture: Picture) -> list[Finding]:
    """Lists what is wrong, faults first."""
    groups = picture.groups()
    found = [*_reach(picture, groups), *_clusters(picture), *_strangers(picture)]
    for shard, views in groups.items():
        found += _leader(shard, views, picture)
        found += _followers(shard, picture)
        found += _behind(shard, views)
    found += _voters(picture, groups)
    return sorted(dict.fromkeys(found), key=lambda finding: finding.level != FAULT)


def _reach(picture: Picture, groups: dict[int, dict[str, Table]]) -> Iterator[Finding]:
    """Tells of members that nobody reaches."""
    silences: dict[str, int] = {}
    for shard in groups:
        for row in picture.best(shard)["followers"]:
            silences[row["name"]] = max(silences.get(row["name"], 0), row["silent_ms"])
    for name, endpoint in picture.silent.items():
        silent_ms = silences.get(name, 0)
        since = f" (silent for {duration(silent_ms)})" if silent_ms >= SILENT_MS else ""
        do = f"look whether its node runs (`mainspring processes` there), and whether {endpoint} can be reached"
        yield Finding(FAULT, f"{name} does not answer{since}", do)
    for endpoint in picture.lost:
        yield Finding(NOTE, f"nobody answers at {endpoint}", "take it out of the URL if no member listens there")
    for endpoint, text in picture.refused.items():
        yield Finding(FAULT, f"the node at {endpoint} refuses: {text}", "give the endpoints of one cluster's members")


def _clusters(picture: Picture) -> Iterator[Finding]:
    ids = {shown.cluster for shown in picture.shown.values() if shown.cluster}
    if len(ids) > 1:
        told = ", ".join(f"{name} of {shown.cluster or 'none'}" for name, shown in sorted(picture.shown.items()))
        do = (
            "if they are to be one, make `shards` and the tables of members the same in all their files, and start"
            " those that have no jobs yet with empty data folders; else give the endpoints of one cluster"
        )
        yield Finding(FAULT, f"these nodes are of different clusters: {told}", do)
    for name, shown in sorted(picture.shown.items()):
        if not shown.cluster:
            do = f"take it in: `mainspring cluster add {name}`, or `mainspring cluster grow` with its file"
            yield Finding(NOTE, f"{name} waits to be taken into a cluster", do)


def _strangers(picture: Picture) -> Iterator[Finding]:
    """Tells of nodes that have belonged to the cluster, or believe so, and are no members."""
    members = picture.members()
    of_members = {shown.cluster for name, shown in picture.shown.items() if name in members}
    for name, shown in sorted(picture.shown.items()):
        if name not in members and of_members == {shown.cluster}:
            do = (
                "if it was removed, stop its node and delete its data folder; else take it in with `mainspring cluster"
                f" add {name}`"
            )
            yield Finding(NOTE, f"{name} runs, and is no member of this cluster", do)


def _leader(shard: int, views: dict[str, Table], picture: Picture) -> Iterator[Finding]:
    leaders = sorted((group["epoch"], name) for name, group in views.items() if group["role"] == "leader")
    if leaders:
        epoch, leads = leaders[-1]
        for old, name in leaders[:-1]:
            what = f"{name} takes itself for the leader of shard {shard} under epoch {old}; {leads} leads under {epoch}"
            yield Finding(FAULT, what, f"{name} is cut off, and commits nothing: mend its network")
        return
    voters = [row["name"] for row in picture.best(shard)["members"] if row["is_voter"]]
    if not voters:
        return  # a node that stands alone, or waits to be taken in
    answering = [name for name in voters if name in picture.shown]
    needed = len(voters) // 2 + 1
    if len(answering) < needed:
        what = f"shard {shard} has no leader: {len(answering)} of {len(voters)} voters answer, {needed} are needed"
        missing = ", ".join(name for name in voters if name not in answering)
        yield Finding(FAULT, what, f"start {missing or 'its members'}; until then its jobs wait")
    else:
        what = f"shard {shard} has no leader at this moment, though {len(answering)} of {len(voters)} voters answer"
        do = "look again in a second; if it stays so, look whether the members reach each other's member_endpoint"
        yield Finding(FAULT, what, do)


def _followers(shard: int, picture: Picture) -> Iterator[Finding]:
    """Tells of members that answer here but that their leader does not hear, or that lack much."""
    best, leader = picture.best(shard), picture.leaders()[shard]
    rows = {row["name"]: row for row in best["members"]}
    for follower in best["followers"] if leader is not None else ():
        name, lacks = follower["name"], best["last"] - follower["match"]
        member = rows.get(name)
        if member is None or name in picture.silent:
            continue
        if follower["state"] == "silent" or follower["silent_ms"] >= SILENT_MS:
            what = f"{leader} has not heard {name} for {duration(follower['silent_ms'])} in shard {shard}"
            do = f"look whether {member['member_endpoint']} can be reached from {leader}"
            yield Finding(FAULT, what, do)
        elif follower["state"] == "snapshot":
            yield Finding(NOTE, f"{name} is being sent a copy of shard {shard}", "wait: it catches up by itself")
        elif lacks >= BEHIND_ENTRIES:
            do = "wait if the number falls; if it grows, its disk or its network is too slow"
            yield Finding(NOTE, f"{name} lacks {lacks} entries of shard {shard}", do)
        if not member["is_voter"]:
            what = f"{name} does not vote in shard {shard} yet"
            yield Finding(NOTE, what, "wait: it does once it has caught up")


def _behind(shard: int, views: dict[str, Table]) -> Iterator[Finding]:
    for name, group in views.items():
        if group["role"] == "behind" and group["members"]:
            what = f"{name} may not vote in shard {shard}: it lacks entries that it once had"
            do = "wait: its leader sends them; if nothing moves, see docs/failure-modes.md"
            yield Finding(FAULT, what, do)


def _torn(picture: Picture, groups: dict[int, dict[str, Table]]) -> Iterator[Finding]:
    """Tells of members whose endpoints are not the same in all shards: the files that they began with differed."""
    known: dict[str, dict[tuple[str, str], list[int]]] = {}
    for shard in groups:
        for row in picture.best(shard)["members"]:
            where = row["member_endpoint"], row["client_endpoint"]
            known.setdefault(row["name"], {}).setdefault(where, []).append(shard)
    for name, found in sorted(known.items()):
        if len(found) > 1:
            told = "; ".join(f"{' and '.join(where)} in {', '.join(map(str, of))}" for where, of in found.items())
            what = f"the shards do not agree where {name} is reached: {told}"
            yield Finding(FAULT, what, f"replace it: `mainspring cluster replace {name}`, with a new node")


def _voters(picture: Picture, groups: dict[int, dict[str, Table]]) -> Iterator[Finding]:
    """Tells of members that are half in, and of numbers that bear less than they seem to."""
    sets = {shard: {(row["name"], row["is_voter"]) for row in picture.best(shard)["members"]} for shard in groups}
    names = {shard: {name for name, _ in rows} for shard, rows in sets.items()}
    every = set[str]().union(*names.values())
    for name in sorted(every):
        without = [shard for shard, known in names.items() if name not in known]
        if without:
            told = ", ".join(map(str, without))
            what = f"{name} is a member in some shards only (not in {told})"
            yield Finding(FAULT, what, "repeat the `mainspring cluster add` or `remove` that was broken off")
    yield from _torn(picture, groups)
    voters = {shard: sum(is_voter for _, is_voter in rows) for shard, rows in sets.items()}
    even = sorted(number for number in set(voters.values()) if number and number % 2 == 0)
    for number in even:
        what = f"{number} members vote, which bears no more failures than {number - 1} do"
        yield Finding(NOTE, what, "add another one, or remove one")
