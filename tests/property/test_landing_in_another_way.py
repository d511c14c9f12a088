"""Files that land again in another way: the raw tables are those of a house that has seen the last way only."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from ingest.registry import registry
from lakehouse.catalog import open_catalog
from lakehouse.pins import pin
from lakehouse.reader import rows_of
from lakehouse.settings import Settings
from lakehouse.source import LandOptions
from tests.support.house import land, replay

#: Files by folder and name. Two hold the same bytes, others overlap; a value is no number, a local time is skipped.
FILES = {
    "d/f.csv": "stamp;A;B [kW]\n2024-03-31 01:00;1.0;0.25\n2024-03-31 01:15;;0.25\n2024-03-31 02:15;3;4\n",
    "e/f.csv": "stamp;A;B [kW]\n2024-03-31 01:00;1.0;0.25\n2024-03-31 01:15;;0.25\n2024-03-31 02:15;3;4\n",
    "d/g.csv": "stamp;A;B [kW]\n2024-03-31 01:00;1.0;7\n2024-03-31 01:15;5;n\n2024-03-31 05:00;6;0.25\n",
    "e/h.csv": "stamp;A;B [kW]\n2024-03-31 01:00;2.0;7\n2024-03-31 04:00;5;8\n2024-03-31 05:00;6;0.5\n",
}


@dataclass(frozen=True)
class Way:
    """A way to read the files: what the layout says, and what the user says."""

    signals: tuple[str, ...] = ("A", "B")
    kind: str = "instant"
    unit: str = "kW"
    factor: str = "1"
    zone: str = "UTC"
    brackets: str = "[]"
    asset_source: str = "stem"
    option_zone: str | None = None

    @property
    def layout(self) -> str:
        """The layout file."""
        rules = [
            f'[[signal]]\nmatch = "{name}.*"\nkind = "{self.kind}"\nfactor = "{self.factor}"\n'
            + (f'unit = "{self.unit}"\n' if name == "A" else "")
            for name in self.signals
        ]
        interval = "interval_s = 900\n" if self.kind == "interval_energy" else ""  # it says nothing of samples
        return (
            'name = "mine"\ndomain = "meter"\ndescription = "mine"\n[recognise]\nheader = ["stamp", "A", "B [kW]"]\n'
            f'[stamps]\ncolumns = ["stamp"]\ntimezone = "{self.zone}"\n{interval}'
            f'[shape]\nunit_brackets = "{self.brackets}"\n[asset]\nsource = "{self.asset_source}"\n' + "".join(rules)
        )


#: What the user calls a file: bytes under another name are another meter's too.
NAMES = {"d/f.csv": {}, "e/f.csv": {"asset": "x"}, "d/g.csv": {"asset": "x"}, "e/h.csv": {"site": "S"}}


WAYS = st.builds(
    Way,
    signals=st.sampled_from((("A",), ("B",), ("A", "B"))),
    kind=st.sampled_from(("instant", "interval_energy", "counter")),
    unit=st.sampled_from(("kW", "W")),
    factor=st.sampled_from(("1", "0.5")),
    zone=st.sampled_from(("UTC", "Europe/Berlin")),
    brackets=st.sampled_from(("[]", "")),
    asset_source=st.sampled_from(("stem", "folder")),
    option_zone=st.sampled_from((None, "America/New_York")),
)
SOME = st.lists(st.sampled_from(sorted(FILES)), min_size=1, max_size=4, unique=True)


def land_in(settings: Settings, folder: Path, way: Way, names: list[str]) -> set[str]:
    """Land files in one way; what became of them."""
    path = settings.root / "layouts" / "mine.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(way.layout)
    outcomes = set()
    for name in names:
        report = land(settings, "meter", [folder / name], LandOptions(timezone=way.option_zone, **NAMES[name]))
        outcomes |= {outcome.status for outcome in report.files}
    return outcomes


def tables(settings: Settings) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every raw table."""
    catalog = open_catalog(settings)
    found = {}
    for contract in registry().contracts:
        if pinned := pin(catalog, contract):
            found[contract.name] = sorted(rows_of(settings, f"SELECT * FROM ({pinned.select(contract)})"), key=str)
    return found


def check(before: list[tuple[Way, list[str]]], last: Way, order: list[str]) -> None:
    """Land in some ways, then everything in the last one: compare with a house that knows that one only."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "files"
        for name, content in FILES.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content)
        lived, fresh = (Settings(home=Path(scratch) / name, threads=1) for name in ("lived", "fresh"))
        for way, names in before:
            land_in(lived, folder, way, names)
        outcomes = land_in(lived, folder, last, order)
        if "refused" in outcomes:  # a file that is new, beside others of its asset that had not landed anew yet
            outcomes = land_in(lived, folder, last, order)
        assert "refused" not in outcomes
        if "unchanged" not in outcomes:  # what lands in no other way than before keeps its place in the order
            assert land_in(fresh, folder, last, order) == {"landed"}
            assert tables(lived) == tables(fresh)
        assert {table.outcome for table in replay(lived, dry_run=True).tables} == {"equal"}


#: Each thing that a way says changes at once: a signal goes, and unit, asset, zone, kind, factor and names are others.
EVERYTHING_CHANGES = (
    [(Way(kind="counter", factor="0.5", brackets=""), ["d/g.csv", "e/f.csv"]), (Way(), sorted(FILES))],
    Way(signals=("B",), unit="W", asset_source="folder", zone="Europe/Berlin"),
)


@pytest.mark.parametrize(
    ("before", "last"),
    [
        pytest.param(*EVERYTHING_CHANGES, id="everything"),
        pytest.param([(Way(), ["d/f.csv"])], Way(signals=("B",)), id="a signal goes", marks=pytest.mark.nightly),
        pytest.param(
            [(Way(), sorted(FILES))], Way(unit="W", asset_source="folder", zone="Europe/Berlin"),
            id="unit, asset and zone", marks=pytest.mark.nightly,
        ),
        pytest.param(
            [(Way(), ["d/g.csv", "e/f.csv"])], Way(kind="counter", factor="0.5", brackets=""),
            id="kind, factor and names", marks=pytest.mark.nightly,
        ),
    ],
)  # fmt: skip
def test_nothing_of_an_earlier_reading_is_left(before: list[tuple[Way, list[str]]], last: Way) -> None:
    check(before, last, sorted(FILES))


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(WAYS, SOME), min_size=1, max_size=3), WAYS, st.permutations(sorted(FILES)))
def test_nothing_of_any_earlier_readings_is_left(
    before: list[tuple[Way, list[str]]], last: Way, order: list[str]
) -> None:
    check(before, last, order)
