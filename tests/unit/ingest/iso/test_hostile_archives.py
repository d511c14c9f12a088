"""Archives that lie, nest, explode or are broken are refused with a reason, in bounded time and memory."""

from __future__ import annotations

import contextlib
import hashlib
import io
import random
import struct
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import packed
from ingest.packed import members
from lakehouse.errors import UnreadableFile
from lakehouse.source import RawFile

GOOD = b"Time Stamp,Name\n07/01/2025 00:00,SIM WEST\n"


def raw(content: bytes, name: str = "a.zip") -> RawFile:
    return RawFile(hashlib.sha256(content).hexdigest(), Path("/given") / name, len(content), lambda: iter([content]))


def archive(*listed: tuple[str | zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as made:
        for name, content in listed:
            made.writestr(name, content, compress_type=compression)
    return buffer.getvalue()


def read(content: bytes) -> dict[str | None, int]:
    """Names and lengths of everything in it."""
    return {member.name: sum(map(len, member.content)) for member in members(raw(content))}


def bomb() -> bytes:
    return archive(("zeros.csv", bytes(48 << 20)))


def nested(depth: int) -> bytes:
    content = GOOD
    name = "prices.csv"
    for level in range(depth):
        content = archive((name, content))
        name = f"level{level}.zip"
    return content


def encrypted() -> bytes:
    content = bytearray(archive(("prices.csv", GOOD)))
    content[6] |= 1  # general purpose flag of the local header and of the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def wrong_checksum() -> bytes:
    content = bytearray(archive(("prices.csv", GOOD)))
    for header, at in ((b"PK\x03\x04", 14), (b"PK\x01\x02", 16)):
        where = content.index(header) + at
        content[where : where + 4] = struct.pack("<I", zlib.crc32(GOOD) ^ 1)
    return bytes(content)


def lying_about_size() -> bytes:
    """A member whose directory entry promises three bytes of the 48 megabytes that it holds."""
    content = bytearray(bomb())
    where = content.index(b"PK\x01\x02") + 24
    content[where : where + 4] = struct.pack("<I", 3)
    return bytes(content)


def damaged_stream() -> bytes:
    content = bytearray(archive(("prices.csv", random.Random(1).randbytes(4000))))
    content[400:900] = bytes(500)
    return bytes(content)


def of_an_unknown_compression() -> bytes:
    content = bytearray(archive(("prices.csv", GOOD)))
    content[8] = 99
    content[content.index(b"PK\x01\x02") + 10] = 99
    return bytes(content)


def overlapping() -> bytes:
    """Two hundred directory entries for one and the same compressed megabytes (after D. Fifield's better zip bomb)."""
    single = archive(("zeros.csv", bytes(24 << 20)))
    start = single.index(b"PK\x01\x02")
    entry = single[start : single.index(b"PK\x05\x06")]
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 200, 200, len(entry) * 200, start, 0)
    return single[:start] + entry * 200 + end


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "bomb": (bomb, "unpacks to more than"),
    "bomb in an archive": (lambda: archive(("inner.zip", bomb())), "unpacks to more than"),
    "three archives deep": (lambda: nested(4), "archives deep"),
    "encrypted": (encrypted, "encrypted"),
    "wrong checksum": (wrong_checksum, "damaged"),
    "lying about its size": (lying_about_size, ""),
    "damaged stream": (damaged_stream, "damaged"),
    "unknown compression": (of_an_unknown_compression, "damaged"),
    "overlapping members": (overlapping, ""),
    "ten thousand members": (lambda: archive(*((f"{n}.csv", b"") for n in range(10_000))), "10000 files"),
    "ten thousand in an archive": (
        lambda: archive(("inner.zip", archive(*((f"{n}.csv", b"") for n in range(10_000))))), "10000 files",
    ),
    "cut short": (lambda: archive(("prices.csv", GOOD * 100))[:-30], "damaged"),
    "its directory alone": (lambda: (a := archive(("prices.csv", GOOD)))[a.index(b"PK\x01\x02") :], ""),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_soon_and_in_little_memory(name: str) -> None:
    make, reason = HOSTILE[name]
    content = make()
    tracemalloc.start()
    began = time.process_time()
    try:
        if name == "its directory alone":
            # no archive by its first bytes: a file like any other, which no reader of prices takes
            assert list(read(content)) == [None]
            return
        with pytest.raises(UnreadableFile) as refused:
            read(content)
        assert time.process_time() - began < 3.0
        assert tracemalloc.get_traced_memory()[1] < 96 << 20
    finally:
        tracemalloc.stop()
    assert reason in refused.value.message and refused.value.next_step


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_is_told_by_its_name_wherever_that_name_points() -> None:
    """Nothing is written under a member's name: it is a word in a row."""
    link = zipfile.ZipInfo("link.csv")
    link.external_attr = 0o120777 << 16
    content = archive(
        ("../../evil.csv", GOOD), ("/etc/evil.csv", GOOD), ("C:\\evil.csv", GOOD), (link, b"/etc/passwd"),
        ("folder/", b""), ("prices.csv", GOOD), ("prices.csv", GOOD),
    )  # fmt: skip
    names = [member.name for member in members(raw(content)) if sum(map(len, member.content)) >= 0]
    assert len(names) == 6 and names[-2:] == ["prices.csv", "prices.csv"]
    assert not Path("/etc/evil.csv").exists()


def test_a_member_without_a_name_is_read_like_any_other() -> None:
    content = archive(("a.csv", GOOD), ("b.csv", GOOD)).replace(b"b.csv", b"\0.csv")  # a name ends at a zero
    assert read(content) == {"a.csv": len(GOOD), "": len(GOOD)}


def test_archives_in_archives_are_read_two_deep_with_both_names() -> None:
    assert read(nested(1)) == {"prices.csv": len(GOOD)}
    assert read(nested(2)) == {"level0.zip/prices.csv": len(GOOD)}
    with pytest.raises(UnreadableFile):
        read(nested(3))


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_every_usual_compression_is_read(compression: int) -> None:
    assert read(archive(("prices.csv", GOOD * 1000), compression=compression)) == {"prices.csv": len(GOOD) * 1000}


def test_the_limit_of_all_members_together_holds_over_nested_archives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "TOTAL_BYTES", 1 << 20)
    part = archive(("prices.csv", random.Random(2).randbytes(400_000)))
    assert len(read(archive(("a.zip", part)))) == 1
    with pytest.raises(UnreadableFile, match="unpacks to more"):
        read(archive(("a.zip", part), ("b.zip", part), ("c.zip", part)))


