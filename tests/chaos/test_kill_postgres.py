"""kill -9 while landing with the catalog in Postgres: locks end with the process, and a commit may have no answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.kills.homes import Case, first_files, second_files
from tests.support.kills.worker import Worker


class PostgresCase(Case):
    """A case whose catalog and ops are put back too, as a database made from the one that was kept."""

    server_uri: str
    database: str

    def keep(self) -> None:
        super().keep()
        self._execute(f"CREATE DATABASE {self.database}_before TEMPLATE {self.database}")

    def put_back(self) -> None:
        super().put_back()
        self._execute(f"DROP DATABASE {self.database} WITH (FORCE)")
        self._execute(f"CREATE DATABASE {self.database} TEMPLATE {self.database}_before")

    def _execute(self, statement: str) -> None:
        url = sa.make_url(self.server_uri).set(drivername="postgresql+psycopg2")
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)


@pytest.fixture
def landing(postgres_server_uri: str, postgres_uri: str, tmp_path: Path) -> Iterator[Case]:
    """Corrections, a new meter, refused rows and a refused file, onto what landed before."""
    with Worker() as worker:
        settings = {"home": str(tmp_path / "home"), "threads": 1, "catalog_uri": postgres_uri}
        worker.done("land", settings, paths=first_files(tmp_path / "first"))
        paths = second_files(tmp_path / "second")
        case = PostgresCase(worker, tmp_path / "home", "land", {"paths": paths}, settings)
        case.server_uri = postgres_server_uri
        case.database = str(sa.make_url(postgres_uri).database)
        case.prepare()
        yield case


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_a_landing_killed_with_its_catalog_in_postgres_is_whole_after_the_next(landing: Case) -> None:
    landing.kill_at_steps(10)
    landing.kill_at_times(10)
