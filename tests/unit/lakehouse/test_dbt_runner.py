"""dbt runs in a folder of its own, and what it parses once holds for every other folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lakehouse.dbt_runner import MANIFEST, run_dbt, standing_on
from lakehouse.settings import Settings

PARSES_ANEW = "Unable to do partial parsing"


def parse(folder: Path, cache: Path) -> str:
    """Parse the project for a home of its own; what dbt logs."""
    work = folder / "tmp" / "build"
    work.mkdir(parents=True)
    (work / MANIFEST).write_text(json.dumps({"views": {}}))
    run_dbt(Settings(home=folder, cache=cache, threads=1), ["parse"], work)
    return (work / "logs" / "dbt.log").read_text()


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """A home in which the project was parsed, the cache that it kept it in, and what dbt said."""
    home, cache = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("cache")
    return home, cache, parse(home, cache)


def test_homes_that_share_a_cache_parse_the_project_once(first: tuple[Path, Path, str], tmp_path: Path) -> None:
    _, cache, said = first
    assert PARSES_ANEW in said
    assert PARSES_ANEW not in parse(tmp_path, cache)


def test_marts_stand_on_the_tables_that_they_are_made_of_and_no_others(first: tuple[Path, Path, str]) -> None:
    target = first[0] / "tmp" / "build" / "target"
    disclosed, priced = (standing_on(target, [f"raw.{table}"]) for table in ("ercot_sced_esr_resources", "iso_prices"))
    assert {"bess_revenue_15min", "bess_revenue_1mo", "bess_soc"} <= disclosed
    assert not {"iso_prices", "as_prices", "lod_1d"} & disclosed
    assert {"iso_prices", "iso_prices_superseded", "bess_revenue_1d", "market_findings"} <= priced
    metered = standing_on(target, ["build.changed_spans"])
    assert {"lod_1d", "energy_1d", "quality_findings"} <= metered and "bess_revenue_1d" not in metered


def test_a_home_keeps_its_own_parsed_project_where_no_cache_is_set(tmp_path: Path) -> None:
    home = Settings(home=tmp_path, cache=None)
    assert home.parsed_project == tmp_path / "tmp" / "partial_parse.msgpack"
