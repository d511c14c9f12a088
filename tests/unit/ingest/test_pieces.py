"""A file read in pieces says what it says when it is read whole, wherever it is cut."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from reading import parse

from ingest import files
from ingest.pieces import cut
from ingest.source import Parsed
from lakehouse.errors import UnreadableFile

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


def outcome(text: str, piece_bytes: int) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "PIECE_BYTES", piece_bytes)
        try:
            parsed: Parsed = parse(text, name="box/file.csv", layout="reference_meter")
        except UnreadableFile as error:
            return str(error)
    tables = {name: table.to_pylist() for name, table in parsed.tables.items()}
    return tables, parsed.rejects.to_pylist(), parsed.dialect, parsed.rows_read, parsed.rows_empty


@hypothesis_settings(max_examples=150, deadline=None)
@given(texts(), st.integers(30, 900))
def test_where_a_file_is_cut_changes_nothing(text: str, piece_bytes: int) -> None:
    assert outcome(text, piece_bytes) == outcome(text, 1 << 30)


def pieces(monkeypatch: pytest.MonkeyPatch, text: str, piece_bytes: int) -> list[tuple[int, bool]]:
    """Rows of every piece, and whether it is the file from its start."""
    from pathlib import Path

    from ingest.registry import sources
    from ingest.source import LandOptions, RawFile

    monkeypatch.setattr(files, "PIECE_BYTES", piece_bytes)
    content = text.encode()
    file = RawFile("0" * 64, Path("/given/m1/pos_ae.csv"), len(content), lambda: iter([content]))
    found = sources()["meter"].parse(file, LandOptions())
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
    monkeypatch.setattr(files, "WHOLE_FILE_BYTES", 2000)
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
