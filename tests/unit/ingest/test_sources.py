"""Sources are found, light, and keep their contracts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.registry import registry
from lakehouse.errors import WattlakeError
from lakehouse.source import REJECTS_SCHEMA
from tests.support.parsing import parse, rows


def test_every_domain_with_a_source_module_is_found() -> None:
    found = registry().sources
    assert {"meter", "bess"} <= set(found)
    for name, source in found.items():
        assert source.name == name and source.summary and source.needs


def test_contracts_are_each_sources_and_the_shared_ones_once() -> None:
    names = [contract.name for contract in registry().contracts]
    assert len(set(names)) == len(names)
    assert {"meter_observations", "bess_observations", "assets", "signals", "quarantine"} <= set(names)


def test_finding_sources_does_not_load_heavy_libraries() -> None:
    heavy = "{'pandas', 'nemreader', 'duckdb'}"
    code = f"import sys; from ingest.registry import registry; registry().sources; print({heavy} & set(sys.modules))"
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_tables_have_exactly_the_types_of_their_contracts() -> None:
    parsed = parse("ts,com_ap,pos_ae\n2024-06-01 00:00:00,1,2\n2024-06-01 00:00:30,x,3\n")
    schemas = {contract.name: contract.arrow_schema for contract in registry().contracts}
    for name, table in parsed.tables.items():
        plain = pa.schema(
            [f.with_type(f.type.value_type) if pa.types.is_dictionary(f.type) else f for f in table.schema]
        )
        assert plain.equals(schemas[name])
        table.validate(full=True)
    assert parsed.rejects.schema.equals(REJECTS_SCHEMA)


def test_files_are_taken_by_suffix_and_read_by_content() -> None:
    source = registry().sources["meter"]
    read = ("a/b.CSV", "x.txt", "gb.xml", "load.xlsx", "load.XLS", "load.ods", "NEM12#1#A#B.V01", "meter", "2024.10")
    passed = ("notes.md", "archive.zip", "scan.pdf", "load.xlsx~", "x.V01a", "run.sh")
    assert all(source.recognises(Path(name)) for name in read)
    assert not any(source.recognises(Path(name)) for name in passed)


cells = st.one_of(
    st.sampled_from(["1.5", "", " ", "x", "nan", "1e3", "2024-06-01 00:00:00", '"', "\x00", "9" * 20, "-", "0,5"]),
    st.text(max_size=6),
)
lines = st.one_of(
    st.tuples(st.integers(0, 59), cells, cells).map(lambda t: f"2024-06-01 00:{t[0]:02}:00,{t[1]},{t[2]}"),
    st.lists(cells, max_size=4).map(",".join),
)


@settings(max_examples=250, deadline=None)
@given(body=st.lists(lines, max_size=30), end=st.sampled_from(["\n", "\r\n"]), last=st.booleans())
def test_whatever_a_file_holds_every_cell_is_landed_refused_or_empty(body: list[str], end: str, last: bool) -> None:
    text = end.join(["ts,com_ap,pos_ae", *body]) + (end if last else "")
    try:
        parsed = parse(text.encode("utf-8", errors="surrogatepass"))
    except WattlakeError as error:
        assert error.next_step
        return
    found = rows(parsed)
    assert parsed.rows_read == len(found) + parsed.rejects.num_rows + parsed.rows_empty
    written = text.encode("utf-8", errors="surrogatepass").split(b"\n")
    for row in found:
        # Every number stands in the line it is said to come from.
        line = written[int(str(row["line"])) - 1].decode().rstrip("\r")
        assert row["value"] in {float(cell.strip(' "').replace(",", ".")) for cell in line.split(",") if _number(cell)}
    assert pa.compute.all(pa.compute.is_valid(parsed.rejects["reason"])).as_py() in (True, None)


def _number(cell: str) -> bool:
    try:
        return bool(cell.strip(' "')) and float(cell.strip(' "')) is not None
    except ValueError:
        return False


@pytest.mark.parametrize("domain", ["meter", "bess"])
@pytest.mark.parametrize(
    "content", [b"", b"\x00", b"{", b"[]", b"\xff\xfe", b"PK\x03\x04", b"ts", b"ts,\n", b",,,\n,,,\n"]
)
def test_bytes_that_are_no_file_of_the_domain_raise_an_error_with_a_next_step(domain: str, content: bytes) -> None:
    with pytest.raises(WattlakeError) as error:
        parse(content, domain=domain)
    assert error.value.next_step
