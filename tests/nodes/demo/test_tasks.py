"""The demonstration's tasks, called as plain functions."""

import hashlib
import zlib
from pathlib import Path

import pytest

from mainspring.nodes.demo import tasks


def test_a_digest_is_that_of_the_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A binary file read in many chunks must give the hash, the size and the lines of the whole."""
    monkeypatch.setattr(tasks, "CHUNK_BYTES", 100)
    content = bytes(range(256)) * 5
    (tmp_path / "data").write_bytes(content)
    found = tasks.digest(str(tmp_path / "data"))
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert (found.bytes, found.lines) == (1280, 5)
    assert found.compressed_bytes == len(zlib.compress(content))


def test_a_service_that_is_down_comes_up_at_the_third_attempt(tmp_path: Path) -> None:
    """Whatever number an attempt has, exactly the first two that run must fail."""
    for mark in ("first", "second"):
        with pytest.raises(ConnectionError, match=mark):
            tasks.fail_twice(str(tmp_path))
    assert "succeeds" in tasks.fail_twice(str(tmp_path))
