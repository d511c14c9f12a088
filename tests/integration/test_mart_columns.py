"""Columns that users rely on are there, and the docs describe exactly the columns that exist."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lakehouse.catalog import open_catalog
from lakehouse.settings import DBT_PROJECT, Settings
from lakehouse.source import LandOptions
from tests.support.device_files import minutes, write_signal
from tests.support.house import build, land, rows

LOD = """asset_id signal bucket_start bucket_end n n_expected coverage sum min max mean mean_time_weighted
    first last unit"""
ENERGY = "asset_id signal interval_start interval_end energy_kwh coverage is_estimated"
POWER_FACTOR = "asset_id interval_start p_kwh s_kvah power_factor"
REVENUE = """resource dam_energy_usd dam_as_usd rt_energy_usd rt_as_usd known_usd total_usd charged_mwh discharged_mwh
    coverage caveats"""

#: Mart → columns that stay.
PROMISED = {
    "assets": "asset_id domain native_id site_id time_zone is_simulated",
    "lod_5min": LOD,
    "lod_15min": LOD,
    "lod_1h": LOD,
    "lod_1d": f"{LOD} local_date",
    "energy_15min": ENERGY,
    "energy_1d": f"{ENERGY} local_date",
    "counter_events": "asset_id signal occurred_at span_start kind size_kwh",
    "power_factor_15min": POWER_FACTOR,
    "power_factor_1h": POWER_FACTOR,
    "power_factor_1d": POWER_FACTOR,
    "iso_prices": """iso market location location_type price_type interval_start interval_end lmp_usd_mwh published_at
        is_simulated""",
    "as_prices": "iso market location product interval_start interval_end mcpc_usd_mw published_at is_simulated",
    "system_load": """iso report kind area area_type model interval_start interval_end load_mw is_ahead published_at
        published_basis is_simulated""",
    "bess_revenue_15min": f"interval_start {REVENUE}",
    "bess_revenue_1d": f"operating_day {REVENUE}",
    "bess_revenue_1mo": f"month {REVENUE}",
    "bess_soc": "resource interval_start soc_telemetered_mwh soc_reconstructed_mwh",
    "quality_findings": "rule severity asset_id signal interval_start interval_end value message",
    "bess_kpis": """asset_id local_date soc_min_pct soc_max_pct soc_last_pct soh_pct charge_kwh discharge_kwh aux_kwh
        round_trip_efficiency full_cycles cell_v_spread_max_v cell_t_max_c alarm_seconds availability coverage""",
}


@pytest.fixture(scope="module")
def columns(house: Settings) -> dict[str, list[str]]:
    """Columns of every published mart, in order."""
    found: dict[str, list[str]] = {}
    listed = rows(house, "SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = 'marts'")
    for table, column in listed:
        found.setdefault(str(table), []).append(str(column))
    for own in ("wattlake_build", "wattlake_marts"):
        found.pop(own)
    return found


@pytest.mark.parametrize("mart", sorted(PROMISED))
def test_the_columns_that_users_rely_on_are_there(columns: dict[str, list[str]], mart: str) -> None:
    assert set(PROMISED[mart].split()) <= set(columns[mart])


def test_the_docs_describe_the_columns_that_exist_and_no_others(columns: dict[str, list[str]]) -> None:
    described = {
        model["name"]: sorted(column["name"] for column in model["columns"])
        for path in (DBT_PROJECT / "models" / "marts").rglob("*.yml")
        for model in yaml.safe_load(path.read_text())["models"]
    }
    assert described == {mart: sorted(names) for mart, names in columns.items()}


def test_every_column_has_its_description_as_text_also_where_a_mart_was_made_anew(
    house: Settings, tmp_path: Path
) -> None:
    late = write_signal(tmp_path, "described", "com_ap", [(stamp, 1) for stamp in minutes("2024-06-01", 4)])
    land(house, "meter", [late], LandOptions(timezone="UTC"))
    assert build(house).mode == "incremental"
    listed = "FROM duckdb_columns() WHERE database_name = 'marts' AND table_name NOT LIKE 'wattlake_%'"
    assert (
        rows(house, f"SELECT table_name, column_name {listed} AND (comment IS NULL OR contains(comment, '{{{{'))") == []
    )
    (asset,) = rows(house, f"SELECT comment {listed} AND table_name = 'lod_1d' AND column_name = 'asset_id'")
    said = "Meter or battery system, as in raw.assets."
    assert asset == (said,)
    table = open_catalog(house).load_table(("marts", "lod_1d"))
    assert table.schema().find_field("asset_id").doc == said
