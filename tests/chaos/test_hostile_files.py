"""Hostile and broken input through the public `land`: refused or quarantined, in bounded time and memory."""

from __future__ import annotations

import gzip
import io
import itertools
import os
import socket
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingest.registry import registry
from lakehouse import ops as ops_tables
from lakehouse.catalog import open_catalog
from lakehouse.errors import UnreadableFile, WrongUsage
from lakehouse.landing.files import find_files
from lakehouse.landing.outcome import LandReport
from lakehouse.landing.receive import StillFile, Unread, take_all
from lakehouse.settings import Settings
from lakehouse.source import LandOptions
from tests.support.house import land, replay

ROWS = "".join(f"2024-06-01 00:{minute:02d}:00,{minute}\n" for minute in range(30))
GOOD = f"ts,com_ap\n{ROWS}".encode()


def write(folder: Path, content: bytes, name: str = "m1/com_ap.csv") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def observed(settings: Settings) -> list[dict[str, object]]:
    """Landed observations by asset, signal and instant."""
    table = open_catalog(settings).load_table(("raw", "meter_observations"))
    return sorted(table.scan().to_arrow().to_pylist(), key=lambda row: (row["asset_id"], row["signal"], row["ts"]))


def refusals(report: LandReport) -> dict[str, str]:
    return {Path(outcome.path).name: outcome.reason or "" for outcome in report.files if outcome.status == "refused"}


