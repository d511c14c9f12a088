"""A lake in one DuckDB file and a dbt run over it: the dbt project without the rest of the house.

`Lake` holds observations, assets and signals as plain tables with the names that a build gives them, says which spans
changed, and runs dbt in a subprocess as a build does.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.iso.contracts import AS_PRICES, PRICES, SYSTEM_LOAD
from ingest.iso.ercot.contracts import DISCLOSURES
from ingest.registry import registry
from lakehouse.contract import ASSETS, SIGNALS, TYPES
from lakehouse.marts.changes import find_changes
from lakehouse.marts.dbt_models import Project
from lakehouse.marts.dbt_runner import RESULTS, NodeResult, run_in
from lakehouse.marts.expectations import expect
from lakehouse.marts.reads import scans_of, select_scans
from lakehouse.observations.reach import SPANS_SCHEMA
from lakehouse.settings import Settings

PROJECT = Path(__file__).parents[2] / "dbt"
#: The project as dbt has parsed it for a lake of an earlier test.
PARSED = Path(os.environ["WATTLAKE_CACHE"]) / "lake.msgpack"

OBSERVATION_COLUMNS = """asset_id VARCHAR, signal VARCHAR, ts TIMESTAMPTZ, interval_end TIMESTAMPTZ, value DOUBLE,
    value_exact DECIMAL(18,6), text VARCHAR, source_object VARCHAR, line BIGINT"""

#: Nodes that a lake without market rows leaves out, as dbt selects them; `MarketLake` builds them.
OF_MARKETS = (
    *(f"path:models/{layer}/{domain}" for layer in ("staging", "intermediate", "marts")
      for domain in ("markets", "ercot_batteries")),
    "market_findings",
)  # fmt: skip

#: Contracts of long observations, of whichever domain: the models unite their tables.
OBSERVATIONS = [contract for contract in registry().contracts if contract.touches == "asset_days"]
OBSERVATION_TABLES = tuple(contract.name for contract in OBSERVATIONS)
ALL_LANDED = " UNION ALL ".join(f"FROM landed.{table}" for table in OBSERVATION_TABLES)

MARKET_TABLES = (PRICES, AS_PRICES, SYSTEM_LOAD, *DISCLOSURES)

PROFILE = """wattlake:
  target: build
  outputs:
    build:
      type: duckdb
      path: marts.duckdb
      schema: main
      threads: 2
      settings: {TimeZone: UTC, preserve_insertion_order: false, memory_limit: 2GB}
      attach:
        - {path: scratch.duckdb, alias: scratch}
        - {path: lake.duckdb, alias: lake, read_only: true}
