"""Homes and calendars."""

from __future__ import annotations

import dataclasses
import itertools
import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from flows.cli.main import main
from lakehouse.database import open_engine
from lakehouse.errors import TerminalError, visible
from lakehouse.observations.local_days import calendar
from lakehouse.presence import claim_home
from lakehouse.secret import Secret
from lakehouse.settings import Settings
from lakehouse.zones import zone


def test_a_home_refuses_to_mix_real_and_simulated_assets(settings: Settings) -> None:
    claim_home(settings, simulated=True)
    claim_home(settings, simulated=True)
    assert json.loads((settings.root / "home.json").read_text()) == {"assets": "simulated"}
    with pytest.raises(TerminalError, match="holds simulated assets and cannot take real ones"):
        claim_home(settings, simulated=False)


def test_local_days_tile_the_time_line_and_have_23_24_or_25_hours() -> None:
    days = calendar(["Europe/Berlin"], datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 11, 30, tzinfo=UTC)).to_pylist()
    assert all(a["day_end"] == b["day_start"] for a, b in itertools.pairwise(days))
    hours = {day["local_date"]: (day["day_end"] - day["day_start"]).total_seconds() / 3600 for day in days}
    assert hours.pop(date(2024, 3, 31)) == 23
    assert hours.pop(date(2024, 10, 27)) == 25
    assert set(hours.values()) == {24}


def test_a_day_whose_midnight_is_skipped_begins_at_its_first_instant() -> None:
    days = calendar(["America/Sao_Paulo"], datetime(2018, 11, 3, tzinfo=UTC), datetime(2018, 11, 6, tzinfo=UTC))
    by_date = {day["local_date"]: day for day in days.to_pylist()}
    assert by_date[date(2018, 11, 4)]["day_start"] == datetime(2018, 11, 4, 3, tzinfo=UTC)
    assert by_date[date(2018, 11, 4)]["day_end"] == datetime(2018, 11, 5, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    "name",
    [
        "Europe/Atlantis", "", "../etc", "a\0b", "x" * 300,
        "Europe",  # a folder of the database
        "localtime", "posixrules", "Factory",  # another zone on every machine
        "posix/Europe/Berlin", "right/Europe/Berlin",  # the latter is 27 s off
    ],
)  # fmt: skip
def test_what_is_no_zone_everywhere_is_a_clear_error(name: str) -> None:
    with pytest.raises(TerminalError) as raised:
        zone(name)
    assert raised.value.message == f"{visible(repr(name))} is no time zone"
    assert zone("Europe/Berlin").key == "Europe/Berlin"


def test_by_default_everything_lies_in_the_home(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    root = str(tmp_path / "home")
    assert (
        settings.catalog_uri.get_secret_value() == settings.ops_uri.get_secret_value() == f"sqlite:///{root}/catalog.db"
    )
    assert (settings.warehouse, settings.archive) == (f"{root}/warehouse", f"{root}/archive")


def test_ops_lie_in_the_catalog_database_where_that_is_sql(tmp_path: Path) -> None:
    shared = Settings(home=tmp_path, catalog_uri=Secret("postgresql://u:hidden@db/lake"))
    assert shared.ops_uri == shared.catalog_uri
    rest = Settings(home=tmp_path, catalog_uri=Secret("https://catalog.example/api"))
    assert rest.ops_uri.get_secret_value() == f"sqlite:///{tmp_path}/ops.db"


def test_secrets_are_not_shown_by_settings_or_their_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(
        home=tmp_path,
        catalog_uri=Secret("postgresql://u:hidden@db/lake"),
        warehouse="s3://lake/w/",
        s3_access_key_id="key",
        s3_secret_access_key=Secret("hidden"),
    )
    assert settings.warehouse == "s3://lake/w" and settings.uses_s3
    assert "hidden" not in f"{settings!r} {settings} {settings.s3} {dataclasses.asdict(settings)}"
    monkeypatch.setenv("WATTLAKE_CATALOG_URI", "mysql://u:hidden@db/lake")
    with pytest.raises(TerminalError, match="must begin with sqlite") as caught:
        Settings()
    assert "hidden" not in str(caught.value)


def test_a_location_in_s3_needs_a_key(tmp_path: Path) -> None:
    with pytest.raises(TerminalError, match="WATTLAKE_S3_ACCESS_KEY_ID"):
        Settings(home=tmp_path, archive="s3://lake/archive")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WATTLAKE_CATALOG_URI", "postgresql://u:hidden@db:port/lake"),
        ("WATTLAKE_CATALOG_URI", "postgresql://u:hidden@db:99999/lake"),
        ("WATTLAKE_OPS_URI", "postgresql://u:hidden@db:/-1"),
        ("WATTLAKE_CATALOG_URI", "http://u:hidden@catalog:80x/api"),
        ("WATTLAKE_CATALOG_URI", "https://:8181/api"),
        ("WATTLAKE_CATALOG_URI", "http://[::1/api"),
        ("WATTLAKE_CATALOG_URI", "sqlite:///"),
        ("WATTLAKE_S3_ENDPOINT", "http://s3.example:90000"),
        ("WATTLAKE_S3_ENDPOINT", "s3.example:9000"),
        ("WATTLAKE_S3_ENDPOINT", "http://u:hidden@:9000"),
        ("WATTLAKE_HOME", "/tmp/" + "x" * 300),
        ("WATTLAKE_HOME", "/tmp" + "/yyyyyyyyy" * 60),
        ("WATTLAKE_HOME", __file__),
        ("WATTLAKE_HOME", f"{__file__}/home"),
        ("WATTLAKE_HOME", "/tmp/what?"),
    ],
)
def test_a_setting_that_can_lead_nowhere_is_told_by_its_name_and_shows_no_secret(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    told = CliRunner().invoke(main, ["catalog"])
    assert told.exit_code == 1 and isinstance(told.exception, SystemExit)
    assert told.output.startswith(f"error: a setting is wrong: {name}: ") and "next:" in told.output
    assert "hidden" not in told.output and told.output.count("WATTLAKE_") == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WATTLAKE_CATALOG_URI", "postgresql:///lake?host=/run/postgresql"),
        ("WATTLAKE_CATALOG_URI", "postgresql://u:p%40ss@[::1]:5432/lake?sslmode=require"),
        ("WATTLAKE_CATALOG_URI", "http://catalog:8181"),
        ("WATTLAKE_S3_ENDPOINT", "https://s3.example/path"),
    ],
)
def test_uris_that_servers_have_are_taken(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    Settings()


@pytest.mark.parametrize("name", ["it's", 'say "hi"', "100% #1", "a?b=c&d", "ü 日本", "%41", "file:x"])
def test_an_sqlite_file_may_have_any_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / name / "catalog.db"
    engine = open_engine(Secret(f"sqlite:///{path}"))
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE t (i INTEGER)")
    engine.dispose()
    assert [found.name for found in tmp_path.rglob("*.db")] == ["catalog.db"] and path.stat().st_size > 0
