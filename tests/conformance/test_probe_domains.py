"""A domain of every kind is a folder of `ingest` and its dbt models: nothing else of the product is edited for it.

In a checkout of its own, files that a developer would write (`tests/support/probe_domains`) add long observations, a
stream that appends with its offset, and slices of an API that replace. Real commands land, download, build and replay.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

import ingest
from ingest import registry
from lakehouse.catalog import open_catalog
from lakehouse.settings import Settings
from tests.conformance import test_every_source as every
from tests.support import source_files
from tests.support.checkout import ROOT, Checkout, checkout
from tests.support.house import rows
from tests.support.servers.market_server import MarketServer, market_server
from tests.support.source_files import files_of

TREES = ROOT / "tests" / "support" / "probe_domains"
ADDED = {
    "levels": ["ingest/probe", "dbt/models/marts/probe", "tests/fixtures/probe"],
    "stream": ["ingest/pulse", "dbt/models/staging/pulse", "dbt/models/marts/pulse"],
    "slices": [
        "ingest/plan", "dbt/models/staging/plan", "dbt/models/intermediate/plan", "dbt/models/marts/plan",
        "tests/fixtures/acme-plan",
    ],
}  # fmt: skip
DOMAINS = ("probe", "pulse", "plan")
#: Files that two commands write from declarations.
MADE = ["dbt/macros/observation_tables.sql", "dbt/models/staging/_raw_sources.yml", "prefect.yaml"]

STREAM = """
import json, sys
from datetime import datetime
import pyarrow as pa
from ingest.registry import registry
from lakehouse.errors import ContractViolation
from lakehouse.landing.stream import land_batch
from lakehouse.settings import Settings

contract, said = registry().streamed_table("pulse_samples"), []
for offset, samples in json.loads(sys.argv[1]):
    batch = pa.table({
        "counter": [counter for counter, _, _ in samples],
        "ts": [datetime.fromisoformat(at) for _, at, _ in samples],
        "power_w": pa.array([power for _, _, power in samples], pa.float64()),
    })
    try:
        report = land_batch(Settings(), registry(), contract, batch, "pulses", offset)
        said.append([report.rows, report.quarantined])
    except ContractViolation as error:
        said.append(error.message)
