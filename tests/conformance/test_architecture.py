"""The shape of the house: which way dependencies point, and that derived files are current."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows import dbt_sources

ROOT = Path(__file__).resolve().parents[2]
#: Package → packages of ours that it may import (lakehouse parts by module).
ALLOWED = {
    "lakehouse": {"lakehouse"},
    "ingest": {"ingest", "lakehouse.contract", "lakehouse.errors"},
    "flows": {"flows", "ingest", "lakehouse", "models"},
}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_dependencies_point_one_way(package: str) -> None:
    ours = {"lakehouse", "ingest", "flows", "models", "tests"}
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for name in imports(path)
        if name.split(".")[0] in ours and not any(name == a or name.startswith(f"{a}.") for a in ALLOWED[package])
    ]
    assert not wrong


def test_the_core_knows_no_domain() -> None:
    domains = ("meter", "bess", "nilm", "heatpump", "ercot", "sunsynk")
    named = [
        f"{path.name}: {word}"
        for path in sorted((ROOT / "lakehouse").rglob("*.py"))
        for word in domains
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Name) and word in node.id.lower())
        or (isinstance(node, ast.alias) and word in node.name.lower())
        or (isinstance(node, ast.FunctionDef | ast.ClassDef) and word in node.name.lower())
    ]
    assert not named


def test_the_dbt_source_yaml_is_what_the_contracts_say() -> None:
    assert dbt_sources.TARGET.read_text() == dbt_sources.render(), "run `python -m flows.dbt_sources`"
