"""Which models a build makes, over what, and in which order; what is kept back where one of them fails."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import duckdb
import pytest

from ingest.registry import registry
from lakehouse.check_result import CheckResult
from lakehouse.errors import ChecksFailed, ModelsFailed
from lakehouse.marts.dbt_models import Mart, Model, Project, without_comments
from lakehouse.marts.dbt_runner import described
from lakehouse.marts.held_back import at_fault
from lakehouse.marts.passes import Over, passes, stale, standing_on
from lakehouse.marts.published import create_empty
from lakehouse.settings import Settings

OBSERVED = {"raw.meter_observations", "raw.bess_observations"}
SOLD = {"raw.iso_prices", "raw.ercot_sced_esr_resources"}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The models of the product."""
    folder = tmp_path_factory.mktemp("project")
    return described(Settings(home=folder), folder)


def model(
    name: str,
    *reads: str,
    layer: str = "marts",
    rebuild_by: str | None = None,
    is_bounded: bool = True,
    is_view: bool = False,
) -> Model:
    mart = Mart(name, "", ("k",), None, {})
    return Model(name, layer, is_view, rebuild_by, is_bounded, (), reads, f"{name} 1", {}, mart)


def project(*models: Model) -> Project:
    return Project({one.name: one for one in models}, {}, frozenset({"raw.observations", "raw.prices"}))


def order(given: Project, touched: set[str], made_anew: Collection[str] = ()) -> list[tuple[Over, set[str]]]:
    return [(one.over, set(one.models)) for one in passes(given, touched, made_anew)]


HOUSE = project(
    model("stg", "raw.observations", layer="staging"),
    model("int_days", "stg", "build.changed_spans", layer="intermediate"),
    model("days", "int_days", rebuild_by="asset_day"),
    model("months", "days"),
    model("peaks", "stg", rebuild_by="asset_day"),
    model("ranks", "stg"),
    model("top", "ranks", rebuild_by="asset_day"),
    model("shown", "days", is_view=True),
    model("int_prices", "raw.prices", "build.changed_tables", layer="intermediate"),
    model("prices", "int_prices", rebuild_by="market_day"),
)


def test_a_change_makes_what_stands_on_it_and_nothing_else() -> None:
    touched = HOUSE.standing_on({"raw.prices"})
    assert order(HOUSE, touched) == [(Over.CHANGED, {"prices"})]


def test_a_model_without_rebuild_by_is_made_over_whole_tables_and_what_stands_on_it_too() -> None:
    touched = HOUSE.standing_on({"raw.observations"})
    assert order(HOUSE, touched) == [
        (Over.CHANGED, {"days", "months", "shown"}),
        (Over.KEYS, {"peaks"}),
        (Over.TABLES, {"ranks", "top"}),
    ]


def test_a_model_over_what_changed_that_promises_nothing_is_made_over_everything() -> None:
    careless = project(
        model("int_days", "raw.observations", "build.changed_spans", layer="intermediate"),
        model("months", "int_days", rebuild_by="asset_day", is_bounded=False),
    )
    assert order(careless, {"months"}) == [(Over.EVERYTHING, {"months"})]


def test_a_changed_model_is_made_anew_with_what_stands_on_it() -> None:
    digests = {name: f"{name} 1" for name in HOUSE.models}
    assert stale(HOUSE, set(HOUSE.models), digests) == set()
    assert stale(HOUSE, set(HOUSE.models), {**digests, "peaks": "peaks 0"}) == {"peaks"}
    assert order(HOUSE, set(), {"peaks"}) == [(Over.TABLES, {"peaks"})]
    assert order(HOUSE, set(), {"days", "months", "shown"}) == [(Over.EVERYTHING, {"days", "months", "shown"})]


def test_what_a_change_touches_says_what_is_made_anew() -> None:
    places = project(
        model("sites", "raw.assets", rebuild_by="asset_day"),
        model("peaks", "raw.observations", "raw.assets", rebuild_by="asset_day"),
        model("days", "raw.observations", "raw.assets", "build.changed_spans", rebuild_by="asset_day"),
        model("tariff_days", "raw.tariffs", "build.changed_spans", rebuild_by="asset_day"),
        model("refused", "raw.quarantine"),
        model("findings", "raw.quarantine", "build.changed_spans", rebuild_by="finding"),
    )
    live = set(places.models)
    # The samples of a new asset say that it is new, but one without samples is new too.
    assert standing_on(places, live, {"raw.assets": "assets"}) == ({"sites", "peaks", "days"}, {"sites", "peaks"})
    assert standing_on(places, live, {"raw.observations": "asset_days"}) == ({"peaks", "days"}, set())
    assert standing_on(places, live, {"raw.tariffs": "whole"}) == ({"tariff_days"}, {"tariff_days"})
    assert standing_on(places, live, {"raw.quarantine": "whole"}) == ({"refused"}, set())


def test_a_mart_of_this_build_is_made_after_those_that_it_reads() -> None:
    twisted = project(
        model("stg", "raw.observations", layer="staging"),
        model("int_a", "stg", "build.changed_spans", layer="intermediate"),
        model("a", "int_a", rebuild_by="asset_day"),
        model("b", "stg", "a", rebuild_by="asset_day"),
        model("int_c", "b", "build.changed_spans", layer="intermediate"),
        model("c", "int_c", rebuild_by="asset_day"),
    )
    assert order(twisted, {"a", "b", "c"}) == [
        (Over.CHANGED, {"a"}), (Over.KEYS, {"b"}), (Over.EVERYTHING, {"c"}),
    ]  # fmt: skip


