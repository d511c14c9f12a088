"""Promises of the archive's age: only bytes that have landed go, and what went says so."""

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakehouse.archive import Archive, Receipt
from lakehouse.archive_age import drop_landed, refuse_if_dropped
from lakehouse.errors import TerminalError
from lakehouse.storage import LocalStorage

LATER = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(LocalStorage(), str(tmp_path))


def received(archive: Archive, content: bytes, *outcomes: str) -> Receipt:
    """Receive bytes as often as there are outcomes; returns the last reception."""
    for number, outcome in enumerate(outcomes):
        receipt = archive.receive(
            io.BytesIO(content), run_id=f"r{number}", sequence=0, source="s", path="p", request={}
        ).receipt
        if outcome != "received":
            receipt = archive.close(receipt, outcome)
    return receipt


def test_only_bytes_whose_last_reception_landed_go(archive: Archive) -> None:
    for outcomes in (["landed"], ["landed", "unchanged"], ["failed", "landed"]):
        received(archive, f"go {outcomes}".encode(), *outcomes)
    for outcomes in (["refused"], ["received"], ["failed"], ["landed", "failed"], ["landed", "received"]):
        received(archive, f"stay {outcomes}".encode(), *outcomes)
    assert drop_landed(archive, datetime.now(UTC) - timedelta(days=1)).objects == 0  # all are young
    planned = drop_landed(archive, LATER, dry_run=True)
    assert len(list(Path(archive.root).rglob("*.zst"))) == 8
    assert drop_landed(archive, LATER) == planned
    kept = {archive.get(r.sha256) for r in archive.receipts() if r.dropped_at is None}
    assert planned.objects == 3
    assert len(kept) == 5
    assert all(content.startswith(b"stay") for content in kept)
    assert drop_landed(archive, LATER).objects == 0


def test_a_replay_of_dropped_bytes_is_refused_and_one_of_bytes_that_came_back_is_not(archive: Archive) -> None:
    received(archive, b"bytes", "landed")
    drop_landed(archive, LATER)
    with pytest.raises(TerminalError, match=r"1 receipts .* cannot be replayed: their bytes were dropped"):
        refuse_if_dropped(archive, archive.receipts())
    received(archive, b"bytes", "landed", "unchanged")
    refuse_if_dropped(archive, archive.receipts())


def test_bytes_received_while_they_are_dropped_are_kept(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    old = received(archive, b"bytes", "landed")
    delete = archive.storage.delete

    def receive_first(uris: Iterable[str]) -> None:
        archive.receive(io.BytesIO(b"bytes"), run_id="new", sequence=0, source="s", path="p", request={})
        delete(uris)

    monkeypatch.setattr(archive.storage, "delete", receive_first)
    drop_landed(archive, LATER)
    assert archive.get(old.sha256) == b"bytes"


def test_bytes_dropped_while_they_are_received_are_written_again(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = received(archive, b"bytes", "landed")
    record = archive.record

    def drop_first(receipt: Receipt) -> None:
        monkeypatch.undo()
        drop_landed(archive, LATER)
        record(receipt)

    monkeypatch.setattr(archive, "record", drop_first)
    archive.receive(io.BytesIO(b"bytes"), run_id="new", sequence=0, source="s", path="p", request={})
    assert archive.get(old.sha256) == b"bytes"


def test_a_crash_after_the_mark_leaves_bytes_that_the_next_call_drops(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    received(archive, b"bytes", "landed")
    with monkeypatch.context() as patch:
        patch.setattr(archive.storage, "delete", lambda uris: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            drop_landed(archive, LATER)
    refuse_if_dropped(archive, archive.receipts())  # the bytes are still there
    assert drop_landed(archive, LATER).objects == 1
