"""The shape of the house: which way dependencies point, and that derived files are current."""

from __future__ import annotations

import ast
import os
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


def kept_apart(root: Path, config: Path) -> subprocess.CompletedProcess[str]:
    """Whether the folders of `ingest` that declare feeds know no other, and what all share knows none of them.

    Args:
        root: of the checkout; folders are found in it as the registry finds them.
        config: where the contracts are written.
    """
    ingest = root / "ingest"
    folders = sorted(path.parent for pattern in ("*/feeds.py", "*/*/feeds.py") for path in ingest.glob(pattern))
    siblings: dict[Path, set[Path]] = {}
    for folder in folders:
        for one in (folder, *folder.parents):
            if one != ingest and ingest in one.parents:
                siblings.setdefault(one.parent, set()).add(one)
    domains = siblings[ingest]
    shared = {path for path in ingest.iterdir() if path.is_dir() and any(path.glob("*.py"))} - domains
    shared -= {ingest / "simulate"}  # it speaks the formats of all

    def modules(key: str, paths: set[Path]) -> str:
        names = sorted(".".join(path.relative_to(root).parts) for path in paths)
        return "\n    ".join([f"{key} =", *names]) + "\n"

    rules = [
        f"[importlinter:contract:{number}]\nname = Folders of {parent.relative_to(root)} know no other\n"
        f"type = independence\n{modules('modules', together)}"
        for number, (parent, together) in enumerate(siblings.items())
        if len(together) > 1
    ]
    if shared:
        rules.append(
            "[importlinter:contract:shared]\nname = What all domains share knows none\ntype = forbidden\n"
            + modules("source_modules", shared)
            + modules("forbidden_modules", domains)
        )
    config.write_text("\n".join(["[importlinter]\nroot_packages =\n    ingest\n", *rules]))
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--config", str(config)]
    return subprocess.run(
        command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True, check=False
    )


def test_domains_and_providers_know_no_other_and_what_they_share_knows_none(tmp_path: Path) -> None:
    done = kept_apart(ROOT, tmp_path / "contracts.ini")
    assert done.returncode == 0, done.stdout + done.stderr
    for kept in ("Folders of ingest know no other", "Folders of ingest/iso know no other", "What all domains share"):
        assert kept in done.stdout


def test_a_folder_that_is_added_is_kept_apart_without_being_named(tmp_path: Path) -> None:
    folders = ("", "text", "ev", "ev/one", "ev/two", "heatpump")
    for folder in folders:
        (tmp_path / "ingest" / folder).mkdir(exist_ok=True, parents=True)
        (tmp_path / "ingest" / folder / "__init__.py").touch()
    for folder, reaches in (("ev/one", "ingest.ev.two.feeds"), ("ev/two", "json"), ("heatpump", "ingest.ev.one")):
        (tmp_path / "ingest" / folder / "feeds.py").write_text(f"import {reaches}\n")
    (tmp_path / "ingest" / "text" / "lines.py").write_text("import ingest.heatpump.feeds\n")
    done = kept_apart(tmp_path, tmp_path / "contracts.ini")
    assert done.returncode == 1
    for wrong in (
        "ingest.ev.one is not allowed to import ingest.ev.two", "ingest.heatpump is not allowed to import ingest.ev",
        "ingest.text is not allowed to import ingest.heatpump",
    ):  # fmt: skip
        assert wrong in done.stdout, done.stdout


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
