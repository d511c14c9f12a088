"""A long table of observations without a landing, and the dbt project's SQL over it, statement by statement."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from ingest.registry import registry
from lakehouse.engine import connect, identifier, quote
from lakehouse.marts.changes import find_changes
from lakehouse.marts.dbt_runner import run_dbt
from lakehouse.marts.inputs import write_manifest
from lakehouse.pins import empty_select
from lakehouse.settings import Settings

RECORDED = Path(__file__).resolve().parents[2] / "shared" / "data" / "meter" / "p1mon" / "p1mon_minute.csv"
#: 2020-01-01 00:00 UTC.
FIRST_S = 1_577_836_800
#: Seconds between samples: no divisor of a bucket, so that every bucket is cut differently.
STEP_S = 59


def values() -> tuple[np.ndarray, str]:
    """Values to tile, in kW with four decimals, and where they come from."""
    if RECORDED.exists():
        column = pacsv.read_csv(RECORDED)["ACT_VERBR_KW_170"].cast(pa.float64()).to_numpy()
        return np.round(column, 4), f"{RECORDED.parent.name}/{RECORDED.name}, recorded, tiled"
    at = np.arange(43_980)
    wave = 0.4 + 0.3 * np.sin(at / 1440 * 2 * np.pi) + np.random.default_rng(1).gamma(0.5, 0.4, len(at))
    return np.round(wave, 4), "simulated household load, tiled (no recorded data beside this checkout)"


def write_observations(folder: Path, points: int, signals: int) -> Path:
    """Parquet of observations sorted by signal and time, interval means with exact values, one every `STEP_S`."""
    path = folder / "observations.parquet"
    tile, _ = values()
    count = points // signals
    ts = pa.array((FIRST_S + np.arange(count, dtype=np.int64) * STEP_S) * 1_000_000, pa.timestamp("us", tz="UTC"))
    writer = None
    for number in range(signals):
        exact = tile[(np.arange(count) + 997 * number) % len(tile)]
        table = pa.table(
            {
                "asset_id": pa.array([f"m{number // 2:03d}"]).take(pa.array(np.zeros(count, dtype=np.int8))),
                "signal": pa.array([("kw_a", "kw_b")[number % 2]]).take(pa.array(np.zeros(count, dtype=np.int8))),
                "ts": ts,
                "interval_end": pa.nulls(count, ts.type),
                "value": pa.array(exact),
                "value_exact": pa.array(exact).cast(pa.decimal128(18, 6)),
                "text": pa.nulls(count, pa.string()),
            }
        )
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table, row_group_size=122_880)
    if writer:
        writer.close()
    return path


@dataclass(frozen=True)
class Compiled:
    """The project's models as SQL over a lake.

    Args:
        views: `lake.<schema>.<name>` → SQL.
        models: model → its SELECT.
    """

    views: dict[str, dict[str, str]]
    models: dict[str, str]

    def open(self, path: Path) -> duckdb.DuckDBPyConnection:
        """A connection as dbt has it: marts in `path`, the intermediate tables in a file beside it."""
        connection = connect(path, settings=Settings(home=path.parent, threads=2), temporary=path.parent / "spill")
        connection.execute("SET preserve_insertion_order=false")
        connection.execute(f"ATTACH {quote(str(path.with_name('scratch.duckdb')))} AS scratch")
        connection.execute("ATTACH ':memory:' AS lake")
        for schema, of_schema in self.views.items():
            connection.execute(f"CREATE SCHEMA lake.{identifier(schema)}")
            for name, sql in of_schema.items():
                connection.execute(f"CREATE VIEW lake.{identifier(schema)}.{identifier(name)} AS {sql}")
        return connection

    def create(self, connection: duckdb.DuckDBPyConnection, model: str) -> None:
        """Build one model as a table."""
        database = "scratch" if model.startswith("int_") else "marts"
        connection.execute(f"CREATE OR REPLACE TABLE {database}.main.{model} AS {self.models[model]}")


def compile_models(folder: Path, observations: Path, kind: str) -> Compiled:
    """Compile the dbt project over one file of observations whose signals are all of one kind."""
    settings = Settings(home=folder / "home", threads=2)
    manifest_views = {contract.name: empty_select(contract) for contract in registry().contracts}
    source = f"read_parquet({quote(str(observations))})"
    manifest_views["meter_observations"] = (
        f"SELECT *, NULL::VARCHAR AS source_object, NULL::BIGINT AS line FROM {source}"
    )
    manifest_views["assets"] = (
        "SELECT asset_id, 'meter' AS domain, NULL::VARCHAR AS native_id, NULL::VARCHAR AS site_id, "
        "'Europe/Berlin' AS time_zone, false AS is_simulated, NULL::DOUBLE AS max_power_kw, "
        f"NULL::DOUBLE AS capacity_kwh FROM (SELECT DISTINCT asset_id FROM {source})"
    )
    manifest_views["signals"] = (
        f"SELECT asset_id, signal, '{kind}' AS kind, 'kW' AS unit, NULL::DOUBLE AS expected_interval_s, "
        "900.0 AS max_gap_s, NULL::VARCHAR AS role, NULL::VARCHAR AS pair_signal, NULL::VARCHAR AS estimated_statuses, "
        "NULL::VARCHAR AS layout, NULL::DECIMAL(18, 6) AS rollover_at "
        f"FROM (SELECT DISTINCT asset_id, signal FROM {source})"
    )
    connection = connect(settings=settings)
    connection.execute("ATTACH ':memory:' AS raw")
    for name, sql in manifest_views.items():
        connection.execute(f"CREATE VIEW raw.{identifier(name)} AS {sql}")
    changes = find_changes(connection, [c for c in registry().contracts if c.touches == "asset_days"], None, folder)
    connection.close()
    (folder / "dbt").mkdir(exist_ok=True)
    manifest = write_manifest(folder / "dbt", registry().contracts, {}, changes)
    described = json.loads(manifest.read_text())
    described["views"]["raw"] = manifest_views
    manifest.write_text(json.dumps(described))
    run_dbt(settings, ["compile"], folder / "dbt")
    nodes = json.loads((folder / "dbt" / "target" / "manifest.json").read_text())["nodes"].values()
    models = {node["name"]: node["compiled_code"] for node in nodes if node["resource_type"] == "model"}
    return Compiled(described["views"], models)