def packed_files() -> Iterator[tuple[str, bytes]]:
    """Containers, among them bombs: 100 MB of zeros, and archives in archives."""
    zeros = bytes(100_000_000)
    yield "bomb.gz.csv", gzip.compress(zeros)
    yield "gzip_cut.csv", gzip.compress(GOOD)[:-9]
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", zeros)
    nested = io.BytesIO()
    with zipfile.ZipFile(nested, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(20):
            archive.writestr(f"{number}.zip", inner.getvalue())
        archive.writestr("../../evil.csv", GOOD)
        archive.writestr("/etc/evil.csv", GOOD)
        link = zipfile.ZipInfo("link.csv")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    yield "nested.csv", nested.getvalue()
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        member = tarfile.TarInfo("../evil.csv")
        member.size = len(GOOD)
        archive.addfile(member, io.BytesIO(GOOD))
    yield "tar.csv", tar.getvalue()


def test_archives_are_refused_by_content_and_never_unpacked(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for name, content in packed_files():
        write(folder, content, name)
    write(folder, GOOD)
    report = land(settings, "meter", [folder], LandOptions())
    refused = refusals(report)
    assert len(refused) == 4 and all("unpack or export it" in reason for reason in refused.values())
    assert len(observed(settings)) == 30
    assert not list(tmp_path.rglob("evil.csv")) and not Path("/etc/evil.csv").exists()


BROKEN = {
    "cut_in_a_row": (GOOD[:-9], 29, 1),
    "cut_in_a_character": (GOOD[:-2] + "é".encode()[:1], 29, 1),
    "nul": (GOOD.replace(b",5\n", b",\x005\n"), 29, 1),
    "latin_1": (GOOD.replace(b",5\n", b",5\xe9\n"), 29, 1),
    "mark_in_the_middle": (GOOD + b"\xef\xbb\xbf" + GOOD.replace(b"-01 ", b"-02 "), 60, 1),
    "mixed_line_ends": (GOOD.replace(b",5\n", b",5\r\n"), 30, 0),
    "a_lone_carriage_return": (GOOD.replace(b",5\n", b",5\r"), 28, 1),
    "doubled_carriage_returns": (GOOD.replace(b"\n", b"\r\r\n"), 30, 0),
    "old_macintosh": (GOOD.replace(b"\n", b"\r"), 30, 0),
    "utf_16": (GOOD.decode().encode("utf-16"), 30, 0),
    "utf_32": (GOOD.decode().encode("utf-32"), 30, 0),
    "a_quote_never_closed": (GOOD.replace(b",5\n", b',"5\n'), 29, 1),
    "quotes_inside_of_cells": (GOOD.replace(b",5\n", b',1"5,"6\n'), 29, 1),
    "text_after_a_quote": (GOOD.replace(b",5\n", b',"5"0\n'), 29, 1),
    "a_million_digits": (GOOD.replace(b",5\n", b"," + b"9" * 10**6 + b"\n"), 29, 1),
    "too_large_for_a_double": (GOOD.replace(b",5\n", b",1e400\n"), 29, 1),
    "words_for_numbers": (GOOD.replace(b",5\n", b",NaN\n").replace(b",6\n", b",-Inf\n"), 28, 2),
    "digits_of_other_scripts": (GOOD.replace(b",5\n", ",\u0665\n".encode()), 29, 1),
    "hexadecimal": (GOOD.replace(b",5\n", b",0x5\n"), 29, 1),
    "negative_zero": (GOOD.replace(b",5\n", b",-0\n"), 30, 0),
    "the_year_1": (GOOD.replace(b"2024-06-01 00:05", b"0001-06-01 00:05"), 29, 1),
    "the_year_9999": (GOOD.replace(b"2024-06-01 00:05", b"9999-12-31 23:59"), 29, 1),
    "a_negative_year": (GOOD.replace(b"2024-06-01 00:05", b"-001-06-01 00:05"), 29, 1),
    "a_column_twice": (GOOD.replace(b"com_ap", b"com_ap,com_ap").replace(b":00,", b":00,7,"), 30, 1),
}


def test_a_broken_row_costs_itself_and_no_other(settings: Settings, tmp_path: Path) -> None:
    """One landing of all, each a meter of its own, so that one commit is paid."""
    for name, (content, _, _) in BROKEN.items():
        write(tmp_path / "in", content, f"{name}/com_ap.csv")
    report = land(settings, "meter", [tmp_path / "in"], LandOptions())
    found = {
        Path(outcome.path).parent.name: (outcome.counts.new, outcome.rows_quarantined, outcome.rows_read)
        for outcome in report.files
    }
    assert found == {name: (rows, refused, rows + refused) for name, (_, rows, refused) in BROKEN.items()}
    assert len(observed(settings)) == sum(rows for _, rows, _ in BROKEN.values())


WHOLE = {
    "empty.csv": b"", "blank.csv": b" \n\t\n", "nul.csv": bytes(4000), "no_header.csv": ROWS.encode(),
    "header_only.csv": b"ts,com_ap\n", "empty_header.csv": b",\n1,2\n", "quote.csv": b'"' + GOOD,
    "deep.json": b"[" * 100_000, "deep_object.json": b'{"a":' * 100_000, "cut.json": b'{"data": [{"time": "2024',
    "twice.json": b'{"a": 1, "a": 2}', "half_a_pair.json": b'{"a": "\\ud800"}',
    "nan.json": b"[NaN, 1e999, " + b"9" * 5000 + b"]", "long.csv": b"ts," + b"x" * 10**6 + b"\n1,2\n",
    "entity.xml": b'<!DOCTYPE f [<!ENTITY x SYSTEM "file:///etc/passwd">]><f xmlns="http://naesb.org/espi">&x;</f>',
    "deep.xml": b'<f xmlns="http://naesb.org/espi">' + b"<a>" * 100_000,
    "page.xml": b"<html><body>Sign in</body></html>", "cut.xml": b'<feed xmlns="http://naesb.org/espi"><entry',
    "old.xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000),
    "no_workbook.xlsx": b"PK\x03\x04" + bytes(100), "no_suffix": b"\x7fELF" + bytes(100),
    "columns.csv": b"ts," + b"a," * 12_000 + b"\n1,2\n", "utf_16_unmarked.csv": GOOD.decode().encode("utf-16-le"),
}  # fmt: skip


def test_a_file_of_which_nothing_can_be_used_is_refused_with_a_next_step(settings: Settings, tmp_path: Path) -> None:
    for name, content in WHOLE.items():
        write(tmp_path / "in", content, name)
    report = land(settings, "meter", [tmp_path / "in"], LandOptions())
    assert refusals(report).keys() == WHOLE.keys() and not report.ok
    assert all("\n  next: " in reason and len(reason) < 1000 for reason in refusals(report).values())


def test_a_million_meters_in_a_file_are_refused_before_they_cost_memory(tmp_path: Path) -> None:
    lines = "".join(f"W{number},2024-06-01 00:00,5\n" for number in range(200_000))
    content = f"name,time,Wh\n{lines}".encode()
    from lakehouse.source import RawFile

    with pytest.raises(UnreadableFile, match=r"200000 series .* at most 50000"):
        list(
            registry()
            .named("meter")
            .parse(RawFile("x", tmp_path / "m.csv", len(content), lambda: iter([content])), LandOptions())
        )


BOUNDED = """
import resource, sys, time
from pathlib import Path
from tests.support.house import land
from lakehouse.source import LandOptions
from lakehouse.settings import Settings
land(Settings(), "meter", [Path(sys.argv[1]).with_name("warm.csv")], LandOptions())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
report = land(Settings(), "meter", [Path(sys.argv[1])], LandOptions())
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
print(report.files[0].status, grown, report.files[0].reason)
"""


def test_a_line_of_200_mb_is_refused_within_five_times_its_size_of_memory(tmp_path: Path) -> None:
    write(tmp_path, b"ts,com_ap\n", "warm.csv")
    long = write(tmp_path, b"ts,com_ap\n" + b"1," * 100_000_000, "long.csv")
    environment = {**os.environ, "WATTLAKE_HOME": str(tmp_path / "home")}
    ran = subprocess.run(
        [sys.executable, "-c", BOUNDED, str(long)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=550,
        check=True,
    )
    status, grown, reason = ran.stdout.split(" ", 2)
    assert status == "refused" and "line has more than" in reason
    assert int(grown) < 5 * 200_000_000


def test_what_is_no_file_is_passed_over_in_folders_and_refused_by_name(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write(folder, GOOD)
    (folder / "loop.csv").symlink_to("loop.csv")
    (folder / "round").symlink_to(folder)
    (folder / "gone.csv").symlink_to("nowhere.csv")
    (folder / "zero.csv").symlink_to("/dev/zero")
    (folder / "folder.csv").mkdir()
    os.mkfifo(folder / "pipe.csv")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(folder / "socket.csv"))
    try:
        names = ("gone.csv", "loop.csv", "pipe.csv", "socket.csv", "zero.csv")
        found = find_files(registry().named("meter"), [folder])
        assert found.files == [(folder / "m1/com_ap.csv").resolve()]
        assert found.passed_over == [folder / name for name in names]
        by_name = land(settings, "meter", [folder / name for name in names] + [folder / "m1"], LandOptions())
        assert {Path(o.path).name: o.status for o in by_name.files} == {
            "com_ap.csv": "landed", **dict.fromkeys(names, "refused")
        }  # fmt: skip
        with pytest.raises(Unread, match="is not a file"):
            StillFile(folder / "pipe.csv")  # it took a file's place: no waiting for a writer
        assert not land(settings, "meter", [folder], LandOptions()).refused
    finally:
        server.close()


@pytest.mark.parametrize("change", [
    lambda path: path.unlink(),
    lambda path: (path.unlink(), os.mkfifo(path)),
    lambda path: (path.unlink(), path.mkdir()),
])  # fmt: skip
def test_a_file_that_changes_after_it_was_listed_is_refused_and_the_others_land(
    settings: Settings, tmp_path: Path, change: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = write(tmp_path, GOOD, "a/com_ap.csv"), write(tmp_path, GOOD, "b/com_ap.csv")

    def changed_before(*given: Any) -> None:
        change(second)
        take_all(*given)

    monkeypatch.setattr("lakehouse.landing.kernel.take_all", changed_before)
    report = land(settings, "meter", [first, second], LandOptions())
    assert [outcome.status for outcome in report.files] == ["landed", "refused"]
    assert len(observed(settings)) == 30


def test_a_file_that_grows_while_it_is_read_is_refused_and_lands_when_it_holds_still(
    settings: Settings, tmp_path: Path
) -> None:
    path = write(tmp_path, GOOD)
    stop, grown = threading.Event(), threading.Event()

    def grow() -> None:
        with path.open("ab") as handle:
            for number in range(10**9):
                if stop.is_set():
                    return
                handle.write(b"2024-06-02 00:00:%02d,%d\n" % (number % 60, number))
                handle.flush()
                grown.set()

    writer = threading.Thread(target=grow)
    writer.start()
    assert grown.wait(30)
    refused = False
    for _ in range(1000):  # each read takes far longer than a line
        try:
            with StillFile(path) as file:
                while file.read(1000):
                    pass
        except Unread as error:
            refused = "while it was read" in error.reason
            break
    stop.set()
    writer.join()
    assert refused
    assert land(settings, "meter", [path], LandOptions()).ok


@pytest.mark.parametrize("name", ["a\nb", "a\x00b", "\ud800", "\u202ex", " ", "a\tb"])
def test_a_name_that_cannot_be_shown_is_no_asset(settings: Settings, tmp_path: Path, name: str) -> None:
    for option in ("asset", "site"):
        with pytest.raises(WrongUsage, match="must be a name"):
            land(settings, "meter", [write(tmp_path, GOOD)], LandOptions(**{option: name}))


NAMES = (
    "..",
    "'; DROP TABLE x; --",
    '"',
    "*?[]{}",
    "-rf",
    "$(id)",
    "%2e%2e",
    "é\u0301",
    "\u05d0\u05d1",
    "x" * 200,
    "a\\b",
    "~",
    "{{ ref('x') }}",
)


def test_names_are_names_to_every_engine_and_lead_nowhere(settings: Settings, tmp_path: Path) -> None:
    folders = [name for name in (*NAMES, "x" * 255) if name != ".."]
    unprintable = ["a\nb", "\u202eb", "\x1b[31mred", " b"]
    for name in (*folders, *unprintable):
        write(tmp_path / "in", GOOD, f"{name}/com_ap.csv")
    report = land(settings, "meter", [tmp_path / "in"], LandOptions(site="../.. '; --"))
    assert {Path(outcome.path).parent.name for outcome in report.refused} == set(unprintable)
    assert all(
        "which is no name\n  next: rename" in str(o.reason) and str(o.reason).count("\n") == 1 for o in report.refused
    )
    assert all(str(outcome.reason).replace("\n", "").isprintable() for outcome in report.refused)
    header = b"ts,com_ap,'; DROP TABLE x; --,../../x,{{ 1/0 }},\x1b[2J\n2024-06-01 00:00:00,1,2,3,4,5\n"
    for name in NAMES[:3]:
        assert land(settings, "meter", [write(tmp_path / "in2", header)], LandOptions(asset=name)).ok
    rows = observed(settings)
    assert {row["asset_id"] for row in rows} == {*(f"../.. '; --/{name}" for name in folders), *NAMES[:3]}
    assert len(rows) == 30 * len(folders) + 3
    assert {row["signal"] for row in rows} == {"com_ap"}
    assert {path.name for path in tmp_path.iterdir()} == {"in", "in2", "home"}


def test_a_clock_that_steps_back_does_not_change_which_value_holds(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = datetime(2026, 5, 1, 12)  # noqa: DTZ001  as ops stores it
    for step in range(4):
        present = clock - timedelta(days=step)
        monkeypatch.setattr(ops_tables, "now", lambda present=present: present)
        path = write(tmp_path / str(step), GOOD.replace(b",5\n", b",%d\n" % (1000 + step)))
        os.utime(path, (1e9 - step, 1e9 - step))
        assert land(settings, "meter", [path], LandOptions()).ok
    before = observed(settings)
    assert before[5]["value"] == 1003.0
    runs = ops_tables.Ops(settings).query(ops_tables.RUNS.select().order_by(ops_tables.RUNS.c.started_at))
    assert all(run.started_at < run.finished_at for run in runs)
    assert all(one.finished_at < two.started_at for one, two in itertools.pairwise(runs))
    assert {table.outcome for table in replay(settings).tables} == {"equal"}
    assert observed(settings) == before


FULL = """
import resource, signal, sys
from pathlib import Path
from tests.support.house import land
from lakehouse.source import LandOptions
from lakehouse.errors import TerminalError
from lakehouse.settings import Settings
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
settings = Settings()
land(settings, "meter", [Path(sys.argv[1])], LandOptions())
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    land(settings, "meter", [Path(sys.argv[2])], LandOptions())
except TerminalError as error:
    print(error)
"""


def test_a_full_disk_fails_the_landing_and_the_next_one_works(settings: Settings, tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: the archive's object is the first that does not fit."""
    import random

    rng = random.Random(1)
    lines = (
        f"2024-06-{d:02d} {h:02d}:{m:02d}:00,{rng.random()}\n"
        for d in range(2, 29)
        for h in range(24)
        for m in range(60)
    )
    small, large = write(tmp_path, GOOD), write(tmp_path, b"ts,com_ap\n" + "".join(lines).encode(), "m2/com_ap.csv")
    environment = {**os.environ, "WATTLAKE_HOME": str(settings.root)}
    ran = subprocess.run(
        [sys.executable, "-c", FULL, str(small), str(large), "300000"], env=environment, capture_output=True, text=True,
        timeout=550, check=False,
    )  # fmt: skip
    assert "the disk is full: [Errno 27]" in ran.stdout, ran.stderr
    runs = ops_tables.Ops(settings).query(ops_tables.RUNS.select().order_by(ops_tables.RUNS.c.started_at))
    assert [run.status for run in runs] == ["done", "failed"] and "disk is full" in runs[1].error
    assert len(observed(settings)) == 30
    assert land(settings, "meter", [large], LandOptions()).ok
    assert len(observed(settings)) == 30 + 27 * 24 * 60
