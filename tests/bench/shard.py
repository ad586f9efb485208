"""Measures the write path of a shard file: `python tests/bench/shard.py [jobs] [--profile]`.

Prints jobs a second, written and committed, for a submit and a finish of each job in batches of 256 an entry and 8
entries a transaction: ended within the transaction that takes them, ended later, and each half alone; and the bytes
that a job leaves behind.
"""

import cProfile
import gc
import pstats
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from mainspring.actors.entries import EXECUTORS, FINISH, LANES, LEASE, SUBMIT, Entry, Op
from mainspring.actors.jobs.lifecycle import OUTCOME_SUCCEEDED, SUCCEEDED
from mainspring.nodes.storage.shard.shard_file import ShardFile

BATCH = 256
ENTRIES_A_TRANSACTION = 8
PAYLOAD = '{"args":["someone@example.org","welcome"],"kwargs":{"n":17}}'
START_MS = 1_700_000_000_000
assert len(PAYLOAD.encode()) == 60


def submit(number: int, now_ms: int) -> list[Op]:
    """The ops that take and lease batch `number`."""
    first = number * BATCH + 1
    rows = [[1, PAYLOAD, now_ms, *[None] * 8] for _ in range(BATCH)]
    ids = list(range(first, first + BATCH))
    return [[SUBMIT, 1, number + 1, number, first, rows, []], [LEASE, 1, 1, ids, [1] * BATCH]]


def finish(number: int, now_ms: int) -> list[Op]:
    """The op that ends batch `number`."""
    first = number * BATCH + 1
    rows = [
        [
            id,
            1,
            OUTCOME_SUCCEEDED,
            SUCCEEDED,
            now_ms - 5,
            now_ms - 3,
            now_ms - 2,
            "null",
            None,
            None,
            None,
            0,
            0,
            None,
        ]
        for id in range(first, first + BATCH)
    ]
    return [[FINISH, 1, rows]]


def history(batches: int, lag: int) -> list[Entry]:
    """Entries that take a batch each and end the one taken `lag` entries before."""
    built: list[Entry] = []
    for turn in range(batches + lag):
        now_ms = START_MS + turn * 10
        ops: list[Op] = finish(turn - lag, now_ms) if turn >= lag else []
        if turn < batches:
            ops += submit(turn, now_ms)
        built.append(Entry(1, now_ms, ops))
    return built


def run(store: ShardFile, built: list[Entry]) -> float:
    """Applies the entries and returns the seconds that it took."""
    numbered = list(enumerate(built, store.applied + 1))
    gc.collect()
    gc.freeze()
    started = perf_counter()
    for at in range(0, len(numbered), ENTRIES_A_TRANSACTION):
        assert store.apply(numbered[at : at + ENTRIES_A_TRANSACTION])
    return perf_counter() - started


def new_store(path: Path) -> ShardFile:
    """Makes a shard with one lane and one executor."""
    store = ShardFile(path)
    lane: Op = [LANES, [[1, "default", "mail", 0, "shop.mail.send_email"]]]
    assert store.apply([(1, Entry(1, START_MS, [lane, [EXECUTORS, [[1, "node-1", "executor-1"]]]]))])
    return store


def ended_after(folder: Path, batches: int, lag: int, profile: bool) -> tuple[float, float]:
    """Returns jobs a second and bytes a job, where a batch ends `lag` entries after it was taken."""
    path = folder / f"lag{lag}.db"
    store = new_store(path)
    built = history(batches, lag)
    profiler = cProfile.Profile()
    if profile:
        profiler.enable()
    took = run(store, built)
    if profile:
        profiler.disable()
        pstats.Stats(profiler).sort_stats("tottime").print_stats(12)
    store.close()
    return batches * BATCH / took, path.stat().st_size / (batches * BATCH)


def halves(folder: Path, batches: int) -> tuple[float, float]:
    """Returns jobs a second of taking alone, and of ending alone."""
    store = new_store(folder / "halves.db")
    later = START_MS + batches
    taken = [Entry(1, START_MS + turn, submit(turn, START_MS + turn)) for turn in range(batches)]
    ended = [Entry(1, later + turn, finish(turn, later + turn)) for turn in range(batches)]
    rates = (batches * BATCH / run(store, taken), batches * BATCH / run(store, ended))
    store.close()
    return rates


def main(jobs: int, profile: bool) -> None:
    """Prints the table."""
    batches = jobs // BATCH
    print(f"{batches * BATCH} jobs, {BATCH} an entry, {ENTRIES_A_TRANSACTION} entries a transaction, payload 60 bytes")
    with tempfile.TemporaryDirectory() as name:
        for lag in (1, 4, 16):
            rate, size = ended_after(Path(name), batches, lag, profile)
            print(f"ended {lag:>2} entries later {rate:>10,.0f} jobs/s {size:>6.0f} bytes a job")
        taken, ended = halves(Path(name), batches)
    print(f"taken alone            {taken:>10,.0f} jobs/s")
    print(f"ended alone            {ended:>10,.0f} jobs/s")


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    main(int(words[0]) if words else 200_000, "--profile" in sys.argv)
