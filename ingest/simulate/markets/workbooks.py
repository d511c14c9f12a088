"""ERCOT's yearly workbooks: a sheet a month, prices of hubs and load zones, and a row without values among them.

The sheets are written by hand: cells of text and numbers are all that there is in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from xml.sax.saxutils import escape

from ingest.simulate.markets import ercot
from ingest.simulate.markets.days import CENTRAL, midnight
from ingest.simulate.markets.ercot_tables import labels
from ingest.simulate.markets.stated import MARK, Document, Price, ServicePrice, packed

#: Hubs and load zones: the workbooks hold no resource nodes.
TYPES = ("HU", "LZ", "LZEW")
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'

Cell = str | float | None


def rt15_year(seed: int, days: Sequence[date]) -> Document:
    """Real-time prices by 15 minutes (NP6-785-ER) of some days of one year."""
    header = (
        "Delivery Date", "Delivery Hour", "Delivery Interval", "Repeated Hour Flag", "Settlement Point Name",
        "Settlement Point Type", "Settlement Point Price",
    )  # fmt: skip
    prices = [price for day in days for price in _prices(seed, "np6-905-cd", day)]
    rows: list[Sequence[Cell]] = []
    for price in prices:
        label = labels(price.start)
        rows.append(
            (label.date, float(label.hour), float(label.quarter), label.repeated, price.location,
             price.location_type, float(price.lmp))
        )  # fmt: skip
    return _document("ercot-rt15-spp-year", 13061, "RTMLZHBSPP", days, header, rows, prices)


def dam_year(seed: int, days: Sequence[date]) -> Document:
    """Day-ahead prices by hours (NP4-180-ER) of some days of one year."""
    header = ("Delivery Date", "Hour Ending", "Repeated Hour Flag", "Settlement Point", "Settlement Point Price")
    prices = [price for day in days for price in _prices(seed, "np4-190-cd", day)]
    rows: list[Sequence[Cell]] = []
    for price in prices:
        label = labels(price.start)
        rows.append((label.date, f"{label.hour:02d}:00", label.repeated, price.location, float(price.lmp)))
    return _document("ercot-dam-spp-year", 13060, "DAMLZHBSPP", days, header, rows, prices)


def mcpc_year(seed: int, days: Sequence[date]) -> Document:
    """Day-ahead prices of ancillary services (NP4-181-ER) of some days of one year: a column a service."""
    header = ("Delivery Date", "Hour Ending", "Repeated Hour Flag", *ercot.SERVICES)
    services = [s for day in days for s in ercot.posting(seed, "np4-188-cd", day).services]
    hours: dict[object, dict[str, ServicePrice]] = {}
    for service in services:
        hours.setdefault(service.start, {})[service.product] = service
    rows: list[Sequence[Cell]] = []
    for found in hours.values():
        label = labels(found["RRS"].start)
        values = tuple(float(found[name].mcpc) for name in ercot.SERVICES)
        rows.append((label.date, f"{label.hour:02d}:00", label.repeated, *values))
    return _document("ercot-dam-mcpc-year", 13091, "DAMASMCPC", days, header, rows, (), services)


def _prices(seed: int, emil: str, day: date) -> list[Price]:
    kinds = dict(ercot.POINTS)
    made = [price for slot in ercot.slots(seed, emil, day) for price in ercot.posting(seed, emil, day, slot).prices]
    return [price for price in made if (price.location_type or kinds[price.location]) in TYPES]


def _document(
    source: str, report: int, name: str, days: Sequence[date], header: Sequence[str], rows: Sequence[Sequence[Cell]],
    prices: Sequence[Price] = (), services: Sequence[ServicePrice] = (),
) -> Document:  # fmt: skip
    sheets: dict[str, list[Sequence[Cell]]] = {}
    for row in rows:
        month = date(1, int(str(row[0])[:2]), 1).strftime("%b")
        sheets.setdefault(f"{MARK}_{month}", [header]).append(row)
    first = next(iter(sheets.values()))
    first.insert(len(first) // 2, [None] * len(header))
    published = midnight(days[-1] + timedelta(days=1), CENTRAL)
    stem = f"rpt.{report:08d}.0000000000000000.{MARK}_{name}_{days[0].year}"
    return Document(
        source, f"{stem}.xlsx", workbook(sheets), published, prices=tuple(prices), services=tuple(services)
    )  # fmt: skip


def workbook(sheets: dict[str, list[Sequence[Cell]]]) -> bytes:
    """An Office Open XML workbook of texts and numbers; None leaves a cell out."""
    numbers = range(1, len(sheets) + 1)
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Override PartName="/xl/workbook.xml" ContentType='
        '"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
        + "".join(
            f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType='
            '"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
            for n in numbers
        )
        + "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_RELATION}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATION}"><sheets>'
        + "".join(
            f'<sheet name="{escape(name)}" sheetId="{n}" r:id="rId{n}"/>'
            for n, name in zip(numbers, sheets, strict=True)
        )
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        + "".join(
            f'<Relationship Id="rId{n}" Type="{_RELATION}/worksheet" Target="worksheets/sheet{n}.xml"/>'
            for n in numbers
        )
        + "</Relationships>",
    }
    for n, rows in zip(numbers, sheets.values(), strict=True):
        body = "".join(f'<row r="{m}">{_row(m, row)}</row>' for m, row in enumerate(rows, 1))
        parts[f"xl/worksheets/sheet{n}.xml"] = f'<worksheet xmlns="{_MAIN}"><sheetData>{body}</sheetData></worksheet>'
    at = midnight(date(2000, 1, 1), CENTRAL)
    return packed({name: (_HEAD + text).encode() for name, text in parts.items()}, at)


def _row(number: int, cells: Sequence[Cell]) -> str:
    made = []
    for column, cell in enumerate(cells):
        where = f"{chr(ord('A') + column)}{number}"
        if isinstance(cell, str):
            made.append(f'<c r="{where}" t="inlineStr"><is><t>{escape(cell)}</t></is></c>')
        elif cell is not None:
            made.append(f'<c r="{where}"><v>{cell!r}</v></c>')
    return "".join(made)
