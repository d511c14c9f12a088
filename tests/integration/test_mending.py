"""A broken home says what is broken and which command mends it; the command mends it. Rows as in docs/mending.md."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from dataclasses import replace as dataclass_replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from flows.cli.main import main
from lakehouse.archive import open_archive
from lakehouse.catalog import open_catalog
from lakehouse.engine import identifier
from lakehouse.landing.mending import METADATA
from lakehouse.ops import FETCHES, RUNS, SLICES, Ops
from lakehouse.settings import Settings
from tests.support.device_files import minutes, write_signal
from tests.support.house import KeptHome, build, land_meter, replay, rows

from .test_replay import contents

PRICES = (
    "DeliveryDate,DeliveryHour,DeliveryInterval,SettlementPointName,SettlementPointType,SettlementPointPrice,DSTFlag\n"
)


@dataclass
class Home:
    """A home with all kinds of landings, and what it holds."""

    kept: KeptHome
    folder: Path
    tables: dict[str, Any]

    @property
    def settings(self) -> Settings:
        return self.kept.settings

    def run(self, *arguments: str) -> Result:
        return wattlake(self.settings.root, *arguments)


def wattlake(home: Path, *arguments: str) -> Result:
    """A command in a home; whatever it says, it says it without a stack trace."""
    done = CliRunner(env={"WATTLAKE_HOME": str(home), "PREFECT_API_URL": None}).invoke(main, arguments)
    assert done.exception is None or isinstance(done.exception, SystemExit), (arguments, done.exception)
    gc.collect()  # a process that has ended holds no connection to the catalog
    return done


def problems(home: Path) -> str:
    """What the doctor calls a problem, with what mends it."""
    done = wattlake(home, "doctor", "--format", "json")
    found = [finding for finding in json.loads(done.output) if finding["status"] == "problem"]
    assert done.exit_code == bool(found)
    return "\n".join(f"{finding['says']}: {finding['mend']}" for finding in found)


def recorded(settings: Settings) -> list[Any]:
    """What ops says of files and slices; not when."""
    slices = [c for c in SLICES.c if c.name not in ("id", "started_at", "finished_at", "snapshot_id")]
    fetches = [c for c in FETCHES.c if c.name not in ("id", "started_at", "finished_at")]
    runs = [RUNS.c.id, RUNS.c.status]
    wanted = (sa.select(*slices), sa.select(*fetches), sa.select(*runs).where(RUNS.c.kind == "land"))
    return [sorted((tuple(row) for row in Ops(settings).query(select)), key=str) for select in wanted]


def land_everything(settings: Settings, folder: Path) -> None:
    """Conflicts, sites, zones, layouts, refused rows and files, the same bytes twice, prices stated twice."""
    stamps = minutes("2024-06-01", 12)
    land_meter(settings, write_signal(folder / "a", "m1", "com_ap", [(s, i) for i, s in enumerate(stamps)]))
    land_meter(settings, write_signal(folder / "b", "m1", "com_ap", [(s, 7) for s in stamps[:3]]), site="hof")
    land_meter(settings, write_signal(folder / "c", "m1", "com_ap", [(s, 9) for s in stamps[:3]]))
    land_meter(settings, write_signal(folder / "e", "m2", "pos_ae", [(stamps[0], "x"), (stamps[1], 3)]), asset="z")
    twice = write_signal(folder / "d", "m3", "com_ap", [(s, i) for i, s in enumerate(stamps)])
    land_meter(settings, twice)
    land_meter(settings, twice, timezone="Asia/Tokyo")
    land_meter(settings, twice, timezone="Asia/Tokyo")
    unknown = folder / "unknown.csv"
    unknown.write_text("colour\nred\n")
    assert not land_meter(settings, unknown).ok
    for name, usd in (("first", 20), ("second", 30)):
        prices = folder / f"{name}.csv"
        prices.write_text(PRICES + "".join(f"01/10/2026,{h},1,HB_NORTH,HU,{usd + h},N\n" for h in range(1, 25)))
        assert wattlake(settings.root, "land", "ercot-rt15-spp", str(prices)).exit_code == 0
    battery = folder / "battery"
    soc = write_signal(battery, "b1", "battery_w", [(s, 50 + i) for i, s in enumerate(stamps)])
    assert wattlake(settings.root, "land", "bess", str(soc), "--capacity-kwh", "10").exit_code == 0


@pytest.fixture(scope="module")
def whole_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder = tmp_path_factory.mktemp("mending")
    settings = Settings(home=folder / "home", threads=2)
    land_everything(settings, folder / "in")
    tables = contents(settings)
    assert {"meter_observations", "bess_observations", "iso_prices", "quarantine"} <= set(tables)
    return Home(KeptHome(settings), folder, tables)


@pytest.fixture
def home(whole_home: Home) -> Home:
    """The home as it was when everything had landed, in its place."""
    whole_home.kept.put_back()
    return whole_home


def files(settings: Settings, table: str, pattern: str) -> Iterator[Path]:
    found = sorted(Path(settings.warehouse, "raw", table).rglob(pattern))
    assert found
    yield from found


def overwrite(path: Path) -> None:
    path.write_bytes(os.urandom(path.stat().st_size))


def break_tables(settings: Settings) -> None:
    """Each table in another way."""
    for path in files(settings, "meter_observations", "*.parquet"):
        overwrite(path)
    for path in files(settings, "iso_prices", "*.parquet"):
        path.write_bytes(path.read_bytes()[:-9])
    for path in files(settings, "bess_observations", "*.parquet"):
        path.unlink()
    for path in files(settings, "assets", "*.metadata.json"):
        path.unlink()
    for path in files(settings, "signals", "*.avro"):
        overwrite(path)
    for path in files(settings, "quarantine", "*.metadata.json"):
        path.write_text('{"format-version": 2}')


def in_catalog(settings: Settings, write: Callable[[bytes], bytes | None]) -> None:
    gc.collect()
    path = settings.root / "catalog.db"
    content = write(path.read_bytes())
    for beside in settings.root.glob("catalog.db-*"):
        beside.unlink()
    path.unlink() if content is None else path.write_bytes(content)


def lose_all_but_the_archive(settings: Settings) -> None:
    in_catalog(settings, lambda _: None)
    shutil.rmtree(settings.warehouse)


DAMAGE: dict[str, tuple[Callable[[Settings], None], list[str]]] = {
    "tables that cannot be read": (
        break_tables,
        [f"raw.{name} cannot be read" for name in ("meter_observations", "iso_prices", "bess_observations", "assets")]
        + ["raw.signals cannot be read", "raw.quarantine cannot be read"],
    ),
    "a catalog of garbage": (lambda s: in_catalog(s, lambda old: b"garbage" * len(old)), ["not a database"]),
    "a catalog that was cut": (lambda s: in_catalog(s, lambda old: old[: len(old) // 2]), ["is damaged"]),
    "an empty catalog": (lambda s: in_catalog(s, lambda _: b""), ["has no record of a landing"]),
    "a catalog that is gone": (lambda s: in_catalog(s, lambda _: None), ["catalog.db is gone"]),
    "nothing but the archive": (lose_all_but_the_archive, ["catalog.db is gone"]),
    "a marker of garbage": (lambda s: overwrite(s.root / "home.json"), ["home.json is damaged"]),
}


#: Told and mended as their likes are, in other words; what follows from "nothing but the archive" has less to mend.
ALIKE = ("a catalog that was cut", "an empty catalog", "a catalog that is gone")


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.nightly if kind in ALIKE else ()) for kind in DAMAGE]
)
def test_a_replay_mends_it_row_for_row_and_record_for_record(home: Home, kind: str) -> None:
    damage, says = DAMAGE[kind]
    records = recorded(home.settings)
    damage(home.settings)
    told = problems(home.settings.root)
    assert all(text in told for text in says), told
    assert "wattlake replay" in told
    before = set(home.settings.root.rglob("*"))
    refused = [("sql", "FROM raw.meter_observations"), ("build",), ("maintain",)]
    landing = ("land", "meter", str(home.folder / "in" / "c"))
    if kind == "a marker of garbage":  # which only a landing reads
        refused = [landing]
    elif kind != "tables that cannot be read":  # of which a landing of equal bytes reads none
        refused.append(landing)
    for command in refused:
        broken = home.run(*command)
        assert broken.exit_code == 1 and "wattlake replay" in broken.output, (command, broken.output)

    mended = home.run("replay")
    assert mended.exit_code == 0, mended.output
    assert contents(home.settings) == home.tables
    assert recorded(home.settings) == records
    kept = {path for path in before if path.is_file() and path.parent.name in ("data", "metadata")}
    aside = {path.name for path in home.settings.root.rglob("*") if ".damaged-" in str(path)}
    assert {path.name for path in kept if not path.exists()} <= aside
    assert problems(home.settings.root) == ""
    # The record is whole: what has landed is known, and how it was read.
    unchanged = home.run("land", "meter", str(home.folder / "in" / "d"), "--timezone", "Asia/Tokyo")
    assert "1 unchanged" in unchanged.output


def test_bytes_of_a_killed_landing_are_not_lost_with_the_catalog(home: Home) -> None:
    late = write_signal(home.folder / "late", "m9", "com_ap", [(s, 1) for s in minutes("2024-06-02", 4)])
    archive = open_archive(home.settings)
    with late.open("rb") as stream:
        archive.receive(
            stream, run_id="f" * 32, sequence=0, source="meter", path=str(late), request={"timezone": "Asia/Tokyo"},
            received_at=Ops(home.settings).instant(),
        )  # fmt: skip
    in_catalog(home.settings, lambda _: None)
    assert home.run("replay").exit_code == 0
    found = contents(home.settings)
    landed = [row for row in found["meter_observations"] if row["asset_id"] == "m9"]
    assert next(str(row["ts"]) for row in landed) == "2024-06-01 15:00:00+00:00"
    others = {name: [row for row in rows if row.get("asset_id") != "m9"] for name, rows in found.items()}
    assert others == home.tables
    (receipt,) = archive.receipts("f" * 32)
    assert receipt.outcome == "landed"


def test_a_replay_that_was_killed_while_it_mends_lets_nothing_land_on_half_a_house(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in files(home.settings, "meter_observations", "*.parquet"):
        overwrite(path)
    with monkeypatch.context() as patch:
        patch.setattr("lakehouse.landing.replay._take_over", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            replay(home.settings)
    for command in (("land", "meter", str(home.folder / "in" / "c")), ("build",)):
        refused = home.run(*command)
        assert refused.exit_code == 1 and "lost raw.meter_observations" in refused.output
    assert "lost raw.meter_observations" in problems(home.settings.root)
    assert home.run("replay").exit_code == 0
    assert contents(home.settings) == home.tables


def test_a_dry_run_names_damaged_tables_and_changes_nothing(home: Home) -> None:
    (damaged, *_) = files(home.settings, "iso_prices", "*.parquet")
    whole = damaged.read_bytes()
    overwrite(damaged)
    assert "damaged" in home.run("replay", "--dry-run").output
    assert home.run("sql", "FROM raw.iso_prices").exit_code == 1
    # Nothing else has changed: with these bytes back, every row is.
    damaged.write_bytes(whole)
    assert contents(home.settings) == home.tables


def test_what_the_archive_does_not_give_back_stays_where_it_is(home: Home) -> None:
    """With bytes dropped for their age a replay would lose rows: it refuses before it puts anything aside."""
    archive = open_archive(home.settings)
    receipt = next(receipt for receipt in archive.receipts() if receipt.path.endswith("a/m1/com_ap.csv"))
    Path(archive.object(receipt.sha256)).unlink()
    archive.record(dataclass_replace(receipt, dropped_at="2026-01-01T00:00:00+00:00"))
    (damaged, *_) = files(home.settings, "iso_prices", "*.parquet")
    overwrite(damaged)
    before = sorted(Path(home.settings.warehouse).rglob("*"))
    refused = home.run("replay")
    assert refused.exit_code == 1 and "cannot be replayed" in refused.output
    assert sorted(Path(home.settings.warehouse).rglob("*")) == before


def digests(folder: Path) -> dict[str, str]:
    """Hash of every file that holds something; SQLite's shared memory and locks do not."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith((".lock", "-shm")))
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def marts(settings: Settings) -> dict[str, list[Any]]:
    """Every row of every published mart."""
    names = rows(settings, "SELECT table_name FROM duckdb_tables() WHERE database_name = 'marts' ORDER BY 1")
    kept = [str(name) for (name,) in names if not name.startswith("wattlake_")]
    return {name: rows(settings, f"FROM {identifier(name)} ORDER BY ALL") for name in kept}


