"""Writes the files of the dbt project that are generated from the contracts: `python -m flows.dbt_sources`.

They are the sources of all raw tables, and the macro that lists the tables of long observations, which models unite.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ingest.registry import registry
from lakehouse.contract import TYPES, Contract
from lakehouse.settings import DBT_PROJECT

TARGET = DBT_PROJECT / "models" / "staging" / "_raw_sources.yml"
OBSERVATION_TABLES = DBT_PROJECT / "macros" / "observation_tables.sql"
MADE = "Made from the contracts by `python -m flows.dbt_sources`; change those, not this."


def current() -> dict[Path, str]:
    """Path of each generated file → its text."""
    contracts = sorted(registry().contracts, key=lambda contract: contract.name)
    return {TARGET: sources(contracts), OBSERVATION_TABLES: observation_tables(contracts)}


def observation_tables(contracts: Sequence[Contract]) -> str:
    """The dbt macro that lists the raw tables of long observations."""
    listed = "".join(f"    '{contract.name}',\n" for contract in contracts if contract.touches == "asset_days")
    return f"{{#- {MADE} -#}}\n{{% macro observation_tables() -%}}\n{{{{ return([\n{listed}]) }}}}\n{{%- endmacro %}}\n"


def sources(contracts: Sequence[Contract]) -> str:
    """The dbt source YAML of raw tables. Strings are JSON, which YAML reads."""
    lines = [
        f"# {MADE}",
        "version: 2",
        "",
        "sources:",
        "  - name: raw",
        "    description: Iceberg tables, each pinned to one snapshot for the build.",
        "    database: lake",
        "    schema: raw",
        "    tables:",
    ]
    for contract in contracts:
        lines += _table(contract)
    return "\n".join(lines) + "\n"


def _table(contract: Contract) -> list[str]:
    description = f"{contract.description} One row is {contract.grain}; key ({', '.join(contract.key)})."
    lines = [f"      - name: {contract.name}", f"        description: {json.dumps(description)}"]
    meta = f"{{touches: {contract.touches}, touch: [{', '.join(contract.touch)}]}}"
    lines += ["        config:", f"          meta: {meta}"]
    if contract.fresh_within_hours:
        # In minutes, because a contract may say half an hour and dbt counts whole periods. An error, not a warning, so
        # that a script that calls `dbt source freshness` sees a broken contract in the exit code.
        minutes = round(contract.fresh_within_hours * 60)
        lines += [
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


def main() -> None:
    """Write the files."""
    for path, text in current().items():
        path.write_text(text)


if __name__ == "__main__":
    main()
