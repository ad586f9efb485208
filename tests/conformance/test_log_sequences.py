"""Any order of calls on every engine behind the log's seam, compared with plain lists."""

from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from log_engines import Engine, LocalEngine, MemoryEngine, RaftEngine

GROUPS = st.integers(1, 3)


class LogMachine(RuleBasedStateMachine):
    """Any order of calls, compared with lists."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine
        self.durable: dict[int, list[bytes]] = {1: [], 2: [], 3: []}
        self.waiting: list[tuple[int, bytes]] = []
        self.epochs: dict[int, list[int]] = {1: [], 2: [], 3: []}
        self.writers: set[int] = set()
        self.floors = {1: 1, 2: 1, 3: 1}

    @rule(group=GROUPS)
    def campaign(self, group: int) -> None:
        """Every epoch is above those before."""
        epoch = self.engine.log.campaign(group)
        assert all(epoch > before for before in self.epochs[group])
        self.epochs[group].append(epoch)
        self.writers.add(group)

    @precondition(lambda self: self.writers)
    @rule(data=st.data(), size=st.sampled_from([0, 1, 200, 5_000, 9_000]))
    def append(self, data: st.DataObject, size: int) -> None:
        """An append gets the next index."""
        group = data.draw(st.sampled_from(sorted(self.writers)))
        blob = (b"%d/%d/" % (group, len(self.waiting))).ljust(size, b"x")
        self.waiting.append((group, blob))
        expected = len(self.durable[group]) + sum(1 for other, _ in self.waiting if other == group)
        assert self.engine.log.append(group, blob) == expected

    @rule()
    def sync(self) -> None:
        """All that waits becomes durable."""
        self.engine.log.sync()
        for group, blob in self.waiting:
            self.durable[group].append(blob)
        self.waiting = []

    @rule(group=GROUPS, share=st.floats(0, 1))
    def truncate(self, group: int, share: float) -> None:
        """Lets a first part go."""
        below = 1 + int(share * len(self.durable[group]))
        self.floors[group] = max(self.floors[group], below)
        self.engine.log.truncate(group, below)

    @rule(crash=st.booleans())
    def restart(self, crash: bool) -> None:
        """Forgets what waits and who wrote."""
        if crash:
            self.engine.crash()
        else:
            self.engine.reopen()
        self.waiting = []
        self.writers = set()

    @invariant()
    def agrees(self) -> None:
        """Indexes and entries are those of the lists; nothing at or above a floor is gone."""
        log = self.engine.log
        for group, durable in self.durable.items():
            expected = durable + [blob for other, blob in self.waiting if other == group]
            first = log.first_index(group)
            assert log.committed(group) == len(durable)
            assert log.last_index(group) == len(expected)
            assert first <= self.floors[group]
            assert [record.blob for record in log.read(group, first, len(expected))] == expected[first - 1 :]

    def teardown(self) -> None:
        """Ends the engine."""
        self.engine.end()


class MemoryLogMachine(LogMachine):
    """The twin in memory."""

    def __init__(self) -> None:
        super().__init__(MemoryEngine(Path()))


class LocalLogMachine(LogMachine):
    """The log on disk."""

    lives = 0
    root: Path

    def __init__(self) -> None:
        LocalLogMachine.lives += 1
        super().__init__(LocalEngine(self.root / str(LocalLogMachine.lives)))


class RaftLogMachine(LogMachine):
    """The replicated log with one voter. Its epoch is durable with the next sync, as nothing leaves before."""

    def __init__(self) -> None:
        super().__init__(RaftEngine(Path()))

    @rule(group=GROUPS)
    def campaign(self, group: int) -> None:
        """Every epoch is above those before."""
        self.sync()
        super().campaign(group)


def test_memory_log_equals_a_list():
    """No order of calls makes the twin differ from plain lists."""
    run(MemoryLogMachine, examples=60, steps=40)


def test_raft_log_equals_a_list():
    """No order of calls makes the replicated log of one voter differ from plain lists."""
    run(RaftLogMachine, examples=40, steps=40)


def test_local_log_equals_a_list(tmp_path: Path):
    """No order of calls, restarts and crashes makes the log on disk differ from plain lists."""
    LocalLogMachine.root = tmp_path
    run(LocalLogMachine, examples=15, steps=30)


def run(machine: type[RuleBasedStateMachine], *, examples: int, steps: int) -> None:
    """Runs a state machine as one test."""
    case = machine.TestCase()
    case.settings = settings(max_examples=examples, stateful_step_count=steps, deadline=None)
    case.runTest()
