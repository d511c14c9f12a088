"""A mart is right whatever its `rebuild_by` says: after late, doubled, corrected and vanished rows it is what its SQL
gives over all that has landed."""

from __future__ import annotations

import random
import re
import shutil
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support import market_lake
from tests.support.lake import OBSERVATION_TABLES, PROJECT, Lake, Span
from tests.support.market_lake import MarketLake

UNITS = (None, "signal_day", "asset_day", "market_day", "month")
#: Marts that an analyst may write over observations: (name, key, SQL).
OBSERVED = [
    ("day", "asset_id, signal, starts", "select asset_id, signal, date_trunc('day', ts) as starts, max(value) as peak"),
    ("month", "asset_id, starts", "select asset_id, date_trunc('month', ts) as starts, count(*) as n"),
    # Rows of all assets together, and rows that look at others.
    ("fleet", "starts", "select date_trunc('day', ts) as starts, count(*) as n, max(value) as peak"),
    ("rank", "asset_id", "select asset_id, rank() over (order by max(value)) as place, count(*) as n"),
    ("total", "asset_id", "select asset_id, count(*) as n, max(count(*)) over () as most"),
    ("named", "asset_id", "select upper(asset_id) as asset_id, count(*) as n, max(value) as peak"),
]  # fmt: skip
DAY, MONTH = (f"date_trunc('{unit}', interval_start)" for unit in ("day", "month"))
PRICED = [
    ("day", "iso, market, starts", f"select iso, market, {DAY} as starts, count(*) as n, max(lmp_usd_mwh) as peak"),
    ("month", "iso, market, starts", f"select iso, market, {MONTH} as starts, sum(lmp_usd_mwh) as total"),
    ("spread", "iso, market", "select iso, market, min(max(lmp_usd_mwh)) over () as low"),
    ("hours", "iso, market, starts", "select iso, market, interval_start as starts, max(lmp_usd_mwh) as price"),
]  # fmt: skip
#: Forms that are made by the changed keys alone, as DuckDB's plans show; any other is made whole.
BY_KEY = {("day", "signal_day"), ("day", "asset_day"), ("day", "month"), ("month", "asset_day"), ("month", "month")}
PRICED_BY_KEY = {(name, unit) for name in ("day", "month", "hours") for unit in ("market_day", "month")}
FIRST = datetime(2024, 1, 20, tzinfo=UTC)


class WholeTables(Lake):
    """A lake whose raw tables are read whole, as marts that do not bound themselves do."""

    def _write_spans(self, spans: list[Span]) -> None:
        super()._write_spans(spans)
        for table in OBSERVATION_TABLES:
            self.lake.execute(f"CREATE OR REPLACE VIEW raw.{table} AS FROM lake.landed.{table}")


def project_with(folder: Path, marts: list[tuple[str, str, str]], staged: str) -> Path:
    """A copy of the dbt project with a mart for each SQL and each unit."""
    project = folder / "dbt"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("target", "logs", "*.duckdb"))
    added = project / "models" / "marts" / "analyst"
    added.mkdir()
    described = ["version: 2", "models:"]
    for name, key, sql in marts:
        for unit in UNITS:
            form = f"{name}_by_{unit}"
            config = f"{{{{ config(rebuild_by='{unit}') }}}}\n" if unit else ""
            (added / f"{form}.sql").write_text(f"{config}{sql}\nfrom {{{{ ref('{staged}') }}}}\ngroup by all\n")
            described += [f"  - name: {form}", f"    config: {{meta: {{key: [{key}]}}}}"]
    (added / "_analyst.yml").write_text("\n".join(described))
    return project


def grouped(sql: str, table: str) -> str:
    return f"{sql} from {table} group by all order by all"


def assert_right(lake: Lake, marts: list[tuple[str, str, str]], table: str) -> None:
    """Every form is what its SQL gives over all landed rows, asked of DuckDB alone."""
    expected = {name: lake.lake.execute(grouped(sql, table)).fetchall() for name, _, sql in marts}
    for name, _, _ in marts:
        for unit in UNITS:
            found = lake.rows(f"from {name}_by_{unit} order by all")
            assert found == expected[name], (name, unit)


def made_whole(said: str) -> set[tuple[str, str]]:
    """The forms of which dbt said that it makes them whole."""
    return {(name, unit) for name, unit in re.findall(r'"msg": "(\w+?)_by_(\w+): it is made whole', said)}


def forms(marts: list[tuple[str, str, str]]) -> set[tuple[str, str]]:
    return {(name, unit) for name, _, _ in marts for unit in UNITS if unit}


