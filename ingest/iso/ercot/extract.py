"""Shared extracts of the SCED disclosure for one battery: columns renamed, stamps in UTC.

Extracts lack most columns; these are NULL.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from ingest.iso.ercot.clock import YEARS, BadTime, per_value
from ingest.iso.ercot.contracts import SCED_ESR
from ingest.iso.ercot.documents import read_documents
from ingest.iso.ercot.rows import Field, Layout, read_rows
from ingest.iso.ercot.statement import parsed, statement
from ingest.iso.ercot.timing import replaced
from ingest.iso.statement import rows_of
from ingest.packed import Member
from lakehouse.source import LandOptions, Parsed, RawFile

_NUMBERS = {
    "telemetered_net_output": "telemetered_net_output_mw", "base_point": "base_point_mw", "hsl": "hsl_mw",
    "lsl": "lsl_mw", "soc": "soc_mwh", "min_soc": "min_soc_mwh", "max_soc": "max_soc_mwh",
}  # fmt: skip
LAYOUT = Layout(
    "extract of ESR data in SCED",
    (
        Field("sced_timestamp_utc", "sced_at"), Field("resource_name", "resource_name"),
        Field("telemetered_resource_status", "resource_status"),
        *(Field(header, column, "double") for header, column in _NUMBERS.items()),
    ),
    frozenset({"sced_at", "resource_name", "telemetered_net_output_mw", "base_point_mw"}),
    frozenset({"resource_name"}),
)  # fmt: skip


def read(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Read an extract (CSV).

    Raises:
        UnreadableFile: nothing in the file can be used.
    """

    def extract(member: Member) -> Iterator[Parsed]:
        states = statement(file, member.name, options)
        for rows in read_rows(member.content, lambda header: LAYOUT):
            answers, inverse = per_value([rows.columns["sced_at"]], _instant)
            timed = replaced(rows, inverse, answers, {"sced_at": "timestamptz"}, "sced_timestamp_utc")
            table = rows_of(SCED_ESR, states, len(timed), timed.columns | {"line": timed.line})
            yield parsed({SCED_ESR.name: table}, timed, member.name, LAYOUT.name)

    return read_documents(file, "ercot-sced-extract", extract)


def _instant(text: str | None) -> dict[str, object]:
    try:
        stamp = datetime.fromisoformat(text or "")
    except ValueError:
        raise BadTime(f"{text!r} is no ISO stamp" if text else "the stamp is missing") from None
    if stamp.tzinfo is None:
        raise BadTime(f"{text!r} does not say that it is UTC")
    if stamp.year not in YEARS:
        raise BadTime(f"{text!r} is no time of a market")
    return {"sced_at": stamp.astimezone(UTC)}
