"""`mainspring cluster status`: the members, the shards' leaders, and what is wrong.

Decides how it is laid out, and that a fault makes the status 1. It must not know what a fault is (cluster_health.py).
"""

import sys
from typing import Any, Final

from ...broker.net.cluster_picture import Picture
from .cluster_calling import looked
from .cluster_health import FAULT, Finding, findings
from .connection import Url
from .errors import CommandError
from .formats import iso_utc, short_time
from .output import Column, Json, cell, show_json, show_list


def _reach_style(value: object) -> str:
    return "green" if value == "answers" else "bold red"


ELECTIONS: Final = {
    "start": "the members had just started",
    "silence": "its predecessor fell silent",
    "disconnected": "its predecessor's connection broke",
    "transfer": "it was handed over",
    "alone": "it is the only voter",
}
"""Why a leader was elected, in words."""

MEMBER_COLUMNS: Final = (
    Column("name", "member"),
    Column("reach", "state", style=_reach_style),
    Column("votes", "votes"),
    Column("leads", "leads shards"),
    Column("behind", "behind", right=True),
    Column("member_endpoint", "for members"),
    Column("client_endpoint", "for clients"),
)

SHARD_COLUMNS: Final = (
    Column("shard", "shard", right=True),
    Column("leader", "leader"),
    Column("epoch", "epoch", right=True),
    Column("last", "last", right=True),
    Column("committed", "committed", right=True),
    Column("applied", "applied", right=True),
    Column("lag", "lag of the others"),
    Column("since", "leads since"),
    Column("election", "because"),
)


def command(url: Url = None, json: Json = False) -> int:
    """Show the members of the cluster, who leads which shard, and what is wrong.

    Every member is asked for its own view; one that does not answer within two seconds is shown as silent. `last` is
    the newest entry of a shard's log at its leader, `committed` the newest that a majority has on disk, `applied` the
    newest that the leader's shard file shows.

    Exit status 1 if something is wrong: a member is silent, or a shard has no leader. What is only worth knowing, such
    as a member that is catching up, changes no status.
    """
    picture = looked(url)
    found = findings(picture)
    if json:
        show_json(as_dict(picture, found))
    elif not picture.members():
        _show_alone(picture)
    else:
        show_list(members(picture), MEMBER_COLUMNS, as_json=False)
        sys.stdout.write("\n")
        show_list(shards(picture), SHARD_COLUMNS, as_json=False)
        _show_findings(found)
    return int(any(finding.level == FAULT for finding in found))


def members(picture: Picture) -> list[dict[str, Any]]:
    """Returns a row for each member."""
    groups, leaders = picture.groups(), picture.leaders()
    rows: list[dict[str, Any]] = []
    for name, member in picture.members().items():
        led = [shard for shard, leader in leaders.items() if leader == name]
        lacks = [
            lag
            for shard in groups
            for follower in picture.best(shard)["followers"]
            if follower["name"] == name and (lag := _lag(picture, shard, follower)) is not None
        ]
        rows.append(
            {
                **member,
                "reach": "answers" if name in picture.shown else "silent",
                "votes": bool(member["is_voter"]),
                "leads": ", ".join(map(str, led)) or None,
                "behind": max(lacks, default=0 if led and name in picture.shown else None),
            }
        )
    return rows


def shards(picture: Picture) -> list[dict[str, Any]]:
    """Returns a row for each shard, as its leader sees it."""
    rows: list[dict[str, Any]] = []
    for shard in picture.groups():
        best = picture.best(shard)
        names = {member["name"] for member in best["members"]}  # who was removed is still told so for a moment
        followers = [follower for follower in best["followers"] if follower["name"] in names]
        lags = [(follower["name"], _lag(picture, shard, follower)) for follower in followers]
        is_led = picture.leaders()[shard] is not None
        rows.append(
            {
                **best,
                "leader": picture.leaders()[shard],
                "lag": ", ".join(f"{name} {'?' if lag is None else lag}" for name, lag in lags) or None,
                "since": short_time(best["elected_ms"] or None) if is_led else None,
                "election": ELECTIONS.get(best["election"], best["election"] or None) if is_led else None,
            }
        )
    return rows


def _lag(picture: Picture, shard: int, follower: dict[str, Any]) -> int | None:
    """Returns how many entries a follower lacks; None if its leader has not heard from it since it was elected."""
    if not follower["match"] and follower["name"] in picture.silent:
        return None
    return picture.best(shard)["last"] - follower["match"]


def as_dict(picture: Picture, found: list[Finding]) -> dict[str, Any]:
    """Returns everything for programs."""
    groups, leaders = picture.groups(), picture.leaders()
    return {
        "ok": not any(finding.level == FAULT for finding in found),
        "cluster": next((shown.cluster for shown in picture.shown.values()), None),
        "members": [
            {
                **member,
                "is_voter": bool(member["is_voter"]),
                "answers": name in picture.shown,
                "incarnation": picture.shown[name].incarnation if name in picture.shown else None,
                "leads": [shard for shard, leader in leaders.items() if leader == name],
            }
            for name, member in picture.members().items()
        ],
        "shards": [
            {
                **{key: value for key, value in picture.best(shard).items() if key not in ("role", "members")},
                "leader": leaders[shard],
                "elected_at": iso_utc(picture.best(shard)["elected_ms"] or None),
                "views": [{"node": name, **group} for name, group in views.items()],
            }
            for shard, views in groups.items()
        ],
        "findings": [finding._asdict() for finding in found],
    }


def _show_alone(picture: Picture) -> None:
    if not picture.shown:
        told = "; ".join(f"{endpoint}: {text}" for endpoint, text in picture.refused.items())
        raise CommandError(f"the node does not tell of a cluster ({told}): give the URL of a member")
    (name, shown), *_ = picture.shown.items()
    if shown.cluster:
        text = "stands alone: docs/cluster.md says how one node becomes three"
    else:
        text = "waits to be taken into a cluster: `mainspring cluster grow` does that, with its file and a member's URL"
    sys.stdout.write(f"{cell(name)} {text}\n")


def _show_findings(found: list[Finding]) -> None:
    sys.stdout.write("\n")
    if not found:
        sys.stdout.write("nothing is wrong\n")
    for finding in found:
        sys.stdout.write(f"{cell(finding.level)}: {cell(finding.what)}\n  do: {cell(finding.do)}\n")
