"""The site of `wattlake docs`: what Great Expectations found, in a browser without internet."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from playwright.sync_api import sync_playwright

from lakehouse.marts import expectations
from lakehouse.marts.data_docs import BUILDS_KEPT, kept_path, write_pages
from lakehouse.marts.dbt_models import Mart
from lakehouse.ops import CHECKS, Ops
from lakehouse.settings import Settings
from tests.support.chromium import ARGUMENTS, CHROMIUM, in_chromium

BUILD = "20240601T120000-aaaaaaaa"


@pytest.fixture(scope="module")
def validated(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home that keeps one validation: a mart that breaks two of its three expectations, and one that is sound."""
    settings = Settings(home=tmp_path_factory.mktemp("docs") / "home", threads=2)
    settings.root.mkdir()
    path = settings.root / "marts.duckdb"
    connection = duckdb.connect(str(path))
    connection.execute(
        "CREATE TABLE broken AS SELECT '<b>' || (n % 25) AS asset_id, n / 20 AS coverage, n FROM range(30) t(n)"
    )
    connection.execute("CREATE TABLE sound AS SELECT i AS k FROM range(5) t(i)")
    connection.close()
    ranges: dict[str, tuple[float | None, float | None]] = {"coverage": (0, 1), "n": (0, None)}
    marts = [Mart("broken", "", ("asset_id",), None, ranges), Mart("sound", "", ("k",), None, {})]
    results = expectations.expect(settings, path, marts, kept_path(settings, BUILD))
    assert [(r.status, r.rows_failed) for r in results[:3]] == [("fail", 5), ("fail", 9), ("pass", 0)]
    path.unlink()
    sample = '[{"asset_id": "<i>m7", "n": 3}]'
    row = {"run_id": "r", "build_id": BUILD, "engine": "dbt", "seconds": 0.5}
    failed = {**row, "name": "unique_lod_1d", "status": "fail", "rows_failed": 1, "sample": sample}
    passed = {**row, "name": "conservation", "status": "pass", "rows_failed": 0, "sample": "[]"}
    Ops(settings).insert({CHECKS: [failed, passed]})
    return settings


@pytest.mark.browser
@in_chromium
def test_the_served_site_shows_suites_outcomes_and_failing_rows_without_a_request_outside(validated: Settings) -> None:
    environment = {**os.environ, "WATTLAKE_HOME": str(validated.home), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "flows.cli.main", "docs", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            url = next(line.strip() for line in process.stdout if line.startswith("http://127.0.0.1:"))
            _look(url)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()


def _look(url: str) -> None:
    asked: list[str] = []
    failures: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.goto(url)
        assert "Build " + BUILD in page.inner_text("body")
        page.click("text=broken")
        body = page.inner_text("body")
        key = "broken: key (asset_id) is unique and has no NULL"
        for shown in (key, "coverage lies in", "✗ fail", "✓ pass", "33.33%", "<b>3"):
            assert shown in body
        assert "Run Time" in body and body.count("<b>") >= 10
        page.click("text=Home")
        first = page.inner_text("body")
        assert first.index("unique_lod_1d") < first.index(f"Build {BUILD}") and "1 fail, 1 pass" in first
        assert "1 marts passed" in first and "sound" not in first
        page.click("text=1 marts passed")
        page.click("text=sound")
        assert "✓ pass" in page.inner_text("body") and "✗" not in page.inner_text("body")
        page.goto(url)
        page.click("text=Last checks")
        checks = page.inner_text("body")
        assert checks.index("unique_lod_1d") < checks.index("conservation") and "<i>m7" in checks
        page.goto(url)
        page.click("text=Models and columns")
        page.wait_for_selector("text=wattlake", state="attached", timeout=60_000)
        browser.close()
    assert not failures
    assert [address for address in asked if not address.startswith((url, "data:"))] == []


def test_results_of_the_last_builds_alone_are_kept(validated: Settings, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    text = kept_path(validated, BUILD).read_text()
    (settings.root / "checks").mkdir(parents=True)
    for number in range(BUILDS_KEPT + 3):
        kept_path(settings, f"2024-{number:02d}").write_text(text)
    from lakehouse.marts.data_docs import keep

    keep(kept_path(settings, "2025-01"), {})
    pages = write_pages(settings, tmp_path / "pages", "../index.html")
    assert [build for build, _, _ in pages] == ["2025-01"] + [f"2024-{n:02d}" for n in range(BUILDS_KEPT + 2, 3, -1)]
