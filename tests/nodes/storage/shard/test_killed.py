"""A node that is killed while it writes a shard."""

import random
import subprocess
import sys
from pathlib import Path

import pytest
from shard_entries import history, row_faults

from mainspring.nodes.storage.shard.shard_file import ShardFile

WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from shard_entries import FIRST, history
from mainspring.nodes.storage.shard.shard_file import ShardFile
store = ShardFile(sys.argv[1], checkpoint_pages=50)
print("open", flush=True)
log = [FIRST, *history(20_000)][store.applied :]
for at in range(0, len(log), 3):
    assert store.apply(log[at : at + 3])
    print(store.applied, flush=True)
"""


@pytest.mark.integration
def test_killed_while_it_applies(tmp_path: Path) -> None:
    """After kill -9 at any moment the file is sound, its rows are those of `applied`, and nothing applied is lost."""
    path = tmp_path / "shard.db"
    draw = random.Random(11)
    support = Path(__file__).parents[3] / "support"
    last = 0
    for _ in range(6):
        arguments = [sys.executable, "-c", WRITER, str(path), str(support)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "open\n"
            for _ in range(draw.randint(1, 120)):
                last = int(writer.stdout.readline())
            writer.kill()
            told = [int(line) for line in writer.stdout.read().split("\n") if line.isdigit()]
        last = max([last, *told])
        faults = row_faults(path)
        assert faults == []
        store = ShardFile(path)
        assert store.applied >= last
        last = store.applied
        assert store.apply(history(2, first=last + 1))
        store.close()
    assert last > 6
