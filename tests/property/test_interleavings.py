"""Late, doubled, shuffled and re-split input gives the same marts as one landing and one build, in shards or not."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from lakehouse.marts.published import open_marts
from lakehouse.marts.shards import AtOnce
from lakehouse.settings import Settings
from lakehouse.source import LandOptions
from tests.support.house import build, land

#: A zone whose midnight lies at 18:15 UTC: hours straddle days, quarters do not.
ZONE = "Asia/Kathmandu"
Rows = dict[tuple[str, str], list[tuple[str, str]]]


def devices(rng: random.Random) -> Rows:
    """Five days of two meters: irregular power and power factor; counters with a spike, a reset, a correction, a
    freeze and a long gap."""
    found: Rows = {}
    for asset in ("m1", "m2"):
        register = rng.uniform(10, 1000)
        minute = 0.0
        series: dict[str, list[tuple[str, str]]] = {"com_ap": [], "pf": [], "pos_ae": []}
        frozen = (1400, 1400 + 26 * 60) if asset == "m1" else (0, 0)
        while minute < 5 * 1440:
            stamp = f"2024-05-{1 + int(minute // 1440):02d} {int(minute % 1440 // 60):02d}:{int(minute % 60):02d}:00"
            series["com_ap"].append((stamp, f"{rng.uniform(-3, 9):.3f}"))
            series["pf"].append((stamp, f"{rng.uniform(0.5, 1):.3f}"))
            fault = rng.random()
            if not frozen[0] <= minute < frozen[1]:
                register += rng.uniform(0, 0.4)
            elif minute + 40 >= frozen[1]:
                register += 90
            if fault < 0.004:
                series["pos_ae"].append((stamp, f"{register + 500:.3f}"))
            elif fault < 0.006:
                register = 0.2
                series["pos_ae"].append((stamp, f"{register:.3f}"))
            else:
                register -= 0.5 if fault < 0.012 and register > 50 else 0
                series["pos_ae"].append((stamp, f"{register:.3f}"))
            minute += 400 if rng.random() < 0.005 else rng.choice([11, 13, 17, 23])
        found.update({(asset, signal): rows for signal, rows in series.items()})
    return found


def write(folder: Path, rows: Rows) -> list[Path]:
    paths = []
    for (asset, signal), values in rows.items():
        path = folder / asset / f"{signal}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"ts,{signal}\n" + "".join(f"{stamp},{value}\n" for stamp, value in values))
        paths.append(path)
    return paths


def split(rng: random.Random, rows: Rows, parts: int) -> list[Rows]:
    """Cut every series into parts that overlap, double and shuffle rows; together they hold all of them."""
    cut: list[Rows] = [{} for _ in range(parts)]
    for key, values in rows.items():
        edges = sorted(rng.sample(range(1, len(values)), parts - 1))
        pieces = [values[a:b] for a, b in zip([0, *edges], [*edges, len(values)], strict=True)]
        for piece in pieces:
            piece += rng.sample(values, min(5, len(values)))
            piece += piece[:3]
            rng.shuffle(piece)
        rng.shuffle(pieces)
        for part, piece in zip(cut, pieces, strict=True):
            part[key] = piece
    return cut


def marts(settings: Settings) -> dict[str, list[tuple[object, ...]]]:
    connection = open_marts(settings)
    try:
        listed = connection.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'marts'").fetchall()
        names = [name for (name,) in listed if not name.startswith("wattlake_")]
        return {name: connection.execute(f"SELECT * FROM marts.{name} ORDER BY ALL").fetchall() for name in names}
    finally:
        connection.close()


def same(a: object, b: object) -> bool:
    """Equal; sums of doubles to 1e-9, for their order differs."""
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)
    return a == b


def compare(found: Sequence[tuple[object, ...]], expected: Sequence[tuple[object, ...]], mart: str) -> None:
    assert len(found) == len(expected), f"{mart}: {len(found)} rows, expected {len(expected)}"
    for row, wanted in zip(found, expected, strict=True):
        assert all(same(a, b) for a, b in zip(row, wanted, strict=True)), f"{mart}:\n{row}\n{wanted}"


@pytest.mark.parametrize("seed", [2])
def test_the_marts_do_not_depend_on_how_the_input_arrived(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    rows = devices(rng)
    options = LandOptions(timezone=ZONE)

    at_once = Settings(home=tmp_path / "at_once")
    land(at_once, "meter", write(tmp_path / "whole", rows), options)
    build(at_once)

    piecewise = Settings(home=tmp_path / "piecewise")
    for number, part in enumerate(split(rng, rows, 4)):
        paths = write(tmp_path / f"part{number}", part)
        rng.shuffle(paths)
        land(piecewise, "meter", paths, options)
        if number == 3 or rng.random() < 0.7:
            # Of each meter some 250 samples a day have landed in the end, and five days are read to rebuild one.
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("lakehouse.marts.inputs.fitting", lambda limit: AtOnce(samples=900, rows=1))

                assert build(piecewise).built
            assert not build(piecewise).built

    expected, found = marts(at_once), marts(piecewise)
    assert found.keys() == expected.keys()
    for mart in expected:
        compare(found[mart], expected[mart], mart)
