"""ISO-NE's public CSV: the first cell of a line is its kind.

C is a comment, H a header (names, then types), D data, and T the trailer with the number of data lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ingest.arrays import Int64Array, mask
from ingest.iso import clock
from ingest.iso.isone.report import Report, vintage_of, wrong_market
from ingest.iso.sheet import Sheet, codes, named, read_sheet, read_stamps
from ingest.text.lines import Lines, split_cells, split_lines
from ingest.time.local_time import REASONS, to_utc
from lakehouse.errors import UnreadableFile

#: Columns → our names: those of hourly reports, then different names in five-minute and preliminary ones.
COLUMNS = {
    "H": None,
    "Date": "date",
    "Hour Ending": "hour",
    "Location ID": "id",
    "Location Name": "name",
    "Location Type": "type",
    "Locational Marginal Price": "lmp",
    "Energy Component": "energy",
    "Congestion Component": "congestion",
    "Marginal Loss Component": "loss",
    "Location": "name",
    "Local Time": "time",
    "LMP": "lmp",
    "Loss Component": "loss",
}
_MARKETS = (
    (re.compile(r"five[- ]minute|5[- ]min", re.IGNORECASE), "RT5"),
    (re.compile(r"day[- ]ahead", re.IGNORECASE), "DAM"),
    (re.compile(r"real[- ]time", re.IGNORECASE), "RTH"),
)
_LMP = re.compile(r"\blmps?\b|locational marginal price", re.IGNORECASE)
_MADE = re.compile(r"generated:? (\d\d/\d\d/\d{4} \d\d:\d\d:\d\d) (E[SD]T)")
_DAYS = re.compile(r"Report for:? (\d\d/\d\d/\d{4})(?: - (\d\d/\d\d/\d{4}))?")
_NAME_DAY = re.compile(r"(?<!\d)(\d{4})(\d\d)(\d\d)(?!\d)")
_TRAILER = re.compile(r"(\d+) lines?")
#: Comments and headers are a handful of lines.
_HEAD_LINES = 50


@dataclass
class _Head:
    """The lines above the data."""

    comments: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    first: int = 0


def read_csv(content: bytes, path: Path, market: str) -> Report:
    """Bring a public CSV report into columns.

    Args:
        content: the whole file.
        path: its name and folder give the day and the vintage, if the report does not.
        market: DAM, RT5 or RTH.

    Raises:
        UnreadableFile: it is another report, cut short, or has an unknown column.
    """
    lines = split_lines(content)
    head = _head(lines)
    title = head.comments[0] if head.comments else ""
    if not _LMP.search(title):
        raise UnreadableFile(f"the file is ISO-NE's report {title!r}, not LMPs", "land reports of LMPs")
    found = next((name for pattern, name in _MARKETS if pattern.search(title)), market)
    if found != market:
        raise wrong_market(market, found)
    if not head.columns:
        raise UnreadableFile("the report has no header line (H)", "download it again")
    time = ("time",) if market == "RT5" else ("date", "hour")
    names = named(head.columns, COLUMNS, (*time, "lmp"), f"ISO-NE's report {title!r}")
    if not {"id", "name"} & set(names):
        raise UnreadableFile(f"ISO-NE's report {title!r} has no column of locations", "check the file")
    body = _without_trailer(lines)
    if not head.first:
        raise UnreadableFile("the report holds no prices yet", "download it again later")
    sheet = read_sheet(
        body, head.first, [name or ("kind" if number == 0 else None) for number, name in enumerate(names)]
    )
    sheet.refuse(mask(pc.not_equal(sheet.cells["kind"], "D")), "", "the line is no data (D) and stands among data")
    series = codes(*(sheet.cells[name] for name in ("id", "name") if name in sheet.cells))
    start = _five_minutes(sheet, series, head, path) if market == "RT5" else _hours(sheet, series)
    made = next((stamp for comment in head.comments if (stamp := _MADE.search(comment))), None)
    return Report(
        sheet,
        start,
        vintage_of(market, path, *head.comments),
        "isone_csv",
        _instant(made[1], made[2]) if made else None,
        {"title": title, "columns": head.columns[1:]},
    )


def _head(lines: Lines) -> _Head:
    head = _Head()
    for number, text in lines.head(_HEAD_LINES):
        cells = split_cells(text, ",")
        if cells[0] == "C":
            head.comments.append(",".join(cells[1:]))
        elif cells[0] == "H" and not head.columns:
            head.columns = cells
        elif cells[0] == "D":
            head.first = number
            break
        elif "Hr_End" in cells:
            raise UnreadableFile(
                "the file is a sheet of ISO-NE's yearly SMD workbook, which does not name its zone",
                "land the reports of hourly LMPs instead",
            )
        elif cells[0] not in ("H", "T"):
            raise UnreadableFile(
                f"the file is no report of ISO-NE (lines of C, H, D and T): line {number} is none",
                "land the operator's own files",
            )
    return head


def _without_trailer(lines: Lines) -> Lines:
    """The lines above the trailer.

    Raises:
        UnreadableFile: there is none, or its number of lines differs: the file was cut short.
    """
    last = lines.last
    while last > 1 and not lines.text(last).strip():
        last -= 1
    cells = split_cells(lines.text(last), ",")
    stated = _TRAILER.fullmatch(cells[1].strip()) if cells[0] == "T" and len(cells) > 1 else None
    if stated is None:
        raise UnreadableFile("the report ends without its trailer line (T): it was cut short", "download it again")
    end = int(lines.starts[last - 1])
    above = Lines(lines.content[:end], lines.bom, lines.encoding)
    marks = b'\n"D"', b"\nD,"
    found = sum(above.content.count(mark) for mark in marks)
    if found != int(stated[1]):
        raise UnreadableFile(
            f"the trailer states {stated[1]} lines of data and the report has {found}: it was cut short or changed",
            "download it again",
        )
    return above


def _hours(sheet: Sheet, series: Int64Array) -> Int64Array:
    dates = read_stamps(sheet.cells["date"], ("%m/%d/%Y",))
    sheet.refuse(~dates.ok, "Date", "the date is no day (MM/DD/YYYY)")
    days = dates.micros // clock.DAY
    start, faults = clock.hour_starts(days, sheet.cells["hour"], series, clock.EASTERN)
    for fault, reason in clock.LABEL_REASONS.items():
        sheet.refuse(dates.ok & (faults == fault), "Hour Ending", reason)
    return start


def _five_minutes(sheet: Sheet, series: Int64Array, head: _Head, path: Path) -> Int64Array:
    """Starts of intervals from wall-clock times; times without a day take it from the report."""
    text = sheet.cells["time"]
    bare = mask(pc.match_substring_regex(text, r"^\d{1,2}:\d{2}(:\d{2})?$"))
    if bare.any():
        day = _day(head, path)
        text = pc.if_else(pa.array(bare), pc.binary_join_element_wise(day, text, " "), text)
    stamps = read_stamps(text, ("%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "iso"))
    sheet.refuse(~stamps.ok, "Local Time", "the stamp is no time of a day")
    utc, status = to_utc(stamps.micros, clock.EASTERN, series)
    for fault, reason in REASONS.items():
        sheet.refuse(stamps.ok & (status == fault), "Local Time", reason)
    sheet.refuse(sheet.ok & (utc % (5 * clock.MINUTE) != 0), "Local Time", "the time is not a full five minutes")
    return utc


def _day(head: _Head, path: Path) -> str:
    """The day of a report as MM/DD/YYYY.

    Raises:
        UnreadableFile: neither the report nor its name states one.
    """
    for comment in head.comments:
        if found := _DAYS.search(comment):
            if found[2] not in (None, found[1]):
                raise UnreadableFile(
                    f"the report is of {found[1]} to {found[2]} and its times have no day", "land a report of one day"
                )
            return found[1]
    if found := _NAME_DAY.search(path.name):
        return f"{found[2]}/{found[3]}/{found[1]}"
    raise UnreadableFile(
        "neither the report nor its name states the day of its times", "give it its name back (lmp_5min_YYYYMMDD_…)"
    )


def _instant(text: str, zone: str) -> datetime | None:
    """A stamp with its zone's abbreviation as UTC; None if it is not a time."""
    try:
        return clock.abbreviated(text, "%m/%d/%Y %H:%M:%S", zone)
    except ValueError:
        return None
