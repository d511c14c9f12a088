"""The archive keeps bytes under their hash and every reception with its outcome."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest

from lakehouse import archive as archives
from lakehouse.archive import Archive, Receipt
from lakehouse.errors import TerminalError
from lakehouse.storage import LocalStorage


def put(archive: Archive, content: bytes, sequence: int = 0, run: str = "run") -> Receipt:
    return archive.receive(
        io.BytesIO(content), run_id=run, sequence=sequence, source="meter", path="m1/pf.csv", request={"site": "x"}
    ).receipt


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


class Growing(io.BytesIO):
    """A file that somebody writes to while it is read."""

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes; one more line follows each reading, up to a hundred."""
        found = super().read(size)
        here = self.tell()
        if len(self.getvalue()) < 2000:
            self.seek(0, io.SEEK_END)
            self.write(b"late,1\n")
            self.seek(here)
        return found


@pytest.mark.parametrize("in_memory_bytes", [64, 1 << 20])
def test_what_is_hashed_stored_and_handed_on_are_the_same_bytes_of_a_file_that_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory_bytes: int
) -> None:
    monkeypatch.setattr(archives, "IN_MEMORY_BYTES", in_memory_bytes)
    monkeypatch.setattr(archives, "BLOCK_BYTES", 100)
    archive = Archive(LocalStorage(), str(tmp_path))
    received = archive.receive(
        Growing(b"ts,pf\n" * 50), run_id="run", sequence=0, source="meter", path="m1/pf.csv", request={}
    )
    content = b"".join(received.blocks())
    assert hashlib.sha256(content).hexdigest() == received.receipt.sha256
    assert len(content) == received.receipt.bytes
    assert archive.get(received.receipt.sha256) == content == b"".join(received.blocks())
    assert not list(tmp_path.glob("receiving/*"))


def test_a_large_object_that_is_cut_short_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "BLOCK_BYTES", 100)
    archive = Archive(LocalStorage(), str(tmp_path))
    receipt = put(archive, b"".join(str(number).encode() for number in range(5000)))
    stored = next(tmp_path.rglob("*.zst"))
    stored.write_bytes(stored.read_bytes()[:-20])
    with pytest.raises(TerminalError, match="archived object"):
        list(archive.blocks(receipt.sha256))
