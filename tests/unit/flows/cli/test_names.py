"""Names that users type: the lists, what is suggested, what a shell completes, and how soon an error comes."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from flows import names
from flows.cli.main import main
from ingest.layouts.engine.layout import SHIPPED, layouts
from ingest.registry import feeds, registry
from lakehouse.settings import DBT_PROJECT


def test_the_lists_of_names_equal_the_declarations() -> None:
    assert tuple(sorted(registry().sources)) == names.SOURCES
    assert set(names.downloads()) == {name for name, feed in feeds().items() if feed.plan}
    assert tuple(sorted(f"raw.{contract.name}" for contract in registry().contracts)) == names.RAW_TABLES
    assert names.marts() == tuple(sorted(f"marts.{p.stem}" for p in (DBT_PROJECT / "models/marts").rglob("*.sql")))


def test_every_shipped_layout_lies_in_a_file_of_its_name_and_the_users_own_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATTLAKE_HOME", str(tmp_path))
    (tmp_path / "layouts").mkdir()
    (tmp_path / "layouts" / "any.toml").write_text('name = "my_inverter"')
    (tmp_path / "layouts" / "broken.toml").write_text("name = ")
    shipped = {layout.name for folder in SHIPPED.iterdir() if folder.is_dir() for layout in layouts(folder.name)}
    assert set(names.layouts()) == {*shipped, "my_inverter", "broken"}


@pytest.mark.parametrize(
    ("typed", "known", "meant"),
    [
        ("metr", names.SOURCES, "meter"),
        ("Meter", names.SOURCES, "meter"),
        ("nyiso-dam-lbmp", names.SOURCES, "nyiso-dam-lbmp-generator"),
        ("ercot-dam-ssp", names.SOURCES, "ercot-dam-spp"),
        ("marts.enery_1d", names.marts(), "marts.energy_1d"),
        ("bess_kpi", names.marts(), "marts.bess_kpis"),
    ],
)
def test_what_was_meant_is_suggested_first(typed: str, known: tuple[str, ...], meant: str) -> None:
    assert names.nearest(typed, known)[0] == meant


def test_nothing_is_suggested_for_what_resembles_nothing() -> None:
    assert names.did_you_mean("toaster", names.SOURCES, "look there") == "look there"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ("lnad meter .", 2, "Did you mean 'land'?"),
        ("land metr .", 2, "did you mean meter?"),
        ("land meter READM.md", 1, "did you mean README.md?"),
        ("land meter . --layout sunsink", 2, "did you mean sunsynk_json?"),
        ("land meter . --timezone Europe/Berln", 2, "did you mean Europe/Berlin?"),
        ("download nyiso-dam-lbmp-zones", 2, "did you mean nyiso-dam-lbmp-zone"),
        (f"land meter {'x' * 300}", 1, "does not exist"),
        ("download meter", 2, "give its files to `wattlake land meter PATH`"),
        ("maintain --tables raw.assets,marts.lod_1day", 2, "did you mean marts.lod_1d"),
    ],
)
def test_a_wrong_name_or_path_is_told_within_a_third_of_a_second_of_cpu_with_what_was_meant(
    arguments: str, code: int, says: str
) -> None:
    command = [sys.executable, "-m", "flows.cli.main", *arguments.split()]
    used = []
    for _ in range(3):  # the quickest of three: the first may compile modules
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        shown = subprocess.run(command, capture_output=True, text=True, cwd=DBT_PROJECT.parent, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert (shown.returncode, says in shown.stderr) == (code, True), shown.stderr
    assert min(used) < 0.3


def test_errors_about_names_load_neither_arrow_nor_the_settings() -> None:
    script = "import sys, flows.cli.main, flows.cli.arguments, lakehouse.zones; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pyarrow", "pydantic", "duckdb", "rich", "sqlalchemy"} & set(loaded)


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("wattlake lan", {"land"}),
        ("wattlake land me", {"meter"}),
        ("wattlake download nyiso-dam-l", {"nyiso-dam-lbmp-generator", "nyiso-dam-lbmp-zone"}),
        ("wattlake land meter x --layout sunsynk", {"sunsynk_json"}),
        ("wattlake land meter x --timezone Europe/Berl", {"Europe/Berlin"}),
        ("wattlake maintain --tables raw.assets,marts.bess_kp", {"raw.assets,marts.bess_kpis"}),
    ],
)
def test_a_shell_completes_commands_sources_layouts_zones_and_tables(line: str, offered: set[str]) -> None:
    words = line.split(" ")
    variables = {"_WATTLAKE_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    shown = CliRunner().invoke(main, prog_name="wattlake", env={**os.environ, **variables})
    assert {given.partition(",")[2] for given in shown.output.split()} == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_that_completes(shell: str) -> None:
    shown = CliRunner().invoke(main, prog_name="wattlake", env={"_WATTLAKE_COMPLETE": f"{shell}_source"})
    assert "_WATTLAKE_COMPLETE" in shown.output
