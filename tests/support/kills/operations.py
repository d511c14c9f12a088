"""What the worker's children do to a home, and what they see in it."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import os
import shutil
import signal
import time
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ingest.registry import fetcher_of, registry
from lakehouse.archive import open_archive
from lakehouse.catalog import open_catalog
from lakehouse.download import run as download_module
from lakehouse.download.fetcher import Clock
from lakehouse.landing import files as land_module
from lakehouse.landing import replay as replay_module
from lakehouse.landing.holding import recover_killed
from lakehouse.landing.stream import land_batch, landed_offset
from lakehouse.marts import attempt
from lakehouse.marts import build as build_module
from lakehouse.marts.attempt import Attempt
from lakehouse.marts.dbt_runner import RESULTS, NodeResult
from lakehouse.marts.publish import BUILD
from lakehouse.marts.published import published
from lakehouse.ops import DOWNLOADS, SLICES, TABLES, Ops
from lakehouse.reader import open_session
from lakehouse.settings import Settings
from lakehouse.source import LandOptions, Registry
from lakehouse.upkeep import maintain as maintain_module
from lakehouse.writing.writer import landed_offsets
from tests.support.market import access_of
from tests.support.probe import PROBES, SAMPLES, batch

#: Name of the stream that batches belong to.
STREAM = "probe-1"
#: Imported before the fork: what operations import when they need it.
LAZY = ("duckdb", "pyarrow.parquet", "pyiceberg.catalog.sql", "pyiceberg.io.pyarrow", "pyiceberg.table", "pytz")


def warm() -> None:
    """Import everything, start nothing."""
    registry()
    for name in LAZY:
        importlib.import_module(name)


def house() -> Registry:
    """Every source, those of probes, and the table of a probe's stream."""
    return Registry({**registry().sources, **PROBES.sources}, PROBES.streamed)


def land(settings: Settings, paths: list[str], options: dict[str, Any] | None = None, source: str = "meter") -> bool:
    """Land files; whether any was taken."""
    return land_module.land_files(
        settings, house(), source, [Path(path) for path in paths], LandOptions(**(options or {}))
    ).ok


def stream(settings: Settings, upto: int) -> None:
    """Land batches of a stream after its landed offset: each with samples of its own, and one that is refused.

    What a killed one left is settled first, as its next batch would do.
    """
    recover_killed(settings, house())
    (landed,) = landed_offset(settings, SAMPLES, STREAM) or (0,)
    for number in range(landed + 1, upto + 1):
        powers = [*range(100), 2000]  # the last one is above the contract's maximum
        rows = batch([("p", number * 1000 + second, power) for second, power in enumerate(powers)])
        land_batch(settings, house(), SAMPLES, rows, STREAM, (number,))


def build(settings: Settings) -> str:
    """A real build; its mode."""
    return build_module.build(settings, house().contracts).mode


def publish(settings: Settings, recorded: str, record: bool = False) -> str:
    """A build whose models and checks are taken from a record, so that only publishing is done anew.

    Args:
        settings: of the home.
        recorded: folder of the record: the build file and dbt's target.
        record: make the record by a real build instead.
    """
    made = Attempt.run
    kept = Path(recorded)

    def from_record(self: Attempt, build_id: str, run_id: str) -> list[Any]:
        if record:
            checks = made(self, build_id, run_id)
            shutil.copytree(self.folder, kept)
            return checks
        shutil.copytree(kept, self.folder, dirs_exist_ok=True)
        return []

    Attempt.run = from_record
    return build_module.build(settings, registry().contracts).mode


def build_with_dbt_killed(settings: Settings, victim: str, told: str) -> str:
    """A build in which SIGKILL hits dbt, or this process beside dbt, when the first model is being built.

    Args:
        settings: of the home.
        victim: 'dbt' or 'build'.
        told: file that gets dbt's process id.
    """

    def kill_at_the_first_model(done: int, total: int, name: str) -> None:
        if name and not Path(told).exists():
            (dbt,) = dbt_processes(settings)
            Path(told).write_text(str(dbt))
            os.kill(dbt if victim == "dbt" else os.getpid(), signal.SIGKILL)

    return build_module.build(settings, registry().contracts, watch=kill_at_the_first_model).mode