def test_what_is_read_through_a_mart_is_not_made_anew() -> None:
    assert HOUSE.beneath(["days"]) == {"int_days", "stg"}
    assert HOUSE.beneath(["months"]) == set()


def test_every_shipped_mart_is_made_over_what_changed_in_one_run_of_dbt(shipped: Project) -> None:
    touched = shipped.standing_on(OBSERVED | SOLD)
    found = passes(shipped, touched, ())
    assert [one.over for one in found] == [Over.CHANGED]
    assert {"lod_1d", "bess_kpis", "quality_findings", "iso_prices", "bess_revenue_1mo"} <= found[0].models
    everything = {name for name, one in shipped.models.items() if one.is_mart}
    assert [one.over for one in passes(shipped, (), everything)] == [Over.EVERYTHING]


def test_all_findings_are_made_together_whatever_has_changed(shipped: Project) -> None:
    """One mart holds them: what it is put together of is there in every build that makes it."""
    for name in ("meter_observations", "quarantine"):
        assert "quality_findings" in shipped.standing_on({f"raw.{name}"})
    parts = {name for name in shipped.models if name.startswith("int_findings_")}
    assert len(parts) >= 8 and parts <= shipped.beneath(["quality_findings"])


def test_domains_that_a_home_has_not_take_no_models(shipped: Project) -> None:
    metered = shipped.live({"meter_observations", "assets", "signals"})
    assert {"lod_1d", "energy_1d", "quality_findings", "quality_rules"} <= metered
    assert not {"bess_days", "bess_kpis", "int_bess_samples", "iso_prices", "isone_lmps", "revenue_caveats"} & metered
    priced = shipped.live({"iso_prices"})
    assert {"iso_prices", "isone_lmps", "market_findings"} <= priced
    assert not {"lod_1d", "as_prices", "bess_revenue_1d", "system_load", "assets"} & priced
    batteries = shipped.live({"ercot_sced_esr_resources", "iso_prices"})
    assert {"bess_revenue_1d", "bess_soc"} <= batteries and "bess_kpis" not in batteries


def test_an_empty_table_can_stand_in_for_every_model(shipped: Project, tmp_path: Path) -> None:
    models = [one for one in shipped.models.values() if one.layer in ("intermediate", "marts")]
    create_empty(tmp_path / "marts.duckdb", models)
    with duckdb.connect(str(tmp_path / "marts.duckdb")) as made:
        made_of = "SELECT table_name, count(*) FROM duckdb_columns() WHERE NOT internal GROUP BY 1"
        found = dict(made.execute(made_of).fetchall())
    assert found == {one.name: len(one.types) for one in models} and min(found.values()) > 0


def test_every_raw_table_says_in_dbt_what_a_change_of_it_touches(shipped: Project) -> None:
    timed = {f"raw.{contract.name}" for contract in registry().contracts if contract.time_column}
    assert shipped.over_time == timed


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("select a -- an 'a\nfrom t", "select a\n\n    from t /* all\nof it */"),
        ("{# what it is #}select '--' as dash", "select '--' as dash -- '"),
        ("select \"a--b\", 'it''s /* so */' {#- x -#}", "select \"a--b\",  'it''s /* so */' "),
    ],
)
def test_comments_and_layout_are_no_part_of_a_model(one: str, other: str) -> None:
    assert without_comments(one) == without_comments(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("select '-- a'", "select '-- b'"),
        ("select 'a  b'", "select 'a b'"),
        ('select "/* a */"', 'select "/* b */"'),
        ("select 1 -- a\n + 1", "select 1 -- a + 1"),
    ],
)
def test_what_a_string_says_is_a_part_of_a_model(one: str, other: str) -> None:
    assert without_comments(one) != without_comments(other)


def failing(*models: str) -> ChecksFailed:
    return ChecksFailed("", "", [CheckResult("dbt", "conserved", "fail", 1, [{"value": 5}], models=models)])


def test_a_failing_check_is_about_its_marts_and_what_is_made_of_them() -> None:
    found, is_stood_on = at_fault(failing("days", "int_days"), HOUSE)
    assert found.keys() == {"days", "months", "shown"} and is_stood_on
    assert "value=5" in found["days"] and found["months"] == "it is made of days"
    found, is_stood_on = at_fault(failing("peaks"), HOUSE)
    assert found.keys() == {"peaks"} and not is_stood_on


def test_a_check_of_what_marts_are_made_of_is_about_all_of_them() -> None:
    found, is_stood_on = at_fault(failing("stg"), HOUSE)
    assert found.keys() == {"days", "months", "shown", "peaks", "ranks", "top"} and is_stood_on


def test_a_model_that_cannot_be_built_is_kept_back_with_what_is_made_of_it() -> None:
    found, is_stood_on = at_fault(ModelsFailed("no column x", "", ["ranks"]), HOUSE)
    assert found == {"ranks": "it cannot be built: no column x", "top": "it is made of ranks"} and is_stood_on
