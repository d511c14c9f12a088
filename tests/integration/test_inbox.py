"""The inbox: complete files are taken, each lands once, and what is taken is put away with what became of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest

import lakehouse.landing.inbox
from ingest.registry import registry
from lakehouse.errors import TransientError, WrongUsage
from lakehouse.landing.inbox import InboxReport
from lakehouse.reader import open_session
from lakehouse.settings import Settings
from lakehouse.source import LandOptions
from tests.support.device_files import minutes, write_signal
from tests.support.house import take_inbox


def at_once(_seconds: float) -> None:
    """Waits for nothing: what these tests write is complete."""


def take(settings: Settings, **options: object) -> InboxReport:
    return take_inbox(settings, "meter", LandOptions(), **{"wait": at_once, **options})


def drop(settings: Settings, asset: str, count: int = 4) -> Path:
    """A complete file in the inbox."""
    return write_signal(settings.inbox_path / "meter", asset, "com_ap", [(s, 1) for s in minutes("2024-06-01", count)])


def below(folder: Path) -> list[str]:
    """Names below a folder of done or refused files, its date and run left out."""
    files = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return sorted("/".join(path.relative_to(folder).parts[2:]) for path in files)


def landed_rows(settings: Settings) -> list[tuple[object, ...]]:
    connection = open_session(settings, registry().contracts)
    try:
        return connection.execute(
            "SELECT asset_id, count(*) FROM raw.meter_observations GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    finally:
        connection.close()


def test_files_land_and_lie_in_done_and_refused_ones_lie_beside_their_reason(settings: Settings) -> None:
    drop(settings, "m1")
    unknown = settings.inbox_path / "meter" / "unknown.csv"
    unknown.write_text("colour\nred\n")
    report = take(settings)
    assert sorted(outcome.status for outcome in report.files) == ["landed", "refused"]
    assert report.ok
    assert landed_rows(settings) == [("m1", 4)]
    assert below(settings.inbox_path / "done") == ["m1/com_ap.csv"]
    assert below(settings.inbox_path / "refused") == ["unknown.csv", "unknown.csv.reason.txt"]
    assert report.refused_to is not None
    reason = (report.refused_to / "unknown.csv.reason.txt").read_text()
    assert "unknown.csv" in reason
    assert "next:" in reason
    assert take(settings).files == []


def test_a_file_that_is_still_being_written_waits(settings: Settings) -> None:
    growing, done = drop(settings, "m1"), drop(settings, "m2")
    for name in ("half.csv.part", "half.csv.tmp", ".hidden.csv", "upload.FILEPART"):
        (settings.inbox_path / "meter" / name).write_text("ts,com_ap\n")

    def write_on(_seconds: float) -> None:
        with growing.open("a") as file:
            file.write("2024-06-01 12:00:00,5\n")

    report = take(settings, wait=write_on)
    assert [Path(outcome.path) for outcome in report.files] == [done]
    assert report.waiting == [str(growing)]
    assert growing.exists()
    assert len(list((settings.inbox_path / "meter").iterdir())) == 6  # two folders, and what looks unfinished
    assert [Path(outcome.path) for outcome in take(settings).files] == [growing]
    assert landed_rows(settings) == [("m1", 5), ("m2", 4)]


def test_a_file_that_is_replaced_while_it_lands_stays_for_the_next_run(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = drop(settings, "m1")
    land = lakehouse.landing.inbox.land_files

    def replaced_meanwhile(*arguments: object) -> object:
        report = land(*arguments)
        drop(settings, "m1", count=9)
        return report

    monkeypatch.setattr(lakehouse.landing.inbox, "land_files", replaced_meanwhile)
    report = take(settings)
    assert report.files == []
    assert report.waiting == [str(path)]
    monkeypatch.setattr(lakehouse.landing.inbox, "land_files", land)
    assert [outcome.status for outcome in take(settings).files] == ["landed"]
    assert landed_rows(settings) == [("m1", 9)]


def test_a_crash_between_landing_and_putting_away_loses_nothing_and_doubles_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = drop(settings, "m1")

    def crash(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(lakehouse.landing.inbox.shutil, "move", crash)
        with pytest.raises(KeyboardInterrupt):
            take(settings)
    assert path.exists()
    assert landed_rows(settings) == [("m1", 4)]
    assert [outcome.status for outcome in take(settings).files] == ["unchanged"]
    assert landed_rows(settings) == [("m1", 4)]
    assert below(settings.inbox_path / "done") == ["m1/com_ap.csv"]


def test_hostile_names_and_links_leave_the_inbox_and_touch_nothing_outside(settings: Settings, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "com_ap.csv").write_text("ts,com_ap\n2024-06-01 00:00:00,1\n")
    inbox = settings.inbox_path / "meter"
    inbox.mkdir(parents=True)
    (inbox / "linked.csv").symlink_to(secret / "com_ap.csv")
    (inbox / "folder").symlink_to(secret)
    os.mkfifo(inbox / "pipe.csv")
    names = ["a\nb.csv", "x'; DROP TABLE runs; --.csv", "*?[].csv", "‮vsc.csv", "n" * 251 + ".csv", "-rf"]
    for name in names:
        (inbox / name).write_text("colour\nred\n")
    (inbox / os.fsdecode(b"\xff.csv")).write_text("colour\nred\n")
    # one that is named like another one's reason
    (inbox / "-rf.reason.txt").write_text("colour\nred\n")
    report = take(settings)
    assert {outcome.status for outcome in report.files} == {"refused"}
    assert len(report.files) == 3 + len(names) + 2
    assert list(inbox.iterdir()) == []
    assert [path.name for path in secret.iterdir()] == ["com_ap.csv"]
    put_away = below(settings.inbox_path / "refused")
    assert len(put_away) == 2 * len(report.files)
    assert {"linked.csv", "folder", "pipe.csv", *names} <= set(put_away)
    assert [path for path in (settings.inbox_path / "refused").rglob("*.reason.txt") if not path.read_text()] == []


def test_one_run_at_a_time_takes_from_a_folder(settings: Settings) -> None:
    drop(settings, "m1")

    def meanwhile(_seconds: float) -> None:
        with pytest.raises(TransientError, match="another run takes files"):
            take(settings)

    assert len(take(settings, wait=meanwhile).files) == 1


def test_many_files_land_in_batches(settings: Settings) -> None:
    for number in range(5):
        drop(settings, f"m{number}")
    assert len(take(settings, batch=2).files) == 5
    assert landed_rows(settings) == [(f"m{number}", 4) for number in range(5)]


def test_a_folder_of_no_source_is_wrong_usage(settings: Settings) -> None:
    with pytest.raises(WrongUsage):
        take_inbox(settings, "done", LandOptions(), wait=at_once)
    assert not (settings.inbox_path / "done").exists()
