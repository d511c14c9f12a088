"""Writes dbt/models/staging/_raw_sources.yml from the contracts: `python -m flows.dbt_sources`."""

from __future__ import annotations

import json
from pathlib import Path

from ingest.registry import registry
from lakehouse.contract import TYPES, Contract
from lakehouse.settings import DBT_PROJECT

TARGET = DBT_PROJECT / "models" / "staging" / "_raw_sources.yml"


def render() -> str:
    """The dbt source YAML of all raw tables. Strings are JSON, which YAML reads."""
    lines = [
        "# Made from the contracts by `python -m flows.dbt_sources`; change those, not this.",
        "version: 2",
        "",
        "sources:",
        "  - name: raw",
        "    description: Iceberg tables, each pinned to one snapshot for the build.",
        "    database: lake",
        "    schema: raw",
        "    tables:",
    ]
    for contract in sorted(registry().contracts, key=lambda contract: contract.name):
        lines += _table(contract)
    return "\n".join(lines) + "\n"


def _table(contract: Contract) -> list[str]:
    description = f"{contract.description} One row is {contract.grain}; key ({', '.join(contract.key)})."
    lines = [f"      - name: {contract.name}", f"        description: {json.dumps(description)}"]
    if contract.fresh_within_hours:
        # Minutes, because a contract may say half an hour and dbt counts whole periods. An error and no warning: who
        # calls `dbt source freshness` in a script sees a broken contract by the exit code.
        minutes = round(contract.fresh_within_hours * 60)
        lines += [
            "        config:",
            f"          loaded_at_field: {contract.time_column}",
            "          freshness:",
            f"            error_after: {{count: {minutes}, period: minute}}",
        ]
    lines.append("        columns:")
    for column in contract.columns:
        lines += [
            f"          - name: {column.name}",
            f"            description: {json.dumps(column.description)}",
            f"            data_type: {TYPES[column.type][1].lower()}",
        ]
    return lines


def main(target: Path = TARGET) -> None:
    """Write the file."""
    target.write_text(render())


if __name__ == "__main__":
    main()
