"""The URIs of databases. SQLAlchemy is imported only where it is needed, because a query of marts does without it."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from lakehouse.secret import Secret

#: libpq: give up a connection attempt, notice a peer that vanished silently, and name ourselves.
POSTGRES_OPTIONS = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "tcp_user_timeout": "60000",  # milliseconds
    "application_name": "wattlake",
}


def url_of(uri: Secret) -> str:
    """The URI with a driver's options, for SQLAlchemy. It holds the password: never show it."""
    from sqlalchemy import make_url

    if is_sqlite(uri):
        # As a URI of SQLite's own, because SQLAlchemy would take a question mark in the path as the start of a query.
        path = quote(os.fsencode(sqlite_path(uri).absolute()))
        return f"sqlite:///file:{path}?uri=true"
    url = make_url(uri.get_secret_value())
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg2").update_query_dict({**POSTGRES_OPTIONS, **url.query})
    return url.render_as_string(hide_password=False)


def shown(uri: Secret) -> str:
    """The URI with its password masked."""
    from sqlalchemy import make_url

    if is_sqlite(uri):
        return uri.get_secret_value()
    return make_url(uri.get_secret_value()).render_as_string(hide_password=True)


def postgres_options(uri: Secret) -> dict[str, str]:
    """The URI as libpq's options: host, port, dbname, user, password, and those in its query."""
    from sqlalchemy import make_url

    url = make_url(url_of(uri))
    given = {
        "host": url.host, "port": url.port, "dbname": url.database, "user": url.username, "password": url.password,
        **url.query,
    }  # fmt: skip
    return {name: str(value) for name, value in given.items() if value is not None}


def is_postgres(uri: Secret) -> bool:
    """Whether it names a Postgres database."""
    return uri.get_secret_value().startswith("postgresql://")


def is_sqlite(uri: Secret) -> bool:
    """Whether it names an SQLite file."""
    return uri.get_secret_value().startswith("sqlite:///")


def sqlite_path(uri: Secret) -> Path:
    """The file of an SQLite URI."""
    return Path(uri.get_secret_value().removeprefix("sqlite:///"))