def dbt_processes(settings: Settings) -> list[int]:
    """The processes that work in a home's build folder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            if folder.readlink() == settings.root / "tmp" / "build":
                found.append(int(folder.parent.name))
    return found


def build_killed_in_checks(settings: Settings, recorded: str) -> None:
    """A build with dbt's work from a record, killed between two of Great Expectations' validations."""

    def run_dbt(_settings: Settings, _command: list[str], folder: Path, *_watch: object) -> list[Any]:
        shutil.copytree(recorded, folder, dirs_exist_ok=True)
        return [NodeResult.from_json(node) for node in json.loads((folder / "target" / RESULTS).read_text())]

    def die(done: int, _total: int, _mart: str) -> None:
        if done == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    attempt.run_dbt = run_dbt
    build_module.build(settings, registry().contracts, watch=die)


def replay(settings: Settings, dry_run: bool = False, tables: list[str] | None = None) -> dict[str, str]:
    """Table → outcome of a replay."""
    report = replay_module.replay(settings, house(), tables=tables or (), dry_run=dry_run)
    return {table.table: table.outcome for table in report.tables}


def damage(settings: Settings) -> None:
    """Lose rows of one table and falsify another, as a hand or a disk might."""
    catalog = open_catalog(settings)
    catalog.load_table(("raw", "meter_observations")).delete("asset_id = 'm1'")
    catalog.drop_table(("raw", "signals"))


def look(settings: Settings) -> dict[str, Any]:
    """What a reader sees now: a digest of every raw table, and one of all marts together."""
    connection = open_session(settings, house().contracts)
    try:

        def digest(table: str) -> list[int]:
            row = connection.execute(f"SELECT count(*), sum(hash(t)), bit_xor(hash(t)) FROM {table} t").fetchall()[0]
            return [int(value or 0) for value in row]

        listed = (
            "SELECT table_name FROM duckdb_tables() WHERE database_name = 'marts' AND table_name NOT LIKE 'wattlake_%'"
        )
        names = sorted(name for (name,) in connection.execute(listed).fetchall())
        return {
            "raw": {contract.name: digest(f'raw."{contract.name}"') for contract in house().contracts},
            "marts": {name: digest(f'marts."{name}"') for name in names},
        }
    finally:
        connection.close()


def outcome(settings: Settings) -> dict[str, Any]:
    """All that must be the same after a kill and a second run as after one undisturbed run.

    Raises:
        AssertionError: something is wrong in itself: a run that still runs, bytes that are gone, marts in Iceberg
            that are not those in the file, work left in the catalog or on disk.
    """
    found = look(settings)
    ops = Ops(settings)
    for table in TABLES:
        left = ops.query(sa.select(table.c.id).where(table.c.status.in_(("running", "interrupted"))))
        assert not left, f"{table.name} that run for ever: {left}"
    archive = open_archive(settings)
    receipts = list(archive.receipts())
    assert not [receipt for receipt in receipts if receipt.outcome == "received"]
    landed = sorted({receipt.sha256 for receipt in receipts if receipt.outcome == "landed"})
    for sha256 in landed:
        assert hashlib.sha256(archive.get(sha256)).hexdigest() == sha256
    slices = Counter(sha for (sha,) in ops.query(sa.select(SLICES.c.sha256).where(SLICES.c.status == "landed")))
    catalog = open_catalog(settings)
    assert sorted(catalog.list_namespaces()) == [("marts",), ("raw",)]
    build = published(settings)
    if build is not None:
        for mart in build.marts:
            table = catalog.load_table(("marts", mart.name))
            rows = found["marts"][mart.name][0]
            assert table.scan().count() == rows, mart.name
            snapshot = table.current_snapshot()
            if rows:
                assert snapshot is not None and snapshot.summary is not None
                assert BUILD in snapshot.summary.additional_properties
    left_work = [
        str(path) for kind in ("land", "replace", "build") for path in (settings.root / "tmp" / kind).glob("*")
    ]
    assert not left_work, left_work
    offsets = landed_offsets(catalog, SAMPLES)
    return {**found, "landed": landed, "slices": json.dumps(slices, sort_keys=True), "offsets": offsets}


def power(settings: Settings) -> list[list[Any]]:
    """Every observation: asset, signal, instant in seconds, value; then how many rows the quarantine holds."""
    connection = open_session(settings, registry().contracts)
    try:
        rows = connection.execute(
            "SELECT asset_id, signal, epoch(ts)::BIGINT, value FROM raw.meter_observations ORDER BY ALL"
        ).fetchall()
        refused = connection.execute("SELECT count(*) FROM raw.quarantine").fetchall()
        return [*map(list, rows), [refused[0][0]]]
    finally:
        connection.close()


def days(settings: Settings) -> dict[str, list[list[Any]]]:
    """The published marts by local day: samples and sum of the power, and energy of the counter in kWh."""
    connection = open_session(settings, registry().contracts)
    try:
        power = "SELECT asset_id, local_date::VARCHAR, n, sum FROM marts.lod_1d WHERE signal = 'com_ap' ORDER BY ALL"
        energy = (
            "SELECT asset_id, local_date::VARCHAR, energy_kwh::DOUBLE FROM marts.energy_1d "
            "WHERE signal = 'pos_ae' ORDER BY ALL"
        )
        return {
            "power": [list(row) for row in connection.execute(power).fetchall()],
            "energy": [list(row) for row in connection.execute(energy).fetchall()],
        }
    finally:
        connection.close()


def maintain(settings: Settings) -> int:
    """Compact, expire and sweep all that may go, however young; files compacted away."""
    report = maintain_module.maintain(settings, house(), sweep=True, older_than=timedelta(0))
    return sum(1 for table in report.compacted if table.snapshot_id)


def tend(settings: Settings) -> int:
    """Maintenance as it runs each night; files compacted away."""
    report = maintain_module.maintain(settings, house(), sweep=True)
    return sum(1 for table in report.compacted if table.snapshot_id)


def samples(settings: Settings) -> list[int]:
    """Observations in the raw table, and in the days of the published marts."""
    connection = open_session(settings, registry().contracts)
    try:
        counted = "SELECT (SELECT count(*) FROM raw.meter_observations), (SELECT sum(n) FROM marts.lod_1d)"
        return [int(value) for value in connection.execute(counted).fetchall()[0]]
    finally:
        connection.close()


def download(settings: Settings, source: str, start: str, end: str, access: dict[str, str], now: str) -> bool:
    """Download and land days of a market, one request at a time and on one thread, so that steps come in one order."""

    async def inline(function: Any, *arguments: Any) -> Any:
        return function(*arguments)

    download_module.asyncio.to_thread, download_module.AT_ONCE = inline, 1
    began, at = time.monotonic(), datetime.fromisoformat(now).timestamp()
    clock = Clock(lambda: at + time.monotonic() - began)
    fetcher = fetcher_of(source, access=access_of(source, access))
    report = download_module.download(
        settings, registry(), source, fetcher, date.fromisoformat(start), date.fromisoformat(end), simulated=True,
        clock=clock,
    )  # fmt: skip
    assert report.ok, report
    return report.ok


def downloads(settings: Settings) -> dict[str, Any]:
    """Outcomes of documents that were brought: each once or, after a kill, once more; and what waits in the spool."""
    found = Ops(settings).query(sa.select(DOWNLOADS.c.document).where(DOWNLOADS.c.status == "done"))
    spool = settings.root / "downloads"
    return {
        "documents": sorted({name for (name,) in found}),
        "spool": [path.name for path in spool.rglob("*") if path.is_file() and path.parent.name != "turns"],
        "parts": [str(path) for path in (settings.root / "tmp" / "download").glob("*")],
    }
