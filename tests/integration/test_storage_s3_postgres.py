"""The whole house on S3 and Postgres: the same numbers as on local disk, for every machine that shares them."""

from __future__ import annotations

import dataclasses
import uuid
from pathlib import Path
from typing import Any

import pytest

from ingest.registry import registry
from lakehouse.errors import TerminalError
from lakehouse.reader import open_session
from lakehouse.secret import Secret
from lakehouse.settings import Settings
from lakehouse.storage import storage_at
from lakehouse.upkeep.doctor import examine
from tests.support.device_files import minutes, write_signal
from tests.support.house import build, land_meter, query, replay
from tests.support.servers.s3 import S3Server

#: What differs between two houses with the same data: ids of runs and builds, and when they were made.
OF_A_RUN = {"run_id", "build_id", "built_at"}


def on_servers(home: Path, s3: S3Server, database: str, bucket: str) -> Settings:
    return Settings(
        home=home,
        threads=2,
        catalog_uri=Secret(database),
        warehouse=f"{bucket}/warehouse",
        archive=f"{bucket}/archive",
        **s3.settings(),
    )


def numbers(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of every raw and marts table, without what differs from run to run."""
    # One session: opening another asks the servers for every table anew.
    session = open_session(settings, registry().contracts)
    try:
        tables = session.execute(
            "SELECT table_catalog, table_name, column_name FROM information_schema.columns "
            "WHERE table_catalog IN ('raw', 'marts') AND table_name NOT LIKE 'wattlake_%' ORDER BY ALL"
        ).fetchall()
        columns: dict[str, list[str]] = {}
        for catalog, table, column in tables:
            if column not in OF_A_RUN:
                columns.setdefault(f"{catalog}.{table}", []).append(column)
        return {
            name: session.execute(
                f"SELECT {', '.join(f'{c}::VARCHAR' for c in listed)} FROM {name} ORDER BY ALL"
            ).fetchall()
            for name, listed in columns.items()
        }
    finally:
        session.close()


@pytest.mark.timeout(1800)  # three builds: eleven minutes on a machine with fifty waiting processes
def test_the_house_on_s3_and_postgres_gives_the_numbers_of_local_disk(
    s3_server: S3Server, postgres_uri: str, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamps = minutes("2024-06-01", 48)
    power = write_signal(tmp_path / "in", "m1", "com_ap", [(s, 1 + i % 4) for i, s in enumerate(stamps)])
    counter = write_signal(tmp_path / "in", "m1", "pos_ae", [(s, 100 + i / 2) for i, s in enumerate(stamps)])
    late = write_signal(tmp_path / "late", "m1", "com_ap", [(s, 9) for s in [*stamps[:4], *minutes("2024-06-02", 8)]])
    bucket = s3_server.make_bucket(f"lake-{uuid.uuid4().hex[:8]}")
    shared = on_servers(tmp_path / "one", s3_server, postgres_uri, bucket)

    land_meter(shared, power, counter)
    assert build(shared).mode == "full"
    land_meter(shared, late)
    report = build(shared)
    assert (report.mode, report.spans > 0) == ("incremental", True)
    assert not build(shared).built

    land_meter(settings, power, counter)
    land_meter(settings, late)
    build(settings)
    found = numbers(shared)
    assert found == numbers(settings)
    assert found["marts.lod_1d"] and len(found["raw.meter_observations"]) == 48 + 48 + 8

    assert query(shared, "SELECT DISTINCT status FROM ops.runs") == [("done",)]
    stored = [file.uri for file in storage_at(shared, bucket).list(bucket)]
    assert any(uri.startswith(f"{bucket}/archive/received/") for uri in stored)
    assert any(uri.startswith(f"{bucket}/warehouse/") and uri.endswith(".parquet") for uri in stored)
    assert not (shared.root / "warehouse").exists() and not (shared.root / "archive").exists()

    # A second machine: its home is empty, and it sees what the first one landed.
    second = on_servers(tmp_path / "two", s3_server, postgres_uri, bucket)
    assert query(second, "SELECT count(*) FROM raw.meter_observations") == [(104,)]
    assert {outcome.status for outcome in land_meter(second, power).files} == {"unchanged"}

    # A table that cannot be read is made anew in another place, and what it had stays where it is; the others are
    # equal.
    storage = storage_at(shared, bucket)
    damaged = [uri for uri in stored if "/raw/meter_observations/data/" in uri]
    for uri in damaged:
        storage.write(uri, b"garbage")
    mended = replay(second)
    outcomes: dict[str, set[str]] = {}
    for table in mended.tables:
        outcomes.setdefault(table.table, set()).add(table.outcome)
    assert "replaced" in outcomes.pop("meter_observations")
    assert {"assets", "signals"} <= outcomes.keys() and set.union(*outcomes.values()) == {"equal"}
    assert "belong to no table" in mended.mended[0]
    assert numbers(shared)["raw.meter_observations"] == found["raw.meter_observations"]
    assert all(storage.read(uri) == b"garbage" for uri in damaged)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    findings = {finding.name: finding for finding in examine(second)}
    assert {finding.status for finding in findings.values()} == {"ok", "warning"}
    assert findings["marts"].says == "nothing is published"


def test_a_wrong_key_or_bucket_says_what_to_mend_and_shows_no_secret(
    s3_server: S3Server, postgres_uri: str, tmp_path: Path
) -> None:
    path = write_signal(tmp_path / "in", "m1", "com_ap", [(s, 1) for s in minutes("2024-06-01", 4)])
    bucket = s3_server.make_bucket(f"lake-{uuid.uuid4().hex[:8]}")
    good = on_servers(tmp_path / "home", s3_server, postgres_uri, bucket)
    wrong_key = dataclasses.replace(good, s3_secret_access_key=Secret("hidden-and-wrong"))
    wrong_bucket = dataclasses.replace(good, archive="s3://no-such-bucket/a", warehouse="s3://no-such-bucket/w")
    for wrong, says in ((wrong_key, "S3 refuses access"), (wrong_bucket, "no (such )?bucket")):
        with pytest.raises(TerminalError, match=says) as caught:
            land_meter(wrong, path)
        assert "WATTLAKE_" in caught.value.next_step
        findings = [finding for finding in examine(wrong) if finding.status == "problem"]
        assert {"warehouse files", "archive files"} <= {finding.name for finding in findings}
        said = f"{caught.value} {findings} {query(good, 'SELECT error FROM ops.runs')}"
        assert "hidden-and-wrong" not in said and s3_server.secret_access_key not in said
    assert land_meter(good, path).ok