def test_an_archive_is_read_from_disk_and_has_a_size_that_it_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    inner = archive(("prices.csv", random.Random(2).randbytes(400_000)))
    content = archive(("inner.zip", inner), ("small.zip", archive(("prices.csv", GOOD))))
    monkeypatch.setattr(packed, "SPOOL_BYTES", 1000)
    assert read(content) == {"inner.zip/prices.csv": 400_000, "small.zip/prices.csv": len(GOOD)}
    monkeypatch.setattr(packed, "ARCHIVE_BYTES", len(content) - 1)
    with pytest.raises(UnreadableFile, match="the archive has more than"):
        read(content)


def test_members_that_are_left_unread_cost_nothing() -> None:
    content = archive(("zeros.csv", bytes(48 << 20)), ("prices.csv", GOOD))
    tracemalloc.start()
    try:
        found = [(m.name, sum(map(len, m.content)) if m.name == "prices.csv" else None) for m in members(raw(content))]
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    assert found == [("zeros.csv", None), ("prices.csv", len(GOOD))]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=6), st.integers(0, 12)), min_size=1, max_size=4))
def test_whatever_happens_to_its_bytes_an_archive_is_read_or_refused(changes: list[tuple[int, bytes, int]]) -> None:
    content = bytearray(archive(("a.csv", GOOD), ("b.zip", archive(("c.csv", GOOD)))))
    for at, new, gone in changes:
        content[at : at + gone] = new
    with contextlib.suppress(UnreadableFile):  # nothing else is raised
        read(bytes(content))
