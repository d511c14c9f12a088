"""Whatever a layout says and whatever a file holds: a value lands, is refused or is empty, and nothing crashes."""

from __future__ import annotations

import hashlib
import io
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import ingest.layouts.engine.opened
from ingest.layouts.engine.layout import Layout
from ingest.layouts.engine.source import LayoutSource
from ingest.layouts.engine.workbook import read_sheets
from ingest.registry import registry
from lakehouse.errors import WattlakeError
from lakehouse.source import REJECTS_SCHEMA, LandOptions, RawFile
from tests.support.parsing import joined

KINDS = ("wide", "wide", "long", "long", "day_rows", "signal_rows", "nem12", "espi", "json_records", "json_series")
NAMES = (
    "when", "day", "energy", "energy [kWh]", "id", "unit", "status", "", "e.*", "1", "(", "00:00-00:15", "24:99-x",
    "2024-06-01 00:00", "2024-10-27 02:30",
)  # fmt: skip
CELLS = (
    "1.5", "1,5", "-3", "", "x", "NaN", "1e400", "2024-03-31 02:30", "2024-10-27 02:30", "2024-06-01",
    "01.06.2024 00:15", "13/06/2024", "1717200000", "45292.5", "kWh", "m3", "E", '"', "'1.5", "9" * 30, "\x00",
    "2024-06-01T00:00:00Z", "24:00", "1", "2", "300",
)  # fmt: skip
FORMATS = (
    "detect", "iso", "iso_offset", "epoch_s", "epoch_ms", "excel_serial", "%d.%m.%Y %H:%M", "%d/%m/%Y", "%H:%M", "%Y",
    "%y%m%d", "(%Y", "%Y-%m-%d %H:%M %z",
)  # fmt: skip


def maybe(draw: st.DrawFn, table: dict[str, Any], **keys: Any) -> None:
    """Put any of these keys into a table, each with one of its values."""
    for key, values in keys.items():
        if draw(st.booleans()):
            table[key] = draw(st.sampled_from(values))


@st.composite
def layouts(draw: st.DrawFn, header: tuple[str, ...]) -> dict[str, Any]:
    """A layout about a file with this header; most of them are such as a user might write."""
    kind = draw(st.sampled_from(KINDS))
    some = st.sampled_from([header[0], *header, ".*", "nothing"])
    signals: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(1, 2))):
        signal = {
            "kind": draw(st.sampled_from(["counter", "interval_energy", "interval_mean", "instant", "code", "alarm"]))
        }
        signal[draw(st.sampled_from(["match", "match", "name"]))] = draw(
            st.sampled_from([".*", ".*", ".*", "e.*", *header])
        )
        maybe(draw, signal, unit=["kWh", "m3"])
        if signal["kind"] != "code":
            maybe(draw, signal, factor=["0.001", "1e9", "7"], minimum=[0])
        signals.append(signal)
    said: dict[str, Any] = {"name": "any", "domain": "meter", "description": "x", "recognise": {}, "stamps": {}}
    said |= {"signal": signals, "shape": {"kind": kind}}
    recognise, stamps, shape = said["recognise"], said["stamps"], said["shape"]
    if kind == "nem12":
        recognise["first_lines"] = draw(st.sampled_from(["200", "."]))
        return said
    if kind == "espi":
        recognise["namespace"] = "http://naesb.org/espi"
        return said
    if any(signal["kind"].startswith("interval") for signal in signals):
        stamps["interval_s"] = draw(st.sampled_from([900, 3600, 86400, [900, 3600]]))
        maybe(draw, stamps, marks=["start", "end"])
    maybe(draw, stamps, format=(*FORMATS, "iso", "iso"), timezone=["Europe/Berlin", "Australia/Lord_Howe"])
    if kind.startswith("json"):
        recognise["paths"] = draw(st.sampled_from([["data"], ["data"], ["data.0.when"]]))
        if kind == "json_records":
            stamps["columns"], shape["records"] = ["when"], draw(st.sampled_from(["data", "data", "data.0"]))
        return said
    has_header = kind != "wide" or draw(st.integers(0, 4)) < 4
    dialect: dict[str, Any] = {} if has_header else {"header": False}
    maybe(draw, dialect, delimiter=[";", ",", "detect"], decimal=[".", ",", "detect"], excel_text=[True], nulls=[["x"]])
    if has_header:
        recognise[draw(st.sampled_from(["header", "header_match"]))] = [draw(st.one_of(st.just(header[0]), some))]
        maybe(draw, dialect, rows_after_header=[0, 1, 2], trailing_cell=[True])
        columns = st.lists(some, min_size=1, max_size=1 if kind == "signal_rows" else 2)
        usual = [r"\d\d.*"] if kind == "signal_rows" else [header[0]]
        stamps["columns"] = draw(st.one_of(st.just(usual), st.just(usual), columns))
        if draw(st.integers(0, 5)) == 5:
            said["sheet"] = draw(st.sampled_from([{"name": "D"}, {"match": ".*"}, {"number": 1}, {"header_row": 2}]))
    else:
        recognise["values"] = [".*"] * draw(st.integers(1, 4))
        stamps["columns"] = [draw(st.sampled_from(["1", "2", "9"]))]
        maybe(draw, shape, signal_from=["stem"])
    if draw(st.integers(0, 2)) == 2 or not has_header:
        said["dialect"] = dialect
    if kind == "long":
        shape["value_column"] = draw(some)
        maybe(draw, shape, signal_column=header, unit_column=header, factor_column=header, status_column=header)
    elif kind == "signal_rows":
        shape["signal_column"] = draw(some)
        maybe(draw, shape, unit_column=header)
    elif kind == "day_rows":
        shape["signal"] = draw(some)
        shape["value_pattern"] = draw(
            st.sampled_from([r"(?P<start>\d\d:\d\d)-.*", r"(?P<start>\d.*)", "(?P<start>.*)"])
        )
    if kind in ("wide", "long", "signal_rows") and draw(st.integers(0, 3)) == 3:
        said["asset"] = {"source": "column", "column": draw(some)}
    if draw(st.integers(0, 3)) == 3:
        said["ignore"] = [draw(st.sampled_from(["status", "u.*", ".*"]))]
    return said


