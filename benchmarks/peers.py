"""The peers: what an analyst writes with pandas, polars or DuckDB, one CSV file after another, in a plain script.

`python -m benchmarks.peers levels pandas FOLDER OUTPUT` makes the four levels of each file as Parquet; `land` brings
each file to UTC and writes it sorted. Neither keeps the bytes, checks rows, or can be run twice.
Of the hour that autumn repeats, pandas finds both passes; polars and DuckDB take one for both.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ZONE = "Europe/Berlin"
MAX_GAP_S = 900
#: Level → seconds of a bucket.
LEVELS = {"lod_5min": 300, "lod_15min": 900, "lod_1h": 3600, "lod_1d": 86_400}


def levels_with_pandas(path: Path, output: Path) -> dict[str, int]:
    """The columns of the levels of one file; rows by level."""
    import numpy as np
    import pandas as pd

    frame = pd.read_csv(path)
    value = frame.columns[1]
    stamps = pd.to_datetime(frame["ts"], format="%Y-%m-%d %H:%M:%S")
    frame["at"] = stamps.dt.tz_localize(ZONE, ambiguous="infer")
    rows = {}

    def epoch(instants: pd.Series) -> Any:
        return instants.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[s]").astype("int64")

    seconds = epoch(frame["at"])
    following = np.append(seconds[1:], seconds[-1] + MAX_GAP_S)
    for level, width in LEVELS.items():
        if level == "lod_1d":
            bucket = frame["at"].dt.normalize()
        else:
            bucket = frame["at"].dt.tz_convert("UTC").dt.floor(f"{width}s")
        valid = np.minimum(np.minimum(following - seconds, MAX_GAP_S), epoch(bucket) + width - seconds)
        frame = frame.assign(
            bucket=bucket, valid=valid, area=frame[value] * valid, positive=frame[value].clip(lower=0) * valid,
            exact=(frame[value] * 1_000_000).round().astype("int64"),
        )  # fmt: skip
        out = frame.groupby("bucket", sort=False).agg(
            n=(value, "size"), sum=(value, "sum"), sum_exact=("exact", "sum"), min=(value, "min"), max=(value, "max"),
            mean=(value, "mean"), first=(value, "first"), last=(value, "last"), first_at=("at", "first"),
            last_at=("at", "last"), covered_s=("valid", "sum"), area=("area", "sum"), positive=("positive", "sum"),
        )  # fmt: skip
        out["mean_time_weighted"], out["coverage"] = out["area"] / out["covered_s"], out["covered_s"] / width
        out.to_parquet(output / f"{level}.parquet", compression="zstd")
        rows[level] = len(out)
    return rows


def levels_with_polars(path: Path, output: Path) -> dict[str, int]:
    """The same with polars."""
    import polars as pl

    frame = pl.read_csv(path, schema_overrides=[pl.String, pl.Float64])
    wall = pl.col("ts").str.to_datetime("%Y-%m-%d %H:%M:%S")
    frame = frame.select(
        wall.dt.replace_time_zone(ZONE, ambiguous="earliest").alias("at"), pl.col(frame.columns[1]).alias("value")
    ).with_columns(pl.col("at").dt.epoch("s").alias("s"))
    following = pl.col("s").shift(-1).fill_null(pl.col("s") + MAX_GAP_S)
    rows = {}
    for level, width in LEVELS.items():
        day = level == "lod_1d"
        bucket = (
            pl.col("at").dt.truncate("1d") if day else pl.col("at").dt.convert_time_zone("UTC").dt.truncate(f"{width}s")
        )
        valid = pl.min_horizontal(
            following - pl.col("s"), pl.lit(MAX_GAP_S), pl.col("bucket").dt.epoch("s") + width - pl.col("s")
        )
        out = (
            frame.with_columns(bucket.alias("bucket"))
            .with_columns(valid.alias("valid"))
            .group_by("bucket", maintain_order=True)
            .agg(
                pl.len().alias("n"), pl.col("value").sum().alias("sum"),
                (pl.col("value") * 1_000_000).round().cast(pl.Int64).sum().alias("sum_exact"),
                pl.col("value").min().alias("min"), pl.col("value").max().alias("max"),
                pl.col("value").mean().alias("mean"), pl.col("value").first().alias("first"),
                pl.col("value").last().alias("last"), pl.col("at").first().alias("first_at"),
                pl.col("at").last().alias("last_at"), pl.col("valid").sum().alias("covered_s"),
                (pl.col("value") * pl.col("valid")).sum().alias("area"),
                (pl.col("value").clip(0) * pl.col("valid")).sum().alias("positive"),
            )
            .with_columns(
                (pl.col("area") / pl.col("covered_s")).alias("mean_time_weighted"),
                (pl.col("covered_s") / width).alias("coverage"),
            )
        )  # fmt: skip
        out.write_parquet(output / f"{level}.parquet", compression="zstd")
        rows[level] = out.height
    return rows


def levels_with_duckdb(path: Path, output: Path) -> dict[str, int]:
    """The same with DuckDB."""
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET TimeZone='UTC'")
    connection.execute(
        f"""
        CREATE TABLE samples AS
        SELECT *, coalesce(lead(s) OVER (ORDER BY instant), s + {MAX_GAP_S}) AS following
        FROM (
            SELECT ts AS wall, ts AT TIME ZONE '{ZONE}' AS instant, epoch(instant)::BIGINT AS s, value,
                value::DECIMAL(18, 6) AS exact
            FROM {_csv(path)}
        )
        """
    )
    rows = {}
    for level, width in LEVELS.items():
        # Days by the wall clock: DuckDB's time_bucket with a zone takes twenty times as long as everything else.
        day = level == "lod_1d"
        bucket = "wall::DATE" if day else f"time_bucket(INTERVAL '{width} seconds', instant)"
        left = "86400 - epoch(wall)::BIGINT % 86400" if day else f"{width} - s % {width}"
        counted = connection.execute(
            f"""
            COPY (
                SELECT bucket, count(*) AS n, sum(value) AS sum, sum(exact) AS sum_exact, min(value) AS min,
                    max(value) AS max, avg(value) AS mean, arg_min(value, s) AS first, arg_max(value, s) AS last,
                    min(instant) AS first_at, max(instant) AS last_at, sum(valid) AS covered_s,
                    sum(value * valid) AS area, sum(greatest(value, 0) * valid) AS positive,
                    sum(value * valid) / sum(valid) AS mean_time_weighted, sum(valid) / {width} AS coverage
                FROM (
                    SELECT *, {bucket} AS bucket, least(following - s, {MAX_GAP_S}, {left}) AS valid FROM samples
                )
                GROUP BY bucket
            ) TO '{output}/{level}.parquet' (FORMAT parquet, COMPRESSION zstd)
            """
        ).fetchone()
        rows[level] = int(counted[0]) if counted else 0
    return rows


def _csv(path: Path) -> str:
    columns = "{'ts': 'TIMESTAMP', 'value': 'DOUBLE'}"
    return f"read_csv('{path}', header=false, skip=1, columns={columns})"


def land_with_duckdb(path: Path, output: Path) -> dict[str, int]:
    """One file in UTC, sorted, as Parquet."""
    import duckdb

    counted = (
        duckdb.connect()
        .execute(
            f"""
        COPY (SELECT ts AT TIME ZONE '{ZONE}' AS ts, value FROM {_csv(path)} ORDER BY ts)
        TO '{output}/sorted.parquet' (FORMAT parquet, COMPRESSION zstd)
        """
        )
        .fetchone()
    )
    return {"rows": int(counted[0]) if counted else 0}


def land_with_polars(path: Path, output: Path) -> dict[str, int]:
    """The same with polars."""
    import polars as pl

    frame = pl.read_csv(path, schema_overrides=[pl.String, pl.Float64])
    instant = pl.col("ts").str.to_datetime("%Y-%m-%d %H:%M:%S").dt.replace_time_zone(ZONE, ambiguous="earliest")
    frame = frame.with_columns(instant.dt.convert_time_zone("UTC"))
    frame.sort("ts").write_parquet(output / "sorted.parquet", compression="zstd")
    return {"rows": frame.height}


WORK = {
    ("levels", "pandas"): levels_with_pandas,
    ("levels", "polars"): levels_with_polars,
    ("levels", "duckdb"): levels_with_duckdb,
    ("land", "duckdb"): land_with_duckdb,
    ("land", "polars"): land_with_polars,
}


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.glob("*/*.csv"))


def main(kind: str, library: str, folder: str, output: str) -> None:
    """The work on each file; prints the sums of rows."""
    total: dict[str, int] = {}
    for path in _files(Path(folder)):
        place = Path(output) / path.parent.name / path.stem
        place.mkdir(parents=True, exist_ok=True)
        for name, rows in WORK[kind, library](path, place).items():
            total[name] = total.get(name, 0) + rows
    print(json.dumps(total))


if __name__ == "__main__":
    main(*sys.argv[1:])
