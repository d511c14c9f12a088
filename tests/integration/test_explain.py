"""`wattlake explain`: numbers come back to lines of files, from which plain Python works them out again."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from flows.cli.main import main
from flows.explain.chain import depends_on, models
from flows.explain.lines import lines_of
from flows.explain.rules import RULES
from flows.names import RAW_TABLES, marts
from ingest.registry import registry
from lakehouse.reader import open_session
from lakehouse.settings import Settings
from lakehouse.source import LandOptions
from tests.support.device_files import write_signal
from tests.support.house import build, land, land_meter

FORECASTS = "Time Stamp,Capitl,Centrl,Dunwod,Genese,Hud Vl,Longil,Mhk Vl,Millwd,N.Y.C.,North,West,NYISO"
Explain = Callable[..., dict[str, Any]]


def asked(settings: Settings, *arguments: str) -> Result:
    """The command's outcome."""
    return CliRunner(env={"WATTLAKE_HOME": str(settings.root)}).invoke(main, ["explain", *arguments])


def explained(settings: Settings, *arguments: str) -> dict[str, Any]:
    """The command's answer, whose numbers agree."""
    done = asked(settings, *arguments, "--format", "json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.output)
    assert found["numbers"] == [] or all(number["agree"] for number in found["numbers"])
    return found


def number(found: dict[str, Any], column: str) -> Any:
    return next(each["recomputed"] for each in found["numbers"] if each["column"] == column)


@pytest.fixture(scope="module")
def odd(house: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The shared house with a counter that is reset, jumps away and back, and stands still."""
    folder = tmp_path_factory.mktemp("odd")
    stamps = [datetime(2024, 6, 10, tzinfo=UTC) + n * timedelta(minutes=7) for n in range(900)]
    register = [Decimal(1000) + n * Decimal("0.037") for n in range(900)]
    register[50] += 500  # a spike
    register[100:] = [Decimal("3.5") + n * Decimal("0.041") for n in range(800)]  # a reset
    register[500:800] = [register[500]] * 300  # 35 hours frozen, then all at once
    register[800:] = [register[500] + Decimal("99") + n * Decimal("0.041") for n in range(100)]
    rows = [(f"{at:%Y-%m-%d %H:%M:%S}", f"{value:.3f}") for at, value in zip(stamps, register, strict=True)]
    land_meter(house, write_signal(folder, "odd", "pos_ae", rows))
    for hour, mw in ((8, 1370), (9, 1402)):  # a forecast of load, and what it was an hour later
        hours = [f"01/11/2026 {n:02d}:00,{mw + n}," + ",".join(["100"] * 10) + ",9000" for n in range(24)]
        with zipfile.ZipFile(folder / f"at_{hour}.zip", "w") as archive:
            written = zipfile.ZipInfo("20260110isolf.csv", (2026, 1, 10, hour, 0, 0))
            archive.writestr(written, "\n".join([FORECASTS, *hours]) + "\n")
    land(house, "nyiso-load-forecast", sorted(folder.glob("at_*.zip")), LandOptions())
    build(house)
    return house


LOAD = ("iso=NYISO", "area=CAPITL", "interval_start=2026-01-11T17:00:00+00:00")  # noon in New York


def test_a_load_comes_back_to_the_line_of_its_latest_statement(odd: Settings) -> None:
    found = explained(odd, "marts.system_load", *LOAD)
    assert found["model"] == "dbt/models/marts/markets/system_load.sql" and found["depends_on"] == ["raw.system_load"]
    assert any("published last counts" in rule for rule in found["rules"])
    assert Decimal(number(found, "load_mw")) == 1414 and number(found, "statements") == 2
    assert number(found, "published_at") == "2026-01-10T14:00:00+00:00"
    ((table, shown),) = ((part["table"], part["shown"]) for part in found["rows"])
    assert (table, [Decimal(row["load_mw"]) for row in shown]) == ("raw.system_load", [1414, 1382])
    for line, mw in zip(found["lines"], (1414, 1382), strict=True):
        assert (line["line"], line["member"]) == (14, "20260110isolf.csv")
        assert line["text"].startswith(f"01/11/2026 12:00,{mw},")
        with zipfile.ZipFile(line["file"]) as archive:
            assert archive.read(line["member"]).decode().splitlines()[13] == line["text"]
    printed = asked(odd, "marts.system_load", *LOAD)
    assert printed.exit_code == 0 and "load_mw: recomputed 1414.000000, published 1414.000000: agree" in printed.output


def test_a_load_as_it_was_known_is_explained_by_the_mart_of_earlier_statements(odd: Settings) -> None:
    function = asked(odd, "system_load_as_of", *LOAD)
    assert function.exit_code == 2 and "system_load_superseded" in function.output
    found = explained(odd, "system_load_superseded", *LOAD)
    assert Decimal(number(found, "load_mw")) == 1382
    assert number(found, "superseded_at") == "2026-01-10T14:00:00+00:00"


def of_line(text: str) -> tuple[datetime, Decimal]:
    """A line of a reference file: its instant, by Berlin's summer clock, and its value."""
    stamp, value = text.split(",")
    return datetime.fromisoformat(f"{stamp}+02:00").astimezone(UTC), Decimal(value)


@pytest.mark.parametrize("start", ["2024-06-10 02:00", "2024-06-10 09:45", "2024-06-11 23:30"])
def test_a_quarter_of_energy_is_worked_out_from_the_lines_that_are_shown(odd: Settings, start: str) -> None:
    found = explained(odd, "energy_15min", "asset_id=odd", "signal=pos_ae", f"interval_start={start}:00+00:00")
    (file,) = {line["file"] for line in found["lines"]}
    content = Path(file).read_text().splitlines()
    assert all(content[line["line"] - 1] == line["text"] for line in found["lines"])
    samples = [of_line(line["text"]) for line in found["lines"]]
    begin = datetime.fromisoformat(f"{start}:00+00:00")
    kwh = Decimal(0)
    for (at, low), (until, high) in pairwise(samples):
        inside = min(until, begin + timedelta(minutes=15)) - max(at, begin)
        kwh += (high - low) * inside.seconds / (until - at).seconds
    assert abs(kwh - Decimal(found["row"]["energy_kwh"])) < Decimal("1e-8")
    assert Decimal(number(found, "energy_kwh")) == Decimal(found["row"]["energy_kwh"])


@pytest.mark.parametrize("day", ["2024-06-10", "2024-06-12", "2024-06-13"])
def test_days_with_spikes_resets_and_freezes_agree_exactly(odd: Settings, day: str) -> None:
    found = explained(odd, "energy_1d", "asset_id=odd", "signal=pos_ae", f"local_date={day}")
    assert Decimal(number(found, "energy_kwh")) == Decimal(found["row"]["energy_kwh"]) > 0
    assert found["model"] == "dbt/models/marts/shared/energy_1d.sql"
    assert "raw.meter_observations" in found["depends_on"]


def test_an_event_shows_the_samples_around_it(odd: Settings) -> None:
    query = "SELECT * FROM counter_events WHERE asset_id = 'odd' ORDER BY 1, 2, 3"
    runner = CliRunner(env={"WATTLAKE_HOME": str(odd.root)})
    events = json.loads(runner.invoke(main, ["sql", query, "--format", "json"]).output)
    assert {event["kind"] for event in events} >= {"spike", "reset"}
    for event in events:
        found = explained(odd, "counter_events", "asset_id=odd", f"occurred_at={event['occurred_at']}")
        assert any(line["text"].endswith(f",{event['value_after']:.3f}") for line in found["lines"])


@pytest.mark.parametrize("mart", ["lod_1h", "lod_1d"])
def test_a_level_is_worked_out_from_its_samples(house: Settings, mart: str) -> None:
    start = "2024-05-31T22:00:00+00:00" if mart == "lod_1d" else "2024-06-01T10:00:00+00:00"
    found = explained(house, mart, "asset_id=m1", "signal=com_ap", f"bucket_start={start}")
    assert {each["column"] for each in found["numbers"]} >= {"n", "sum", "mean", "min", "max", "first", "last"}
    values = [float(line["text"].split(",")[1]) for line in found["lines"]]
    if len(values) == found["row"]["n"]:  # a day shows the first and the last of its lines
        assert found["row"]["mean"] == pytest.approx(sum(values) / len(values))
    assert (values[0], values[-1]) == (found["row"]["first"], found["row"]["last"])


def test_what_a_person_sees_has_the_row_the_rule_the_model_and_the_line(house: Settings) -> None:
    where = ("asset_id=m1", "signal=pos_ae", "interval_start=2024-06-01T10:00:00+00:00")
    done = asked(house, "marts.energy_15min", *where)
    assert done.exit_code == 0, done.output
    for text in (
        "energy_15min  asset_id=m1 signal=pos_ae interval_start=2024-06-01T10:00:00+00:00",
        "model: dbt/models/marts/shared/energy_15min.sql, which depends on ",
        "energy_kwh: recomputed 0.500000000, published 0.500000000: agree",
        "0.5 kWh (step 124.500000 - 124.000000)",
        "m1/pos_ae.csv  (sha256 ",
        "50: 2024-06-01 12:00:00,124.000",
    ):
        assert text in done.output, text


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["energy_1", "asset_id=m1"], 2, "there is no mart 'energy_1'"),
        (["energy_1d", "asset_id"], 2, "'asset_id' is no column=value"),
        (["energy_1d", "aset_id=m1"], 2, "did you mean asset_id?"),
        (["energy_1d", "local_date=June"], 2, "'June' is no date, which local_date is"),
        (["energy_15min", "asset_id=m1", "signal=pos_ae"], 1, "which differ in interval_start"),
        (["energy_1d", "asset_id=m1", "signal=pos_a", "local_date=2024-06-01"], 1, "signal is near pos_ae"),
        (["energy_1d", "asset_id=m1", "signal=pos_ae", "local_date=2030-01-01"], 1, "local_date is near 2024-06-0"),
        (["lod_1d", "asset_id=m1' OR true --"], 1, "has no such row"),
    ],
)  # fmt: skip
def test_what_names_no_row_is_told_with_what_there_is(
    house: Settings, arguments: list[str], code: int, says: str
) -> None:
    done = asked(house, *arguments)
    assert done.exit_code == code and says in done.output, done.output


