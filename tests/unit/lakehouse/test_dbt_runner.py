"""dbt runs in a folder of its own, and what it parses once holds for every other folder."""

from __future__ import annotations

import json
from pathlib import Path

from lakehouse.dbt_runner import MANIFEST, run_dbt
from lakehouse.settings import Settings

PARSES_ANEW = "Unable to do partial parsing"


def parse(folder: Path, cache: Path) -> str:
    """Parse the project for a home of its own; what dbt logs."""
    work = folder / "tmp" / "build"
    work.mkdir(parents=True)
    (work / MANIFEST).write_text(json.dumps({"views": {}}))
    run_dbt(Settings(home=folder, cache=cache, threads=1), ["parse"], work)
    return (work / "logs" / "dbt.log").read_text()


def test_homes_that_share_a_cache_parse_the_project_once(tmp_path: Path) -> None:
    assert PARSES_ANEW in parse(tmp_path / "first", tmp_path / "cache")
    assert PARSES_ANEW not in parse(tmp_path / "second", tmp_path / "cache")


def test_a_home_keeps_its_own_parsed_project_where_no_cache_is_set(tmp_path: Path) -> None:
    home = Settings(home=tmp_path, cache=None)
    assert home.parsed_project == tmp_path / "tmp" / "partial_parse.msgpack"
