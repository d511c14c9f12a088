"""A file read in pieces says what it says when it is read whole, wherever it is cut."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ingest.layouts.engine import source as layout_source
from ingest.text.pieces import cut
from lakehouse.errors import UnreadableFile
from lakehouse.source import Parsed
from tests.support.parsing import parse

BERLIN = ZoneInfo("Europe/Berlin")
#: Four hours before the clocks go back and forward in 2024, in UTC.
AUTUMN, SPRING = datetime(2024, 10, 26, 21, tzinfo=UTC), datetime(2024, 3, 30, 22, tzinfo=UTC)

ODD_CELLS = st.sampled_from(["1.5", "2", "", "0.1234567", "1e3", "x", '"4.5"', "1,5", "\x00"])
ODD_LINES = st.sampled_from(["", "2024-10-27 02:30:00", "a,b,c", '2024-10-27 02:10:00,"1', "garbage", "2024-02-30,1"])


def wall(begin: datetime, minutes: int) -> str:
    return f"{(begin + timedelta(minutes=minutes)).astimezone(BERLIN):%Y-%m-%d %H:%M:%S}"


@st.composite
def texts(draw: st.DrawFn) -> str:
    begin = draw(st.sampled_from([AUTUMN, SPRING]))
    step = draw(st.sampled_from([10, 30, 60]))
    lines = [f"{wall(begin, number * step)},{number}.25" for number in range(draw(st.integers(1, 60)))]
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        kind = draw(st.sampled_from(["cell", "line", "move", "twice"]))
        if kind == "cell":
            lines[at] = f"{lines[at].split(',')[0]},{draw(ODD_CELLS)}"
        elif kind == "line":
            lines[at] = draw(ODD_LINES)
        elif kind == "move":
            lines.insert(draw(st.integers(0, len(lines) - 1)), lines.pop(at))
        else:
            lines.insert(at, lines[at])
    if draw(st.booleans()):
        lines.reverse()
    end = draw(st.sampled_from(["\n", "\r\n"]))
    return draw(st.sampled_from(["", "\ufeff"])) + end.join(["ts,pos_ae,surplus", *(f"{line},7" for line in lines)])


def outcome(text: str, piece_bytes: int, layout: str = "reference_meter", dirs: tuple[Path, ...] = ()) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout_source, "PIECE_BYTES", piece_bytes)
        try:
            parsed: Parsed = parse(text, name="box/file.csv", layout=layout, dirs=dirs)
        except UnreadableFile as error:
            return str(error)
    tables = {name: table.to_pylist() for name, table in parsed.tables.items()}
    return tables, parsed.rejects.to_pylist(), parsed.dialect, parsed.rows_read, parsed.rows_empty


@hypothesis_settings(max_examples=150, deadline=None)
@given(texts(), st.integers(30, 900))
def test_where_a_file_is_cut_changes_nothing(text: str, piece_bytes: int) -> None:
    assert outcome(text, piece_bytes) == outcome(text, 1 << 30)


ENDS = """name = "ends_{step}"
domain = "meter"
description = "Ends of intervals"
[recognise]
header = ["ts", "kwh"]
[dialect]
delimiter = ","
[stamps]
columns = ["ts"]
format = "iso"
{stamps}
timezone = "Europe/Berlin"
[[signal]]
name = "kwh"
kind = "{kind}"
{signal}
"""


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Layouts of intervals by their ends, and of registers read at the end of their row."""
    folder = tmp_path_factory.mktemp("layouts")
    for step in (10, 30, 60):
        stamps = f'interval_s = {step * 60}\nmarks = "end"'
        (folder / f"{step}.toml").write_text(ENDS.format(step=step, stamps=stamps, kind="interval_energy", signal=""))
    register = ENDS.format(step="register", stamps="interval_s = 3600", kind="counter", signal='read_at = "end"')
    (folder / "register.toml").write_text(register)
    return folder