def test_no_house_and_a_house_that_was_never_built_are_told_so(settings: Settings, tmp_path: Path) -> None:
    nowhere = asked(settings, "energy_1d", "asset_id=m1")
    assert nowhere.exit_code == 1 and "there is no Wattlake home in" in nowhere.output
    land_meter(settings, write_signal(tmp_path, "m1", "com_ap", [("2024-06-01 00:00:00", 1)]))
    unbuilt = asked(settings, "energy_1d", "asset_id=m1")
    assert unbuilt.exit_code == 1 and "no build has published energy_1d" in unbuilt.output, unbuilt.output
    assert "wattlake build" in unbuilt.output


def test_every_mart_has_its_model_and_the_raw_tables_that_it_depends_on() -> None:
    assert {f"marts.{name}" for name in models()} == set(marts())
    assert set(RULES) <= set(models())
    texts = {"revenue_caveats", "quality_rules"}  # made of no data
    for name in models():
        assert (set(depends_on(name)) <= set(RAW_TABLES)) and (bool(depends_on(name)) != (name in texts)), name
    observed = ["raw.assets", "raw.bess_observations", "raw.meter_observations"]
    assert depends_on("quality_findings") == [*observed, "raw.quarantine", "raw.signals"]  # two loops over lists
    assert depends_on("iso_prices") == ["raw.iso_prices"] and "raw.signals" in depends_on("power_factor_1d")


