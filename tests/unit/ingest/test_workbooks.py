"""Workbooks as layouts read them: typed cells, sheets by name, rows by their own numbers, and nothing that explodes."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
import xlwt

from ingest.layouts.engine.layout import load_layout
from lakehouse.errors import TerminalError, UnreadableFile
from lakehouse.source import Parsed
from tests.support.parsing import parse, refused, rows, stamps, values

LAYOUT = """
name = "book"
domain = "meter"
description = "A workbook of a test"
{ignore}
[recognise]
header = ["When", "Energy [kWh]"]
{sheet}
{dialect}
[stamps]
columns = ["When"]
interval_s = 900
timezone = "Europe/Berlin"
{stamps}
{asset}
[[signal]]
name = "Energy"
kind = "interval_energy"
unit = "kWh"
"""
HEADER = ["When", "Energy [kWh]"]
QUARTER = dt.timedelta(minutes=15)
MIDNIGHT = dt.datetime(2024, 6, 1)  # noqa: DTZ001  a wall clock, as a workbook holds it


def layout(folder: Path, **parts: str) -> list[Path]:
    """A folder with the layout of these tests; parts are TOML."""
    folder.mkdir(exist_ok=True)
    names = ("ignore", "sheet", "dialect", "stamps", "asset")
    (folder / "book.toml").write_text(LAYOUT.format(**{name: parts.get(name, "") for name in names}))
    return [folder]


def saved(book: openpyxl.Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def xlsx(*sheets: tuple[str, list[list[object]]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, content in sheets:
        sheet = book.create_sheet(name)
        for row in content:
            sheet.append(row)
    return saved(book)


def quarters(count: int, first: dt.datetime = MIDNIGHT, value: float = 1.1) -> list[list[object]]:
    return [[first + number * QUARTER, value] for number in range(count)]


def exact(parsed: Parsed) -> list[Decimal]:
    return [row["value_exact"] for row in rows(parsed)]


def test_typed_dates_and_numbers_read_as_what_was_typed(tmp_path: Path) -> None:
    typed = [1.1, 0.1 + 0.2, 5, -0.000001, 123456.789012, 1e-7, 2.675]
    content = xlsx(("Data", [HEADER, *([MIDNIGHT + n * QUARTER, value] for n, value in enumerate(typed))]))
    parsed = parse(content, "haus.xlsx", dirs=layout(tmp_path / "own"))
    assert exact(parsed) == [
        Decimal(text) for text in ("1.1", "0.3", "5", "-0.000001", "123456.789012", "0", "2.675")
    ]  # fmt: skip
    assert [row["line"] for row in rows(parsed)] == [2, 3, 4, 5, 6, 7, 8]
    assert stamps(parsed)[:2] == ["2024-05-31 22:00:00", "2024-05-31 22:15:00"]
    assert parsed.dialect["sheet"] == "Data" and rows(parsed)[0]["asset_id"] == "haus"


def test_titles_merged_over_the_table_and_empty_rows_are_passed_and_lines_are_the_sheets_rows(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet["A1"] = "Consumption of the year"
    sheet.merge_cells("A1:D2")
    table = [HEADER, *quarters(2), [], [MIDNIGHT + 2 * QUARTER, "n/a"], [MIDNIGHT + 3 * QUARTER, 2], ["Total", 4.2]]
    for number, row in enumerate(table, 5):
        for column, cell in enumerate(row, 2):
            sheet.cell(number, column, cell)
    parsed = parse(saved(book), "haus.xlsx", dirs=layout(tmp_path / "own"))
    assert [(row["line"], row["value_exact"]) for row in rows(parsed)] == [
        (6, Decimal("1.1")), (7, Decimal("1.1")), (10, Decimal(2)),
    ]  # fmt: skip
    assert [(line, field) for line, field, _ in refused(parsed)] == [(9, "Energy [kWh]"), (11, "")]
    assert "Total" in parsed.rejects["raw_text"].to_pylist()[1]


def test_both_passes_of_a_repeated_hour_and_a_serial_without_a_date_format(tmp_path: Path) -> None:
    start = dt.datetime(2024, 10, 27)  # noqa: DTZ001
    local = [start + n * QUARTER for n in [*range(12), *range(8, 16)]]
    serials = [(moment - dt.datetime(1899, 12, 30)) / dt.timedelta(days=1) for moment in local]  # noqa: DTZ001
    expected = [
        f"{moment:%Y-%m-%d %H:%M:%S}"
        for n in range(20)
        for moment in [dt.datetime(2024, 10, 26, 22) + n * QUARTER]  # noqa: DTZ001
    ]
    for written in (local, serials, [round(serial, 9) for serial in serials]):
        content = xlsx(("D", [HEADER, *([stamp, 1] for stamp in written)]))
        assert stamps(parse(content, "a.xlsx", dirs=layout(tmp_path / "own"))) == expected


def test_stamps_as_text_of_a_declared_format_or_as_dates_are_read_alike(tmp_path: Path) -> None:
    dirs = layout(tmp_path / "own", stamps='format = "%d.%m.%Y %H:%M"')
    dated = xlsx(("D", [HEADER, *quarters(8)]))
    text = xlsx(("D", [HEADER, *([f"{moment:%d.%m.%Y %H:%M}", value] for moment, value in quarters(8))]))
    assert stamps(parse(dated, dirs=dirs)) == stamps(parse(text, dirs=dirs))


def test_a_formula_has_the_value_it_had_when_the_workbook_was_saved(tmp_path: Path) -> None:
    content = xlsx(("D", [HEADER, [MIDNIGHT, 1.5], [MIDNIGHT + QUARTER, 777.25]]))
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            part = old.read(name).replace(b"<v>777.25</v>", b"<f>B2*2</f><v>3</v>")
            new.writestr(name, part)
    assert exact(parse(out.getvalue(), dirs=layout(tmp_path / "own"))) == [Decimal("1.5"), Decimal(3)]


def test_numbers_as_text_follow_the_declared_sign_and_typed_ones_their_own(tmp_path: Path) -> None:
    table = [HEADER, [MIDNIGHT, 1.25], [MIDNIGHT + QUARTER, "2,5"], [MIDNIGHT + 2 * QUARTER, "1.234"]]
    comma = parse(xlsx(("D", table)), dirs=layout(tmp_path / "comma", dialect='[dialect]\ndecimal = ","'))
    assert exact(comma) == [Decimal("1.25"), Decimal("2.5")] and [line for line, _, _ in refused(comma)] == [4]
    dialect = '[dialect]\ndecimal = ","\nthousands = "."'
    grouped = parse(xlsx(("D", table)), dirs=layout(tmp_path / "grouped", dialect=dialect))
    assert exact(grouped) == [Decimal("1.25"), Decimal("2.5"), Decimal(1234)]
    point = parse(xlsx(("D", table)), dirs=layout(tmp_path / "point", dialect='[dialect]\ndecimal = "."'))
    assert exact(point) == [Decimal("1.25"), Decimal("1.234")] and [line for line, _, _ in refused(point)] == [3]


MONTHS = [
    ("Jan", [HEADER, *quarters(4, dt.datetime(2024, 1, 1), 1)]),  # noqa: DTZ001
    ("Feb", [["a title"], HEADER, *quarters(4, dt.datetime(2024, 2, 1), 2)]),  # noqa: DTZ001
    ("Notes", [["no table"]]),
    ("Mar", []),
]


def test_a_sheet_is_chosen_by_name_by_place_or_by_pattern(tmp_path: Path) -> None:
    content = xlsx(*MONTHS)
    for sheet, total in (('name = "Feb"', 8), ("number = 1", 4), ("match = '[JF]..'", 12)):
        parsed = parse(content, dirs=layout(tmp_path / "own", sheet=f"[sheet]\n{sheet}"))
        assert sum(exact(parsed)) == total and not refused(parsed)


def test_sheets_that_a_pattern_names_are_read_one_after_the_other_and_odd_ones_are_told(tmp_path: Path) -> None:
    parsed = parse(xlsx(*MONTHS), dirs=layout(tmp_path / "own", sheet="[sheet]\nmatch = '.*'"))
    assert sum(exact(parsed)) == 12
    ((line, field, reason),) = refused(parsed)
    assert (line, field) == (0, "Notes") and "not read" in reason
    # Lines count through the workbook: five rows of January, then February's title, header and rows.
    assert [row["line"] for row in rows(parsed)] == [2, 3, 4, 5, 8, 9, 10, 11]


def test_two_sheets_that_fit_a_layout_without_a_sheet_are_refused_by_their_names(tmp_path: Path) -> None:
    layout(tmp_path / "own")
    with pytest.raises(UnreadableFile, match="'Jan', 'Feb' all fit"):
        parse(xlsx(*MONTHS), dirs=[tmp_path / "own"], layout="book")


def test_a_header_is_taken_from_its_declared_row(tmp_path: Path) -> None:
    table = [HEADER, ["2024", "old"], [], HEADER, *quarters(3)]
    parsed = parse(xlsx(("D", table)), dirs=layout(tmp_path / "own", sheet="[sheet]\nheader_row = 4"))
    assert [row["line"] for row in rows(parsed)] == [5, 6, 7] and not refused(parsed)
    far = [[f"note {number}"] for number in range(60)]
    parsed = parse(
        xlsx(("D", [*far, HEADER, *quarters(3)])), dirs=layout(tmp_path / "far", sheet="[sheet]\nheader_row = 61")
    )
    assert [row["line"] for row in rows(parsed)] == [62, 63, 64]


@pytest.mark.parametrize("sheet", ['name = "a"\nnumber = 1', "", "number = 0", "match = '('", "heading = 1"])
def test_a_sheet_that_makes_no_sense_is_an_error_of_the_layout(tmp_path: Path, sheet: str) -> None:
    (folder,) = layout(tmp_path / "own", sheet=f"[sheet]\n{sheet}")
    with pytest.raises(TerminalError, match=r"book\.toml: sheet"):
        load_layout(folder / "book.toml")


def test_a_layout_that_names_a_sheet_takes_no_text_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="no known meter file"):
        parse("When,Energy [kWh]\n2024-06-01 00:00,1\n", dirs=layout(tmp_path / "own", sheet="[sheet]\nnumber = 1"))


def test_an_old_workbook_is_read_like_a_new_one(tmp_path: Path) -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("D")
    dated = xlwt.easyxf(num_format_str="DD.MM.YYYY HH:MM")
    for row, cells in enumerate([HEADER, *quarters(96)], 2):
        for column, cell in enumerate(cells, 1):
            sheet.write(row, column, cell, *([dated] if isinstance(cell, dt.datetime) else []))
    out = io.BytesIO()
    book.save(out)
    parsed = parse(out.getvalue(), "haus.xls", dirs=layout(tmp_path / "own"))
    assert sum(exact(parsed)) == Decimal("105.6") and [row["line"] for row in rows(parsed)][:2] == [4, 5]
    assert (stamps(parsed)[0], stamps(parsed)[-1]) == ("2024-05-31 22:00:00", "2024-06-01 21:45:00")


ODS_ROW = (
    '<table:table-row><table:table-cell office:value-type="date" office:date-value="{stamp}"><text:p>x</text:p>'
    '</table:table-cell><table:table-cell office:value-type="float" office:value="{value}"><text:p>y</text:p>'
    "</table:table-cell></table:table-row>"
)


def ods(body: str) -> bytes:
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    header = "".join(
        f'<table:table-cell office:value-type="string"><text:p>{cell}</text:p></table:table-cell>' for cell in HEADER
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr(
            "META-INF/manifest.xml",
            '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
        )
        archive.writestr(
            "content.xml",
            f'<?xml version="1.0"?><office:document-content {spaces}><office:body><office:spreadsheet>'
            f'<table:table table:name="D"><table:table-row>{header}</table:table-row>{body}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
        )
    return out.getvalue()


def test_an_open_document_is_read_like_an_excel_workbook(tmp_path: Path) -> None:
    body = "".join(
        ODS_ROW.format(stamp=(MIDNIGHT + n * QUARTER).isoformat(), value=value) for n, value in enumerate((1.1, 2.25))
    )
    parsed = parse(ods(body), "haus.ods", dirs=layout(tmp_path / "own"))
    assert exact(parsed) == [Decimal("1.1"), Decimal("2.25")]
    assert stamps(parsed) == ["2024-05-31 22:00:00", "2024-05-31 22:15:00"]


def test_an_id_that_a_double_has_rounded_is_refused_and_a_text_id_is_kept(tmp_path: Path) -> None:
    table = [["When", "EAN", "Energy [kWh]"], [MIDNIGHT, "541448820052377134", 1], [MIDNIGHT, 541448820052377134, 2]]
    asset = '[asset]\nsource = "column"\ncolumn = "EAN"'
    parsed = parse(xlsx(("D", table)), dirs=layout(tmp_path / "own", asset=asset))
    assert [(row["asset_id"], row["value_exact"]) for row in rows(parsed)] == [("541448820052377134", Decimal(1))]
    assert refused(parsed) == [(3, "", "the id is a number that has lost its last digits")]


def test_a_shipped_layout_reads_the_workbook_of_its_export() -> None:
    start = dt.datetime(2022, 9, 1)  # noqa: DTZ001
    registers = [[start + n * QUARTER, 8350.27 + n, 4650.5] for n in range(20)]
    table = [["time", "Import T1 kWh", "Import T2 kWh"], *registers]
    parsed = parse(xlsx(("Sheet1", table)), "p1.xlsx")
    assert parsed.layout == "homewizard" and values(parsed)[0] == 8350.27 and len(rows(parsed)) == 40


def far_cell(where: str) -> bytes:
    book = openpyxl.Workbook()
    for row in [HEADER, *quarters(2)]:
        book.active.append(row)
    book.active[where] = 1
    return saved(book)


def rezipped(content: bytes, name: str, part: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for each in old.namelist():
            new.writestr(each, part if each == name else old.read(each))
    return out.getvalue()


def encrypted() -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(4000)


PLAIN = xlsx(("D", [HEADER, *quarters(2)]))
SHEET = "xl/worksheets/sheet1.xml"
HOSTILE = {
    "a cell at the far end": lambda: far_cell("XFD1048576"),
    "a sheet that is no XML": lambda: rezipped(PLAIN, SHEET, b"\x00\x01"),
    "a sheet cut off": lambda: rezipped(PLAIN, SHEET, b"<worksheet><sheetData><row r='1'><c r='A1'><v>1"),
    "no workbook part": lambda: rezipped(PLAIN, "xl/workbook.xml", b""),
    "a bomb": lambda: rezipped(PLAIN, SHEET, b"<worksheet><sheetData>" + b" " * 400_000_000),
    "entities in entities": lambda: rezipped(
        PLAIN, SHEET,
        b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
        b"<worksheet><sheetData><row r='1'><c r='A1' t='str'><v>&b;</v></c></row></sheetData></worksheet>",
    ),
    "an old container of something else": encrypted,
    "cut off": lambda: PLAIN[: len(PLAIN) // 2],
    "rows without end": lambda: ods(
        '<table:table-row table:number-rows-repeated="1048576"><table:table-cell office:value-type="float" '
        'office:value="1" table:number-columns-repeated="16384"/></table:table-row>'
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_workbook_is_refused_with_a_next_step(tmp_path: Path, what: str) -> None:
    with pytest.raises(UnreadableFile) as error:
        parse(HOSTILE[what](), "x.xlsx", dirs=layout(tmp_path / "own"))
    assert error.value.next_step and len(error.value.message) < 600


TRANSPOSED = """
name = "across"
domain = "meter"
description = "A row a signal"
ignore = ["Remark", "Temperature"]

