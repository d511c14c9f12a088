"""The docs are one page that a browser without internet opens."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from flows.docs_site.site import write_site
from lakehouse.settings import DBT_PROJECT, Settings
from tests.support.chromium import ARGUMENTS, CHROMIUM, in_chromium


@pytest.mark.browser
@in_chromium
def test_the_docs_page_shows_every_mart_its_columns_and_the_lineage_offline(settings: Settings, tmp_path: Path) -> None:
    page_file = write_site(settings, tmp_path / "docs").parent / "dbt" / "index.html"
    marts = sorted(path.stem for path in (DBT_PROJECT / "models" / "marts").rglob("*.sql"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.goto(page_file.as_uri())
        page.wait_for_selector("text=wattlake", state="attached", timeout=30_000)
        for mart in marts:
            page.goto(f"{page_file.as_uri()}#!/model/model.wattlake.{mart}")
            page.wait_for_selector(f"h1:has-text('{mart}')", timeout=30_000)
            shown = page.inner_text("body")
            assert "This model is not currently documented" not in shown, mart
        lineage = browser.new_page(viewport={"width": 1400, "height": 900})
        lineage.goto(f"{page_file.as_uri()}#!/model/model.wattlake.lod_1d?g_v=1")
        lineage.wait_for_function("[...document.querySelectorAll('canvas')].some(c => c.width > 300)", timeout=30_000)
        browser.close()
    assert not failures
