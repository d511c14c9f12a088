"""Workbooks of a year of prices, and CSVs of the same: sheets by month, and workbooks that mean harm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from xml.sax.saxutils import escape

import pytest

from ingest.iso.ercot import workbooks
from lakehouse.errors import UnreadableFile
from tests.support.documents import zipped
from tests.support.ercot_documents import read

RT = [
    "Delivery Date", "Delivery Hour", "Delivery Interval", "Repeated Hour Flag", "Settlement Point Name",
    "Settlement Point Type", "Settlement Point Price",
]  # fmt: skip
DAM = ["Delivery Date", "Hour Ending", "Repeated Hour Flag", "Settlement Point", "Settlement Point Price"]
MCPC = ["Delivery Date", "Hour Ending", "Repeated Hour Flag", "REGDN", "REGUP ", "RRS", "NSPIN", "ECRS"]
Cells = Sequence[Sequence[object]]


def workbook(sheets: Mapping[str, Cells]) -> bytes:
    """An Excel workbook with inline strings."""

    def cell(value: object) -> str:
        if value is None:
            return "<c/>"
        if isinstance(value, str):
            return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
        return f"<c><v>{value}</v></c>"

    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    numbered = list(enumerate(sheets, 1))
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="xml" '
        'ContentType="application/xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook {main} xmlns:r="{office}"><sheets>'
        + "".join(f'<sheet name="{name}" sheetId="{n}" r:id="r{n}"/>' for n, name in numbered)
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        + "".join(
            f'<Relationship Id="r{n}" Type="{office}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n, _ in numbered
        )
        + "</Relationships>",
    }
    for n, name in numbered:
        rows = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in sheets[name])
        parts[f"xl/worksheets/sheet{n}.xml"] = f"<worksheet {main}><sheetData>{rows}</sheetData></worksheet>"
    return zipped(parts)


def quarter(day: str, hour: int, interval: int, flag: str, price: float) -> list[object]:
    return [day, hour, interval, flag, "HB_NORTH", "HU", price]


def test_every_sheet_lands_with_its_prices_exact_and_its_empty_row_counted() -> None:
    sheets = {
        "Jan": [RT, quarter("01/01/2024", 1, 1, "N", 37.75), [None] * 7, quarter("01/01/2024", 1, 2, "N", -0.1)],
        "Nov": [RT, *(quarter("11/03/2024", 2, 1, flag, 9999.99) for flag in "NY")],
        "Dec": [],
    }
    name = "rpt.00013061.0000000000000000.20241104.080122.RTMLZHBSPP_2024.xlsx"
    document = read("ercot-rt15-spp-year", workbook(sheets), name)
    rows = document.rows("iso_prices")
    assert [row["lmp_usd_mwh"] for row in rows] == [
        Decimal("37.75"), Decimal("-0.1"), Decimal("9999.99"), Decimal("9999.99"),
    ]  # fmt: skip
    assert rows[3]["interval_start"] - rows[2]["interval_start"] == timedelta(hours=1)
    assert [row["line"] for row in rows] == [2, 4, 6, 7]
    assert {row["published_at"] for row in rows} == {datetime(2024, 11, 4, 14, 1, 22, tzinfo=UTC)}
    assert (document.rows_read, document.rows_empty, document.rejects) == (5, 1, [])


def test_a_workbook_lands_from_the_archive_that_it_is_handed_out_in() -> None:
    content = workbook({"Jan": [DAM, ["01/01/2024", "24:00", "N", "LZ_WEST", 23.03]]})
    name = "rpt.00013060.0000000000000000.20240902.080303414.DAMLZHBSPP_2024.zip"
    (row,) = read("ercot-dam-spp-year", zipped({"DAMLZHBSPP_2024.xlsx": content}), name).rows("iso_prices")
    assert (row["market"], row["location"], row["lmp_usd_mwh"]) == ("DAM", "LZ_WEST", Decimal("23.03"))
    assert row["interval_end"] == datetime(2024, 1, 2, 6, tzinfo=UTC)
    assert row["member"] == "DAMLZHBSPP_2024.xlsx" and row["published_at"] == datetime(2024, 9, 2, 13, 3, 3, tzinfo=UTC)


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_product_has_prices_from_its_first_hour_on(form: str) -> None:
    hours = [["06/09/2023", "24:00", "N", 1.5, 2, 3, 4, None], ["06/10/2023", "01:00", "N", 1, 2, 3, 4, 17.01]]
    if form == "csv":
        lines = [",".join("" if cell is None else str(cell) for cell in row) for row in (MCPC, *hours)]
        document = read("ercot-dam-mcpc-year", "\n".join(lines))
    else:
        document = read("ercot-dam-mcpc-year", workbook({"Sheet1": [MCPC, *hours]}), "DAMASMCPC_2023.xlsx")
    rows = document.rows("as_prices")
    assert sorted({row["product"] for row in rows}) == ["ECRS", "NSPIN", "REGDN", "REGUP", "RRS"] and len(rows) == 9
    assert [(row["interval_start"], row["mcpc_usd_mw"]) for row in rows if row["product"] == "ECRS"] == [
        (datetime(2023, 6, 10, 5, tzinfo=UTC), Decimal("17.01"))
    ]
    assert document.rows_read == 2 and not document.rejects


def test_a_sheet_that_is_something_else_is_quarantined_and_the_others_land() -> None:
    sheets = {"Notes": [["About", "this"], ["x", "y"]], "Jan": [DAM, ["01/01/2024", "01:00", "N", "LZ_WEST", 2]]}
    document = read("ercot-dam-spp-year", workbook(sheets), "year.xlsx")
    assert document.landed == 1
    ((line, _, reason),) = document.refused
    assert line == 1 and reason.startswith("the sheet Notes is not read") and "'About'" in reason


def test_a_broken_cell_of_a_sheet_is_quarantined_with_its_row() -> None:
    sheet = [DAM, ["01/01/2024", "01:00", "N", "LZ_WEST", "n/a"], ["13/13/2024", "01:00", "N", "LZ_WEST", 2]]
    document = read("ercot-dam-spp-year", workbook({"Jan": sheet}), "year.xlsx")
    assert [(line, field) for line, field, _ in document.refused] == [(2, "Settlement Point Price"), (3, "hour")]
    assert document.rejects[0]["raw_text"] == "Jan: 01/01/2024,01:00,N,LZ_WEST,n/a"


def test_a_workbook_that_means_harm_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    sane = workbook({"Jan": [DAM, ["01/01/2024", "01:00", "N", "LZ_WEST", 2]]})
    for where in ("XFD1048576", "A200000", "Q1"):
        sheet = f'<worksheet><sheetData><row><c r="{where}"><v>1</v></c></row></sheetData></worksheet>'
        far = zipped({"[Content_Types].xml": "<Types/>", "xl/worksheets/sheet1.xml": sheet})
        with pytest.raises(UnreadableFile, match="cells far from its table"):
            read("ercot-dam-spp-year", far, "year.xlsx")
    with pytest.raises(UnreadableFile, match="cannot be read"):
        read("ercot-dam-spp-year", zipped({"[Content_Types].xml": "<Types/>"}), "year.xlsx")
    monkeypatch.setattr(workbooks, "WORKBOOK_BYTES", 500)
    with pytest.raises(UnreadableFile, match="unpacks to more than"):
        read("ercot-dam-spp-year", sane, "year.xlsx")
