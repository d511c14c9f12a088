"""A feed and who gives it are one folder: nothing else names them."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

import ingest
from flows import feed_files
from flows.deployed import parameters
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
DEVICES = """
from ingest.feed import Feed

FEEDS = (Feed("probemeter", "meters of the probe", ("ingest.meter.contracts:OBSERVATIONS",),
              source="ingest.layouts.engine.source:LayoutSource", needs="files"),)
"""


@pytest.fixture
def probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder of a provider that is no market and one of devices, beside those that there are."""
    folder = tmp_path / "gridprobe" / "probe"
    folder.mkdir(parents=True)
    for name, text in {"feeds": FEEDS, "access": ACCESS, "plan": PLAN, "read": "def dam(file, options): ..."}.items():
        (folder / f"{name}.py").write_text(text)
    devices = tmp_path / "probemeter"
    devices.mkdir()
    (devices / "feeds.py").write_text(DEVICES)
    caches = (registry.declarations, registry.registry)
    monkeypatch.setattr(ingest, "__path__", [*ingest.__path__, str(tmp_path)])
    for cache in caches:
        cache.cache_clear()
    yield
    monkeypatch.undo()
    for cache in caches:
        cache.cache_clear()
    for name in [name for name in sys.modules if name.startswith(("ingest.gridprobe", "ingest.probemeter"))]:
        del sys.modules[name]


@pytest.mark.usefixtures("probe")
def test_a_folder_adds_sources_downloads_a_deployment_an_access_and_lines_in_the_docs() -> None:
    assert {"probe-dam", "probe-old"} <= set(registry.provided_feeds())
    assert registry.registry().named("probe-dam").recognises(Path("x.csv"))
    fetcher = registry.fetcher_of("probe-dam")
    assert (fetcher.lag_days, fetcher.first_day) == (2, date(2020, 1, 1))
    with pytest.raises(WrongUsage, match="'probe-old' cannot be downloaded"):
        registry.fetcher_of("probe-old")
    with pytest.raises(WrongUsage, match="no choice of locations"):
        registry.fetcher_of("probe-dam", ["A"])
    assert "probe_url" in registry.access_kinds()["probe"].model_fields
    assert "| Probe Power | none | one a minute | 2020 |" in feed_files.providers("gridprobe")
    assert "| `realtime/probe-hourly` | `4 * * * *`, Europe/Zurich | `probe-dam` |" in feed_files.schedules("gridprobe")
    assert "Probe Power" not in feed_files.providers("iso")


def deployed() -> dict[str, Any]:
    """Deployments of prefect.yaml as the declarations make it, by `<function>/<name>`."""
    text = feed_files.current()[feed_files.ROOT / "prefect.yaml"]
    made = yaml.safe_load(text)["deployments"]
    return {f"{one['entrypoint'].rpartition('.')[2]}/{one['name']}": one for one in made}


@pytest.mark.usefixtures("probe")
def test_a_folder_of_devices_has_a_landing_and_an_inbox_without_a_line_by_hand() -> None:
    made = deployed()
    landing, inbox = made["land/probemeter"], made["inbox/probemeter-inbox"]
    assert landing["parameters"] == {"source": "probemeter", "paths": []}
    assert "schedules" not in landing
    assert inbox["parameters"] == {"source": "probemeter"}
    assert inbox["schedules"] == [{"slug": "every-5-minutes", "interval": 300, "active": True}]
    assert (
        landing["concurrency_limit"] == inbox["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
    )
    for before in ("meter", "bess"):
        assert made[f"land/{before}"]["parameters"]["source"] == before
        assert made[f"inbox/{before}-inbox"]["parameters"] == {"source": before}


@pytest.mark.usefixtures("probe")
def test_a_provider_that_is_no_market_is_downloaded_by_the_flows_of_all() -> None:
    made = deployed()
    hourly = made["realtime/probe-hourly"]
    assert hourly["entrypoint"] == made["realtime/nyiso-load"]["entrypoint"] == "flows.deployed.downloads.realtime"
    assert hourly["parameters"] == {"sources": ["probe-dam"]}
    assert hourly["schedules"] == [
        {"slug": "hourly", "cron": "4 * * * *", "timezone": "Europe/Zurich", "active": False}
    ]
    assert "land/probe-dam" not in made and "inbox/probe-dam-inbox" not in made, "one inbox serves all providers"
    choices = runpy.run_path(parameters.__file__)
    assert "probe-dam" in get_args(choices["DownloadedFeed"]) and "probe-old" not in get_args(choices["DownloadedFeed"])
    assert "probemeter" in get_args(choices["FileSource"]) and "probe-old" not in get_args(choices["FileSource"])


def test_locations_are_those_of_the_provider_and_of_this_download_alone() -> None:
    settings = Caiso(caiso_nodes="A,B")
    assert registry.fetcher_of("caiso-dam-lmp", ["C", "D"], settings).access.caiso_node_names == ("C", "D")
    assert settings.caiso_node_names == ("A", "B")