def test_a_copied_home_touches_its_origin_in_no_way_and_becomes_a_house_of_its_own(
    tmp_path: Path,
) -> None:
    origin = Settings(home=tmp_path / "origin", threads=2)
    stamps = minutes("2024-06-01", 96)
    land_meter(origin, write_signal(tmp_path / "in", "m1", "com_ap", [(s, 1 + i % 4) for i, s in enumerate(stamps)]))
    build(origin)
    gc.collect()
    wattlake(origin.root, "sql", "FROM raw.assets")
    copy = Settings(home=tmp_path / 'it\'s a "copy" 100% #ü', threads=2)
    shutil.copytree(origin.root, copy.root)
    expected, of_origin = marts(origin), digests(origin.root)

    assert "moved or copied" in problems(copy.root)
    assert wattlake(copy.root, "sql", "FROM marts.lod_1d").exit_code == 0  # the file is whole in itself
    more = write_signal(tmp_path / "more", "m2", "com_ap", [(s, 5) for s in stamps])
    for command in (
        ("land", "meter", str(more)), ("sql", "FROM raw.assets"), ("catalog",), ("build",), ("maintain", "--sweep"),
        ("replay", "--dry-run"),
    ):  # fmt: skip
        refused = wattlake(copy.root, *command)
        assert refused.exit_code == 1 and "moved or copied" in refused.output, (command, refused.output)

    assert wattlake(copy.root, "replay").exit_code == 0
    assert contents(copy) == contents(origin)
    assert wattlake(copy.root, "land", "meter", str(more)).exit_code == 0
    built = wattlake(copy.root, "build")
    assert built.exit_code == 0, built.output
    assert wattlake(copy.root, "maintain", "--sweep").exit_code == 0
    assert problems(copy.root) == ""
    now = marts(copy)
    theirs = {name: [row for row in now[name] if row[0] != "m2"] for name in ("assets", "lod_1d")}
    assert theirs == {name: expected[name] for name in theirs}
    assert [row for row in marts(copy)["lod_1d"] if row[0] == "m2"]
    gc.collect()
    assert digests(origin.root) == of_origin

    # A house that has lost all but its archive comes to the same marts, and so do those in Iceberg.
    lose_all_but_the_archive(copy)
    before = marts(copy)
    assert wattlake(copy.root, "replay").exit_code == 0
    assert wattlake(copy.root, "build").exit_code == 0
    assert marts(copy) == before
    lod = open_catalog(copy).load_table(("marts", "lod_1d")).scan().to_arrow()
    assert lod.num_rows == len(before["lod_1d"])
    # So are a mart in Iceberg that cannot be read, and a published file that lacks its last bytes.
    for path in Path(copy.warehouse, "marts", "lod_1d").rglob("*"):
        if METADATA.fullmatch(path.name):
            path.unlink()
    copy.marts_path.write_bytes(copy.marts_path.read_bytes()[:-300_000])
    gc.collect()
    told = problems(copy.root)
    assert "marts.lod_1d cannot be read" in told and "build --full-refresh" in told
    assert wattlake(copy.root, "replay").exit_code == 0
    assert wattlake(copy.root, "build", "--full-refresh").exit_code == 0
    assert marts(copy) == before
    assert open_catalog(copy).load_table(("marts", "lod_1d")).scan().to_arrow().num_rows == lod.num_rows
    assert problems(copy.root) == ""
