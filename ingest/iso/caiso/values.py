"""Reports of OASIS with one value per row: prices of ancillary services, and load.

A file of an answer is read in pieces; columns are found by name, as their order differs between queries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from ingest.iso.caiso.oasis import answered_at, csv_parts, query_in
from ingest.iso.sheet import Sheet, named, read_sheet, rejects
from ingest.iso.statement import Statement, statement
from ingest.packed import members
from lakehouse.contract import Contract
from lakehouse.errors import UnreadableFile
from lakehouse.source import LandOptions, Parsed, RawFile


@dataclass(frozen=True)
class Report:
    """A kind of report.

    Args:
        what: in words, for messages.
        query: of OASIS, which is in the names of answers.
        marks: columns that distinguish the report from others.
        columns: as OASIS writes them → our names; None for known columns that are not used. Columns with a name must be
            there; any other column is refused.
        contract: of the table.
        table: converts rows of a piece to rows of the contract, and refuses unusable ones.
    """

    what: str
    query: str
    marks: frozenset[str]
    columns: Mapping[str, str | None]
    contract: Contract
    table: Callable[[Sheet, Statement], pa.Table]


def read(file: RawFile, options: LandOptions, report: Report) -> Iterator[Parsed]:
    """Read an answer, an archive or a file of one.

    Raises:
        UnreadableFile: it is another report, has an unknown column, or no row of it can be used.
    """
    landed = rows = 0
    reason = ""
    for member in members(file):
        name = member.name or file.path.name
        shared = statement(file, options, member.name, written=answered_at(name) or answered_at(file.path.name))
        for lines, first, names in csv_parts(member, name, partial(_columns, name=name, report=report)):
            sheet = read_sheet(lines, first, names)
            table = report.table(sheet, shared)
            refused = rejects(sheet, member.name)
            landed, rows = landed + table.num_rows, rows + len(sheet.line) + refused.num_rows
            reason = reason or (refused["reason"][0].as_py() if refused.num_rows else "")
            count = table.num_rows + len({line for line, _ in sheet.refusals.found})
            yield Parsed(
                {report.contract.name: table}, refused, f"caiso_{report.query.lower()}", {"rounded": sheet.rounded},
                rows_read=count, shown=sheet.shown,
            )  # fmt: skip
    if not landed:
        why = f"no row can be used: {reason}" if reason else "the report has a header and no rows"
        raise UnreadableFile(why, "check the document against its sender" if rows else "download it again later")


def _columns(cells: list[str], name: str, report: Report) -> list[str | None]:
    if not report.marks <= set(cells) and {"INTERVALSTARTTIME_GMT", "OPR_DT"} & set(cells):
        query = query_in(name)
        raise UnreadableFile(
            f"the file is another report of OASIS{f' ({query})' if query else ''}, not {report.what}",
            f"land answers to the query {report.query}",
        )
    required = [ours for ours in report.columns.values() if ours is not None]
    return named(cells, report.columns, required, f"CAISO's report of {report.what}")
