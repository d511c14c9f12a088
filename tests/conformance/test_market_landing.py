"""Market documents in the lakehouse: landing again, and files that grow from one version to the next."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.iso.contracts import AS_PRICES, PRICES
from ingest.simulate.markets import nyiso
from ingest.simulate.markets.days import EASTERN
from lakehouse.catalog import open_catalog
from lakehouse.settings import Settings
from lakehouse.source import Parsed
from tests.support.house import land, land_documents, replay
from tests.support.market_documents import AUTUMN, SEED, SIMULATED, Said, few, parse, said, stated


@pytest.mark.parametrize(
    "minute", [0, 7, 14, *(pytest.param(minute, marks=pytest.mark.nightly) for minute in (4, 10, 15, 29))]
)
@pytest.mark.parametrize("hour", [4, 5, 6, 18, pytest.param(23, marks=pytest.mark.nightly)])
def test_a_file_that_grows_says_what_is_posted_and_what_is_forecast(hour: int, minute: int) -> None:
    now = datetime(2025, 11, 2, hour, minute, tzinfo=UTC)
    for stem in ("realtime_zone", "realtime_gen", "rtlbmp_zone", "rtasp"):
        document = nyiso.daily(SEED, stem, AUTUMN, now)
        if stated(document):
            parsed = parse(document)
            missing = stated(document) - said(parsed)
            assert not said(parsed) - stated(document), stem
            # Which of two equal hours a row is of is not known before the second one has begun: such rows are refused,
            # and land with a later version of the file.
            instants = {cell.astimezone(EASTERN) for row in missing for cell in row if isinstance(cell, datetime)}
            assert {(at.day, at.hour) for at in instants} <= {(2, 0), (2, 1), (2, 2)}, stem
            assert sum(missing.values()) == 0 or hour in (4, 5, 6)


def test_every_version_of_a_growing_file_adds_only_what_it_says_for_the_first_time(
    settings: Settings, tmp_path: Path
) -> None:
    source, known = "nyiso-rt5-lbmp-zone", Counter[Said]()
    hours = [datetime(2025, 11, 2, 5, 20, tzinfo=UTC) + n * timedelta(minutes=35) for n in range(4)]
    for number, now in enumerate([*hours, datetime(2025, 11, 4, tzinfo=UTC)]):
        document = nyiso.daily(SEED, "realtime_zone", AUTUMN, now)
        path = tmp_path / f"fetched{number}" / document.name
        path.parent.mkdir()
        path.write_bytes(document.content)
        land_documents(settings, source, {path: {"modified_at": document.published_at.isoformat()}}, SIMULATED)
        known |= stated(document)
    stored = open_catalog(settings).load_table(("raw", PRICES.name)).scan().to_arrow()
    found = said([Parsed({PRICES.name: stored}, stored, "nyiso_lbmp")])
    # What was refused of a version, because its hour was not known yet, is in the last one.
    assert not found - known and not [row for row in known - found if row[-1] == "posted"]
    posted = [row for row in found if row[-1] == "posted"]
    assert len(posted) == 25 * 12 * 4 and len(found) > len(posted)


def test_what_the_last_version_of_a_growing_file_says_is_what_the_prices_are(tmp_path: Path) -> None:
    """At the commitment's horizon one row of it is left, ten minutes and then five behind the last run."""
    header, day = ",".join(f'"{name}"' for name in nyiso.HEADER), "08/13/2026"
    runs = [f'"{day} 21:{minute:02d}:00","WEST",61752,{minute}.00,0.10,0.00' for minute in (25, 30, 35, 40, 45, 50)]
    ahead = f'"{day} 21:45:00","WEST",61752,99.00,0.10,0.00'
    versions = [[*runs[:3], ahead], [*runs[:4], ahead], runs[:5], runs]
    prices = []
    for home, landed in (("all", versions), ("last", versions[-1:])):
        settings = Settings(home=tmp_path / home)
        for number, lines in enumerate(landed):
            path = tmp_path / f"{home}-{number}" / "20260813realtime_zone.csv"
            path.parent.mkdir(parents=True)
            path.write_text("\n".join([header, *lines]) + "\n")
            written = datetime(2026, 8, 14, 1, 31 + 5 * number, tzinfo=UTC)
            said = {path: {"modified_at": written.isoformat()}}
            land_documents(settings, "nyiso-rt5-lbmp-zone", said, SIMULATED)
        table = open_catalog(settings).load_table(("raw", PRICES.name)).scan().to_arrow().to_pylist()
        posted = sorted((row for row in table if row["vintage"] == "posted"), key=lambda row: row["published_at"])
        assert not any(row["lmp_usd_mwh"] == 99 for row in posted)
        prices.append({(row["interval_start"], row["interval_end"]): row["lmp_usd_mwh"] for row in posted})
        assert {row["vintage"] for row in table} == ({"posted", "advisory"} if home == "all" else {"posted"})
    assert prices[0] == prices[1] and len(prices[1]) == 6


def test_a_replay_of_the_archive_says_the_same_of_every_operator_and_of_when_it_was_published(
    settings: Settings, tmp_path: Path
) -> None:
    """Statements that came from a listing, from a header, with a name, or without a word of when."""
    now = datetime(2025, 11, 2, 12, tzinfo=UTC)
    versions = [nyiso.daily(SEED, "realtime_zone", AUTUMN, now + n * timedelta(hours=1)) for n in range(2)]
    month = nyiso.monthly(SEED, "realtime_zone", AUTUMN, days=2)
    for number, document in enumerate(
        [*versions, month, few("isone-dam-lmp", AUTUMN)[0], few("ercot-dam-mcpc", AUTUMN)[0]]
    ):
        path = tmp_path / str(number) / document.name
        path.parent.mkdir()
        path.write_bytes(document.content)
        said_by = {"modified_at": document.published_at.isoformat()} if number < 2 else {}
        listed = {"published_at": document.published_at.isoformat()} if number % 2 else {}
        land_documents(settings, document.source, {path: {**said_by, **listed}}, SIMULATED)
    replayed = {table.table: table for table in replay(settings).tables}
    assert {table.outcome for table in replayed.values()} == {"equal"}
    assert replayed[PRICES.name].rows > 1200 and replayed[AS_PRICES.name].rows == 25 * 5


def test_landing_again_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    arrived = 0
    for name in ("nyiso-rth-lbmp-zone", "nyiso-dam-as", "caiso-dam-lmp", "isone-dam-lmp", "ercot-dam-spp"):
        document = few(name, AUTUMN)[0]
        path = tmp_path / name / document.name
        path.parent.mkdir()
        path.write_bytes(document.content)
        first = land(settings, name, [path], SIMULATED)
        assert [outcome.status for outcome in first.files] == ["landed"]
        before = _snapshots(settings)
        again = land(settings, name, [path], SIMULATED)
        assert [outcome.status for outcome in again.files] == ["unchanged"]
        assert _snapshots(settings) == before
        arrived += sum(stated(document).values())
    catalog = open_catalog(settings)
    stored = [catalog.load_table(("raw", contract.name)).scan().to_arrow().num_rows for contract in (PRICES, AS_PRICES)]
    assert sum(stored) == arrived > 0


def _snapshots(settings: Settings) -> list[object]:
    catalog = open_catalog(settings)
    names = [("raw", contract.name) for contract in (PRICES, AS_PRICES) if catalog.table_exists(("raw", contract.name))]
    return [catalog.load_table(name).metadata.current_snapshot_id for name in names]
