"""Who states a row, and when: publication times in the names of ERCOT's documents, and refusals by their document."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath

import pyarrow as pa

from ingest.iso.contracts import PUBLISHED_BY_OPERATOR
from ingest.iso.ercot.clock import CENTRAL, HOUR, BadTime, midnight, wall_instant
from ingest.iso.ercot.rows import Rows
from ingest.iso.market import NEVER
from ingest.iso.statement import Statement
from ingest.iso.statement import statement as market_statement
from lakehouse.source import REJECTS_SCHEMA, LandOptions, Parsed, RawFile

#: `cdr.00012301.0000000000000000.20260929.120023.NAME.csv`: report type, and when it was posted, Central.
_POSTED = re.compile(r"(?:cdr|ext|rpt)\.\d{8}\.\d{16}\.(\d{8})\.(\d{6})\d*\.")
#: `60d_ESR_Data_in_SCED-06-SEP-26.csv`, and `...-03-FEB-26_SUPPLEMENTAL_CORRECTION.csv`, which amends that one.
_DATED = re.compile(r"-(\d{2}-[A-Z]{3}-\d{2})(_SUPPLEMENTAL\w*)?\.csv$", re.IGNORECASE)
#: `60d_ESR_Data_in_SCED_02032026_thru_02182026_SUPPLEMENTAL`: it amends what was published on these days, in members
#: of the names that these had.
_AMENDS = re.compile(r"_\d{8}_thru_(\d{8})(?!\d)")
#: In names of documents of the second 01:00 hour that an autumn night has.
_SECOND_HOUR = "xhr"
#: Names and listings round seconds each in their own way.
_ROUNDED = timedelta(seconds=2)
#: In a dialect: exact numbers with more than six decimals, rounded half to even.
ROUNDED = "rounded_cells"


def statement(file: RawFile, member: str | None, options: LandOptions) -> Statement:
    """The operator's statement of a document.

    When it was published is known, from the best to the worst: from the name of the document's own archive inside of a
    bundle, from a listing or header of the file, from the names of the member and of the file. A listing that is an
    hour off the file's own name was read by its offset, which is not the document's: then the name counts.

    Args:
        file: the bytes.
        member: the file inside of them, where they are an archive.
        options: what the user says.
    """
    inside = PurePosixPath(member or "")
    received_at = file.received_at or NEVER
    if bundled := next(filter(None, (_posted(part) for part in reversed(inside.parts[:-1]))), None):
        return Statement(bundled, PUBLISHED_BY_OPERATOR, options.simulated, file.sha256, member, received_at)
    own = _posted(file.path.name, in_doubt=False)
    if own and file.published_at and abs(abs(own - file.published_at) - HOUR) <= _ROUNDED:
        return Statement(own, PUBLISHED_BY_OPERATOR, options.simulated, file.sha256, member, received_at)
    names = (inside.name, file.path.name)
    stated = next(filter(None, map(_posted, names)), None)
    dates = [date for date in map(_dated, names) if date is not None]
    return market_statement(file, options, member, stated or max(dates, default=None))


def _posted(name: str, in_doubt: bool = True) -> datetime | None:
    """The posting time that a name carries; on an autumn night, the second hour only where it says so.

    Args:
        in_doubt: also of a name that does not say which of two equal hours it means.
    """
    if not (match := _POSTED.search(name)):
        return None
    try:
        wall = datetime.strptime(match[1] + match[2], "%Y%m%d%H%M%S")  # noqa: DTZ007 - Central
        try:
            return wall_instant(wall, None)
        except BadTime:
            if not in_doubt:
                return None
            return wall.replace(tzinfo=CENTRAL, fold=int(_SECOND_HOUR in name)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _dated(name: str) -> datetime | None:
    """The publication date that a name carries, as its midnight.

    What amends documents came after the last of them: it counts as published at the end of that one's day.
    """
    try:
        if match := _DATED.search(name):
            day = datetime.strptime(match[1], "%d-%b-%y").date()  # noqa: DTZ007 - a date
            return midnight(day + timedelta(days=1) if match[2] else day)
        if match := _AMENDS.search(name):
            last = datetime.strptime(match[1], "%m%d%Y").date()  # noqa: DTZ007 - a date
            return midnight(last + timedelta(days=1))
    except ValueError:
        pass
    return None


def refusals(rows: Rows, member: str | None) -> pa.Table:
    """Refused rows as a source gives them; of a file in an archive, fields begin with its name."""
    return rejects(
        [
            (line, f"{member}: {name}" if member else name, reason, rows.shown(line))
            for line, name, reason in rows.refused
        ]
    )


def rejects(refused: list[tuple[int, str, str, str | None]]) -> pa.Table:
    """(line, field, reason, text) as a source gives them."""
    names = REJECTS_SCHEMA.names
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in refused], schema=REJECTS_SCHEMA)


def parsed(tables: dict[str, pa.Table], rows: Rows, member: str | None, layout: str) -> Parsed:
    """A piece of a document."""
    dialect: dict[str, object] = {ROUNDED: rows.rounded}
    return Parsed(
        tables, refusals(rows, member), layout, dialect, rows_read=rows.read, rows_empty=rows.empty, shown=rows.shown
    )
