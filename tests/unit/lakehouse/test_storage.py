"""Files of the warehouse and the archive on local disk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakehouse.storage import LocalStorage


def test_files_are_listed_with_size_and_instant_read_replaced_and_deleted(tmp_path: Path) -> None:
    storage, uri, other = LocalStorage(), f"{tmp_path}/a/b.bin", f"{tmp_path}/a/c/d.bin"
    assert not storage.exists(uri) and list(storage.list(f"{tmp_path}/a")) == []
    storage.write(uri, b"first")
    storage.write(uri, b"second")
    storage.write(other, b"")
    listed = {file.uri: file for file in storage.list(f"{tmp_path}/a")}
    assert {name: file.size_bytes for name, file in listed.items()} == {uri: 6, other: 0}
    assert abs(listed[uri].modified_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert dict(storage.read_each([uri, other])) == {uri: b"second", other: b""}
    with storage.open(uri) as stream:
        assert stream.read(3) == b"sec"
    storage.delete([uri, uri])
    assert not storage.exists(uri)
    with pytest.raises(FileNotFoundError):
        storage.read(uri)


def test_an_upload_moves_the_local_file(tmp_path: Path) -> None:
    source = tmp_path / "work" / "x"
    source.parent.mkdir()
    source.write_bytes(b"bytes")
    LocalStorage().upload(source, f"{tmp_path}/store/x")
    assert not source.exists() and LocalStorage().read(f"{tmp_path}/store/x") == b"bytes"


def test_a_write_that_fails_leaves_the_file_before_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, uri = LocalStorage(), f"{tmp_path}/a"
    storage.write(uri, b"before")
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        storage.write(uri, b"after")
    assert [file.uri for file in storage.list(str(tmp_path))] == [uri] and storage.read(uri) == b"before"