"""


@dataclass(frozen=True)
class Span:
    """Whole local days to rebuild of one signal, and what is read for them."""

    asset_id: str
    signal: str
    time_zone: str
    rebuild_from: datetime
    rebuild_to: datetime
    read_from: datetime
    read_to: datetime


class Lake:
    """Raw tables and builds in a folder.

    Args:
        folder: where lake.duckdb, marts.duckdb and dbt's files go.
        project: folder of the dbt project.
    """

    def __init__(self, folder: Path, project: Path = PROJECT) -> None:
        self.folder = folder
        self.project = project
        self.marts = folder / "marts.duckdb"
        folder.mkdir(parents=True, exist_ok=True)
        self._open()
        for schema in ("landed", "raw", "build"):
            self.lake.execute(f"CREATE SCHEMA {schema}")
        for table in OBSERVATION_TABLES:
            self.lake.execute(f"CREATE TABLE landed.{table} ({OBSERVATION_COLUMNS})")
        self.lake.execute(
            """CREATE TABLE raw.assets (asset_id VARCHAR, domain VARCHAR, native_id VARCHAR, site_id VARCHAR,
            time_zone VARCHAR, is_simulated BOOLEAN, max_power_kw DOUBLE, capacity_kwh DOUBLE)"""
        )
        self.lake.execute(
            """CREATE TABLE raw.signals (asset_id VARCHAR, signal VARCHAR, kind VARCHAR, unit VARCHAR,
            expected_interval_s DOUBLE, max_gap_s DOUBLE, role VARCHAR, pair_signal VARCHAR, estimated_statuses VARCHAR,
            layout VARCHAR, rollover_at DECIMAL(18,6))"""
        )
        self.lake.execute(
            """CREATE TABLE raw.quarantine (source VARCHAR, source_object VARCHAR, file VARCHAR, line BIGINT,
            field VARCHAR, reason VARCHAR, raw_text VARCHAR)"""
        )
        self.lake.execute(
            """CREATE TABLE build.changed_spans (asset_id VARCHAR, signal VARCHAR, time_zone VARCHAR,
            rebuild_from TIMESTAMPTZ, rebuild_to TIMESTAMPTZ, read_from TIMESTAMPTZ, read_to TIMESTAMPTZ)"""
        )
        self.lake.execute(
            """CREATE TABLE build.changed_tables (table_name VARCHAR, key_1 VARCHAR, key_2 VARCHAR, first_day DATE,
            last_day DATE)"""
        )
        for contract in MARKET_TABLES:
            columns = ", ".join(f"{c.name} {TYPES[c.type][1]}" for c in contract.columns)
            self.lake.execute(f"CREATE TABLE raw.{contract.name} ({columns})")
        self.lake.execute(
            """CREATE TABLE build.local_days (time_zone VARCHAR, local_date DATE, day_start TIMESTAMPTZ,
            day_end TIMESTAMPTZ)"""
        )

    def add_asset(
        self,
        asset_id: str,
        time_zone: str = "Europe/Berlin",
        domain: str = "meter",
        max_power_kw: float | None = None,
        capacity_kwh: float | None = None,
    ) -> None:
        """Declare an asset."""
        self.lake.execute(
            "INSERT INTO raw.assets VALUES (?, ?, NULL, NULL, ?, false, ?, ?)",
            [asset_id, domain, time_zone, max_power_kw, capacity_kwh],
        )

    def add_signal(
        self,
        asset_id: str,
        signal: str,
        kind: str,
        unit: str | None = None,
        expected_interval_s: float | None = None,
        max_gap_s: float = 900.0,
        role: str | None = None,
        pair_signal: str | None = None,
        estimated_statuses: str | None = None,
        rollover_at: Decimal | None = None,
    ) -> None:
        """Declare a signal of an asset."""
        self.lake.execute(
            "INSERT INTO raw.signals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'test', ?)",
            [
                asset_id,
                signal,
                kind,
                unit,
                expected_interval_s,
                max_gap_s,
                role,
                pair_signal,
                estimated_statuses,
                rollover_at,
            ],
        )

    def add_samples(self, asset_id: str, signal: str, rows: list[tuple[Any, ...]], domain: str = "meter") -> None:
        """Land rows of (ts, interval_end or None, exact value or None, text or None); a later row of a key wins."""
        latest = {row[0]: row for row in rows}
        self.remove_samples(asset_id, signal, list(latest), domain)
        ordered = sorted(latest.values(), key=lambda row: row[0])
        table = pa.table(
            {
                "ts": pa.array([row[0] for row in ordered], pa.timestamp("us", tz="UTC")),
                "interval_end": pa.array([row[1] for row in ordered], pa.timestamp("us", tz="UTC")),
                "exact": pa.array([row[2] for row in ordered], pa.decimal128(18, 6)),
                "text": pa.array([row[3] for row in ordered], pa.string()),
            }
        )
        self.lake.register("incoming", table)
        self.lake.execute(
            f"""INSERT INTO landed.{domain}_observations
            SELECT ?, ?, ts, interval_end, exact::double, exact, text, 'hash', 1 FROM incoming""",
            [asset_id, signal],
        )
        self.lake.unregister("incoming")

    def remove_samples(self, asset_id: str, signal: str, stamps: list[datetime], domain: str = "meter") -> None:
        """Take rows away."""
        gone = pa.table({"ts": pa.array(stamps, pa.timestamp("us", tz="UTC"))})
        self.lake.register("gone", gone)
        self.lake.execute(
            f"""DELETE FROM landed.{domain}_observations
            WHERE asset_id = ? AND signal = ? AND ts IN (SELECT ts FROM gone)""",
            [asset_id, signal],
        )
        self.lake.unregister("gone")

    def samples(self, asset_id: str, signal: str) -> list[tuple[Any, ...]]:
        """Rows of (ts, interval_end, exact value, text) of one signal in order of time."""
        return self.lake.execute(
            f"""SELECT ts, interval_end, value_exact, text FROM ({ALL_LANDED})
            WHERE asset_id = ? AND signal = ? ORDER BY ts""",
            [asset_id, signal],
        ).fetchall()

    def whole_spans(self) -> list[Span]:
        """One span a signal over all that it has."""
        rows = self.lake.execute(
            f"""SELECT o.asset_id, o.signal, a.time_zone, min(ts), max(greatest(ts, coalesce(interval_end, ts)))
            FROM ({ALL_LANDED}) o
            JOIN raw.assets a USING (asset_id) GROUP BY ALL ORDER BY ALL"""
        ).fetchall()
        spans = []
        for asset_id, signal, zone, first, last in rows:
            start = local_midnight(zone, local_date(zone, first) - timedelta(days=1))
            end = local_midnight(zone, local_date(zone, last) + timedelta(days=2))
            spans.append(Span(asset_id, signal, zone, start, end, start, end + timedelta(hours=1)))
        return spans

    def changed_spans(self, touched: dict[tuple[str, str], list[datetime]]) -> list[Span]:
        """The spans that a build finds for changed instants of signals."""
        days = {
            key: [(int(stamp.timestamp() // 86400), int(stamp.timestamp() // 86400)) for stamp in stamps]
            for key, stamps in touched.items()
        }
        self.lake.close()
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone='UTC'")
            connection.execute(f"ATTACH '{self.folder / 'lake.duckdb'}' AS lake (READ_ONLY)")
            connection.execute("CREATE SCHEMA raw")
            for schema, tables in (("landed", OBSERVATION_TABLES), ("raw", ("assets", "signals"))):
                for table in tables:
                    connection.execute(f"CREATE VIEW raw.{table} AS FROM lake.{schema}.{table}")
            landed = {table: [days] if table == "meter_observations" else [] for table in OBSERVATION_TABLES}
            changes = find_changes(connection, [*OBSERVATIONS, ASSETS, SIGNALS], landed, self.folder)
            assert changes is not None
            rows = connection.execute(
                f"""SELECT asset_id, signal, time_zone, rebuild_from, rebuild_to, read_from, read_to
                FROM '{changes.spans}'"""
            ).fetchall()
        self._open()
        return [Span(*row) for row in rows]

    def build(self, spans: list[Span] | None = None, full_refresh: bool = False, command: str = "build") -> str:
        """Run a command of dbt over the spans (default: everything), without `OF_MARKETS`; returns what it printed.

        Raises:
            AssertionError: dbt failed; carries its output.
        """
        refresh = ["--full-refresh"] if full_refresh else []
        code, said = self._dbt([command, *refresh, "--exclude", *OF_MARKETS], spans)
        assert code == 0, said
        return said

    def failing_checks(self) -> dict[str, list[dict[str, Any]]]:
        """Run dbt's tests and Great Expectations over the marts as they are: name of each failing check → its rows."""
        selected = ["path:models/intermediate", "test_type:generic", "test_type:singular"]
        self._dbt(["build", "--select", *selected, "--exclude", *OF_MARKETS], None)
        failing = self.unexpected()
        self.lake.close()
        with duckdb.connect(str(self.marts), read_only=True) as built:
            built.execute("SET TimeZone='UTC'")
            for name in ("scratch", "lake"):
                built.execute(f"ATTACH '{self.folder / name}.duckdb' (READ_ONLY)")
            for result in self.outcomes():
                if result.status == "fail":
                    cursor = built.execute(result.sql)
                    columns = [column[0] for column in cursor.description or []]
                    failing[result.name] = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
        self._open()
        return failing

    def unexpected(self) -> dict[str, list[dict[str, Any]]]:
        """Run Great Expectations over the marts as they are: name of each check that fails → its rows."""
        with duckdb.connect(str(self.marts), read_only=True) as built:
            there = {name for (name,) in built.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        declared = [mart for mart in Project.read(self.folder / "target").marts if mart.name in there]
        checks = expect(Settings(home=self.folder), self.marts, declared, self.folder / "checks" / "kept.json")
        assert not [check for check in checks if check.status == "error"]
        return {check.name: check.sample for check in checks if check.status == "fail"}

    def outcomes(self) -> list[NodeResult]:
        """What the last command did."""
        return [NodeResult.from_json(node) for node in json.loads((self.folder / "target" / RESULTS).read_text())]

    def _dbt(self, command: list[str], spans: list[Span] | None) -> tuple[int, str]:
        spans = self.whole_spans() if spans is None else spans
        self._write_spans(spans)
        self.lake.close()
        scratch = self.folder / "scratch.duckdb"
        scratch.unlink(missing_ok=True)
        profiles = self.folder / "profiles"
        profiles.mkdir(exist_ok=True)
        (profiles / "profiles.yml").write_text(PROFILE)
        said: list[str] = []
        environment = {**os.environ, "DO_NOT_TRACK": "1", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
        parsed = PARSED if self.project == PROJECT else self.folder / "parsed.msgpack"
        code = run_in(self.folder, command, profiles, environment, parsed, said.append, self.project)
        self._open()
        return code, "".join(said)

    def rows(self, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """Read the marts of the last build."""
        with duckdb.connect(str(self.marts), read_only=True) as marts:
            marts.execute("SET TimeZone='UTC'")
            return marts.execute(sql, parameters or []).fetchall()

    def dicts(self, sql: str, parameters: list[Any] | None = None) -> list[dict[str, Any]]:
        """Read the marts of the last build, a row a dict."""
        with duckdb.connect(str(self.marts), read_only=True) as marts:
            marts.execute("SET TimeZone='UTC'")
            cursor = marts.execute(sql, parameters or [])
            names = [column[0] for column in cursor.description or []]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _open(self) -> None:
        self.lake = duckdb.connect(str(self.folder / "lake.duckdb"))
        self.lake.execute("SET TimeZone='UTC'")

    def _write_spans(self, spans: list[Span]) -> None:
        self.lake.execute("DELETE FROM build.changed_spans")
        self.lake.execute("DELETE FROM build.local_days")
        if spans:
            self.lake.executemany(
                "INSERT INTO build.changed_spans VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    [s.asset_id, s.signal, s.time_zone, s.rebuild_from, s.rebuild_to, s.read_from, s.read_to]
                    for s in spans
                ],
            )
        # As a build does it: what is not read cannot be leaned on.
        path = self.folder / "spans.parquet"
        pq.write_table(pa.Table.from_pylist([asdict(span) for span in spans], schema=SPANS_SCHEMA), path)
        scans = scans_of(path)
        for table in OBSERVATION_TABLES:
            landed = select_scans(f"SELECT * FROM lake.landed.{table}", "ts", scans)
            self.lake.execute(f"CREATE OR REPLACE VIEW raw.{table} AS {landed}")
        if not spans:
            return
        days: dict[tuple[str, date], tuple[datetime, datetime]] = {}
        for zone in {span.time_zone for span in spans}:
            of_zone = [span for span in spans if span.time_zone == zone]
            day = local_date(zone, min(span.read_from for span in of_zone)) - timedelta(days=2)
            last = local_date(zone, max(span.read_to for span in of_zone)) + timedelta(days=2)
            while day <= last:
                days[zone, day] = (local_midnight(zone, day), local_midnight(zone, day + timedelta(days=1)))
                day += timedelta(days=1)
        keys = list(days)
        self.lake.register(
            "calendar",
            pa.table(
                {
                    "zone": pa.array([zone for zone, _ in keys]),
                    "day": pa.array([day for _, day in keys], pa.date32()),
                    "s": pa.array([days[key][0] for key in keys], pa.timestamp("us", tz="UTC")),
                    "e": pa.array([days[key][1] for key in keys], pa.timestamp("us", tz="UTC")),
                }
            ),
        )
        self.lake.execute("INSERT INTO build.local_days FROM calendar")
        self.lake.unregister("calendar")


def local_date(zone: str, instant: datetime) -> date:
    """Local calendar day of an instant."""
    return instant.astimezone(ZoneInfo(zone)).date()


def local_midnight(zone: str, day: date) -> datetime:
    """Instant at which a local day starts, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
