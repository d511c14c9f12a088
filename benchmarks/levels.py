"""Levels of detail beside bare DuckDB: the dbt project's own SQL over the same file, without dbt around it."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.child import cpu_s, measured
from benchmarks.lake import Compiled, compile_models, values, write_observations
from lakehouse.engine import connect
from lakehouse.settings import Settings

POINTS = {"small": 1_000_000, "full": 10_000_000}
SIGNALS = 10
FIRST = ("int_windows", "int_spans", "int_lod_states_5min", "lod_5min")
REST = ("int_lod_states_15min", "lod_15min", "int_lod_states_1h", "lod_1h", "int_lod_states_1d", "lod_1d")
#: Seconds that a sample is valid for at most.
MAX_GAP_S = 900

#: One GROUP BY with the columns of lod_5min. It cuts a sample's valid time at the end of its bucket and gives the rest
#: to none, where the mart gives it to the next bucket: simpler, and less work.
BARE = f"""
create table bare as
with timed as (
    select *, least(
        coalesce(epoch_us(lead(ts) over (partition by asset_id, signal order by ts)), epoch_us(ts) + {MAX_GAP_S}000000)
            - epoch_us(ts),
        {MAX_GAP_S}000000,
        300000000 - epoch_us(ts) % 300000000
    ) as valid_us
    from observations
)
select asset_id, signal, time_bucket(interval 5 minute, ts) as bucket_start,
    time_bucket(interval 5 minute, ts) + interval 5 minute as bucket_end,
    'instant' as kind, 'kW' as unit, count(*) as n, sum(valid_us) / 300000000 as coverage,
    sum(value) as sum, sum(value_exact) as sum_exact, min(value) as min, max(value) as max, avg(value) as mean,
    sum(value * valid_us) / sum(valid_us) as mean_time_weighted,
    arg_min(value, ts) as first, min(ts) as first_at, arg_max(value, ts) as last, max(ts) as last_at,
    max(epoch_us(ts) + valid_us) as covered_until, sum(valid_us) / 1000000 as covered_s,
    sum(value * valid_us) / 1000000 as value_seconds,
    sum(greatest(value, 0) * valid_us) / 1000000 as value_seconds_positive,
    sum(least(value, 0) * valid_us) / 1000000 as value_seconds_negative
from timed
group by all
"""


def bare(folder: str) -> dict[str, float]:
    """The peer: `cpu_s` of its statement alone, as ours is measured without opening a connection, and `rows`."""
    connection = connect(Path(folder) / "bare.duckdb", settings=Settings(home=Path(folder), threads=2))
    connection.execute("SET preserve_insertion_order=false")
    connection.execute(f"CREATE VIEW observations AS FROM '{folder}/observations.parquet'")
    began = cpu_s()
    connection.execute(BARE)
    took = cpu_s() - began
    return {"cpu_s": took, "rows": connection.execute("SELECT count(*) FROM bare").fetchall()[0][0]}


def ours(folder: str) -> dict[str, float]:
    """Our models one after another: model → processor seconds; `rows` of the first level."""
    compiled = Compiled(**json.loads((Path(folder) / "compiled.json").read_text()))
    connection = compiled.open(Path(folder) / "marts.duckdb")
    took = {}
    for model in (*FIRST, *REST):
        began = cpu_s()
        compiled.create(connection, model)
        took[model] = cpu_s() - began
    took["rows"] = connection.execute("SELECT count(*) FROM lod_5min").fetchall()[0][0]
    return took


def measure(scale: str) -> list[dict[str, object]]:
    """The first level beside one GROUP BY, and all four beside the first."""
    folder = Path(tempfile.mkdtemp(prefix="wattlake-levels-"))
    try:
        observations = write_observations(folder, POINTS[scale], SIGNALS)
        compiled = compile_models(folder, observations, "instant")
        (folder / "compiled.json").write_text(json.dumps(asdict(compiled)))
        peer, own = measured("benchmarks.levels:bare", folder), measured("benchmarks.levels:ours", folder)
    finally:
        shutil.rmtree(folder)
    took, bare_s = own.result, peer.result["cpu_s"]
    assert took["rows"] == peer.result["rows"], "both sides must make the same buckets"
    first = sum(took[model] for model in FIRST)
    every = first + sum(took[model] for model in REST)
    data = f"{POINTS[scale]:,} points of {values()[1]}, one every 59 s"
    return [
        {
            "name": "first level (5 min) beside one DuckDB GROUP BY with its columns",
            "ours": first, "peer": bare_s, "ratio": first / bare_s, "target": 1.4, "unit": "s CPU",
            "data": data,
            "limit_note": f"states {took['int_lod_states_5min']:.2f} s (a third is the sort for each sample's valid "
            f"time, which the peer does too), rows of the level {took['lod_5min']:.2f} s; peak "
            f"{own.peak_bytes / 2**30:.1f} GiB, peer {peer.peak_bytes / 2**30:.1f} GiB",
        },
        {
            "name": "all four levels beside the first",
            "ours": every, "peer": first, "ratio": every / first, "target": 1.4, "unit": "s CPU", "data": data,
            "limit_note": ", ".join(f"{model.removeprefix('int_')} {took[model]:.2f} s" for model in REST),
        },
    ]  # fmt: skip