def sample(rng: random.Random, at: datetime) -> tuple[Any, ...]:
    return at, None, Decimal(rng.randrange(100)), None


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(2, 8))])
def test_marts_over_observations_are_right_by_any_unit(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    lake = WholeTables(tmp_path / "lake", project_with(tmp_path, OBSERVED, "stg_shared__observations"))
    signals = [(f"m{n}", signal) for n in range(3) for signal in ("kw", "kwh")]
    for asset, zone in (("m0", "Europe/Berlin"), ("m1", "UTC"), ("m2", "America/Chicago")):
        lake.add_asset(asset, zone)
    for asset, signal in signals:
        lake.add_signal(asset, signal, "instant", "kW")
        stamps = sorted(FIRST + timedelta(minutes=rng.randrange(30 * 1440)) for _ in range(60))
        lake.add_samples(asset, signal, [sample(rng, at) for at in stamps])

    def changed(asset: str, signal: str) -> list[datetime]:
        there = [row[0] for row in lake.samples(asset, signal)]
        late = [FIRST + timedelta(minutes=rng.randrange(40 * 1440)) for _ in range(rng.randrange(3))]
        restated = rng.sample(there, min(2, len(there)))
        gone = rng.sample(there, min(rng.choice([0, 1, 30]), len(there)))
        # Doubled rows are those that say what is there.
        again = [(at, None, value, text) for at, _, value, text in lake.samples(asset, signal) if at in restated[:1]]
        lake.add_samples(asset, signal, [*again, *(sample(rng, at) for at in [*late, *restated[1:]])])
        lake.remove_samples(asset, signal, gone)
        return [*late, *restated, *gone]

    def build(touched: dict[tuple[str, str], list[datetime]] | None) -> str:
        command = ["build", *([] if touched else ["--full-refresh"]), "--select", "path:models/marts/analyst"]
        code, said = lake._dbt(command, lake.changed_spans(touched) if touched else None)
        assert code == 0, said
        return said

    build(None)
    assert_right(lake, OBSERVED, "landed.meter_observations")
    for step in range(4):
        some = rng.sample(signals, 1 if step == 0 else 2)
        said = build({key: stamps for key in some if (stamps := changed(*key))})
        assert_right(lake, OBSERVED, "landed.meter_observations")
    assert made_whole(said) == forms(OBSERVED) - BY_KEY


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(2, 8))])
def test_marts_over_prices_are_right_by_any_unit(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market_lake, "MARGIN", timedelta(days=3650))  # such marts read whole tables
    rng = random.Random(seed)
    lake = MarketLake(tmp_path / "lake", project_with(tmp_path, PRICED, "stg_markets__prices"))
    markets = [("ERCOT", "DAM"), ("ERCOT", "RT15"), ("NYISO", "DAM")]

    def price(iso: str, market: str, at: datetime) -> dict[str, Any]:
        return {
            "iso": iso, "market": market, "location": "A", "location_type": "zone", "price_type": "lmp",
            "interval_start": at, "interval_end": at + timedelta(hours=1), "lmp_usd_mwh": Decimal(rng.randrange(90)),
            "vintage": "final",
        }  # fmt: skip

    def hour() -> datetime:
        return FIRST + timedelta(hours=rng.randrange(30 * 24))

    for iso, market in markets:
        lake.land("iso_prices", [price(iso, market, hour()) for _ in range(50)])

    def changed(iso: str, market: str) -> list[date]:
        of_market = f"iso = '{iso}' and market = '{market}'"
        there = lake.lake.execute(f"select distinct interval_start from landed.iso_prices where {of_market}").fetchall()
        gone = rng.sample([at for (at,) in there], rng.choice([1, 1, 10]))
        for at in gone:
            lake.drop("iso_prices", f"{of_market} and interval_start = '{at.isoformat()}'")
        late = [hour() for _ in range(rng.randrange(1, 4))]
        lake.land("iso_prices", [price(iso, market, at) for at in late])
        return [at.astimezone(UTC).date() for at in [*gone, *late]]

    def build(changes: list[tuple[str, str | None, str | None, date, date]] | None) -> str:
        return lake.build_markets(changes, selected="path:models/marts/analyst")

    build(None)
    assert_right(lake, PRICED, "landed.iso_prices")
    for step in range(4):
        some = rng.sample(markets, 1 if step == 0 else 2)
        said = build([("iso_prices", *key, day, day) for key in some for day in changed(*key)])
        assert_right(lake, PRICED, "landed.iso_prices")
    assert made_whole(said) == forms(PRICED) - PRICED_BY_KEY
