"""Tables at any width: numbers, ids and words stay whole, and what is left out is named."""

from __future__ import annotations

import contextlib
import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.report.tables import SENTENCE_WIDTH, cell, table

IDS = st.text("abcXYZ019_/-.", min_size=1, max_size=40)
NUMBERS = st.one_of(
    st.decimals(min_value=-(10**9), max_value=10**9, places=2), st.integers(min_value=-(10**12), max_value=10**12)
)
SENTENCES = st.lists(st.text("abcdefgh", min_size=1, max_size=12), min_size=4, max_size=12).map(" ".join)
HEADER = ("asset", "energy kWh", "what it says of it", "money $", "snapshot")


def printed(capsys: pytest.CaptureFixture[str], columns: int, **given: object) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(columns))
        capsys.readouterr()
        table(**given)
        return capsys.readouterr().out


def lines_of(rows: list[tuple[object, ...]]) -> list[str]:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        table(HEADER, rows, drop=("snapshot",))
    return out.getvalue().splitlines()


@given(
    rows=st.lists(st.tuples(IDS, NUMBERS, SENTENCES, NUMBERS, NUMBERS), min_size=1, max_size=5),
    columns=st.integers(20, 200),
)
def test_no_number_id_or_word_is_broken_at_any_width(rows: list[tuple[object, ...]], columns: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(columns))
        lines = lines_of(rows)
    words = {word for line in lines for word in line.split()}
    left_out = "snapshot" in next((line for line in lines if line.startswith("left out")), "")
    for asset, energy, says, money, snapshot in rows:
        assert {asset, cell(energy), cell(money), *str(says).split()} <= words
        assert left_out or cell(snapshot) in words
    body = [line for line in lines if not line.startswith("left out")]
    if max(map(len, body)) > columns:  # then nothing could have made it narrower
        assert left_out
        widest = [
            max(len(cell(row[index])) for row in rows)
            if index != 2
            else min(
                max(SENTENCE_WIDTH, max(len(word) for row in rows for word in str(row[2]).split())),
                max(len(str(row[2])) for row in rows),
            )
            for index in range(4)
        ]
        least = [max(wide, max(map(len, name.split()))) for wide, name in zip(widest, HEADER, strict=False)]
        assert sum(least) + 2 * 3 > columns


def test_columns_go_by_priority_and_are_named_with_the_way_to_see_them(capsys: pytest.CaptureFixture[str]) -> None:
    row = ("m1", 1234567, Decimal("-0.50"), 8.125, None)
    given = {"header": ("asset", "rows", "money", "share", "written"), "rows": [row], "drop": ("written", "rows")}
    whole = printed(capsys, 80, **given)
    assert whole.splitlines()[2].split() == ["m1", "1,234,567", "-0.50", "8.125", "-"]
    assert "left out" not in whole
    some = printed(capsys, 35, **given)
    assert some.splitlines()[2].split() == ["m1", "1,234,567", "-0.50", "8.125"]
    assert "left out at 35 characters: written; a wider terminal shows them" in some
    few = printed(capsys, 25, **given, more="--format json shows them")
    assert few.splitlines()[2].split() == ["m1", "-0.50", "8.125"]
    assert "left out at 25 characters: rows, written; --format json shows them" in few


def test_nothing_is_left_out_where_nothing_says_how_wide_a_line_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    table(("id", "text"), [("x" * 300, "a sentence of several words that goes on for long " * 5)], drop=("text",))
    shown = capsys.readouterr().out
    assert len(shown.splitlines()) == 4
    assert "x" * 300 in shown


def test_text_from_outside_is_printed_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    shown = printed(capsys, 80, header=("file",), rows=[("[red]\x1b[2Jm1.csv",)])
    assert "\x1b" not in shown
    assert "[red]\\x1b[2Jm1.csv" in shown
