"""What must never happen in a group, watched over all its members at once.

Decides from what members write to their disks, say and report as committed; no member knows any of it. One leader a
term; logs that agree in one entry agree in all before it; a committed entry never changes, is on the disks of a quorum,
and every later leader has it; what is committed never becomes less; a member votes once a term, whatever crashes
between; an answer is durable before it leaves; a read sees all that was acknowledged before it. Rule: Ongaro (2014),
figure 3.2, and docs/design.md, "Replication and election".
"""

from typing import Any, NamedTuple

from ...actors.raft.hard_state import decode_state
from ...actors.raft.members import members_in, voters_of
from ...broker.wire.fields import Row
from ...broker.wire.messages import Appended, Message, Vote, Voted


class Violation(Exception):
    """Something happened that must never happen."""


class Written(NamedTuple):
    """An entry, and what stood before it."""

    prev_term: int
    blob: bytes


class Witness:
    """All that was ever written, said and committed in one run."""

    def __init__(self) -> None:
        self._written: dict[tuple[int, int, int], Written] = {}
        """(group, index, term) -> the entry."""
        self._leaders: dict[tuple[int, int], str] = {}
        self._votes: dict[tuple[int, int, str], str] = {}
        self._rows: dict[tuple[int, int], list[list[Row]]] = {}
        """(group, term) -> the members that its leader has counted by."""
        self.committed: dict[int, list[tuple[int, int]]] = {}
        """Of each group: (term of the entry, a term in which it was known to be committed), from entry 1 on."""
        self._applied: dict[tuple[int, int], bytes] = {}
        self.acked: dict[int, int] = {}
        """Of each group: the last entry that somebody was told to be safe."""
        self.elections = 0
        self.acks = 0
        self.reads = 0
        self.snapshots = 0
        self.changes = 0

    def counts(self) -> dict[str, int]:
        """Returns how much there was to see."""
        return {
            "elections": self.elections,
            "committed": sum(map(len, self.committed.values())),
            "acks": self.acks,
            "reads": self.reads,
            "snapshots": self.snapshots,
            "changes": self.changes,
        }

    def put(self, name: str, group: int, index: int, term: int, prev_term: int, blob: bytes) -> None:
        """A member writes an entry."""
        entry = Written(prev_term, blob)
        before = self._written.setdefault((group, index, term), entry)
        if before != entry:
            raise Violation(f"log_matching: entry {index} of term {term} is {before} and, at {name}, {entry}")
        if members_in(blob) is not None:
            self.changes += 1

    def began_behind(self, name: str, group: int, index: int, term: int) -> None:
        """A member's log begins behind an entry that a snapshot has brought."""
        self.snapshots += 1
        committed = self.committed.get(group, [])
        if index > len(committed) or committed[index - 1][0] != term:
            raise Violation(f"snapshots_are_committed: {name} begins behind entry {index} of term {term}")

    def elected(self, member: Any, group: int, term: int) -> None:
        """A member leads."""
        self.elections += 1
        leader = self._leaders.setdefault((group, term), member.name)
        if leader != member.name:
            raise Violation(f"one_leader_a_term: {leader} and {member.name} lead group {group} in term {term}")
        committed = self.committed.get(group, [])
        for index in range(len(committed), 0, -1):
            entry_term, known_in = committed[index - 1]
            if known_in < term:
                held = member.disk.term_at(group, index)
                if held not in (entry_term, 0):
                    raise Violation(
                        f"leaders_are_complete: {member.name} leads term {term} and holds {held} in the place of "
                        f"committed entry {index} of term {entry_term}"
                    )
                break

    def counts_by(self, group: int, term: int, rows: list[Row]) -> None:
        """A leader's members are these."""
        known = self._rows.setdefault((group, term), [])
        if not known or known[-1] != rows:
            known.append(rows)

    def commits(self, member: Any, group: int, before: int, index: int, disks: dict[str, Any]) -> None:
        """A member takes the entries behind `before` up to `index` for committed."""
        term = member.log.leader(group)[0]
        committed = self.committed.setdefault(group, [])
        if index < before:
            raise Violation(f"commit_never_goes_back: {member.name} goes from {before} to {index}")
        for at in range(before + 1, index + 1):
            held = member.disk.term_at(group, at)
            if at <= len(committed):
                if held not in (committed[at - 1][0], 0):
                    raise Violation(
                        f"committed_entries_stay: entry {at} is of term {committed[at - 1][0]}, at {member.name} {held}"
                    )
                continue
            if at != len(committed) + 1 or not held:
                raise Violation(f"committed_entries_are_known: {member.name} skips to entry {at}")
            committed.append((held, term))
            configs = [*self._rows.get((group, term), []), member.log.members(group)]
            if not any(_is_on_quorum(group, at, held, rows, disks) for rows in configs):
                raise Violation(
                    f"commit_needs_disks: entry {at} of term {held} is on too few disks, says {member.name}"
                )

    def leaves(self, member: Any, peer: str, message: Message) -> None:
        """A message leaves a member."""
        kind = type(message)
        if kind not in (Vote, Voted, Appended):
            return
        known: Any = message
        hard = decode_state(member.disk.durable_state(known.group))
        if kind is Appended and known.is_ok and known.index > member.disk.durable_last(known.group):
            raise Violation(f"durable_before_visible: {member.name} acknowledges {known.index} before its fsync")
        if hard is None or hard.term < known.term:
            raise Violation(f"durable_before_visible: {member.name} speaks of term {known.term} before its fsync")
        voted = member.name if kind is Vote else peer if kind is Voted and known.is_granted else None
        if voted is None:
            return
        before = self._votes.setdefault((known.group, known.term, member.name), voted)
        if before != voted:
            raise Violation(f"one_vote_a_term: {member.name} votes for {before} and {voted} in term {known.term}")

    def applied(self, name: str, group: int, index: int, digest: bytes) -> None:
        """A member's shard shows all entries up to one."""
        before = self._applied.setdefault((group, index), digest)
        if before != digest:
            raise Violation(f"same_rows_everywhere: {name} shows another shard at entry {index}")

    def acknowledged(self, name: str, group: int, index: int, term: int) -> None:
        """A leader tells a client that its entry is safe."""
        self.acks += 1
        committed = self.committed.get(group, [])
        if index > len(committed) or committed[index - 1][0] != term:
            raise Violation(f"acks_are_committed: {name} acknowledges entry {index} of term {term}")
        self.acked[group] = max(self.acked.get(group, 0), index)

    def answered(self, name: str, shown: int, needed: int) -> None:
        """A leader answers a read from what `shown` shows; `needed` was acknowledged before it was asked."""
        self.reads += 1
        if shown < needed:
            raise Violation(f"reads_see_acks: {name} shows entry {shown}, and {needed} was acknowledged before")


def _is_on_quorum(group: int, index: int, term: int, rows: list[Row], disks: dict[str, Any]) -> bool:
    voters = voters_of(rows)
    holders = sum(name in disks and disks[name].has_held(group, index, term) for name in voters)
    return 2 * holders > len(voters)
