"""Every model and column is described; every mart declares its key."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import yaml

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


def test_no_model_is_described_that_does_not_exist() -> None:
    assert sorted(described()) == sorted(path.stem for path in MODELS)