HEADER = "DeliveryDate,HourEnding,SettlementPoint,SettlementPointPrice,DSTFlag\n"


def test_lines_are_those_of_the_file_in_the_archive_that_rows_name(settings: Settings, tmp_path: Path) -> None:
    names = ("deliveryDate", "hourEnding", "settlementPoint", "settlementPointPrice", "DSTFlag")
    page = {
        "fields": [{"name": name} for name in names],
        "data": [["2026-01-10", f"{hour:02d}:00", "N1", hour + 0.25, False] for hour in range(1, 25)],
    }  # fmt: skip
    (tmp_path / "page.json").write_text(json.dumps(page))
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        for day in ("11", "12"):
            archive.writestr(f"{day}.csv", HEADER + f"01/{day}/2026,01:00,N1,{day}.5,N\n")
    land(settings, "ercot-dam-spp", [tmp_path / "page.json", tmp_path / "two.zip"], LandOptions())
    session = open_session(settings, registry().contracts)
    try:
        rows = session.execute(
            "SELECT source_object, member, line, lmp_usd_mwh FROM raw.iso_prices ORDER BY interval_start"
        ).fetchall()
        assert len(rows) == 26
        texts = partial(lines_of, settings, session)
        for sha256, member, line, price in rows:
            (found,) = texts([(sha256, member, line)])
            assert found.text and f"{price.normalize():f}" in found.text and found.line == line, found
        # Which of two files a row without a name is of nobody knows; and what is not there is told.
        zipped = next(row[0] for row in rows if row[1])
        (unknown,) = texts([(zipped, None, 2)])
        (absent,) = texts([("0" * 64, None, 2)])
        assert unknown.text is None and absent.text is None and "cannot be read" in str(absent.note)
    finally:
        session.close()
