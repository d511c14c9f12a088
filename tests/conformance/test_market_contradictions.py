"""Documents that state a row twice, as every source has them: with the same numbers, and with others."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from ingest.simulate.markets.stated import Document
from lakehouse.source import Parsed
from tests.support.given import everything
from tests.support.market_documents import AUTUMN, EVERY, PLAIN, Said, few, parse

#: Columns of numbers, one of which every document has, by the operators' names.
NUMBERS = (
    "SettlementPointPrice", "settlementPointPrice", "Settlement Point Price", "SPPCorrected", "MCPCCorrected", "LMP",
    "MCPC", "REGUP", "MW", "VALUE", "PRC", "LBMP ($/MWHr)", "10 Min Spinning Reserve ($/MWHr)",
    "Locational Marginal Price", "HSL", "Max Power Consumption for Load Resource", "Max Power Consumption",
    "Interval Value", "telemetered_net_output", "Integrated Load", "Capitl", "COAST", "coast", "HOUSTON",
    "houston", "Coast",
)  # fmt: skip
#: The same of records.
JSON_NUMBERS = (
    "LmpTotal",
    "tmsr_clearing_price",
    "TmsrClearingPrice",
    "RegCapacityClearingPrice",
    "Load",
    "LoadMw",
)
PROVENANCE = ("source_object", "line")
#: By what the changed row differs; no simulated price is that high.
OTHER = "7654.5"


def doubled(content: bytes, other: bool, at_end: bool) -> Iterator[bytes]:
    """The document with one row stated twice: one document for every kind of file in an archive that has such a row.

    Args:
        content: of a CSV, a JSON, a workbook or an archive of these.
        other: the second time with another number.
        at_end: the second time at the end of the document, and not behind the first.
    """
    if not content.startswith(b"PK"):
        made = _json(content, other, at_end) if content.lstrip()[:1] in b"{[" else _csv(content, other, at_end)
        if made is not None:
            yield made
        return
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(info, archive.read(info)) for info in archive.infolist()]
    kinds = set()
    for number, (info, member) in enumerate(members):
        kind = re.sub(r"\d", "", info.filename)
        if kind in kinds:
            continue
        kinds.add(kind)
        if info.filename.endswith(".xml"):
            changed = [_sheet(member, other)] if "sheet1" in info.filename else []
        else:
            changed = list(doubled(member, other, at_end))
        for text in changed:
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w") as archive:
                for n, (one, plain) in enumerate(members):
                    archive.writestr(one, text if n == number else plain)
            yield buffer.getvalue()


def _csv(content: bytes, other: bool, at_end: bool) -> bytes | None:
    lines = content.decode().splitlines(keepends=True)
    head = next((n for n, line in enumerate(lines) if line.startswith('"H"')), 0)
    names = [cell.strip().strip('"').strip() for cell in lines[head].rstrip().split(",")]
    column = next((names.index(name) for name in NUMBERS if name in names), None)
    if column is None:
        return None
    first = head + (2 if lines[head].startswith('"H"') else 1)
    trailer = lines.pop() if lines[-1].startswith('"T"') else ""
    cells = [line.rstrip("\r\n").split(",") for line in lines[first:]]
    usable = [n for n, row in enumerate(cells) if row[column].strip(' "') and ("LMP_TYPE" not in names or "LMP" in row)]
    place = usable[len(usable) // 2]
    row = list(cells[place])
    if other:
        row[column] = f'"{OTHER}"' if '"' in row[column] else OTHER
    end = lines[first + place][len(lines[first + place].rstrip("\r\n")) :]
    lines[-1] = lines[-1].rstrip("\r\n") + end
    lines.insert(len(lines) if at_end else first + place + 1, ",".join(row) + end)
    trailer = re.sub(r"\d+", lambda number: str(int(number[0]) + 1), trailer)
    return "".join([*lines, trailer]).encode()


def _json(content: bytes, other: bool, at_end: bool) -> bytes:
    document = json.loads(content)
    if "fields" in document:
        names = [field["name"] for field in document["fields"]]
        rows, key = document["data"], next(names.index(name) for name in NUMBERS if name in names)
    else:
        rows = document
        while not isinstance(rows, list):
            rows = next(value for value in rows.values() if isinstance(value, dict | list))
        key = next(name for name in JSON_NUMBERS if name in rows[0])
    row = rows[len(rows) // 2].copy()
    if other:
        row[key] = float(OTHER)
    rows.insert(len(rows) if at_end else len(rows) // 2 + 1, row)
    return json.dumps(document).encode()


def _sheet(content: bytes, other: bool) -> bytes:
    text = content.decode()
    last = re.findall(r"<row .*?</row>", text)[-1]
    number = int(re.search(r'<row r="(\d+)"', last)[1])
    again = re.sub(rf'r="([A-Z]*){number}"', rf'r="\g<1>{number + 1}"', last)
    if other:
        again = re.sub(r"<v>[^<]*</v></c></row>", f"<v>{OTHER}</v></c></row>", again)
    return text.replace(last, last + again).encode()


def content_of(parsed: list[Parsed]) -> dict[str, set[Said]]:
    """What was read by table, without the place of it."""
    plain = []
    for piece in parsed:
        tables = {
            name: rows.drop_columns([c for c in PROVENANCE if c in rows.column_names])
            for name, rows in piece.tables.items()
        }
        plain.append(replace(piece, tables=tables))
    return everything(plain)


def small(name: str, day: date) -> list[Document]:
    """One document of every form; of the largest bundles none."""
    return [document for document in few(name, day) if len(document.content) < 100_000]


def varied(document: Document, other: bool, at_end: bool) -> Iterator[Document]:
    for content in doubled(document.content, other, at_end):
        yield replace(document, content=content)


@pytest.mark.parametrize("at_end", [False, True], ids=["behind the first", "at the end"])
@EVERY
def test_a_row_that_is_stated_twice_is_one_row(name: str, at_end: bool) -> None:
    for document in small(name, PLAIN):
        once = content_of(parse(document))
        found = list(varied(document, False, at_end))
        assert found
        for twice in found:
            parsed = parse(twice)
            assert content_of(parsed) == once, document.name
            assert not sum(piece.rejects.num_rows for piece in parsed)


@pytest.mark.parametrize("day", [PLAIN, AUTUMN], ids=["plain", "autumn"])
@EVERY
def test_of_rows_that_contradict_each_other_none_lands_and_each_is_told(name: str, day: date) -> None:
    for document in small(name, day):
        once = content_of(parse(document))
        for at_end in (False, True) if day is PLAIN else (False,):
            for torn in varied(document, True, at_end):
                parsed = parse(torn)
                found = content_of(parsed)
                assert not any(rows - once[table] for table, rows in found.items()), document.name
                lost = [row for table in once for row in once[table] - found.get(table, set())]
                refused = [row for piece in parsed for row in piece.rejects.to_pylist()]
                if day is PLAIN:
                    assert len(lost) == 1, document.name
                told = [row for row in refused if "contradicts itself" in row["reason"]]
                assert len(told) == 2 and told[0]["reason"] == told[1]["reason"], document.name
                assert OTHER in told[0]["reason"] and all(f"line {row['line']}" in row["reason"] for row in told)
                assert sorted(OTHER in row["raw_text"] for row in told) == [False, True]
                read = sum(piece.rows_read for piece in parsed)
                landed = sum(rows.num_rows for piece in parsed for rows in piece.tables.values())
                # A price of CAISO's is several rows, and a row of this workbook several prices.
                if not name.startswith("caiso") and name != "ercot-dam-mcpc-year":
                    assert read == landed + len(refused) + sum(piece.rows_empty for piece in parsed), document.name
