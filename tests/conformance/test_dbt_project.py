"""Every model and column is described; every mart declares its key."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import yaml

from flows.dbt_sources import TARGET
from ingest.registry import registry
from lakehouse.contract import DEFAULT_MAX_POWER_KW
from lakehouse.settings import DBT_PROJECT

MODELS = sorted((DBT_PROJECT / "models").rglob("*.sql"))


@cache
def described() -> dict[str, dict[str, object]]:
    return {
        model["name"]: model
        for path in (DBT_PROJECT / "models").rglob("*.yml")
        for model in (yaml.safe_load(path.read_text()) or {}).get("models", [])
    }


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_every_model_and_each_of_its_columns_is_described(path: Path) -> None:
    model = described().get(path.stem)
    assert model is not None, f"{path.stem} stands in no YAML file"
    assert str(model.get("description", "")).strip(), f"{path.stem} has no description"
    for column in model.get("columns", []):
        assert column.get("description", "").strip(), f"{path.stem}.{column['name']} has no description"


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_the_folder_of_a_model_is_its_layer_and_its_domain(path: Path) -> None:
    layer, domain, _ = path.relative_to(DBT_PROJECT / "models").parts
    prefix = {"staging": f"stg_{domain}__", "intermediate": "int_", "marts": ""}[layer]
    assert path.stem.startswith(prefix)


def test_every_raw_table_is_a_source_that_is_as_fresh_as_its_contract_wants() -> None:
    (raw,) = yaml.safe_load(TARGET.read_text())["sources"]
    described = {table["name"]: table.get("config", {}) for table in raw["tables"]}
    wanted = {}
    for contract in registry().contracts:
        wanted[contract.name] = {}
        if contract.fresh_within_hours:
            wanted[contract.name] = {
                "loaded_at_field": contract.time_column,
                "freshness": {"error_after": {"count": contract.fresh_within_hours * 60, "period": "minute"}},
            }
    assert described == wanted
    assert wanted["meter_observations"] and wanted["bess_observations"]


def test_no_model_is_described_that_does_not_exist() -> None:
    assert sorted(described()) == sorted(path.stem for path in MODELS)


def test_the_default_connection_limit_is_one_number() -> None:
    declared = yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text())["vars"]["default_max_power_kw"]
    assert declared == DEFAULT_MAX_POWER_KW