print(json.dumps(said))
"""
FIRST_BATCH = [
    ("c1", "2024-06-01T00:00:10+00:00", 100), ("c1", "2024-06-01T00:59:59+00:00", 300),
    ("c1", "2024-06-01T01:00:00+00:00", 50), ("c2", "2024-06-01T00:30:00+00:00", 7),
    ("c2", "2024-06-01T00:31:00+00:00", 2000),
]  # fmt: skip
SECOND_BATCH = [("c1", "2024-06-01T01:30:00+00:00", 150), ("c2", "2024-06-02T05:00:00+00:00", 9)]
LEVELS = {
    "p1": ("Europe/Berlin", [
        ("2024-06-01T00:00:00+02:00", 1.5), ("2024-06-01T12:07:00+02:00", 2.75), ("2024-06-01T23:59:00+02:00", 0.5),
        ("2024-06-02T00:00:00+02:00", 4.0), ("2024-06-02T00:15:00+02:00", "dry"),
    ]),
    "p2": ("UTC", [("2024-06-01T00:00:00+00:00", 10.0)]),
}  # fmt: skip
LATE = {"p1": ("Europe/Berlin", [("2024-06-01T14:00:00+02:00", 3.25)])}
PLANS = {
    "2024-06-01": [
        "north,2024-06-01T00:00Z,10", "north,2024-06-01T01:00Z,20", "north,2024-06-01T02:00Z,30.5",
        "south,2024-06-01T00:00Z,1",
    ],
    "2024-06-02": ["north,2024-06-02T00:00Z,5"],
}  # fmt: skip
#: Two hours instead of three, and nothing of the south, whose day stays as it was stated.
RESTATED = {"2024-06-01": ["north,2024-06-01T00:00Z,11", "north,2024-06-01T02:00Z,31"]}

MARTS = {
    "probe_days": "asset_id, local_date, samples, highest_m",
    "pulse_1h": "counter, interval_start, samples, power_mean_w",
    "plan_1d": "area, interval_start, hours, planned_mwh",
    **{f"lod_{level}": "asset_id, bucket_start, n, min, max, unit" for level in ("5min", "15min", "1h", "1d")},
}
Rows = dict[str, list[tuple[Any, ...]]]
JUNE_1, JUNE_2 = date(2024, 6, 1), date(2024, 6, 2)


def at(day: int, hour: int, minute: int = 0, month: int = 6) -> datetime:
    return datetime(2024, month, day, hour, minute, tzinfo=UTC)


def write_levels(folder: Path, levels: dict[str, Any]) -> str:
    folder.mkdir()
    for probe, (zone, stated) in levels.items():
        (folder / f"{probe}.json").write_text(json.dumps({"probe": probe, "zone": zone, "levels_m": stated}))
    return str(folder)


def place(server: MarketServer, plans: dict[str, list[str]]) -> None:
    for day, lines in plans.items():
        server.place(f"/acme/plans/{day}", "\n".join(["area,interval_start,planned_mw", *lines, ""]).encode())


def marts(settings: Settings) -> Rows:
    return {mart: rows(settings, f"SELECT {columns} FROM {mart} ORDER BY ALL") for mart, columns in MARTS.items()}


def raw(settings: Settings) -> dict[str, list[dict[str, Any]]]:
    catalog, found = open_catalog(settings), {}
    for name in ("probe_observations", "pulse_samples", "plans", "assets", "signals", "quarantine"):
        found[name] = sorted(catalog.load_table(("raw", name)).scan().to_arrow().to_pylist(), key=repr)
    return found


@dataclass(frozen=True)
class Story:
    """What came of it.

    Args:
        checkout: in which it happened.
        added: files by kind.
        said: output of commands by their names.
        batches: what was said of the batches that were offered.
        first, second, whole: marts after the first build, after the second one, and after one from nothing.
        landed: raw tables before some of them were damaged.
        replayed: raw tables after the replay.
    """

    checkout: Checkout
    added: dict[str, list[str]]
    said: dict[str, str]
    batches: list[Any]
    first: Rows
    second: Rows
    whole: Rows
    landed: dict[str, list[dict[str, Any]]]
    replayed: dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("probes")
    with market_server() as server, checkout(folder, WATTLAKE_ACME_URL=f"{server.url}/acme") as house:
        added = {kind: house.add(TREES / kind) for kind in ADDED}
        house.run("-m", "flows.dbt_sources")
        house.run("-m", "flows.feed_files")
        settings = Settings(home=house.home, threads=2)

        def stream(*batches: tuple[list[int], list[tuple[str, str, float]]]) -> list[Any]:
            return list(json.loads(house.run("-c", STREAM, json.dumps(batches))))

        download = ["download", "acme-plan", "--start", "2024-06-01", "--end", "2024-06-03"]
        place(server, PLANS)
        batches = stream(([1, 0], FIRST_BATCH), ([1, 0], FIRST_BATCH), ([0, 9], SECOND_BATCH))
        house.run("land", "probe", write_levels(folder / "levels", LEVELS))
        house.run(*download)
        house.run("build")
        first = marts(settings)

        place(server, RESTATED)
        batches += stream(([2, 0], SECOND_BATCH))
        house.run("land", "probe", write_levels(folder / "late", LATE))
        said = {"download": house.run(*download), "build": house.run("build")}
        second = marts(settings)

        landed, catalog = raw(settings), open_catalog(settings)
        catalog.load_table(("raw", "probe_observations")).delete("asset_id = 'p1'")
        catalog.load_table(("raw", "plans")).delete("area = 'south'")
        catalog.drop_table(("raw", "pulse_samples"))
        said["replay"] = house.run("replay")
        batches += stream(([2, 0], SECOND_BATCH))
        house.run("build", "--full-refresh")
        for name in ("sources", "catalog", "doctor"):
            said[name] = house.run(name)
        said["probe_days"] = house.run("explain", "probe_days", "asset_id=p1", "local_date=2024-06-01")
        said["lod_1d"] = house.run("explain", "lod_1d", "asset_id=p1", "local_date=2024-06-01")
        said["pulse_1h"] = house.run("explain", "pulse_1h", "counter=c1", "interval_start=2024-06-01 01:00:00+00")
        said["plan_1d"] = house.run("explain", "plan_1d", "area=south")
        yield Story(house, added, said, batches, first, second, marts(settings), landed, raw(settings))


def test_nothing_of_the_product_is_edited_for_a_domain_but_what_is_made_from_declarations(story: Story) -> None:
    for kind, names in story.added.items():
        assert {folder for folder in ADDED[kind] for name in names if name.startswith(f"{folder}/")} == set(ADDED[kind])
        assert all(name.startswith(tuple(f"{folder}/" for folder in ADDED[kind])) for name in names)
    assert story.checkout.edited() == MADE


def test_what_landed_is_published_in_the_levels_of_every_domain_and_in_marts_of_each(story: Story) -> None:
    assert story.first["probe_days"] == [("p1", JUNE_1, 3, 2.75), ("p1", JUNE_2, 1, 4.0), ("p2", JUNE_1, 1, 10.0)]
    assert story.first["lod_1d"] == [
        ("p1", at(31, 22, month=5), 3, 0.5, 2.75, "m"), ("p1", at(1, 22), 1, 4.0, 4.0, "m"),
        ("p2", at(1, 0), 1, 10.0, 10.0, "m"),
    ]  # fmt: skip
    samples = [(1.5, at(31, 22, month=5)), (2.75, at(1, 10, 7)), (0.5, at(1, 21, 59)), (4.0, at(1, 22))]
    for level, minutes in (("5min", 5), ("15min", 15), ("1h", 60)):
        assert story.first[f"lod_{level}"] == [
            *(("p1", ts.replace(minute=ts.minute // minutes * minutes), 1, v, v, "m") for v, ts in samples),
            ("p2", at(1, 0), 1, 10.0, 10.0, "m"),
        ]
    assert story.first["pulse_1h"] == [("c1", at(1, 0), 2, 200.0), ("c1", at(1, 1), 1, 50.0), ("c2", at(1, 0), 1, 7.0)]
    assert story.first["plan_1d"] == [
        ("north", at(1, 0), 3, 60.5), ("north", at(2, 0), 1, 5.0), ("south", at(1, 0), 1, 1.0),
    ]  # fmt: skip


def test_a_late_sample_a_further_batch_and_a_restated_slice_are_built_as_a_build_from_nothing_does(
    story: Story,
) -> None:
    assert story.second["probe_days"] == [("p1", JUNE_1, 4, 3.25), ("p1", JUNE_2, 1, 4.0), ("p2", JUNE_1, 1, 10.0)]
    assert ("p1", at(1, 12), 1, 3.25, 3.25, "m") in story.second["lod_1h"]
    assert story.second["pulse_1h"] == [
        ("c1", at(1, 0), 2, 200.0), ("c1", at(1, 1), 2, 100.0), ("c2", at(1, 0), 1, 7.0), ("c2", at(2, 5), 1, 9.0),
    ]  # fmt: skip
    # Of the north, 01:00 is stated no more; the document says nothing of the south, whose day stays.
    assert story.second["plan_1d"] == [
        ("north", at(1, 0), 2, 42.0), ("north", at(2, 0), 1, 5.0), ("south", at(1, 0), 1, 1.0),
    ]  # fmt: skip
    assert ": incremental," in story.said["build"]
    assert story.whole == story.second


def test_a_batch_whose_offset_is_not_ahead_is_refused_and_what_breaks_the_contract_is_kept(story: Story) -> None:
    landed, again, behind, further, after_a_replay = story.batches
    assert (landed, further) == ([4, 1], [2, 0])
    assert all("is not ahead" in said for said in (again, behind, after_a_replay)), story.batches
    refused = {(row["source"], row["line"], row["field"]) for row in story.landed["quarantine"]}
    assert refused == {("pulses", 5, "power_w"), ("probe", 5, "level")}


def test_a_replay_gives_every_table_back_row_for_row(story: Story) -> None:
    assert {name: len(found) for name, found in story.landed.items()} == {
        "probe_observations": 6, "pulse_samples": 6, "plans": 4, "assets": 2, "signals": 2, "quarantine": 2,
    }  # fmt: skip
    assert story.replayed == story.landed
    for name, missing in (("probe_observations", 5), ("pulse_samples", 6), ("plans", 1)):
        assert re.search(rf"raw\.{name} +\d+ +{missing} +0 +replaced", story.said["replay"]), story.said["replay"]


def test_commands_name_what_is_declared(story: Story) -> None:
    said = story.said
    for text in ("probes: levels of tanks in JSON", "raw.probe_observations", "Acme's plans by area and hour"):
        assert text in said["sources"]
    for table in ("raw.probe_observations", "raw.pulse_samples", "raw.plans", *(f"marts.{mart}" for mart in MARTS)):
        assert re.search(rf"^{re.escape(table)} +[1-9]", said["catalog"], re.M), table
    assert "stale" in next(line for line in said["catalog"].splitlines() if "raw.probe_observations" in line)
    assert "Acme" in said["doctor"] and "WATTLAKE_ACME_URL" not in said["doctor"]
    deployments = yaml.safe_load((story.checkout.path / "prefect.yaml").read_text())["deployments"]
    assert {"probe", "probe-inbox", "acme-daily"} <= {deployment["name"] for deployment in deployments}


def test_a_number_of_each_domain_is_explained_down_to_its_lines(story: Story) -> None:
    said = story.said
    assert '4: "dry"' not in said["probe_days"] and '2: ["2024-06-01T12:07:00+02:00", 2.75]' in said["probe_days"]
    assert re.search(r"level +2024-06-01T10:07:00\+00:00 +2\.75 +2", said["probe_days"])
    assert "max: recomputed 3.25, published 3.25: agree" in said["lod_1d"]
    assert re.search(r"2024-06-01T01:30:00\+00:00 +150\.0 +1", said["pulse_1h"])
    assert '1: {"counter": "c1", "ts": "2024-06-01 01:30:00+00:00", "power_w": 150.0}' in said["pulse_1h"]
    assert re.search(r"2024-06-01T00:00:00\+00:00 +1\.0 +5", said["plan_1d"])
    assert "5: south,2024-06-01T00:00Z,1" in said["plan_1d"]


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The sources of the trees among those of this process, with their fixtures."""
    caches = (registry.declarations, registry.registry, source_files.files_of)
    monkeypatch.setattr(ingest, "__path__", [*ingest.__path__, *(str(TREES / kind / "ingest") for kind in ADDED)])
    monkeypatch.setattr(source_files, "FIXTURES", [TREES / kind / "tests" / "fixtures" for kind in ADDED])
    for cache in caches:
        cache.cache_clear()
    yield
    monkeypatch.undo()
    for cache in caches:
        cache.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[:2] in (["ingest", d] for d in DOMAINS)]:
        del sys.modules[name]


@pytest.mark.usefixtures("registered")
def test_a_source_that_is_added_is_held_to_what_every_source_keeps_by_its_fixture_alone() -> None:
    for name in ("probe", "acme-plan"):
        assert files_of(name)
        every.test_equal_bytes_are_read_alike_however_they_come(name)
        every.test_every_row_is_landed_refused_or_empty_in_the_form_of_its_contract(name)
        every.test_of_a_file_cut_short_nothing_false_is_read(name)
        for what in every.BROKEN:
            every.test_what_is_no_file_of_a_source_is_refused_with_a_reason_and_a_next_step(name, what)


@pytest.mark.usefixtures("registered")
def test_a_name_that_two_folders_give_to_feeds_is_no_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "feeds.py").write_text((TREES / "levels" / "ingest" / "probe" / "feeds.py").read_text())
    monkeypatch.setattr(ingest, "__path__", [*ingest.__path__, str(tmp_path)])
    registry.declarations.cache_clear()
    with pytest.raises(ValueError, match="two feeds are called probe"):
        registry.feeds()
    del sys.modules["ingest.again"], sys.modules["ingest.again.feeds"]
