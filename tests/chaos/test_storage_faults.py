"""S3 that fails and Postgres that goes away: what was promised has landed once, and the house says what is true."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse import storage
from lakehouse.errors import TransientError
from lakehouse.landing.outcome import LandReport
from lakehouse.secret import Secret
from lakehouse.settings import Settings
from lakehouse.source import LandOptions
from lakehouse.writing import data_files
from tests.support.house import land, query
from tests.support.servers.postgres_proxy import postgres_proxy
from tests.support.servers.s3 import S3Server
from tests.support.servers.s3_proxy import S3Proxy, s3_proxy

STAMPS = [f"2024-06-01 {minute // 60:02d}:{minute % 60:02d}:00" for minute in range(0, 120, 15)]


@pytest.fixture
def proxy(s3_server: S3Server) -> Iterator[S3Proxy]:
    with s3_proxy(s3_server) as running:
        yield running


@pytest.fixture
def house(proxy: S3Proxy, s3_server: S3Server, tmp_path: Path) -> Settings:
    """An empty house whose warehouse and archive lie behind the proxy."""
    bucket = s3_server.make_bucket(f"lake-{uuid.uuid4().hex[:8]}")
    return Settings(
        home=tmp_path / "home",
        threads=2,
        warehouse=f"{bucket}/warehouse",
        archive=f"{bucket}/archive",
        **proxy.server.settings(),
    )


def signal(folder: Path, values: list[int], asset: str = "m1") -> Path:
    path = folder / asset / "com_ap.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("ts,com_ap\n" + "".join(f"{s},{v}\n" for s, v in zip(STAMPS, values, strict=True)))
    return path


def landed(settings: Settings, path: Path) -> LandReport:
    return land(settings, "meter", [path], LandOptions())


def values(settings: Settings) -> list[tuple[str, float]]:
    return query(settings, "SELECT asset_id, value FROM raw.meter_observations ORDER BY asset_id, ts")


@pytest.mark.parametrize(
    "kind", ["503", "cut", *(pytest.param(kind, marks=pytest.mark.nightly) for kind in ("500", "slow"))]
)
def test_a_landing_and_a_query_outlive_a_store_that_fails_now_and_then(
    house: Settings, proxy: S3Proxy, tmp_path: Path, kind: str
) -> None:
    proxy.fail(kind, every=10, times=12)
    assert landed(house, signal(tmp_path / "in", [1] * 8)).ok
    assert values(house) == [("m1", 1)] * 8
    assert proxy.failed >= 5


@pytest.mark.parametrize("kind", ["503", pytest.param("500", marks=pytest.mark.nightly)])
def test_a_store_that_stays_away_is_a_transient_error_and_the_next_landing_makes_good(
    house: Settings, proxy: S3Proxy, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two attempts instead of five: botocore waits up to half a minute between them.
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    monkeypatch.setattr(storage, "S3_ATTEMPTS", 2)
    assert landed(house, signal(tmp_path / "a", [1] * 8)).ok
    late = signal(tmp_path / "b", [2] * 8, "m2")
    # The metadata of the observations: assets and signals have been committed by then.
    proxy.fail(kind, wanted=lambda method, path: method == "PUT" and "observations/metadata" in path)
    with pytest.raises(TransientError, match="S3 did not answer") as caught:
        landed(house, late)
    assert "doctor" in caught.value.next_step or "again" in caught.value.next_step
    assert values(house) == [("m1", 1)] * 8
    proxy.heal()
    assert {outcome.status for outcome in landed(house, late).files} == {"unchanged"}  # settled before it began
    assert values(house) == [("m1", 1)] * 8 + [("m2", 2)] * 8
    assert query(house, "SELECT DISTINCT status FROM ops.runs") == [("done",)]


def test_a_commit_whose_answer_was_lost_is_found_and_not_landed_twice(postgres_uri: str, tmp_path: Path) -> None:
    with postgres_proxy(postgres_uri) as proxy:
        settings = Settings(home=tmp_path / "home", threads=2, catalog_uri=Secret(proxy.uri))
        landed(settings, signal(tmp_path / "a", [1] * 8))
        proxy.lose_answer(b"UPDATE iceberg_tables")
        report = landed(settings, signal(tmp_path / "b", [2] * 8, "m2"))
        assert proxy.lost.is_set()
        assert report.files[0].counts.new == 8
        assert values(settings) == [("m1", 1)] * 8 + [("m2", 2)] * 8
        assert query(settings, "SELECT status, rows FROM ops.runs") == [("done", 8)] * 2


def test_a_database_that_stays_away_after_a_commit_leaves_an_unknown_outcome_that_the_next_landing_settles(
    postgres_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_files, "ACKNOWLEDGE_S", 1)
    with postgres_proxy(postgres_uri) as proxy:
        settings = Settings(home=tmp_path / "home", threads=2, catalog_uri=Secret(proxy.uri))
        landed(settings, signal(tmp_path / "a", [1] * 8))
        late = signal(tmp_path / "b", [2] * 8, "m2")
        proxy.lose_answer(b"UPDATE iceberg_tables", then_refuse=True)
        with pytest.raises(TransientError, match=r"it is not known whether the commit to .* has landed"):
            landed(settings, late)
        with pytest.raises(TransientError, match="Postgres did not answer"):
            values(settings)
        proxy.heal()
        assert {outcome.status for outcome in landed(settings, late).files} == {"unchanged"}
        assert values(settings) == [("m1", 1)] * 8 + [("m2", 2)] * 8
        assert query(settings, "SELECT DISTINCT status FROM ops.runs") == [("done",)]


@pytest.mark.parametrize("database", ["postgres", pytest.param("sqlite", marks=pytest.mark.nightly)])
def test_processes_that_land_at_once_lose_nothing_and_double_nothing(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    settings = Settings(home=tmp_path / "home", threads=1)
    environment = {"WATTLAKE_HOME": str(settings.root), "WATTLAKE_THREADS": "1"}
    if database == "postgres":
        uri = request.getfixturevalue("postgres_uri")
        settings = Settings(home=tmp_path / "home", threads=1, catalog_uri=Secret(uri))
        environment["WATTLAKE_CATALOG_URI"] = uri
    apart = [signal(tmp_path / str(n), [n] * 8, f"m{n}") for n in (1, 2)]
    same = signal(tmp_path / "same", [7] * 8, "m7")
    command = [sys.executable, "-m", "flows.cli.main", "land", "meter"]
    running = [
        subprocess.Popen(
            [*command, str(path)], env={**_environment(), **environment}, stderr=subprocess.PIPE, text=True
        )
        for path in (*apart, same, same)
    ]
    ended = [(process.communicate(timeout=550)[1], process.returncode) for process in running]
    assert [code for _, code in ended] == [0] * 4, ended
    assert values(settings) == [("m1", 1)] * 8 + [("m2", 2)] * 8 + [("m7", 7)] * 8
    assert query(settings, "SELECT status, count(*) FROM ops.runs GROUP BY ALL") == [("done", 4)]


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("WATTLAKE_")}
