"""How far a counter's sample reaches: the energy of a step depends on the steps around it.

The energy of a step is spread back to the sample before it, and over the whole run of equal values if the register was
frozen. Values that the register returns from within a day are left out (dbt model int_counter_excursions), so a sample
decides on others up to a day away, and a row of touching excursions depends on all of its samples. The reach computed
here may be wider than that, and never narrower: an incremental build gives the rows of a full build.
"""

from __future__ import annotations

import duckdb

#: Runs of equal values beyond the neighbour's on each side: if the neighbour is left out, the step begins at the run
#: beyond it, and is spread over that whole run if the register was frozen.
CONTEXT_RUNS = 1
#: Hours below which an excursion ends; its values are left out.
EXCURSION_H = 24


def counter_runs(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the tables that `reach` reads, for the counters among the changed signals.

    `counter_runs(asset_id, signal, run, …)`: runs of equal values, from 1. `unsettled(asset_id, signal, u0, u1)`:
    ranges in which excursions may touch one another, so that each is rebuilt as a whole. Every excursion begins or
    ends with a leap (more than the connection delivers in the time of the step), or is a single sample.

    Args:
        connection: a session with samples(asset_id, signal, ts, value_exact) and described(asset_id, signal, kind,
            unit, limit_kw).
    """
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE counter_runs AS
        WITH counted AS (
            SELECT asset_id, signal, ts, value_exact FROM samples
            SEMI JOIN (SELECT * FROM described WHERE kind = 'counter') USING (asset_id, signal)
            WHERE value_exact IS NOT NULL
        ),
        marked AS (
            SELECT *, value_exact IS DISTINCT FROM lag(value_exact) OVER w AS starts
            FROM counted WINDOW w AS (PARTITION BY asset_id, signal ORDER BY ts)
        ),
        numbered AS (
            SELECT *, sum(starts::INT) OVER (PARTITION BY asset_id, signal ORDER BY ts) AS run FROM marked
        ),
        runs AS (
            SELECT asset_id, signal, run, any_value(value_exact)::DOUBLE AS value, count(*) AS n,
                min(ts) AS first_ts, max(ts) AS last_ts
            FROM numbered GROUP BY ALL
        ),
        stepped AS (
            SELECT *, value - lag(value) OVER w AS step, lead(value) OVER w - value AS next_step,
                lag(first_ts) OVER w AS before_first_ts, lag(last_ts) OVER w AS before_last_ts,
                lead(last_ts) OVER w AS after_last_ts
            FROM runs WINDOW w AS (PARTITION BY asset_id, signal ORDER BY run)
        )
        SELECT asset_id, signal, run, first_ts, last_ts, before_first_ts, before_last_ts, after_last_ts,
            coalesce(step < 0, false) AS falls,
            n = 1 AND coalesce(step * next_step < 0, false) AS turns,
            -- In floating point, so with a little less than the limit.
            coalesce(
                step * CASE unit WHEN 'Wh' THEN 0.001 WHEN 'kWh' THEN 1 WHEN 'MWh' THEN 1000 END
                > 0.999999 * limit_kw * (epoch(first_ts) - epoch(before_last_ts)) / 3600, false
            ) AS leaps
        FROM stepped JOIN described USING (asset_id, signal)
        """
    )
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE unsettled AS
        WITH first_runs AS (
            SELECT asset_id, signal, min(first_ts) AS begins, max(last_ts) AS ends FROM counter_runs GROUP BY ALL
        ),
        leaping AS (
            SELECT r.asset_id, r.signal, coalesce(b.first_ts, f.begins) AS u0, coalesce(a.last_ts, f.ends) AS u1
            FROM (FROM counter_runs WHERE leaps) r
            JOIN first_runs f USING (asset_id, signal)
            ASOF LEFT JOIN counter_runs b
                ON b.asset_id = r.asset_id AND b.signal = r.signal
                AND b.first_ts <= r.before_last_ts - INTERVAL {EXCURSION_H} HOUR
            ASOF LEFT JOIN counter_runs a
                ON a.asset_id = r.asset_id AND a.signal = r.signal
                AND a.last_ts >= r.first_ts + INTERVAL {EXCURSION_H} HOUR
        ),
        stretches AS (
            FROM leaping
            UNION ALL
            SELECT asset_id, signal, before_first_ts, after_last_ts FROM counter_runs WHERE turns
        ),
        marked AS (
            SELECT *, u0 > max(u1) OVER (
                PARTITION BY asset_id, signal ORDER BY u0, u1 ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS apart
            FROM stretches
        ),
        islands AS (
            SELECT *, sum(coalesce(apart, true)::INT) OVER (PARTITION BY asset_id, signal ORDER BY u0, u1) AS island
            FROM marked
        )
        SELECT asset_id, signal, min(u0) AS u0, max(u1) AS u1 FROM islands GROUP BY asset_id, signal, island
        """
    )


def reach(connection: duckdb.DuckDBPyConnection, table: str, start: str, end: str, into: str) -> None:
    """Create a table of the reach of half-open ranges of counters.

    Args:
        connection: a session after `counter_runs`.
        table: holds (asset_id, signal, start, end).
        start, end: its columns.
        into: name of the new table (asset_id, signal, start, end, reach_from, reach_to), of counters only; NULL where
            the reach goes no further.
    """
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {into} AS
        WITH stretches AS (
            SELECT DISTINCT asset_id, signal, {start}, {end}
            FROM {table} SEMI JOIN counter_runs USING (asset_id, signal)
        ),
        neighbours AS (
            SELECT x.*, b.run AS before, n.run AS after,
                b.first_ts - INTERVAL {EXCURSION_H} HOUR AS left_from,
                n.last_ts + INTERVAL {EXCURSION_H} HOUR AS right_to
            FROM stretches x
            ASOF LEFT JOIN counter_runs b
                ON b.asset_id = x.asset_id AND b.signal = x.signal AND b.first_ts < x.{start}
            ASOF LEFT JOIN counter_runs n
                ON n.asset_id = x.asset_id AND n.signal = x.signal AND n.last_ts >= x.{end}
        ),
        -- A leap inside the range may be, or have been, one end of an excursion whose other end is a fall beside it.
        near AS (
            SELECT x.asset_id, x.signal, x.{start}, x.{end},
                least(any_value(p.first_ts), min(f.before_first_ts) FILTER (WHERE f.run <= x.before)) AS r0,
                greatest(any_value(q.last_ts), max(f.last_ts) FILTER (WHERE f.run > x.after)) AS r1
            FROM neighbours x
            LEFT JOIN counter_runs p
                ON p.asset_id = x.asset_id AND p.signal = x.signal AND p.run = greatest(x.before - {CONTEXT_RUNS}, 1)
            LEFT JOIN (
                SELECT *, max(run) OVER (PARTITION BY asset_id, signal) AS final FROM counter_runs
            ) q
                ON q.asset_id = x.asset_id AND q.signal = x.signal AND q.run = least(x.after + {CONTEXT_RUNS}, q.final)
            LEFT JOIN (FROM counter_runs WHERE falls) f
                ON f.asset_id = x.asset_id AND f.signal = x.signal
                AND (
                    f.run <= x.before AND f.first_ts > x.left_from
                    OR f.run > x.after AND f.before_last_ts < x.right_to
                )
            GROUP BY x.asset_id, x.signal, x.{start}, x.{end}
        )
        SELECT x.asset_id, x.signal, x.{start}, x.{end},
            least(any_value(x.r0), min(u.u0)) AS reach_from, greatest(any_value(x.r1), max(u.u1)) AS reach_to
        FROM near x
        LEFT JOIN unsettled u
            ON u.asset_id = x.asset_id AND u.signal = x.signal
            AND u.u0 <= greatest(x.r1, x.{end}) AND u.u1 >= least(x.r0, x.{start})
        GROUP BY x.asset_id, x.signal, x.{start}, x.{end}
        """
    )
