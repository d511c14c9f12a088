"""What explanations show of raw tables."""

from __future__ import annotations

from flows.explain.rules import shown_of
from ingest.registry import registry
from lakehouse.contract import observations


def test_values_and_texts_are_shown_of_every_table_of_observations() -> None:
    assert shown_of(observations("ev", "Readings of vehicles.")) == ("value", "text")
    observed = [contract for contract in registry().contracts if contract.touches == "asset_days"]
    assert {contract.name for contract in observed} >= {"meter_observations", "bess_observations"}
    assert {shown_of(contract) for contract in observed} == {("value", "text")}


def test_what_is_shown_of_a_table_are_columns_of_it() -> None:
    for contract in registry().contracts:
        assert set(shown_of(contract)) <= {column.name for column in contract.columns}, contract.name
