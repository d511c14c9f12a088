"""The quick reading of plain files gives exactly what reading them as text gives, or leaves them to it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ingest.layouts.engine import table
from lakehouse.errors import UnreadableFile
from lakehouse.source import Parsed
from tests.support.parsing import parse

#: Cells that are plain, odd or broken, each of them alone enough to leave the quick reading.
CELLS = (
    "1.5", "-0.25", "15000.022", "7", "", " 1.5", "1.", ".5", "+3", "1e3", "1e0003", "nan", "inf", "0x1A", "1,5", "-",
    "999999999999.999999", "1000000000000.5", "123456789012345678", "1234567890123.5", "0.1234567", '"4.5"', "4.5;",
    "9007199254.740993", "n/a", "1_000", "٣",
)  # fmt: skip
STAMPS = (
    "2024-03-01 10:00:00", "2024-03-01 10:01", "2024-03-01T10:02:00", "2024-03-01", "2024-03-31 02:30:00",
    "2024-10-27 02:30:00", "2024-03-01 10:00:00.5", "2024-03-01 10:00:00Z", "2024-02-30 10:00:00", "", "1709283600",
)  # fmt: skip
ENDS = ("\n", "\r\n", "\r", "\n\n")

rows = st.lists(st.tuples(st.sampled_from(STAMPS), st.sampled_from(CELLS), st.sampled_from(ENDS)), max_size=6)
#: Mostly plain rows, so that many files take the quick route.
plain = st.lists(
    st.tuples(st.sampled_from(STAMPS[:3]), st.sampled_from(CELLS[:5]), st.just("\n")), min_size=1, max_size=6
)


def outcome(text: str, signal: str, as_text: bool) -> object:
    with pytest.MonkeyPatch.context() as patch:
        if as_text:
            patch.setattr(table, "read_typed", lambda *_: None)
        try:
            parsed: Parsed = parse(text, name=f"box/{signal}.csv")
        except UnreadableFile as error:
            return str(error)
    tables = {name: table.to_pylist() for name, table in parsed.tables.items()}
    return tables, parsed.rejects.to_pylist(), parsed.dialect, parsed.rows_read, parsed.rows_empty


@hypothesis_settings(max_examples=150, deadline=None)
@given(st.one_of(plain, rows), st.sampled_from(["com_ap", "pos_ae"]))
def test_the_quick_reading_equals_the_reading_as_text(listed: list[tuple[str, str, str]], signal: str) -> None:
    text = f"ts,{signal}\n" + "".join(f"{stamp},{cell}{end}" for stamp, cell, end in listed)
    assert outcome(text, signal, as_text=False) == outcome(text, signal, as_text=True)


def test_a_plain_file_takes_the_quick_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    read = table.read_typed
    taken: list[bool] = []

    def watched(*given: object) -> object:
        grid = read(*given)
        taken.append(grid is not None)
        return grid

    monkeypatch.setattr(table, "read_typed", watched)
    parse("ts,com_ap\n2024-03-01 10:00:00,1.5\n2024-03-01 10:01:00,\n", name="m1/com_ap.csv")
    parse("ts,com_ap\n2024-03-01 10:00:00,1.5\n2024-03-01 10:01:00,1e3\n", name="m1/com_ap.csv")
    assert taken == [True, False]
