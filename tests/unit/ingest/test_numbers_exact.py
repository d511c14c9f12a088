"""Numbers: exact decimals never pass through a float, doubles are the nearest ones."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.text.numbers import detect_decimal, exact_array, parse_numbers, plain
from lakehouse.errors import UnreadableFile

MICRO = Decimal("0.000001")
decimals = st.decimals(min_value=-(10**11), max_value=10**11, allow_nan=False, allow_infinity=False, places=9)
written = st.one_of(
    decimals.map(lambda d: format(d, "f")),
    decimals.map(lambda d: format(d.quantize(Decimal("0.001")), "f")),
    st.integers(-(10**12), 10**12).map(str),
    st.floats(-1e11, 1e11, allow_nan=False).map(repr),
)


@settings(max_examples=200, deadline=None)
@given(
    texts=st.lists(written, min_size=1, max_size=20), factor=st.sampled_from(["1", "0.001", "-1", "1000", "0.5", "3"])
)
@example(texts=["999999999999.9999995", "0.0000005", "-0.0000015"], factor="1")
@example(texts=["1000000000000", "-1000000000000", "999999999999.999999"], factor="1")
@example(texts=["1000000000", "-1000000000", "999999999"], factor="1000")
def test_exact_values_are_the_written_ones_rounded_half_even(texts: list[str], factor: str) -> None:
    numbers = parse_numbers(pa.array(texts), Decimal(factor), exact=True)
    assert numbers.micro is not None
    rounded = 0
    with localcontext(prec=60):
        for row, text in enumerate(texts):
            true = Decimal(text) * Decimal(factor)
            kept = true.quantize(MICRO, rounding=ROUND_HALF_EVEN)
            if abs(kept) >= 10**12:
                assert not numbers.ok[row] and "DECIMAL" in numbers.reasons[row]
                continue
            assert numbers.ok[row]
            assert Decimal(int(numbers.micro[row])).scaleb(-6) == kept
            assert numbers.value[row] == float(kept)
            rounded += kept != true
    assert numbers.rounded == rounded
    array = exact_array(numbers.micro, ~numbers.ok)
    assert [value for value in array.to_pylist() if value is not None] == [
        Decimal(int(micro)).scaleb(-6) for micro, ok in zip(numbers.micro, numbers.ok, strict=True) if ok
    ]


@settings(max_examples=200, deadline=None)
@given(texts=st.lists(st.floats(allow_nan=False, allow_infinity=False).map(repr), min_size=1, max_size=20))
def test_doubles_are_read_as_python_reads_them(texts: list[str]) -> None:
    numbers = parse_numbers(pa.array(texts))
    assert numbers.ok.all()
    assert numbers.value.tolist() == [float(text) for text in texts]


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=12))
def test_text_that_python_does_not_read_as_a_decimal_is_never_a_number(text: str) -> None:
    numbers = parse_numbers(pa.array([text]))
    if numbers.ok[0]:
        assert numbers.value[0] == float(Decimal(text))
    else:
        assert 0 in numbers.reasons


@settings(max_examples=100, deadline=None)
@given(values=st.lists(st.decimals(-(10**8), 10**8, places=2), min_size=1, max_size=20))
def test_a_number_means_the_same_in_every_spelling(values: list[Decimal]) -> None:
    german = pa.array([f"{value:,.2f}".translate(str.maketrans(",.", ".,")) for value in values])
    sign, thousands = detect_decimal([german], ";")
    assert sign == ","
    assert parse_numbers(plain(german, sign, thousands)).value.tolist() == [float(value) for value in values]


@pytest.mark.parametrize("cells", [["1,234"], ["1,234", "12,500"], ["1.234", "7"], ["1.5", "1,5"]])
def test_numbers_that_can_be_read_two_ways_are_an_error(cells: list[str]) -> None:
    with pytest.raises(UnreadableFile, match="thousands"):
        detect_decimal([pa.array(cells)], ";")


@pytest.mark.parametrize(
    ("cells", "delimiter", "reading"),
    [
        (["1", "2"], ";", (".", "")),
        (["1.234"], ",", (".", "")),
        (["0.234"], ";", (".", "")),
        (["0,234", "1,234"], ";", (",", "")),
        (["1.234,5"], ";", (",", ".")),
        (["1,234.5"], ";", (".", ",")),
        (["1234,5", "1.000"], ";", (",", ".")),
    ],
)
def test_the_decimal_sign_is_the_one_the_cells_prove(
    cells: list[str], delimiter: str, reading: tuple[str, str]
) -> None:
    assert detect_decimal([pa.array(cells)], delimiter) == reading
