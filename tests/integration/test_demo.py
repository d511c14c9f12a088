"""The demo shows simulated sites and markets, says so, and its marts agree with what the simulator knows."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from flows.cli.main import main
from lakehouse.settings import Settings
from tests.support.house import rows


def test_the_demo_agrees_with_the_truth_and_says_that_its_data_are_simulated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    shown = CliRunner().invoke(main, ["demo", "--days", "8"], catch_exceptions=False)
    assert shown.exit_code == 0, shown.output
    assert shown.output.startswith("SIMULATED DATA")
    assert "differs:" not in shown.output
    assert shown.output.count("uv run --no-dev wattlake sql") == 4
    for operator in ("CAISO", "ERCOT", "ISONE", "NYISO"):
        assert f"\n{operator} " in shown.output
    assert max(len(line) for line in shown.output.splitlines() if set(line) == {"─"}) <= 80
    assert re.search(r"\n2026-03-02 +2,844\.15 +2,998\.17 +1,033\.17 +-179\.11 +6,696\.39 +100\.0 %\n", shown.output)
    assert "left out at 80 characters: out MWh, in MWh" in shown.output
    assert re.search(r"\nbattery revenue by day +\d+ +\d+ +0\.00 \$ +0\.005\n", shown.output)
    assert not re.search(r"\n\S+ +0\n", shown.output), "an empty mart in a summary"
    assert "SIMULATED battery SIM_BAT002_ESR1" in shown.output
    assert "caveats: metered_mwh" in shown.output
    assert "battery revenue by day" in shown.output
    assert (tmp_path / ".wattlake-demo" / "docs" / "dbt" / "index.html").stat().st_size > 1_000_000
    _judge_docs(tmp_path / ".wattlake-demo" / "docs")
    home = Settings(home=tmp_path / ".wattlake-demo")
    commands = re.findall(r"wattlake (explain .*)", shown.output)
    assert len(commands) == 2
    monkeypatch.setenv("WATTLAKE_HOME", str(home.root))
    for command in commands:
        dollars = CliRunner().invoke(main, [*shlex.split(command), "--format", "json"], catch_exceptions=False)
        assert dollars.exit_code == 0, dollars.output
        explained = json.loads(dollars.output)
        assert explained["numbers"] and all(number["agree"] for number in explained["numbers"])
        assert explained["lines"] and all(line["text"] for line in explained["lines"])
    for mart in ("assets", "iso_prices", "as_prices", "bess_revenue_1d"):
        assert rows(home, f"SELECT DISTINCT is_simulated FROM {mart}") == [(True,)]


def _judge_docs(site: Path) -> None:
    """The first page tells what there is, says that it is simulated, and each of its links leads somewhere."""
    page = (site / "index.html").read_text()
    assert "SIMULATED DATA" in page and page.count('<svg class="chart"') == 4 == page.count("<h3>SIMULATED: ")
    for shown in (
        "bess (simulated)",
        "3 assets",
        "ERCOT batteries (simulated)",
        "counter_step",
        "marts passed</summary>",
    ):
        assert shown in page, shown
    assert "<script" not in page and "http://" not in page and "https://" not in page
    links = {link.partition("#")[0] for link in re.findall(r'href="([^"]+)"', page)} - {"", "data:,"}
    assert len(links) > 20 and [link for link in links if not (site / link).is_file()] == []
    described = (site / "dbt" / "index.html").read_text()
    models = set(re.findall(r"#!/model/(model\.wattlake\.\w+)", page))
    assert len(models) > 20 and [model for model in models if model not in described] == []


def test_the_demo_does_not_overwrite_a_home_of_real_data(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "home.json").write_text('{"assets": "real"}')
    shown = CliRunner().invoke(main, ["demo", "--home", str(home)])
    assert shown.exit_code == 2
    assert "is not the home of a demo" in shown.output
    assert (home / "home.json").exists()
