"""Keys of layouts: one that changes nothing where it stands is refused, one that is accepted changes the reading."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.layouts.engine.layout import load_layout
from lakehouse.errors import TerminalError, UnreadableFile
from tests.support.parsing import parse, refused, rows

HEAD = """name = "own"
domain = "meter"
description = "A layout of a test"
{top}
[recognise]
{recognise}
[dialect]
{dialect}
[stamps]
{stamps}
[shape]
{shape}
[asset]
{asset}
[[signal]]
{signal}
"""
EMPTY = dict.fromkeys(("top", "recognise", "dialect", "stamps", "shape", "asset", "signal"), "")
#: What a layout of each shape says at least.
SHAPES: dict[str, dict[str, str]] = {
    "wide": {
        "recognise": 'header_match = ["at", "power.*"]',
        "stamps": 'columns = ["at"]',
        "signal": 'name = "power"\nkind = "instant"\nunit = "kW"',
    },
    "energy": {
        "recognise": 'header = ["at", "power"]',
        "stamps": 'columns = ["at"]\ninterval_s = 900',
        "signal": 'name = "power"\nkind = "interval_energy"\nunit = "kWh"',
    },
    "headerless": {
        "recognise": "values = ['.*', '.*']",
        "dialect": "header = false",
        "stamps": 'columns = ["1"]',
        "signal": 'name = "2"\nkind = "instant"',
    },
    "text": {
        "recognise": 'header = ["at", "power"]',
        "stamps": 'columns = ["at"]',
        "signal": 'name = "power"\nkind = "code"',
    },
    "long": {
        "recognise": 'header = ["at", "what", "value"]',
        "stamps": 'columns = ["at"]',
        "shape": 'kind = "long"\nsignal_column = "what"\nvalue_column = "value"',
        "signal": 'match = "a.*|power.*"\nkind = "instant"',
    },
    "day_rows": {
        "recognise": 'header = ["day", "00:00"]',
        "stamps": 'columns = ["day"]\ninterval_s = 900',
        "shape": 'kind = "day_rows"\nvalue_pattern = \'(?P<start>\\d\\d:\\d\\d)\'\nsignal = "e"',
        "signal": 'name = "e"\nkind = "interval_energy"',
    },
    "signal_rows": {
        "recognise": 'header = ["what"]',
        "stamps": "columns = ['\\d{4}-.*']",
        "shape": 'kind = "signal_rows"\nsignal_column = "what"',
        "signal": 'match = ".*"\nkind = "instant"',
    },
    "json_records": {
        "recognise": 'paths = ["data.0.at"]',
        "stamps": 'columns = ["at"]',
        "shape": 'kind = "json_records"\nrecords = "data"',
        "signal": 'name = "power"\nkind = "instant"',
    },
    "json_series": {
        "recognise": 'paths = ["power.power_time"]',
        "shape": 'kind = "json_series"',
        "signal": 'name = "power"\nkind = "instant"',
    },
    "nem12": {
        "recognise": "first_lines = '^200,'",
        "stamps": 'timezone = "Australia/Brisbane"',
        "shape": 'kind = "nem12"',
        "signal": 'match = \'E.*\'\nkind = "interval_energy"\nunit = "kWh"',
    },
    "espi": {
        "recognise": 'namespace = "http://naesb.org/espi"',
        "shape": 'kind = "espi"',
        "signal": 'match = ".*"\nkind = "interval_energy"',
    },
}


def written(shape: str, table: str, keys: str) -> str:
    parts = EMPTY | SHAPES[shape]
    named = {line.split(" = ")[0] for line in keys.splitlines()}
    kept = [line for line in parts[table].splitlines() if line.split(" = ")[0] not in named]
    return HEAD.format(**{**parts, table: "\n".join([*kept, keys])})


@pytest.mark.parametrize("shape", SHAPES)
def test_a_layout_of_every_shape_loads_without_more(shape: str, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(written(shape, "top", ""))
    assert load_layout(path).name == "own"


JSON, TABLE = ("json_records", "json_series"), ("wide", "headerless", "long", "day_rows", "signal_rows")
NO_TABLE = (*JSON, "nem12", "espi")
SAMPLES = ("wide", "headerless", "text", "long", "signal_rows", *JSON)


def idle() -> list[tuple[str, str, str]]:
    """Shape, table and keys of everything that changes nothing there."""
    found: list[tuple[str, str, str]] = []

    def does_nothing(table: str, keys: str, *shapes: str) -> None:
        found.extend((shape, table, keys) for shape in shapes)

    for keys in ('header = ["x"]', "header_match = ['x']", "rows = 'x'", "columns = 2", "values = ['x']"):
        does_nothing("recognise", keys, *NO_TABLE)
    does_nothing("recognise", "first_lines = 'x'", *JSON, "espi")
    does_nothing("recognise", "values = ['x', 'y']", "wide", "long", "day_rows", "signal_rows")
    does_nothing("recognise", 'header = ["x"]', "headerless")
    does_nothing("recognise", "header_match = ['x']", "headerless")
    does_nothing("recognise", 'paths = ["a"]', *TABLE, "nem12", "espi")
    for keys in (
        'delimiter = ";"', 'decimal = ","', "thousands = \"'\"", "rows_after_header = 1", "unit_row = 1",
        "trailing_cell = true", "excel_text = true", "header = false",
    ):  # fmt: skip
        does_nothing("dialect", keys, *NO_TABLE)
    does_nothing("dialect", 'encoding = "latin-1"', *JSON, "espi")
    does_nothing("dialect", "unit_row = 1", "wide")
    does_nothing("dialect", "rows_after_header = 1\nunit_row = 2", "wide")
    does_nothing("dialect", "rows_after_header = 1\nunit_row = 1", "long", "day_rows", "signal_rows")
    for keys in ("rows_after_header = 1", "trailing_cell = true"):
        does_nothing("dialect", f"header = false\n{keys}", "headerless")
    does_nothing("dialect", 'decimal = ","', "text")
    does_nothing("dialect", 'thousands = "."', "text")
    does_nothing("dialect", 'decimal = ","\nthousands = ","', "wide")
    does_nothing("stamps", 'columns = ["at"]', "json_series", "nem12", "espi")
    does_nothing("stamps", 'columns = ["at", "on"]', "json_records")
    does_nothing("stamps", 'format = "iso"', "nem12", "espi")
    for keys in ('marks = "end"', "interval_s = 900", 'interval = "day"'):
        does_nothing("stamps", keys, *SAMPLES, "nem12", "espi")
    does_nothing("stamps", 'interval = "day"\ninterval_s = 900', "energy", "day_rows")
    does_nothing("stamps", 'end_clock = "at_end"', *SAMPLES, "energy", "nem12", "espi")
    does_nothing("stamps", 'marks = "end"\nend_clock = "at_end"\nformat = "iso_offset"', "energy")
    does_nothing("stamps", 'marks = "end"\nend_clock = "at_end"\ninterval_s = 86400', "energy")
    for keys in ('end_columns = ["to"]', 'separator = " to "', 'end_format = "%H:%M"'):
        does_nothing("stamps", keys, "day_rows", "signal_rows", *NO_TABLE)
    does_nothing("stamps", 'end_columns = ["to"]', "wide", "long")
    does_nothing("stamps", 'end_format = "%H:%M"', "energy")
    does_nothing("stamps", 'end_columns = ["to"]\nseparator = " - "', "energy")
    does_nothing("stamps", 'end_columns = ["to"]\nmarks = "end"', "energy")
    instants = 'format = "epoch_s"\ntimezone = "UTC"\nsite_timezone = "Europe/Berlin"'
    does_nothing("stamps", instants, "wide", "energy", "long", "json_records")
    does_nothing("stamps", instants.replace("epoch_s", "%Y-%m-%d %H:%M %z"), "wide")
    for keys, shapes in (
        ('signal_from = "stem"', ("long", "day_rows", "signal_rows")),
        ('unit_brackets = "()"', ("headerless", "long", "day_rows", "signal_rows")),
        ('signal_column = "x"', ("wide", "day_rows")),
        ('value_column = "x"', ("wide", "day_rows", "signal_rows")),
        ('unit_column = "x"', ("wide", "day_rows")),
        ('factor_column = "x"', ("wide", "day_rows", "signal_rows")),
        ('status_column = "x"', ("day_rows", "signal_rows")),
        ('status_lists_signals = "x"', ("wide", "long", "day_rows", "signal_rows")),
        ("value_pattern = 'x'", ("wide", "long", "signal_rows")),
        ('signal = "x"', ("wide", "long", "signal_rows")),
        ('records = "x"', ("wide", "long", "day_rows", "signal_rows", "json_series")),
    ):
        does_nothing("shape", keys, *shapes, *(shape for shape in NO_TABLE if not keys.startswith("records")))
    does_nothing("asset", 'source = "column"\ncolumn = "x"', "day_rows", *NO_TABLE)
    does_nothing("asset", 'source = "folder"', "nem12")
    does_nothing("asset", "native_match = '(x)'", "nem12", "espi")
    does_nothing("asset", "native_first = true", "wide", *NO_TABLE)
    does_nothing("asset", "native_first = true\nnative_match = '(x)'", *NO_TABLE)
    for keys in ("native_match = '(x)'", "native_first = true"):
        does_nothing("asset", f'source = "column"\ncolumn = "x"\n{keys}', "wide", "long")
    for keys in ('marks = "end"', "interval_s = 900", 'interval = "day"'):
        does_nothing("signal", keys, *SAMPLES, "nem12", "espi")
    does_nothing("signal", 'read_at = "end"', "energy", "day_rows", "nem12", "espi", *SAMPLES)
    does_nothing("signal", 'read_at = "start"\ninterval_s = 900', "wide")
    does_nothing("signal", 'read_at = "end"\nmarks = "end"\ninterval_s = 900', "wide")
    does_nothing("signal", 'interval = "day"\ninterval_s = 900', "energy")
    does_nothing("signal", 'pair_signal = "x"', *(shape for shape in SHAPES if shape not in ("nem12", "espi")))
    for keys in ('factor = "2"', "minimum = 1", "maximum = 1"):
        does_nothing("signal", keys, "text")
    does_nothing("signal", 'estimated_statuses = ["E"]', "wide", "energy", "day_rows", *JSON, "nem12")
    does_nothing("signal", "expected_interval_s = 900", "nem12")
    does_nothing("signal", "minimum = 2\nmaximum = 1", "wide")
    return found


@pytest.mark.parametrize(("shape", "table", "keys"), idle())
def test_a_key_that_does_nothing_is_an_error_of_the_layout(shape: str, table: str, keys: str, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(written(shape, table, keys))
    with pytest.raises(TerminalError, match=r"own\.toml") as error:
        load_layout(path)
    said = {line.split(" = ")[0] for line in keys.splitlines()}
    # The error names one of the keys, or says what an interval lacks.
    assert any(key in error.value.message for key in said) or "interval" in error.value.message


WIDE = "at,power\n2024-03-31 01:00:00,1.5\n2024-03-31 03:00:00,2.5\n"
LONG = "at,what,value,u,f,s\n2024-03-31 01:00:00,a,1.5,kW,2,E\n2024-03-31 01:00:00,b,1.5,W,2,R\n"
LONG_BASE = 'kind = "long"\nsignal_column = "what"\nvalue_column = "value"\n'
DAYS = "day,00:00,00:15\n2024-06-01,1,2\n"
ROWS = "what,u,2024-06-01 00:00,2024-06-01 01:00\na,kW,1,2\n"
RECORDS = """{"data": [{"at": "2024-06-01 00:00:00", "power": 1.5}], "id": "box 12",
    "more": [{"at": "2024-01-01", "power": 3}]}"""
TWO_STAMPS = "at,to,power\n2024-06-01 00:00,2024-06-01 01:00,1\n"
UNITS = WIDE.replace("power\n", "power\n,W\n")
HOURS = "at,power\n2024-06-01 00:00:00,1\n2024-06-01 01:00:00,2\n"
SPANS = "at,power\n2024-06-01 00:00 to 2024-06-01 00:30,1\n"

#: Shape, table, keys that it has before, keys of interest, file.
ACTIVE = [
    ("wide", "dialect", "", 'delimiter = ";"', WIDE),
    ("wide", "dialect", "", 'decimal = ","', WIDE.replace(",", ";").replace("1.5", "1,5").replace("2.5", "2.5")),
    ("wide", "dialect", 'decimal = "."', 'thousands = "\'"', WIDE.replace("1.5", "1'500.0")),
    ("text", "dialect", "", 'encoding = "latin-1"', WIDE.encode().replace(b"1.5", b"\xe4")),
    ("wide", "dialect", "", "rows_after_header = 1", WIDE),
    ("wide", "dialect", "rows_after_header = 1", "rows_after_header = 1\nunit_row = 1", UNITS),
    ("wide", "dialect", "", "trailing_cell = true", WIDE.replace(".5\n", ".5,\n")),
    ("wide", "dialect", "", "excel_text = true", WIDE.replace("1.5", '="1.5"')),
    ("wide", "dialect", "", 'nulls = ["1.5"]', WIDE),
    ("wide", "stamps", "", 'format = "%Y-%m-%d"', WIDE),
    ("energy", "stamps", "interval_s = 3600", 'marks = "end"', HOURS),
    ("energy", "stamps", "interval_s = 3600", "interval_s = 900", HOURS),
    ("energy", "stamps", "interval_s = 3600", 'interval = "day"', HOURS),
    ("energy", "stamps", 'interval_s = 900\nmarks = "end"', 'end_clock = "at_start"', WIDE),
    ("energy", "stamps", "interval_s = 900", 'separator = " to "', SPANS),
    ("energy", "stamps", 'separator = " to "', 'end_format = "%H:%M"', SPANS.replace("to 2024-06-01", "to")),
    ("energy", "stamps", "interval_s = 900", 'end_columns = ["to"]', TWO_STAMPS),
    ("wide", "stamps", "", 'timezone = "Asia/Kolkata"', WIDE),
    ("wide", "stamps", "", 'site_timezone = "Asia/Kolkata"', WIDE),
    ("wide", "shape", "", 'signal_from = "stem"', WIDE),
    ("wide", "shape", "", 'unit_brackets = ""', WIDE.replace("power", "power [kW]")),
    ("wide", "shape", "", 'status_column = "s"', "at,power,s\n2024-06-01 00:00:00,1,E\n"),
    ("wide", "shape", 'status_column = "s"', 'status_lists_signals = "x"', "at,power,s\n2024-06-01 00:00:00,1,power\n"),
    ("long", "shape", LONG_BASE, 'signal_column = "u"', LONG),
    ("long", "shape", LONG_BASE, 'value_column = "f"', LONG),
    ("long", "shape", LONG_BASE, 'unit_column = "u"', LONG),
    ("long", "shape", LONG_BASE, 'factor_column = "f"', LONG),
    ("long", "shape", LONG_BASE, 'status_column = "s"', LONG),
    ("long", "asset", "", 'source = "column"\ncolumn = "f"', LONG),
    ("day_rows", "shape", "", "kind = \"day_rows\"\nsignal = \"e\"\nvalue_pattern = '(?P<start>00:00)'", DAYS),
    ("signal_rows", "shape", "", 'kind = "signal_rows"\nsignal_column = "u"', ROWS),
    ("signal_rows", "shape", 'kind = "signal_rows"\nsignal_column = "what"', 'unit_column = "u"', ROWS),
    ("json_records", "shape", "", 'kind = "json_records"\nrecords = "more"', RECORDS),
    ("json_records", "dialect", "", 'nulls = ["1.5"]', RECORDS),
    ("json_records", "asset", "", "native_match = 'box (\\d+)'", RECORDS),
    ("wide", "asset", "", 'source = "folder"', WIDE),
    ("wide", "asset", "", "native_match = '(0)1:00'", WIDE),
    ("wide", "asset", "native_match = '(0)1:00'", "native_first = true", WIDE),
    ("wide", "signal", "", 'unit = "W"', WIDE),
    ("wide", "signal", "", 'role = "pv_power"', WIDE),
    ("wide", "signal", "", "asset = 'x'", WIDE),
    ("wide", "signal", "", "expected_interval_s = 60", WIDE),
    ("wide", "signal", "", "max_gap_s = 60", WIDE),
    ("wide", "signal", "", 'factor = "2"', WIDE),
    ("wide", "signal", "", "minimum = 2", WIDE),
    ("wide", "signal", "", "maximum = 2", WIDE),
    ("wide", "signal", 'name = "power"\nkind = "power_factor"', 'pair_signal = "p"', WIDE),
    ("wide", "signal", 'name = "power"\nkind = "counter"', "rollover_at = 100", WIDE),
    ("wide", "signal", "", 'interval_s = 3600\nread_at = "end"', WIDE),
    ("wide", "signal", "", 'interval = "day"\nread_at = "end"', WIDE),
    ("wide", "signal", "", 'interval_s = 3600\nmarks = "end"\nread_at = "start"', WIDE),
    ("energy", "signal", "", 'marks = "end"', HOURS),
    ("energy", "signal", "", "interval_s = 60", HOURS),
    ("energy", "signal", "", 'interval = "month"', HOURS),
]  # fmt: skip


def outcome(folder: Path, text: str, content: str | bytes) -> object:
    folder.mkdir(exist_ok=True)
    (folder / "own.toml").write_text(text)
    try:
        parsed = parse(content, "house/file.csv", dirs=[folder], layout="own")
    except UnreadableFile as error:
        return str(error)
    said = [parsed.tables[name].to_pylist() for name in ("assets", "signals")]
    return rows(parsed), refused(parsed), said


@pytest.mark.parametrize(("shape", "table", "before", "keys", "content"), ACTIVE)
def test_a_key_that_is_accepted_changes_the_reading(
    shape: str, table: str, before: str, keys: str, content: str | bytes, tmp_path: Path
) -> None:
    base = {**SHAPES[shape]}
    if before:
        named = {line.split(" = ")[0] for line in before.splitlines()}
        kept = [line for line in base.get(table, "").splitlines() if line.split(" = ")[0] not in named]
        ends = "separator" in before or "end_columns" in before
        kept = [line for line in kept if not (ends and line.startswith("interval_s"))]
        base[table] = "\n".join([*kept, before])
    said = {line.split(" = ")[0] for line in keys.splitlines()}
    if said & {"separator", "end_columns", "interval"}:
        said |= {"interval_s"}
    without = HEAD.format(**EMPTY | base)
    kept = [line for line in base.get(table, "").splitlines() if line.split(" = ")[0] not in said]
    named = {**base, table: "\n".join([*kept, keys])}
    if table == "signal" and said & {"interval", "interval_s"}:
        named["stamps"] = 'columns = ["at"]'
    within = HEAD.format(**EMPTY | named)
    assert outcome(tmp_path / "a", without, content) != outcome(tmp_path / "b", within, content)


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("%Y-%m-%d %H:%M to %Y-%m-%d %H:%M", "separator"),
        ("%d.%m.%Y %b %H:%M", "twice"),
        ("%d.%m.%y %Y", "twice"),
        ("%Y-%m-%d %I:%M", "%I and %p"),
        ("%Y-%m-%d %H:%M %z %Z", "twice"),
        ("%d.%m. %H:%M", "year"),
        ("%Y-%d %H:%M", "month"),
        ("%Y-%m-%d %M", "hour"),
        ("%H:%M", "day"),
        ("%Y-%m-%d %q", "unknown"),
        ("%Y-%m-%d %", "unknown"),
    ],
)
def test_a_pattern_that_cannot_be_a_stamp_is_an_error_of_the_layout(pattern: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(written("wide", "stamps", f'columns = ["at"]\nformat = "{pattern}"'))
    with pytest.raises(TerminalError, match=r"own\.toml") as error:
        load_layout(path)
    assert says in error.value.message