@st.composite
def texts_of_ends(draw: st.DrawFn) -> tuple[str, str]:
    """A layout's name and a file of it: ends as the clock shows them, or as start and length added up."""
    begin, step = draw(st.sampled_from([AUTUMN, SPRING])), draw(st.sampled_from([10, 30, 60]))
    added_up = draw(st.booleans())
    lines = []
    for number in range(draw(st.integers(1, 60))):
        start = (begin + timedelta(minutes=number * step)).astimezone(BERLIN)
        end = (begin + timedelta(minutes=(number + 1) * step)).astimezone(BERLIN)
        shown = start.replace(tzinfo=None) + timedelta(minutes=step) if added_up else end.replace(tzinfo=None)
        lines.append(f"{shown:%Y-%m-%d %H:%M:%S},{number}.25")
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        if draw(st.booleans()) and len(lines) > 1:
            lines.pop(at)
        else:
            lines.insert(draw(st.integers(0, len(lines) - 1)), lines[at])
    if draw(st.booleans()):
        lines.reverse()
    name = draw(st.sampled_from([60, "register"])) if step == 60 else step
    return f"ends_{name}", "\n".join(["ts,kwh", *lines])


@hypothesis_settings(max_examples=150, deadline=None)
@given(drawn=texts_of_ends(), piece_bytes=st.integers(30, 900))
def test_where_a_file_of_ends_is_cut_changes_nothing(ends: Path, drawn: tuple[str, str], piece_bytes: int) -> None:
    layout, text = drawn
    assert outcome(text, piece_bytes, layout, (ends,)) == outcome(text, 1 << 30, layout, (ends,))


def pieces(monkeypatch: pytest.MonkeyPatch, text: str, piece_bytes: int) -> list[tuple[int, bool]]:
    """Rows of every piece, and whether it is the file from its start."""
    from ingest.registry import registry
    from lakehouse.source import LandOptions, RawFile

    monkeypatch.setattr(layout_source, "PIECE_BYTES", piece_bytes)
    content = text.encode()
    file = RawFile("0" * 64, Path("/given/m1/pos_ae.csv"), len(content), lambda: iter([content]))
    found = registry().sources["meter"].parse(file, LandOptions())
    return [(parsed.tables["meter_observations"].num_rows, parsed.restarts) for parsed in found]


def test_a_repeated_hour_is_never_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "ts,pos_ae\n" + "".join(f"{wall(AUTUMN, number)},{number}\n" for number in range(600))
    found = pieces(monkeypatch, text, 1000)
    assert sum(rows for rows, _ in found) == 600
    assert not any(restarts for _, restarts in found)
    assert max(rows for rows, _ in found) >= 240  # 01:00 to 04:00 with its hour twice
    assert len(found) > 5


def test_a_file_out_of_order_over_a_repeated_hour_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"{wall(AUTUMN, number)},{number}\n" for number in range(600)]
    found = pieces(monkeypatch, "ts,pos_ae\n" + "".join(lines[50:] + lines[:50]), 1000)
    assert found[-1][1]


def test_a_large_file_that_must_be_read_whole_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout_source, "WHOLE_FILE_BYTES", 2000)
    lines = [f"{wall(AUTUMN, number)},{number}\n" for number in range(600)]
    with pytest.raises(UnreadableFile, match=r"hour that the clocks repeat.*read whole"):
        pieces(monkeypatch, "ts,pos_ae\n" + "".join(lines[50:] + lines[:50]), 1000)


@hypothesis_settings(deadline=None)
@given(st.lists(st.binary(max_size=30).map(lambda b: b.replace(b"a", b"\n")), max_size=20), st.integers(1, 50))
def test_pieces_are_the_bytes_cut_at_line_ends(blocks: list[bytes], piece_bytes: int) -> None:
    found = list(cut(blocks, piece_bytes))
    assert b"".join(found) == b"".join(blocks)
    assert all(piece.endswith(b"\n") for piece in found[:-1])
    assert not any(b"\n" in piece[piece_bytes:-1] for piece in found)  # at most to the end of a line
