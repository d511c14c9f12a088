"""The shape of the house: which way dependencies point, and that derived files are current."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions, requires
from pathlib import Path

from flows import dbt_sources, feed_files
from ingest.feed import named
from ingest.registry import declarations

ROOT = Path(__file__).resolve().parents[2]
#: What is installed of ours.
PACKAGES = ("flows", "ingest", "lakehouse")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_folders_only_point_down() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


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


def test_storage_and_formats_know_no_orchestrator_and_no_command_line() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for package in ("lakehouse", "ingest")
        for path in sorted((ROOT / package).rglob("*.py"))
        for name in imports(path)
        if name.split(".")[0] in ("prefect", "click")
    ]
    assert not wrong


def test_what_the_product_imports_is_installed_without_the_tools_of_its_developers() -> None:
    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[^\w.-]", one.strip())[0].lower().replace("_", "-") for one in requirements}

    declared = names(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"])
    brought = declared | names([inner for one in declared for inner in requires(one) or [] if "extra ==" not in inner])
    distributions = packages_distributions()
    missing = {
        f"{path.relative_to(ROOT)}: {module}"
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for module in (name.split(".")[0] for name in imports(path))
        if module not in sys.stdlib_module_names
        and module not in {*PACKAGES, "models", "benchmarks"}
        and not brought & {name.lower().replace("_", "-") for name in distributions.get(module, [])}
    }
    assert not missing


def test_what_the_dbt_project_says_of_raw_tables_is_what_the_contracts_say() -> None:
    for path, text in dbt_sources.current().items():
        assert path.read_text() == text, "run `python -m flows.dbt_sources`"


def test_deployments_and_tables_in_the_docs_are_what_the_feeds_declare() -> None:
    for path, text in feed_files.current().items():
        assert path.read_text() == text, f"run `{feed_files.WRITE}`"


def test_a_feed_bears_its_provider_s_name_and_what_it_names_exists() -> None:
    for declared in declarations():
        for feed in declared.feeds:
            references = (feed.source, *feed.contracts, *(name for name in (feed.read, feed.plan) if name))
            assert all(named(reference) is not None for reference in references)
            if declared.provider:
                assert feed.name.startswith(f"{declared.provider.name}-")
