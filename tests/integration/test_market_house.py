"""Prices and a battery's disclosure through the whole house: landed, built, stated again, built again, asked in SQL."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flows.cli.main import main
from lakehouse.marts.shards import AtOnce

Run = Callable[..., Any]

MIDNIGHT = datetime(2026, 1, 10, 6, tzinfo=UTC)
SCED = (
    "sced_timestamp_utc,resource_name,telemetered_net_output,base_point,hsl,lsl,soc,min_soc,max_soc,"
    "telemetered_resource_status"
)
RT = "DeliveryDate,DeliveryHour,DeliveryInterval,SettlementPointName,SettlementPointType,SettlementPointPrice,DSTFlag"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """`wattlake` over a home of its own; a query gives its rows."""
    home = tmp_path_factory.mktemp("markets") / "home"
    runner = CliRunner(env={"WATTLAKE_HOME": str(home)})

    def call(*arguments: str) -> Any:
        query = arguments[0] == "sql"
        done = runner.invoke(main, [*arguments, *(["--format", "json"] if query else [])], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return json.loads(done.output) if query else done.output

    return call


@pytest.fixture(scope="module")
def built(run: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, datetime]:
    """A house whose prices of the first day were stated twice, the second time after a build; when that was.

    The first build has more rows than it takes at once.
    """
    folder = tmp_path_factory.mktemp("documents")

    def document(name: str, header: str, rows: list[str]) -> str:
        path: Path = folder / name
        path.write_text("\n".join([header, *rows]) + "\n")
        return str(path)

    def prices(name: str, usd: str) -> str:
        rows = [f"01/10/2026,{i // 4 + 1},{i % 4 + 1},SIM_RN,RN,{usd},N" for i in range(96)]
        return document(name, RT, rows)

    runs = [
        f"{MIDNIGHT + timedelta(minutes=5 * i):%Y-%m-%dT%H:%M:%SZ},SIM_ESR1,6,6,20,-20,10,0,40,ON" for i in range(576)
    ]
    run("land", "ercot-sced-extract", document("SIM_ESR1_SCED.csv", SCED, runs), "--simulated")
    run("land", "ercot-rt15-spp", prices("first.csv", "20"), "--simulated")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lakehouse.marts.inputs.fitting", lambda memory_limit: AtOnce(samples=1, rows=400))
        said = run("build")
    assert "dbt, 4 of 4" in said, said
    between = datetime.now(UTC)
    run("land", "ercot-rt15-spp", prices("second.csv", "30"), "--simulated")
    run("build")
    return {"between": between}


def test_a_price_that_is_stated_again_counts_and_the_first_can_be_asked_for(
    run: Run, built: dict[str, datetime]
) -> None:
    found = "min(lmp_usd_mwh) AS low, max(statements) AS statements, count(*) AS n"
    (now,) = run("sql", f"SELECT {found} FROM marts.iso_prices")
    assert (float(now["low"]), now["statements"], now["n"]) == (30.0, 2, 96)
    known = f"marts.iso_prices_as_of(TIMESTAMPTZ '{built['between'].isoformat()}')"
    (then,) = run("sql", f"SELECT max(lmp_usd_mwh) AS high, count(*) AS n FROM {known}")
    assert (float(then["high"]), then["n"]) == (20.0, 96)


def test_a_build_after_new_prices_leaves_every_day_of_the_battery(run: Run, built: dict[str, datetime]) -> None:
    rows = run("sql", "SELECT * FROM marts.bess_revenue_1d ORDER BY operating_day")
    assert [row["operating_day"] for row in rows] == ["2026-01-10", "2026-01-11"]
    for row in rows:
        assert float(row["discharged_mwh"]) == 144 and row["coverage"] == 1 and row["is_simulated"]
        # Nothing is known of the day-ahead market, so nothing of what was left to real time.
        assert row["total_usd"] is None and "dam_missing" in row["caveats"]
    modes = run("sql", "SELECT mode FROM ops.builds ORDER BY started_at")
    assert [row["mode"] for row in modes] == ["full", "incremental"]


def test_views_are_in_the_published_file(run: Run, built: dict[str, datetime]) -> None:
    (count,) = run("sql", "SELECT count(*) AS n FROM marts.ercot_settlement_point_prices")
    assert count["n"] == 96
