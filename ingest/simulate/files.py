"""Files as the devices write them: one CSV a signal in the reference layout, and the German load profile.

Values are whole ticks of the last decimal, so what a file shows is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ingest.simulate.clock import IntArray, Period


@dataclass(frozen=True)
class WrittenFile:
    """What was written to one file.

    Args:
        path: the file.
        asset_id: asset its rows belong to, site included.
        signal: signal its rows belong to.
        rows: data rows, repeated ones included.
        duplicate_rows: rows that repeat another row of this file exactly.
        overlap_rows: rows that an earlier delivery already held, equal.
    """

    path: Path
    asset_id: str
    signal: str
    rows: int
    duplicate_rows: int
    overlap_rows: int = 0


def decimal_texts(ticks: IntArray, decimals: int) -> list[str]:
    """Ticks of the last decimal as text with exactly `decimals` digits after the point."""
    if decimals == 0:
        return [str(tick) for tick in ticks.tolist()]
    # Exact: a quotient by 10^decimals is within half a tick of its text for every tick below 2^53 / 10.
    scale = 10**decimals
    return [f"{tick / scale:.{decimals}f}" for tick in ticks.tolist()]


def local_texts(period: Period, instants: IntArray) -> list[str]:
    """`YYYY-MM-DD HH:MM:SS` in the device's local time, without an offset."""
    naive = np.datetime_as_string(period.local(instants).astype("datetime64[s]")).tolist()
    return [f"{text[:10]} {text[11:]}" for text in naive]


def write_signal(
    path: Path,
    period: Period,
    instants: IntArray,
    ticks: IntArray,
    decimals: int,
    repeats: IntArray,
    asset_id: str,
    overlap_rows: int = 0,
) -> WrittenFile:
    """Write one signal in the reference layout: header `ts,<signal>`, the file named after the signal.

    Args:
        path: `<asset>/<signal>.csv`.
        period: gives the zone of the device's clock.
        instants: UTC seconds of the samples, in the order of the file.
        ticks: values in ticks of the last decimal.
        decimals: digits after the point.
        repeats: number of times that each row is in the file (1 = once).
        asset_id, overlap_rows: recorded with the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    stamps, texts = (
        local_texts(period, np.repeat(instants, repeats)),
        decimal_texts(np.repeat(ticks, repeats), decimals),
    )
    body = "\n".join(map(",".join, zip(stamps, texts, strict=True)))
    path.write_text(f"ts,{path.stem}\n{body}\n", encoding="utf-8", newline="\n")
    return WrittenFile(path, asset_id, path.stem, len(stamps), len(stamps) - len(instants), overlap_rows)


def write_load_profile(
    path: Path, period: Period, interval_starts: IntArray, ticks: IntArray, asset_id: str
) -> WrittenFile:
    """Write 15-minute means in kW (one decimal) as German metering operators do.

    Date `D/M/YYYY` and time `H:MM:SS` of the interval's END in two columns: the last quarter of a day carries the next
    day's date, and the quarter before the clock is set back ends at 3:00:00.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The end is the local start plus 15 minutes: the wall clock is set back only after the interval has ended.
    ends = (period.local(interval_starts) + 900).astype("datetime64[s]").tolist()
    lines = [
        f"{end.day}/{end.month}/{end.year},{end.hour}:{end.minute:02d}:{end.second:02d},{text}\n"
        for end, text in zip(ends, decimal_texts(ticks, 1), strict=True)
    ]
    path.write_text("Datum,Zeit,Wirkleistung [kW]\n" + "".join(lines), encoding="utf-8", newline="\n")
    return WrittenFile(path, asset_id, "Wirkleistung", len(lines), 0)


def repeats_of(rng: np.random.Generator, rows: int, share: float) -> IntArray:
    """How often each row is written: most once, a `share` of them twice, as gateways resend."""
    return 1 + (rng.random(rows) < share).astype(np.int64)
