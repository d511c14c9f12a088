"""What people see in the Prefect UI: deployments that explain themselves, runs whose artifacts can be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.support.chromium import ARGUMENTS, CHROMIUM, in_chromium

if TYPE_CHECKING:
    from tests.support.servers.prefect_service import PrefectService

pytestmark = [pytest.mark.browser, in_chromium]


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(60_000)
        yield page
        browser.close()


def test_deployments_runs_and_artifacts_read_well(prefect: PrefectService, page: Page, tmp_path: Path) -> None:
    good = tmp_path / "ui" / "com_ap.csv"
    good.parent.mkdir()
    good.write_text("ts,com_ap\n2024-06-01 00:00:00,1\n2024-06-01 00:15:00,not a number\n")
    odd = tmp_path / "<img src=x onerror=alert(1)>|`odd`.csv"
    odd.write_text("colour\nred\n")
    run, state = prefect.here("land/meter", paths=[str(good), str(odd)])
    assert state.name == "Refused"
    failed, state = prefect.here("land/meter", paths=[str(odd)])
    assert state.is_failed()

    page.goto(f"{prefect.url}/deployments")
    page.get_by_role("link", name="archive", exact=True).first.wait_for()
    page.screenshot(path=tmp_path / "deployments.png")
    for name in ("meter", "bess-inbox", "history", "marts", "tables", "nyiso-realtime"):  # on several pages
        page.get_by_placeholder("Search deployments").fill(name)
        page.get_by_role("link", name=name, exact=True).first.wait_for()

    deployment = prefect.client.read_deployment_by_name("inbox/meter-inbox")
    page.goto(f"{prefect.url}/deployments/deployment/{deployment.id}?tab=Description")
    page.get_by_text("Land what lies in the inbox folder").first.wait_for()
    page.screenshot(path=tmp_path / "deployment.png")
    page.goto(f"{prefect.url}/deployments/deployment/{deployment.id}/run")
    page.get_by_text("Seconds between two looks").first.wait_for()
    page.get_by_text("IANA zone of stamps without an offset").first.wait_for()
    page.screenshot(path=tmp_path / "form.png", full_page=True)

    page.goto(f"{prefect.url}/runs/flow-run/{run}")
    page.get_by_text("1 landed, 1 refused; 1 rows new or replaced").first.wait_for()
    page.screenshot(path=tmp_path / "run.png")
    page.goto(f"{prefect.url}/artifacts/key/landing-meter")
    page.screenshot(path=tmp_path / "history.png")
    (artifact,) = [found for found in prefect.artifacts(run) if found.type == "markdown"]
    page.goto(f"{prefect.url}/artifacts/artifact/{artifact.id}")
    page.get_by_text("Refused: 1").wait_for()
    page.get_by_text("<img src=x onerror=alert(1)>|`odd`.csv").first.wait_for()
    page.get_by_text("write a layout file for it").wait_for()
    assert page.locator("img[src=x]").count() == 0
    page.get_by_text("In quarantine: 1 rows or cells").wait_for()
    page.screenshot(path=tmp_path / "artifact.png")

    page.goto(f"{prefect.url}/runs/flow-run/{failed}")
    page.get_by_text("none of 1 files landed").first.wait_for()
    page.screenshot(path=tmp_path / "failed.png")
