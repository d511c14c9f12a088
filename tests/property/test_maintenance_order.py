"""Whatever order landings and maintenance come in, the rows are those of a plain dict and changes can be told."""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lakehouse.catalog import open_catalog
from lakehouse.pins import pin_of, touched_since
from lakehouse.settings import Settings
from lakehouse.storage import LocalStorage
from lakehouse.upkeep import orphans
from lakehouse.upkeep.compaction import compact
from lakehouse.upkeep.expiry import expire

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "lakehouse"))
from tests.support.raw_table import CONTRACT, land, stored

MONTH_MINUTES = 60 * 24 * 40
landing = st.tuples(st.sampled_from(["a", "b"]), st.sampled_from([0, 1, MONTH_MINUTES]), st.integers(0, 2))
steps = st.lists(st.one_of(landing, st.sampled_from(["compact", "expire", "sweep", "build"])), min_size=4, max_size=10)


@hypothesis_settings(max_examples=6, deadline=None)
@given(steps)
def test_rows_and_changes_are_those_of_a_plain_model(steps: list[tuple[str, int, int] | str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Settings(home=Path(folder).resolve(), threads=1)
        model: dict[tuple[str, str, int], int] = {}
        later = datetime.now(UTC) + timedelta(days=1)
        land(home, [("a", "p", 0, 0)])
        model["a", "p", 0] = 0
        table = open_catalog(home).load_table(("raw", CONTRACT.name))
        pinned, changed = pin_of(table), set[str]()
        for step in steps:
            table.refresh()
            if step == "compact":
                compact(home, table, CONTRACT.sort, properties={})
            elif step == "expire":
                expire(table, [{CONTRACT.name: pinned.snapshot_id}], keep_since=later, keep_last=1)
            elif step == "sweep":
                listing = list(LocalStorage().list(home.warehouse))
                (lost,) = orphans.of_tables(home.warehouse, listing, [table], later)
                assert lost.given_up is None
                orphans.sweep(LocalStorage(), table.location(), lost)
            elif step == "build":
                pinned, changed = pin_of(table), set()
            else:
                asset, minute, value = step
                land(home, [(asset, "p", minute, value)])
                if model.get((asset, "p", minute)) != value:
                    changed.add(asset)
                model[asset, "p", minute] = value
        assert stored(home) == [(*key, value) for key, value in sorted(model.items())]
        touched = touched_since(table.refresh(), pinned.snapshot_id)
        assert touched is not None
        assert {asset for found in touched for asset, _ in found} == changed
