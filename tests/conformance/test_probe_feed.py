"""A feed and who gives it are one folder: nothing else names them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

import ingest
from flows import feed_files
from ingest import registry
from ingest.iso.caiso.access import Access as Caiso
from lakehouse.errors import WrongUsage

FEEDS = """
from datetime import date

from ingest.feed import Deployment, Feed, Provider

PROVIDER = Provider("probe", "Probe Power", "Europe/Zurich", "ingest.gridprobe.probe.access:Access",
                    account="none", limit="one a minute", reach="2020", first_day=date(2020, 1, 1))
EVERY_HOUR = Deployment("probe-hourly", "What the probe says.", every="hourly", cron="4 * * * *")
FEEDS = (
    Feed("probe-dam", "prices of the probe", ("ingest.iso.contracts:PRICES",), "ingest.gridprobe.probe.read:dam",
         plan="ingest.gridprobe.probe.plan:DAM", deployment=EVERY_HOUR),
    Feed("probe-old", "old files of the probe", ("ingest.iso.contracts:PRICES",), "ingest.gridprobe.probe.read:dam"),
)
"""
ACCESS = """
from ingest.http import access

class Access(access.Access):
    probe_url: access.BaseUrl = "https://probe.example"
"""
PLAN = """
from zoneinfo import ZoneInfo

class Days:
    zone, lag_days = ZoneInfo("Europe/Zurich"), 2

DAM = Days()
"""


@pytest.fixture
def probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder of an operator, beside those that there are."""
    folder = tmp_path / "gridprobe" / "probe"
    folder.mkdir(parents=True)
    for name, text in {"feeds": FEEDS, "access": ACCESS, "plan": PLAN, "read": "def dam(file, options): ..."}.items():
        (folder / f"{name}.py").write_text(text)
    caches = (registry.declarations, registry.registry)
    monkeypatch.setattr(ingest, "__path__", [*ingest.__path__, str(tmp_path)])
    for cache in caches:
        cache.cache_clear()
    yield
    monkeypatch.undo()
    for cache in caches:
        cache.cache_clear()
    for name in [name for name in sys.modules if name.startswith("ingest.gridprobe")]:
        del sys.modules[name]


@pytest.mark.usefixtures("probe")
def test_a_folder_adds_sources_downloads_a_deployment_an_access_and_lines_in_the_docs() -> None:
    assert {"probe-dam", "probe-old"} <= set(registry.market_feeds())
    assert registry.registry().named("probe-dam").recognises(Path("x.csv"))
    fetcher = registry.fetcher_of("probe-dam")
    assert (fetcher.lag_days, fetcher.first_day) == (2, date(2020, 1, 1))
    with pytest.raises(WrongUsage, match="'probe-old' cannot be downloaded"):
        registry.fetcher_of("probe-old")
    with pytest.raises(WrongUsage, match="no choice of locations"):
        registry.fetcher_of("probe-dam", ["A"])
    assert "probe_url" in registry.access_kinds()["probe"].model_fields
    assert "| Probe Power | none | one a minute | 2020 |" in feed_files.providers()
    assert "| `realtime/probe-hourly` | `4 * * * *`, Europe/Zurich | `probe-dam` |" in feed_files.schedules()
    assert "  - name: probe-hourly\n" in feed_files.deployments()


def test_locations_are_those_of_the_provider_and_of_this_download_alone() -> None:
    settings = Caiso(caiso_nodes="A,B")
    assert registry.fetcher_of("caiso-dam-lmp", ["C", "D"], settings).access.caiso_node_names == ("C", "D")
    assert settings.caiso_node_names == ("A", "B")
