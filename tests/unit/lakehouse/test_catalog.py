"""Tables follow their contracts: additive changes evolve them, narrowing is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lakehouse.catalog import ensure_table, open_catalog
from lakehouse.contract import Column, Contract, observations
from lakehouse.errors import ContractViolation
from lakehouse.pins import pin, pin_all
from lakehouse.reader import rows_of
from lakehouse.settings import Settings

# Columns come and go: what a change of it touches is of no matter here.
CONTRACT = replace(observations("thing", "Observations of things."), touches="whole")


def test_a_new_nullable_column_is_added_to_a_stored_table(settings: Settings) -> None:
    catalog = open_catalog(settings)
    ensure_table(catalog, CONTRACT)
    wider = replace(CONTRACT, columns=(*CONTRACT.columns, Column("phase", "string", "Phase.")))
    table = ensure_table(catalog, wider)
    assert table.schema().column_names == [*(c.name for c in CONTRACT.columns), "phase"]


def test_a_table_that_was_stored_before_a_column_existed_reads_as_null_there(settings: Settings) -> None:
    catalog = open_catalog(settings)
    ensure_table(catalog, CONTRACT)
    wider = replace(CONTRACT, columns=(*CONTRACT.columns, Column("phase", "decimal(18,6)", "Phase.")))
    found = pin_all(settings, [wider])[CONTRACT.name]
    assert found == pin(catalog, wider)
    described = rows_of(settings, f"DESCRIBE {found.select(wider)}")
    assert described[-1][:2] == ("phase", "DECIMAL(18,6)")
    assert [name for name, *_ in described] == [column.name for column in wider.columns]


def test_a_new_column_that_must_have_values_is_refused(settings: Settings) -> None:
    catalog = open_catalog(settings)
    ensure_table(catalog, CONTRACT)
    wider = replace(CONTRACT, columns=(*CONTRACT.columns, Column("phase", "string", "Phase.", nullable=False)))
    with pytest.raises(ContractViolation, match=r"must be nullable.*phase"):
        ensure_table(catalog, wider)


def without(name: str) -> Contract:
    return replace(CONTRACT, columns=tuple(c for c in CONTRACT.columns if c.name != name))


def retyped(name: str, kind: str) -> Contract:
    return replace(CONTRACT, columns=tuple(replace(c, type=kind) if c.name == name else c for c in CONTRACT.columns))


@pytest.mark.parametrize(
    ("narrower", "message"),
    [
        (without("text"), "no longer has text"),
        (retyped("value", "long"), "value would narrow from double to long"),
        (retyped("line", "double"), "line would narrow from long to double"),
        (replace(CONTRACT, key=("asset_id", "ts")), "its key changed"),
        (replace(CONTRACT, mode="append"), "its write mode changed"),
    ],
)
def test_narrowing_is_refused_with_the_column_named(settings: Settings, narrower: Contract, message: str) -> None:
    catalog = open_catalog(settings)
    ensure_table(catalog, CONTRACT)
    with pytest.raises(ContractViolation, match=message):
        ensure_table(catalog, narrower)


def test_a_contract_that_names_an_unknown_column_cannot_be_declared() -> None:
    with pytest.raises(ValueError, match="nowhere is not one of its columns"):
        replace(CONTRACT, sort=("nowhere",))
