"""SQL for many: clients of a real server query while builds are published."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from subprocess import PIPE

import duckdb
import pytest

from lakehouse.engine import load
from lakehouse.marts.published import Published, sign
from lakehouse.serving.sql_server import token
from lakehouse.settings import Settings
from lakehouse.storage import take_place

TOKEN = "a-token-of-the-tests"
ROWS = 20_000
CLIENTS = 8
SWAPS = 6


def publish(home: Path, number: int) -> str:
    """Publish a build of two marts whose every row names it; later builds have a column more."""
    build_id = f"b{number:03d}"
    folder = home / "tmp" / build_id
    folder.mkdir(parents=True)
    path = folder / "marts.duckdb"
    connection = duckdb.connect(str(path))
    more = f", {number} AS added_{number}" if number else ""
    for mart in ("lod_1d", "energy_1d"):
        connection.execute(f"CREATE TABLE {mart} AS SELECT '{build_id}' AS build_id, i{more} FROM range({ROWS}) t(i)")
    connection.close()
    sign(path, Published(build_id, {}, "", []), datetime.now(UTC))
    take_place(path, home / "marts.duckdb")
    folder.rmdir()
    return build_id


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Served:
    """A running `wattlake serve sql`."""

    home: Path
    uri: str
    process: subprocess.Popen[str]
    said: list[str]

    def wait_for(self, text: str) -> None:
        """Read its lines until one holds the text."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if text in line:
                return
        raise AssertionError(f"the server ended without saying {text!r}: {''.join(self.said)}")


@contextmanager
def serve(home: Path, secret: str | None = TOKEN, **more: str) -> Iterator[Served]:
    port = free_port()
    environment = {**os.environ, "WATTLAKE_HOME": str(home), "WATTLAKE_THREADS": "2", "PYTHONUNBUFFERED": "1", **more}
    environment.pop("WATTLAKE_SQL_TOKEN", None)
    if secret:
        environment["WATTLAKE_SQL_TOKEN"] = secret
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli.main", "serve", "sql", "--port", str(port)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    served = Served(home, f"quack:127.0.0.1:{port}", process, [])
    try:
        served.wait_for("serving build")
        yield served
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def client(uri: str, secret: str = TOKEN) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    load(connection, ("httpfs", "quack"))
    connection.execute("SET python_enable_replacements=false")
    connection.execute(f"CREATE SECRET (TYPE quack, TOKEN '{secret}')")
    connection.execute(f"ATTACH '{uri}' AS marts")
    return connection


def ask(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[object, ...]]:
    """Run SQL on the server."""
    return connection.execute("FROM marts.query(?)", [sql]).fetchall()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("sql") / "home"
    home.mkdir()
    publish(home, 0)
    with serve(home) as running:
        yield running


