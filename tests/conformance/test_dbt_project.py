"""Every model and column is described; every mart declares its key."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.dbt_sources import TARGET
from flows.docs_site import home
from flows.docs_site.home import TITLES, domains
from ingest.registry import registry
from lakehouse.contract import DEFAULT_MAX_POWER_KW
from lakehouse.settings import DBT_PROJECT

ROOT = DBT_PROJECT.parent
MODELS = sorted((DBT_PROJECT / "models").rglob("*.sql"))


@cache
def described() -> dict[str, dict[str, Any]]:
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


def test_the_first_page_of_the_docs_leads_to_the_marts_of_every_domain() -> None:
    assert set(domains()) == {path.name for path in (DBT_PROJECT / "models" / "marts").iterdir() if path.is_dir()}
    assert {name: domains()[name] for name in TITLES} == TITLES


def test_a_folder_of_marts_that_nobody_named_is_on_the_first_page_by_its_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("heat_pump", "bess", "shared"):
        (tmp_path / "models" / "marts" / folder).mkdir(parents=True)
    monkeypatch.setattr(home, "DBT_PROJECT", tmp_path)
    assert list(domains().items()) == [
        ("shared", TITLES["shared"]), ("bess", TITLES["bess"]), ("heat_pump", "Heat pump"),
    ]  # fmt: skip


def test_a_description_that_columns_share_is_written_once_and_every_block_is_used() -> None:
    said: dict[str, list[str]] = {}
    for name, model in described().items():
        for column in model.get("columns", []):
            said.setdefault(column["description"], []).append(f"{name}.{column['name']}")
    used = {block for text in said for block in re.findall(r"\{\{ doc\('(\w+)'\) \}\}", text)}
    assert {text: places for text, places in said.items() if len(places) > 1 and "{{ doc(" not in text} == {}
    texts = [path.read_text() for path in (DBT_PROJECT / "models" / "columns").glob("*.md")]
    blocks = [block for text in texts for block in re.findall(r"{% docs (\w+) %}\n(.+)\n{% enddocs %}", text)]
    assert {name for name, _ in blocks} == used
    assert len({name for name, _ in blocks}) == len({text for _, text in blocks}) == len(blocks)


def test_every_macro_and_each_of_its_arguments_is_described() -> None:
    written = {}
    for path in (DBT_PROJECT / "macros").glob("*.sql"):
        for name, arguments in re.findall(r"{% macro (\w+)\((.*?)\)", path.read_text()):
            written[name] = [one.partition("=")[0].strip() for one in arguments.split(",") if one]
    listed = yaml.safe_load((DBT_PROJECT / "macros" / "_macros.yml").read_text())["macros"]
    assert {macro["name"]: [a["name"] for a in macro.get("arguments", [])] for macro in listed} == written
    for macro in listed:
        for one in (macro, *macro.get("arguments", [])):
            assert one["description"].strip().endswith("."), (macro["name"], one)


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_the_folder_of_a_model_is_its_layer_and_its_domain(path: Path) -> None:
    layer, domain, _ = path.relative_to(DBT_PROJECT / "models").parts
    prefix = {"staging": f"stg_{domain}__", "intermediate": "int_", "marts": ""}[layer]
    assert path.stem.startswith(prefix)


def test_every_raw_table_is_a_source_that_says_what_its_contract_says() -> None:
    (raw,) = yaml.safe_load(TARGET.read_text())["sources"]
    described = {table["name"]: table.get("config", {}) for table in raw["tables"]}
    wanted = {}
    for contract in registry().contracts:
        wanted[contract.name] = {"meta": {"touches": contract.touches, "touch": list(contract.touch)}}
        if contract.fresh_within_hours:
            wanted[contract.name] |= {
                "loaded_at_field": contract.time_column,
                "freshness": {"error_after": {"count": contract.fresh_within_hours * 60, "period": "minute"}},
            }
    assert described == wanted
    assert "freshness" in wanted["meter_observations"] and "freshness" in wanted["bess_observations"]


def rules(macro: str) -> list[dict[str, Any]]:
    body = (DBT_PROJECT / "macros" / "quality.sql").read_text().split(f"{{% macro {macro}() -%}}")[1]
    return list(ast.literal_eval(body[body.index("return(") + len("return(") : body.index(") }}")]))


def test_a_rule_is_declared_once_and_its_models_and_the_docs_know_it() -> None:
    declared = rules("finding_rules") + rules("market_finding_rules")
    names = [rule["rule"] for rule in declared]
    assert len(set(names)) == len(names) == 30
    models = {
        path.stem: path for path in MODELS if path.stem.startswith("int_findings_") or path.stem == "market_findings"
    }
    for model, path in models.items():
        first = re.findall(r"select\n +('\w+'|case .*? end)(?: as rule)?,\n", path.read_text())
        said = {name for column in first for name in re.findall(r"(?:^|then |else )'(\w+)'", column)}
        assert said == {rule["rule"] for rule in declared if model in rule["found_in"]}, model
    assert {model for rule in declared for model in rule["found_in"]} == set(models)

    documented: dict[str, set[str]] = {}
    for family, listed in re.findall(r"^\| (\w+) \| (.*) \|$", (ROOT / "docs" / "rules.md").read_text(), re.M):
        documented[family] = set(re.findall(r"`(\w+)`", listed))
    documented.pop("family")
    for rule in declared:
        documented[rule["family"]].remove(rule["rule"])
    assert not any(documented.values())


def test_no_model_is_described_that_does_not_exist() -> None:
    assert sorted(described()) == sorted(path.stem for path in MODELS)


def test_the_default_connection_limit_is_one_number() -> None:
    declared = yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text())["vars"]["default_max_power_kw"]
    assert declared == DEFAULT_MAX_POWER_KW
