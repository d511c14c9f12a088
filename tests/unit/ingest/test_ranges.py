"""A cell that holds what no sensor measures is quarantined by itself, with the range that it lies outside of."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.parsing import parse, refused, values

HEAD = "ts,{}\n"
STAMPS = [f"2024-06-01 12:00:0{second}" for second in range(10)]

#: Signal of the reference layout, values that land, values that are quarantined, the range that is told.
CASES = [
    ("bms1_soc", ["0", "100", "-5", "105"], ["6553.5", "655.35", "255", "-5.1", "3276.7"], "-5 to 105 %"),
    ("bms1_soh", ["0", "120"], ["6553.5", "255", "-0.1"], "0 to 120 %"),
    ("bms1_cell_max_v", ["0", "3.6", "6"], ["65.535", "6553.5", "6.001", "-1"], "0 to 6 V"),
    ("bms1_cell_max_t", ["-60", "25", "200"], ["-3276.8", "3276.7", "6553.5", "327.67", "-60.1"], "-60 to 200 °C"),
    ("bms1_cell_v_diff", ["0", "0.4"], ["65.535", "-0.001"], "0 to 6 V"),
    ("bms1_cell_t_diff", ["0", "8"], ["6553.5", "-1"], "0 to 473 K"),
    ("bms1_v", ["0", "818.7"], ["6553.5", "3276.7"], "-50 to 2000 V"),
    ("pcs1_ap", ["-2500", "6500"], ["6553.5", "-6553.5"], "-6500 to 6500"),
    ("aux_m_pf", ["-1", "1", "1.4"], ["32.767", "65.535", "-3"], "-2 to 2"),
    ("dh1_humi", ["0", "100"], ["6553.5", "655.35"], "-5 to 105 %"),
    ("fa1_SmokeFlag", ["0", "1", "3"], ["65535", "-1"], "0 to 65534"),
]


@pytest.mark.parametrize(("signal", "good", "bad", "told"), CASES, ids=[signal for signal, *_ in CASES])
def test_a_value_that_cannot_be_is_quarantined_alone(signal: str, good: list[str], bad: list[str], told: str) -> None:
    cells = [*good, *bad]
    text = HEAD.format(signal) + "".join(f"{at},{cell}\n" for at, cell in zip(STAMPS, cells, strict=False))
    parsed = parse(text, f"system/{signal}.csv", "bess")
    assert values(parsed) == [float(cell) for cell in good]
    told_of = [(line, field, reason.split(",")[0]) for line, field, reason in refused(parsed)]
    assert told_of == [(2 + len(good) + number, signal, f"outside {told}") for number in range(len(bad))]
    assert parsed.rows_read == len(cells)


@pytest.mark.parametrize("word", ["4294967295", "429496729.5", "42949672.95", "2147483.647", "-2147483648", "3.4e38"])
def test_what_a_wide_register_gives_for_no_value_is_none(word: str) -> None:
    parsed = parse(f"ts,pcs1_ap\n{STAMPS[0]},5\n{STAMPS[1]},{word}\n{STAMPS[2]},7\n", "s/pcs1_ap.csv", "bess")
    assert values(parsed) == [5.0, 7.0]
    assert [(line, field) for line, field, _ in refused(parsed)] == [(3, "pcs1_ap")]


def test_a_factor_does_not_hide_such_a_register(tmp_path: Path) -> None:
    layout = (
        'name = "own"\ndomain = "meter"\ndescription = "own"\n[recognise]\nheader = ["when", "power"]\n'
        '[stamps]\ncolumns = ["when"]\ntimezone = "UTC"\n'
        '[[signal]]\nname = "power"\nkind = "instant"\nunit = "kW"\nfactor = "0.001"\n'
    )
    (tmp_path / "own.toml").write_text(layout)
    text = "when,power\n2024-06-01 12:00,4294967295\n2024-06-01 13:00,4294967294\n"
    assert values(parse(text, dirs=[tmp_path])) == [4294967.294]


def test_a_layout_may_widen_a_range_and_narrow_it(tmp_path: Path) -> None:
    layout = (
        'name = "own"\ndomain = "meter"\ndescription = "own"\n[recognise]\nheader = ["when", "flue", "room"]\n'
        '[stamps]\ncolumns = ["when"]\ntimezone = "UTC"\n'
        '[[signal]]\nname = "flue"\nkind = "instant"\nunit = "°C"\nmaximum = 600\n'
        '[[signal]]\nname = "room"\nkind = "instant"\nunit = "°C"\nminimum = -10\nmaximum = 60\n'
    )
    (tmp_path / "own.toml").write_text(layout)
    parsed = parse("when,flue,room\n2024-06-01 12:00,450,60\n2024-06-01 13:00,601,-10.1\n", dirs=[tmp_path])
    assert values(parsed) == [450.0, 60.0]
    told = "which the layout declares: other units?"
    assert refused(parsed) == [
        (3, "flue", f"outside -60 to 600, {told}"),
        (3, "room", f"outside -10 to 60, {told}"),
    ]


@pytest.mark.parametrize("word", ["nan", "NaN", "inf", "-inf", "Infinity"])
def test_what_is_no_number_is_quarantined(word: str) -> None:
    parsed = parse(f"ts,pcs1_ap\n{STAMPS[0]},5\n{STAMPS[1]},{word}\n", "s/pcs1_ap.csv", "bess")
    assert values(parsed) == [5.0] and [line for line, *_ in refused(parsed)] == [3]