@pytest.fixture(scope="module")
def connection(served: Served) -> Iterator[duckdb.DuckDBPyConnection]:
    connected = client(served.uri)
    yield connected
    connected.close()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT build_id, count(*) FROM marts.lod_1d GROUP BY ALL",
        "FROM lod_1d ORDER BY i LIMIT 3",
        "WITH a AS (SELECT max(i) AS m FROM main.lod_1d) SELECT * FROM a, energy_1d WHERE i = m",
        "WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT sum(n) FROM t",
        "SELECT i, row_number() OVER (ORDER BY i) FROM lod_1d SEMI JOIN energy_1d USING (i) LIMIT 2",
        "SELECT l.i, r FROM range(3) s(r) JOIN LOD_1D l ON l.i = r, unnest([1, 2])",
        "SHOW TABLES",
        "DESCRIBE marts.lod_1d",
        "SUMMARIZE energy_1d",
        "SELECT table_name FROM information_schema.tables",
        "/* a note; DROP TABLE x */ SELECT 'COPY (SELECT 1) TO ''x''' -- ; DELETE FROM lod_1d",
        "SELECT list_transform([1, 2], lambda x: x + 1)",
    ],
)
def test_questions_of_every_kind_are_answered(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    assert ask(connection, sql)


def test_a_client_attaches_and_sees_each_mart_once(connection: duckdb.DuckDBPyConnection) -> None:
    assert ask(connection, "SHOW TABLES") == [("energy_1d",), ("lod_1d",), ("wattlake_build",), ("wattlake_marts",)]
    assert connection.execute("SELECT sum(i) FROM marts.lod_1d WHERE i < 4").fetchall() == [(6,)]


#: Ways to write, to read the server's files, to learn of the host, or to change the server. `{file}` exists on it.
ATTACKS = [
    "INSERT INTO lod_1d VALUES ('x', 1)",
    "UPDATE marts.lod_1d SET i = 0",
    "DELETE FROM lod_1d",
    "TRUNCATE lod_1d",
    "DROP VIEW lod_1d",
    "CREATE TABLE mine AS SELECT 1",
    "CREATE TEMP TABLE mine (a INT)",
    "CREATE OR REPLACE VIEW lod_1d AS SELECT 'forged' AS build_id, 1 AS i",
    "CREATE OR REPLACE MACRO wattlake_authorize(a, b) AS b",
    "CREATE SECRET (TYPE quack, TOKEN 'other-token')",
    "ALTER VIEW lod_1d RENAME TO gone",
    "COPY lod_1d TO '{out}'",
    "COPY (SELECT 1) TO '{out}' (FORMAT parquet)",
    "EXPORT DATABASE '{out}'",
    "IMPORT DATABASE '{out}'",
    "ATTACH '{out}' AS other",
    "ATTACH '{marts}' AS other (READ_ONLY)",
    "DETACH memory",
    "USE temp",
    "INSTALL spatial",
    "LOAD httpfs",
    "SET threads = 1",
    "SET GLOBAL quack_authorization_function = 'quack_nop_authorization'",
    "RESET quack_authorization_function",
    "SET enable_external_access = true",
    "PRAGMA database_list",
    "PRAGMA enable_profiling",
    "CALL quack_stop('{uri}')",
    "CALL quack_serve('quack:127.0.0.1:1', token='other-token')",
    "CHECKPOINT",
    "VACUUM",
    "BEGIN TRANSACTION",
    "PREPARE p AS DELETE FROM lod_1d",
    "EXECUTE p",
    "EXPLAIN ANALYZE DELETE FROM lod_1d",
    "SELECT 1; DROP VIEW lod_1d",
    "/* SELECT */ DROP /* 1 */ VIEW lod_1d -- SELECT",
    "SELECT 1 --\n; DROP VIEW lod_1d",
    "WITH gone AS (DELETE FROM lod_1d RETURNING *) SELECT * FROM gone",
    "FROM '{file}'",
    'SELECT * FROM "{file}"',
    "SELECT * FROM '{marts}'",
    'WITH x AS (WITH "{file}" AS (SELECT 1) SELECT 1) SELECT * FROM "{file}"',
    "SELECT * FROM read_csv('{file}')",
    "SELECT * FROM ReAd_CsV_aUtO('{file}')",
    "SELECT * FROM \"read_text\"('{file}')",
    "SELECT * FROM system.main.read_text('{file}')",
    "SELECT (SELECT content FROM read_text('{file}'))",
    "SELECT * FROM lod_1d WHERE EXISTS (FROM read_blob('{file}'))",
    "WITH t AS (FROM read_json('{file}')) SELECT 1 FROM t",
    "SELECT * FROM query('SELECT * FROM read_text(''{file}'')')",
    "SELECT * FROM query_table('{file}')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM read_text(getvariable('f'))",
    "SELECT * FROM sniff_csv('{file}')",
    "SELECT * FROM parquet_scan('{file}')",
    "SELECT * FROM read_duckdb('{marts}')",
    "SELECT getenv('HOME')",
    "SELECT current_setting('allowed_directories')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM duckdb_databases()",
    "SELECT * FROM duckdb_databases",
    "SELECT * FROM pragma_database_list",
    "SELECT * FROM duckdb_logs",
    "SELECT * FROM quack_query('{uri}', 'SELECT 1', token='a-token-of-the-tests')",
    "SELECT wattlake_authorize('s', 'SELECT 1')",
    "SELECT write_log('forged')",
    "DESCRIBE '{file}'",
    "SUMMARIZE FROM read_csv('{file}')",
    "DESCRIBE (FROM read_text('{file}'))",
    "SELECT * FROM http_get('http://127.0.0.1:1')",
    "FROM 's3://bucket/file.parquet'",
    "",
]


@pytest.mark.parametrize("sql", ATTACKS)
def test_nothing_but_reading_marts_is_served(
    served: Served, connection: duckdb.DuckDBPyConnection, tmp_path: Path, sql: str
) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a,b\nhidden,1\n")
    out = tmp_path / "written"
    places = {"file": secret, "out": out, "marts": served.home / "marts.duckdb", "uri": served.uri}
    with pytest.raises(duckdb.Error) as error:
        ask(connection, sql.format_map(places))
    assert "hidden" not in str(error.value) and TOKEN not in str(error.value).replace(sql, "")
    assert not out.exists()
    assert ask(connection, "SELECT count(*) FROM lod_1d") == [(ROWS,)]


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO marts.lod_1d VALUES ('x', 1)",
        "DELETE FROM marts.lod_1d",
        "CREATE TABLE marts.mine (a INT)",
        "CREATE TABLE marts.mine AS SELECT 1 AS a",
        "DROP VIEW marts.lod_1d",
        "BEGIN; CREATE TABLE marts.mine (a INT); COMMIT",
    ],
)
def test_an_attached_client_cannot_write(served: Served, sql: str) -> None:
    connected = client(served.uri)
    with pytest.raises(duckdb.Error):
        connected.execute(sql)
    connected.close()
    fresh = client(served.uri)
    assert ask(fresh, "SELECT count(*) FROM lod_1d") == [(ROWS,)]
    assert ("mine",) not in ask(fresh, "SELECT table_name FROM information_schema.tables")
    fresh.close()


