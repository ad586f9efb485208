"""Which shards this process leads: it hears the other members, and tells the log and the sockets what has come of that.

Decides nothing: who leads, the engine does; what follows from it, actors/cluster/leadership.py.
"""

import gc
import logging

from ...actors.cluster.leadership import HandsOver, Happening, Leadership, Leads, Waits
from ...actors.machine import Now
from ...actors.raft.news import Deposed, Elected, LeaderChanged, MembersChanged, SnapshotInstalled
from ...broker.wire.cluster_messages import CLUSTER_MEMBER_COLUMNS
from .members import Members

log = logging.getLogger("mainspring.coordinator")

_NAME = CLUSTER_MEMBER_COLUMNS.index("name")


class Roles:
    """The shards of a process that is a member of a cluster, and the way to the other members.

    Args:
        leadership: which shards are led here.
        members: the way to the other members.
    """

    def __init__(self, leadership: Leadership, members: Members) -> None:
        self.leadership = leadership
        self.members = members
        self._belongs: set[int] = set()
        """Groups whose members name this node, as far as the log was told."""
        for group in (shard + 1 for shard in leadership.elections):
            if any(row[_NAME] == leadership.directory.node for row in leadership.engine.members(group)):
                self._belongs.add(group)
        self._connect()

    def take(self, now: Now) -> None:
        """Hears the other members, lets the engine do what is due, and obeys its news; once an iteration."""
        engine, members = self.leadership.engine, self.members
        for name, message in members.take(now.elapsed_ns):
            fault = engine.received(name, message, now)
            if fault is not None:
                members.refuse(name, fault, now.elapsed_ns)
        for name in members.lost():  # after what it has said last
            log.info("connection to a member is lost member=%s", name)
            engine.disconnected(name, now)
        engine.wake(now)
        self.hear(now)

    def hear(self, now: Now) -> None:
        """Obeys the engine's news; call it also after a turn, before the loop may sleep."""
        for what in self.leadership.hear(now):
            self._follow_up(what)

    def _follow_up(self, what: Happening) -> None:
        """Does what only a process can, and writes the line."""
        match what:
            case Elected(group, epoch, why):
                log.info("elected shard=%d epoch=%d why=%s", group - 1, epoch, why)
            case Leads(shard, epoch, why, after_ns):
                gc.freeze()  # as at a start: what lives now lives for long
                log.info("leads shard=%d epoch=%d why=%s after_ms=%d", shard, epoch, why, after_ns // 1_000_000)
            case Deposed(group, epoch):
                gc.unfreeze()  # the machine's memory may go
                log.info("leads no more shard=%d epoch=%d", group - 1, epoch)
            case LeaderChanged(group, epoch, name):
                level = logging.DEBUG if name is None else logging.INFO
                log.log(level, "leader shard=%d epoch=%d name=%s", group - 1, epoch, name or "nobody")
            case MembersChanged(group, rows, _):
                self._connect()
                names = ",".join(row[_NAME] if row[-1] else f"{row[_NAME]}(learns)" for row in rows)
                log.info("members shard=%d names=%s", group - 1, names)
                self._tell_removal(group, {row[_NAME] for row in rows})
            case SnapshotInstalled(group, entry):
                log.info("a copy of the shard is in place shard=%d entry=%d", group - 1, entry)
            case Waits(shard, is_committed):
                why = (
                    "its rows are not applied: does somebody hold the shard file's lock?"
                    if is_committed
                    else "its log is not committed: too few members answer"
                )
                log.warning("shard waits for its new leader shard=%d because %s", shard, why)
            case HandsOver(shard):
                log.warning("hands a shard over whose rows stand still here shard=%d", shard)

    def _tell_removal(self, group: int, names: set[str]) -> None:
        """Tells of the end of a membership that this life has seen: who catches up reads of times before its own."""
        if self.leadership.directory.node in names:
            self._belongs.add(group)
        elif group in self._belongs:
            self._belongs.discard(group)
            mend = "stop this node when it is so in all shards, and delete its data directory"
            log.warning("this node was taken out of the cluster shard=%d; %s", group - 1, mend)

    def _connect(self) -> None:
        """Connects to whoever is a member of any shard's group."""
        self.members.set_members(list(self.leadership.directory.rows().values()))

    def has_left(self, now: Now) -> bool:
        """Hands all shards over, and says whether that is done, or has taken as long as it may."""
        if self.leadership.leave_ns is None and (leaving := self.leadership.leave(now)):
            log.info("hands its shards over shards=%s", ",".join(map(str, leaving)))
        return self.leadership.has_left(now, is_alone=not self.members.connected())

    def spare(self, now: Now) -> None:
        """Hands its shards over because this node cannot take new jobs, and another one may."""
        if handed := self.leadership.spare(now):
            log.info("hands its shards over, for there is no room shards=%s", ",".join(map(str, handed)))
