"""What a build reads of raw tables: disjoint ranges of time, each with its keys.

A correction of 2014 beside a price of today reads days of 2014 and days of today, and nothing between. Each range is
a scan of its own: DuckDB's Iceberg scan opens only the files of one plain range, and all files for several in one
condition.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import duckdb

from lakehouse.engine import quote
from lakehouse.observations.reach import DAY, LISTED_ASSETS, among

#: Scans of one table: each costs some 7 ms, in every model that reads the table.
SCANS = 12
#: Scans beyond which those that overlap in time are joined before it is asked which ones cost least to join.
_WEIGHED = 256


class Range(NamedTuple):
    """Half-open instants."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Scan:
    """Samples of some assets in one range.

    Args:
        within: the range.
        assets: None for all assets.
    """

    within: Range
    assets: frozenset[str] | None = None


def midnight(day: date) -> datetime:
    """The instant at which a UTC day begins."""
    return datetime.combine(day, time(0), tzinfo=UTC)


def days(first: date, last: date, around: int = 0) -> Range:
    """UTC days, inclusive, and some around them."""
    return Range(midnight(first) - around * DAY, midnight(last) + (1 + around) * DAY)


def disjoint(ranges: Iterable[Range], limit: int | None = None) -> tuple[Range, ...]:
    """The ranges in order, with those that overlap or touch joined; beyond `limit` also those that lie nearest."""
    found: list[Range] = []
    for start, end in sorted(set(ranges)):
        if found and start <= found[-1].end:
            found[-1] = Range(found[-1].start, max(found[-1].end, end))
        else:
            found.append(Range(start, end))
    if limit is None or len(found) <= limit:
        return tuple(found)
    gaps = [(after.start - before.end, number) for number, (before, after) in enumerate(pairwise(found))]
    apart = sorted(number for _, number in sorted(gaps)[len(found) - limit :])
    starts, ends = [0, *(number + 1 for number in apart)], [*apart, len(found) - 1]
    return tuple(Range(found[first].start, found[last].end) for first, last in zip(starts, ends, strict=True))


def scans_of(spans: Path, limit: int = SCANS) -> tuple[Scan, ...]:
    """What is read of observations to rebuild spans: no sample in two scans.

    Of each asset that has a span, one day beyond what is read of its changed signals, because some models read a second
    signal of an asset.

    Args:
        spans: Parquet file of spans (`reach.SPANS_SCHEMA`).
        limit: number of scans; beyond it those that add the least to read are joined.
    """
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone='UTC'")
        rows = f"read_parquet({quote(str(spans))})"
        count = connection.execute(f"SELECT count(DISTINCT asset_id) FROM {rows}").fetchall()[0][0]
        asset = "asset_id" if count <= LISTED_ASSETS else "NULL::VARCHAR"
        found = connection.execute(
            f"""
            WITH wide AS (
                SELECT DISTINCT {asset} AS asset_id,
                    read_from - INTERVAL 1 DAY AS start, read_to + INTERVAL 1 DAY AS ends
                FROM {rows}
            ),
            marked AS (
                SELECT *, start > max(ends) OVER (
                    PARTITION BY asset_id ORDER BY start, ends ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                ) AS apart
                FROM wide
            ),
            islands AS (
                SELECT *, sum(coalesce(apart, true)::INT) OVER (PARTITION BY asset_id ORDER BY start, ends) AS island
                FROM marked
            ),
            joined AS (
                SELECT asset_id, min(start) AS start, max(ends) AS ends FROM islands GROUP BY asset_id, island
            )
            SELECT start, ends, list(asset_id) FROM joined GROUP BY start, ends ORDER BY start, ends
            """
        ).fetchall()
    if asset != "asset_id":
        return tuple(Scan(within) for within in disjoint((Range(start, ends) for start, ends, _ in found), limit))
    return _fewer([Scan(Range(start, ends), frozenset(assets)) for start, ends, assets in found], limit)


def _fewer(scans: list[Scan], limit: int) -> tuple[Scan, ...]:
    """At most `limit` scans that hold all that the given ones do, disjoint like these, ordered by time."""
    if len(scans) > _WEIGHED:
        scans = [
            Scan(within, frozenset().union(*(_assets(scan) for scan in scans if _overlap(scan.within, within))))
            for within in disjoint((scan.within for scan in scans), _WEIGHED)
        ]
    while len(scans) > limit:
        pairs = list(pairwise(scans))
        first, second = min(pairs, key=lambda pair: _samples(_joined(*pair)) - _samples(pair[0]) - _samples(pair[1]))
        joined = _joined(first, second)
        rest = [scan for scan in scans if scan not in (first, second)]
        # What was joined may reach into other scans of its assets.
        while met := [s for s in rest if _overlap(s.within, joined.within) and _assets(s) & _assets(joined)]:
            for scan in met:
                joined = _joined(joined, scan)
                rest.remove(scan)
        scans = sorted([*rest, joined], key=lambda scan: scan.within)
    return tuple(scans)


def _assets(scan: Scan) -> frozenset[str]:
    return scan.assets or frozenset()


def _overlap(one: Range, other: Range) -> bool:
    return one.start < other.end and other.start < one.end


def _joined(one: Scan, other: Scan) -> Scan:
    within = Range(min(one.within.start, other.within.start), max(one.within.end, other.within.end))
    return Scan(within, _assets(one) | _assets(other))


def _samples(scan: Scan) -> timedelta:
    """A measure of the samples that a scan reads."""
    return (scan.within.end - scan.within.start) * len(_assets(scan))


def select_scans(pinned: str, time_column: str, scans: Sequence[Scan]) -> str:
    """SQL of the rows of a pinned table that lie in scans.

    Args:
        pinned: SQL of all rows.
        time_column: its instant.
        scans: disjoint.
    """
    parts = []
    for scan in scans:
        start, end = (f"{quote(at.isoformat())}::TIMESTAMPTZ" for at in scan.within)
        condition = f"{time_column} >= {start} AND {time_column} < {end}"
        if scan.assets is not None:
            condition += f" AND {among(sorted(scan.assets))}"
        parts.append(f"SELECT * FROM ({pinned}) WHERE {condition}")
    return " UNION ALL ".join(parts) or f"SELECT * FROM ({pinned}) WHERE false"