def test_the_session_holds_even_where_the_guard_would_let_all_through(tmp_path: Path) -> None:
    from lakehouse.serving import sql_server

    class Open(sql_server.Guard):
        def check(self, query: str) -> None:
            """Let everything pass."""

    home = tmp_path / "home"
    home.mkdir()
    publish(home, 0)
    secret = tmp_path / "secret.csv"
    secret.write_text("a,b\nhidden,1\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sql_server, "Guard", Open)
        with sql_server.SqlServer(Settings(home=home, threads=2), TOKEN, "127.0.0.1", free_port()) as server:
            connected = client(server.uri)
            for sql in (
                f"SELECT * FROM read_text('{secret}')",
                f"COPY lod_1d TO '{tmp_path / 'out.csv'}'",
                f"ATTACH '{tmp_path / 'other.duckdb'}'",
                "SET threads = 1",
                "SET enable_external_access = true",
                "INSTALL spatial",
            ):
                with pytest.raises(duckdb.Error):
                    ask(connected, sql)
            connected.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "secret.csv"]


def test_a_wrong_token_is_refused(served: Served) -> None:
    with pytest.raises(duckdb.Error) as error:
        client(served.uri, "not-the-right-token")
    assert TOKEN not in str(error.value)


#: Asks in a loop until it sees the last build; prints every build it sees (DuckDB may draw progress beside it).
#: Two marts in one statement must agree.
LOOP = """
import sys, duckdb
from lakehouse.engine import load
uri, token, last, rows = sys.argv[1:]
connection = duckdb.connect()
load(connection, ("httpfs", "quack"))
connection.execute(f"CREATE SECRET (TYPE quack, TOKEN '{token}')")
connection.execute(f"ATTACH '{uri}' AS marts")
seen = None
while seen != last:
    answer = connection.execute('''FROM marts.query(
        'SELECT list(DISTINCT build_id) FROM lod_1d
        UNION ALL SELECT list(DISTINCT build_id) FROM marts.energy_1d
        UNION ALL SELECT list(build_id) FROM wattlake_build
        UNION ALL SELECT [count(*)::VARCHAR] FROM lod_1d')''').fetchall()
    builds = {build for (listed,) in answer[:3] for build in listed}
    assert len(builds) == 1 and answer[3] == ([rows],), answer
    if builds != {seen}:
        first = seen is None
        (seen,) = builds
        print("\\nseen", seen, flush=True)
        if first:
            sys.stdin.readline()
"""