def _workbook(table: list[list[str]]) -> bytes:
    book = openpyxl.Workbook()
    book.active.title = "D"
    for row in table:
        book.active.append([cell.replace("\x00", "") for cell in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


ESPI = (
    '<feed xmlns="http://www.w3.org/2005/Atom"><entry><content><ReadingType xmlns="http://naesb.org/espi"><uom>{}</uom>'
    "<powerOfTenMultiplier>{}</powerOfTenMultiplier></ReadingType></content></entry><entry><link rel='{}' href='{}'/>"
    '<content><IntervalBlock xmlns="http://naesb.org/espi"><IntervalReading><timePeriod><duration>{}</duration>'
    "<start>{}</start></timePeriod><value>{}</value></IntervalReading></IntervalBlock></content></entry></feed>"
)
WORDS = ("72", "38", "0", "-3", "", "x", "1717200000", "3600", "1.5", "9" * 40, "-1", "self", "up", "/a/b", "[", "&#1;")
words = st.sampled_from(WORDS)
documents = st.tuples(
    st.just("72") | words,
    st.just("0") | words,
    words,
    words,
    st.just("3600") | words,
    st.just("1717200000") | words,
    words,
).map(lambda said: ESPI.format(*said).encode())
json_cells = st.sampled_from([1, 1.5, None, [1], {"a": 1}, *CELLS])
when = st.sampled_from(["2024-06-01 00:00", "2024-06-01 01:00"]) | json_cells
records = st.lists(
    st.fixed_dictionaries({"when": when, "energy": json_cells}, optional={"e": json_cells}), max_size=4
).map(lambda found: json.dumps({"data": found}).encode())
numbered = st.dictionaries(st.sampled_from(["0", "1"]), when, min_size=1)
series = st.fixed_dictionaries({"energy_time": numbered, "energy_value": numbered}).map(
    lambda found: json.dumps({"data": [], "energy": found}).encode()
)
WORKBOOKS = (
    _workbook([list(NAMES[:4]), ["2024-06-01 00:00", "2024-06-01", "1.5", "2"], ["x", "", "1,5", "'"]]),
    _workbook([["title"], [], ["when", "energy"], ["01.06.2024 00:15", "1.5"]]),
)
NEM12 = b"200,N,energy,,energy,,,kWh,30,\n300,20240601," + b"1," * 48 + b"A\n"


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, Any], bytes]:
    """A layout and a file, most often one that it is about."""
    header = tuple(draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=5, unique=draw(st.booleans()))))
    rows = draw(
        st.lists(st.lists(st.sampled_from(CELLS), min_size=len(header), max_size=len(header)), min_size=1, max_size=8)
    )
    if draw(st.integers(0, 3)) < 3:  # stamps where they are expected, so that the rest of a row matters
        rows = [[f"2024-{draw(MONTHS)}-{draw(DAYS)} 0{number}:00", *row[1:]] for number, row in enumerate(rows)]
    delimiter = draw(st.sampled_from([";", ",", "\t"]))
    text = "\n".join(delimiter.join(cells) for cells in [header, *rows])
    said = draw(layouts(header))
    kind = said["shape"]["kind"]
    fitting = {"espi": documents, "json_records": records, "json_series": series, "nem12": st.just(NEM12)}.get(kind)
    if fitting is None:
        fitting = (
            st.sampled_from(WORKBOOKS) if "sheet" in said else st.just(text.encode(draw(st.sampled_from(ENCODINGS))))
        )
    others = st.one_of(documents, records, series, st.sampled_from([*WORKBOOKS, NEM12]), st.binary(max_size=60))
    return said, draw(others if draw(st.integers(0, 7)) == 7 else fitting)


MONTHS, DAYS = st.sampled_from(["03", "06", "10"]), st.sampled_from(["27", "31"])
ENCODINGS = ("utf-8", "utf-8", "utf-8-sig", "utf-16")


@pytest.fixture(autouse=True)
def workbooks_are_opened_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their cells are read in a process of its own, which takes longer than all the rest of a case."""
    monkeypatch.setattr(ingest.layouts.engine.opened, "read_sheets", lru_cache(read_sheets))


@settings(max_examples=1_200, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(cases(), st.booleans())
def test_any_layout_reads_any_file_or_says_why_not(case: tuple[dict[str, Any], bytes], asked_for: bool) -> None:
    said, content = case
    try:
        layout = Layout.model_validate(said)
    except ValidationError:
        event("no layout")
        return
    source = registry().sources["meter"]
    assert isinstance(source, LayoutSource)
    file = RawFile(hashlib.sha256(content).hexdigest(), Path("/given/box/file"), len(content), lambda: iter([content]))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("ingest.layouts.engine.recognise.layouts", lambda domain, folder=None: (layout,))
        try:
            parsed = joined(source.parse(file, LandOptions(layout="any" if asked_for else None)))
        except WattlakeError as error:
            event(f"refused: {layout.shape.kind}")
            assert error.message and error.next_step
            return
    event(f"read: {layout.shape.kind}")
    observed = parsed.tables["meter_observations"].num_rows
    assert parsed.rejects.schema.equals(REJECTS_SCHEMA)
    assert parsed.rows_read == observed + parsed.rejects.num_rows + parsed.rows_empty
