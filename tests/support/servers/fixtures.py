"""Real servers as fixtures: one of each a test session."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.servers.postgres import make_database, postgres_server
from tests.support.servers.s3 import S3Server, Unavailable
from tests.support.servers.s3 import s3_server as run_s3_server

if TYPE_CHECKING:
    from tests.support.servers.market_server import MarketServer


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server on loopback. Skips where it cannot be installed or run."""
    try:
        server = run_s3_server(tmp_path_factory.mktemp("s3"))
        running = server.__enter__()
    except Unavailable as reason:
        pytest.skip(str(reason))
    yield running
    server.__exit__(None, None, None)


@pytest.fixture(scope="session")
def postgres_server_uri() -> Iterator[str]:
    """A Postgres server; the URI is that of its default database."""
    with postgres_server() as uri:
        yield uri


@pytest.fixture
def postgres_uri(postgres_server_uri: str) -> str:
    """An empty Postgres database of the test's own."""
    return make_database(postgres_server_uri)


@pytest.fixture
def market_server() -> Iterator[MarketServer]:
    """Simulated market operators on loopback, of the test's own."""
    from tests.support.servers.market_server import market_server as run_market_server

    with run_market_server() as server:
        yield server