def test_every_answer_belongs_to_one_build_while_builds_are_published(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    first = publish(home, 0)
    last = f"b{SWAPS:03d}"
    root = Path(__file__).resolve().parents[2]
    with serve(home) as served:
        arguments = [sys.executable, "-c", LOOP, served.uri, TOKEN, last, str(ROWS)]
        clients = [
            subprocess.Popen(arguments, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True, cwd=root)
            for _ in range(CLIENTS)
        ]
        for asking in clients:
            assert asking.stdout is not None and asking.stderr is not None
            # All have had an answer before the first swap.
            assert f"seen {first}\n" in asking.stdout, asking.stderr.read()
        for asking in clients:
            assert asking.stdin is not None
            asking.stdin.write("go on\n")
            asking.stdin.flush()
        slow = client(served.uri)
        slow.execute("SELECT * FROM marts.lod_1d")
        rows = slow.fetchmany(2048)
        for number in range(1, SWAPS + 1):
            served.wait_for(f"serving build {publish(home, number)}")
        rows += slow.fetchall()
        assert {row[0] for row in rows} == {first} and len(rows) == ROWS
        for asking in clients:
            out, err = asking.communicate(timeout=120)
            assert asking.returncode == 0, err
            seen = [line.split()[1] for line in out.splitlines() if line.startswith("seen")]
            assert [first, *seen] == sorted({first, *seen}) and seen[-1] == last
        fresh = client(served.uri)
        assert fresh.execute(f"SELECT DISTINCT build_id, added_{SWAPS} FROM marts.lod_1d").fetchall() == [(last, SWAPS)]


def test_sigterm_ends_it_cleanly_with_clients_in_the_middle_of_queries(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    publish(home, 0)
    with serve(home, secret=None) as served:
        secret, kept = token(Settings(home=home))
        assert kept is not None and stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert secret not in "".join(served.said)
        connected = client(served.uri, secret)
        failed: list[BaseException] = []

        def ask_long() -> None:
            try:
                ask(connected, "SELECT count(*) FROM lod_1d a, lod_1d b, lod_1d c WHERE hash(a.i, b.i, c.i) = 1")
            except duckdb.Error as error:
                failed.append(error)

        asking = threading.Thread(target=ask_long)
        asking.start()
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(timeout=20) == 0
        asking.join(timeout=20)
        assert failed and not asking.is_alive()
        assert not (home / "tmp" / "serve-sql").exists()


def test_a_second_server_over_the_same_home_is_refused(served: Served) -> None:
    environment = {**os.environ, "WATTLAKE_HOME": str(served.home), "WATTLAKE_SQL_TOKEN": TOKEN}
    second = subprocess.run(
        [sys.executable, "-m", "flows.cli.main", "serve", "sql", "--port", str(free_port())],
        env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert second.returncode == 1
    assert "another process serves" in second.stderr and TOKEN not in second.stderr


ENDLESS = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE (a.range * b.range) % 7 = 3"
ASKS = """
import sys, duckdb
from tests.integration.test_serve_sql import ask, client
connection = client(sys.argv[1])
print("asking", flush=True)
ask(connection, sys.argv[2])
"""


def test_a_statement_that_is_too_long_is_refused_and_one_over_its_time_ends(tmp_path: Path) -> None:
    """Quack ends no statement, also where its client is gone: only the end of its process does."""
    home = tmp_path / "home"
    home.mkdir()
    build_id = publish(home, 0)
    with serve(home, WATTLAKE_SQL_TIMEOUT_S="3", WATTLAKE_SQL_STATEMENT_BYTES="2000") as served:
        connected = client(served.uri)
        with pytest.raises(duckdb.Error, match="longer than 2,000 bytes"):
            ask(connected, f"SELECT '{'x' * 2000}'")
        assert ask(connected, "SELECT count(*) FROM lod_1d") == [(ROWS,)]
        asking = subprocess.Popen(
            [sys.executable, "-c", ASKS, served.uri, ENDLESS], stdout=PIPE, stderr=subprocess.DEVNULL
        )
        assert asking.stdout is not None and asking.stdout.readline() == b"asking\n"
        served.wait_for("ran longer than WATTLAKE_SQL_TIMEOUT_S")
        assert asking.wait(timeout=60) != 0  # its connection broke
        asking.stdout.close()
        served.wait_for(f"serving build {build_id}")
        again = client(served.uri)
        assert ask(again, "SELECT count(*) FROM lod_1d") == [(ROWS,)]
        (active,) = [line for line in served.said if "ran longer" in line]
        assert "a.range * b.range" in active


def test_a_published_file_that_cannot_be_read_leaves_the_build_before_in_service(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    publish(home, 0)
    with serve(home) as served:
        connected = client(served.uri)
        damaged = home / "damaged"
        damaged.write_bytes(bytes(100_000))
        take_place(damaged, home / "marts.duckdb")
        served.wait_for("cannot be read")
        assert ask(connected, "SELECT count(*) FROM lod_1d") == [(ROWS,)]
        build_id = publish(home, 1)
        served.wait_for(f"serving build {build_id}")
