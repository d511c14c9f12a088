"""A registry of sources holds what can land: one contract a table, and streams that append."""

from __future__ import annotations

import dataclasses

import pytest

from lakehouse.contract import ASSETS
from lakehouse.source import Registry
from tests.support.probe import LEVELS, PROBES, SAMPLES, ProbeSource


def test_two_contracts_of_one_table_are_no_registry() -> None:
    other = dataclasses.replace(LEVELS, description="Something else.")
    first, second = ProbeSource("a", LEVELS), ProbeSource("b", other)
    with pytest.raises(ValueError, match=r"two contracts describe raw\.probe_observations"):
        Registry({"a": first, "b": second})
    with pytest.raises(ValueError, match=r"two contracts describe raw\.assets"):
        Registry({"a": ProbeSource("a", dataclasses.replace(LEVELS, name=ASSETS.name))})
    with pytest.raises(ValueError, match=r"two contracts describe raw\.probe_samples"):
        Registry(PROBES.sources, (SAMPLES, dataclasses.replace(SAMPLES, grain="another one")))
    assert Registry({"a": first, "b": ProbeSource("b", LEVELS)}).own == (LEVELS,)


def test_a_table_of_streams_appends() -> None:
    with pytest.raises(ValueError, match=r"raw\.probe_samples is of streams, and its mode is merge"):
        Registry({}, (dataclasses.replace(SAMPLES, mode="merge"),))
