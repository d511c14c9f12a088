"""The archive keeps bytes under their hash and every reception with its outcome."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from lakehouse.archive import Archive, Receipt
from lakehouse.errors import TerminalError
from lakehouse.storage import LocalStorage


def put(archive: Archive, content: bytes, sequence: int = 0, run: str = "run") -> Receipt:
    return archive.put(content, run_id=run, sequence=sequence, source="meter", path="m1/pf.csv", request={"site": "x"})


def test_bytes_come_back_as_they_were(tmp_path: Path) -> None:
    archive = Archive(LocalStorage(), str(tmp_path))
    content = b"ts,pf\n" * 1000
    receipt = put(archive, content)
    assert receipt.sha256 == hashlib.sha256(content).hexdigest()
    assert archive.get(receipt.sha256) == content


def test_equal_bytes_are_stored_once_and_every_reception_is_kept(tmp_path: Path) -> None:
    archive = Archive(LocalStorage(), str(tmp_path))
    for sequence in range(3):
        put(archive, b"same", sequence)
    assert len(list(tmp_path.rglob("*.zst"))) == 1
    assert [receipt.sequence for receipt in archive.receipts()] == [0, 1, 2]


def test_a_reception_carries_its_outcome_after_it_is_closed(tmp_path: Path) -> None:
    archive = Archive(LocalStorage(), str(tmp_path))
    archive.close(put(archive, b"x"), "refused", "no layout fits")
    assert [(receipt.outcome, receipt.reason) for receipt in archive.receipts()] == [("refused", "no layout fits")]


def test_damaged_bytes_are_found_and_not_handed_out(tmp_path: Path) -> None:
    archive = Archive(LocalStorage(), str(tmp_path))
    receipt = put(archive, b"good")
    other = put(archive, b"other", 1)
    stored = next(tmp_path.rglob(f"{receipt.sha256}.zst"))
    stored.write_bytes(next(tmp_path.rglob(f"{other.sha256}.zst")).read_bytes())
    with pytest.raises(TerminalError, match="does not have its hash"):
        archive.get(receipt.sha256)
    stored.write_bytes(b"no zstd")
    with pytest.raises(TerminalError, match="cannot be read"):
        archive.get(receipt.sha256)
