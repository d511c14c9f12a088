"""dbt runs in a folder of its own, and what it parses once holds for every other folder."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from lakehouse.errors import TerminalError
from lakehouse.marts import warm_process
from lakehouse.marts.dbt_models import Mart, Project
from lakehouse.marts.dbt_runner import MANIFEST, PARSED, _Log, run_dbt, run_in
from lakehouse.settings import DBT_PROJECT, Settings

PARSES_ANEW = "Unable to do partial parsing"


def parse(folder: Path, cache: Path) -> str:
    """Parse the project for a home of its own, in a process that has not parsed it yet; what dbt logs."""
    work = folder / "tmp" / "build"
    work.mkdir(parents=True)
    (work / MANIFEST).write_text(json.dumps({"views": {}}))
    warm_process.end_waiting()
    lines: list[str] = []
    home = Settings(home=folder, cache=cache, threads=1)
    environment = {**os.environ, "WATTLAKE_DBT_FOLDER": "."}
    assert run_in(work, ["parse"], DBT_PROJECT, environment, home.parsed_project, lines.append) == 0
    return "".join(lines)


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
    project = Project.read(first[0] / "tmp" / "build" / "target")
    tables = ("ercot_sced_esr_resources", "iso_prices", "meter_observations")
    disclosed, priced, metered = (project.standing_on([f"raw.{table}"]) for table in tables)
    assert {"bess_revenue_15min", "bess_revenue_1mo", "bess_soc"} <= disclosed
    assert not {"iso_prices", "as_prices", "lod_1d"} & disclosed
    assert {"iso_prices", "iso_prices_superseded", "bess_revenue_1d", "market_findings"} <= priced
    assert {"lod_1d", "energy_1d", "quality_findings"} <= metered and "bess_revenue_1d" not in metered


def test_a_home_keeps_its_own_parsed_project_where_no_cache_is_set(tmp_path: Path) -> None:
    home = Settings(home=tmp_path, cache=None)
    assert home.parsed_project == tmp_path / "tmp" / "partial_parse.msgpack"


def test_every_mart_and_every_column_of_one_is_described(first: tuple[Path, Path, str]) -> None:
    target = first[0] / "tmp" / "build" / "target"
    project = Project.read(target)
    found = [*project.marts, *project.views]
    assert {"energy_1d", "nyiso_lbmps"} <= {mart.name for mart in found}
    assert not {mart.name for mart in project.marts} & {mart.name for mart in project.views}
    assert [mart.name for mart in found if not mart.description or not mart.columns] == []
    energy = next(mart for mart in found if mart.name == "energy_1d")
    assert {"asset_id", "energy_kwh", "coverage", "is_estimated"} <= set(energy.columns)


def test_a_mart_as_an_earlier_version_wrote_it_is_read() -> None:
    written = {"name": "m", "description": "d", "key": ["k"], "time": None, "ranges": {}}
    assert Mart.from_json(written).columns == {}


def test_the_log_of_dbt_tells_what_begins_and_what_has_ended() -> None:
    heard: list[tuple[int, int, str]] = []

    def line(name: str, **data: object) -> str:
        return json.dumps({"info": {"name": name, "msg": "said"}, "data": data})

    node = {"node_name": "lod_1d"}
    lines = [
        line("LogStartLine", index=3, total=131, node_info=node),
        line("LogModelResult", index=3, total=131, node_info=node),
        line("LogTestResult", index=2, num_models=131, node_info={"node_name": "unique_lod_1d"}),
        line("MainReportVersion", version="1.11"),
    ]
    log = _Log(lambda *told: heard.append(told))
    assert [log.message(one) for one in lines] == ["said"] * 4
    assert heard == [(0, 131, "lod_1d"), (1, 131, "lod_1d"), (2, 131, "unique_lod_1d")]
    for other in ("Traceback (most recent call last):", "[1, 2]", "null", '{"info": null}'):
        assert log.message(f"{other}\n") == other
    assert len(heard) == 3


def test_dbt_that_stops_before_it_runs_anything_says_why_in_words(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps({"views": {}}))
    with pytest.raises(TerminalError, match="no_such_type") as stopped:
        run_dbt(Settings(home=tmp_path), ["build", "--exclude-resource-type", "no_such_type"], tmp_path)
    assert '{"' not in str(stopped.value)


def test_a_project_that_a_killed_dbt_was_writing_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, ends = tmp_path / "kept", iter((-9, 1))

    def writes_half(*_: object) -> int:
        (tmp_path / "target" / PARSED).write_bytes(b"half")
        return next(ends)

    monkeypatch.setattr(warm_process, "run", writes_half)
    assert run_in(tmp_path, ["build"], DBT_PROJECT, {}, kept, print) == -9
    assert not kept.exists()
    assert run_in(tmp_path, ["build"], DBT_PROJECT, {}, kept, print) == 1
    assert kept.read_bytes() == b"half"
