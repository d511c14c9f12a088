"""Factors in files multiply values exactly, or their rows are refused."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from ingest.layouts.engine.layout import load_layout
from lakehouse.errors import TerminalError
from tests.support.parsing import parse, refused, rows, write_layout

HEAD = "name;ean;code;moment;moment-date;value;factor;type\n"


@pytest.mark.parametrize(
    "factor", ["1e999999999", "9" * 400, "1e-400", "NaN", "Infinity", "\u0663", "1_0", "", "x", "1e"]
)
def test_a_factor_that_cannot_multiply_refuses_its_row_and_no_other(factor: str) -> None:
    parsed = parse(f"{HEAD}H;1;ellm;1735686000;;35;{factor};0\nH;1;ellm;1735686900;;36;0.001;0\n")
    assert [row["value_exact"] for row in rows(parsed)] == [Decimal("0.036000")]
    assert refused(parsed) == [(2, "", "the factor is not a number")]


@pytest.mark.parametrize("factor", ["1e999999999", "1e-400", "NaN", "0.1234567891"])
def test_a_layout_with_such_a_factor_is_refused(factor: str, tmp_path: Path) -> None:
    path = write_layout(tmp_path / "own") / "own.toml"
    path.write_text(path.read_text() + f"factor = '{factor}'\n")
    with pytest.raises(TerminalError, match="factor"):
        load_layout(path)