[recognise]
header = ["Channel", "Unit"]

[stamps]
columns = ['\\d\\d\\.\\d\\d\\.\\d{4} \\d\\d:\\d\\d']
format = "%d.%m.%Y %H:%M"
interval_s = 3600
timezone = "Europe/Berlin"

[shape]
kind = "signal_rows"
signal_column = "Channel"
unit_column = "Unit"

[[signal]]
match = "Import|Export"
kind = "interval_energy"
unit = "kWh"
"""


def across(tmp_path: Path, toml: str = TRANSPOSED) -> list[Path]:
    (tmp_path / "across").mkdir()
    (tmp_path / "across/across.toml").write_text(toml)
    return [tmp_path / "across"]


def test_a_row_a_signal_with_a_column_an_instant(tmp_path: Path) -> None:
    text = (
        "Channel;Unit;Remark;27.10.2024 01:00;27.10.2024 02:00;27.10.2024 02:00;27.10.2024 03:00\n"
        "Import;kWh;;1,5;2,5;3,5;4,5\n"
        "Export;kWh;;0;;x;0,25\n"
        "Temperature;C;;1;1;1;1\n"
        "Import2;kWh;;1;1;1;1\n"
        "Import;MWh;;1;1;1;1\n"
    )
    parsed = parse(text, "haus.csv", dirs=across(tmp_path))
    found = {(row["signal"], f"{row['ts']:%d %H:%M}"): row["value_exact"] for row in rows(parsed)}
    assert found == {
        ("Import", "26 23:00"): Decimal("1.5"), ("Import", "27 00:00"): Decimal("2.5"),
        ("Import", "27 01:00"): Decimal("3.5"), ("Import", "27 02:00"): Decimal("4.5"),
        ("Export", "26 23:00"): Decimal(0), ("Export", "27 02:00"): Decimal("0.25"),
    }  # fmt: skip
    assert [(line, field) for line, field, _ in refused(parsed)] == [
        (3, "27.10.2024 02:00 #2"), (5, ""), (6, ""),
    ]  # fmt: skip
    assert {row["asset_id"] for row in rows(parsed)} == {"haus"} and parsed.rows_empty == 1


def test_a_row_a_signal_in_a_sheet_whose_header_holds_dates(tmp_path: Path) -> None:
    toml = TRANSPOSED.replace("\\d\\d\\.\\d\\d\\.\\d{4} \\d\\d:\\d\\d", "\\d{4}-.*").replace("%d.%m.%Y %H:%M", "detect")
    hours = [MIDNIGHT + dt.timedelta(hours=n) for n in range(24)]
    content = xlsx(("D", [["Channel", "Unit", *hours], ["Import", "kWh", *range(24)]]))
    parsed = parse(content, "haus.xlsx", dirs=across(tmp_path, toml))
    assert sum(exact(parsed)) == 276 and stamps(parsed)[0] == "2024-05-31 22:00:00" and not refused(parsed)
    assert stamps(parsed)[-1] == "2024-06-01 21:00:00"
