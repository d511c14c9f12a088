"""Errors of the services behind the house say whether to try again, and what to do."""

from __future__ import annotations

import errno
import sqlite3

import duckdb
import psycopg2
import pytest
import requests
from botocore.exceptions import ClientError, EndpointConnectionError
from pyiceberg.exceptions import ServiceUnavailableError, UnauthorizedError
from sqlalchemy.exc import DatabaseError, OperationalError

from lakehouse.errors import BrokenHome, TerminalError, TransientError, WattlakeError
from lakehouse.outages import explain, explained, outage_in


def answered(status: int, code: str) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": "text"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutObject"
    )


def postgres(text: str) -> OperationalError:
    return OperationalError("SELECT 1", {}, psycopg2.OperationalError(text))


def sqlite(text: str) -> DatabaseError:
    return DatabaseError("SELECT 1", {}, sqlite3.DatabaseError(text))


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (answered(500, "InternalError"), TransientError, "S3 did not answer"),
        (answered(503, "SlowDown"), TransientError, "S3 did not answer"),
        (EndpointConnectionError(endpoint_url="http://x"), TransientError, "S3 did not answer"),
        (answered(403, "SignatureDoesNotMatch"), TerminalError, "S3 refuses access"),
        (answered(404, "NoSuchBucket"), TerminalError, "no such bucket"),
        (duckdb.IOException("IO Error: Connection error for HTTP GET to 'http://x'"), TransientError, "S3 did not"),
        (postgres("server closed the connection unexpectedly"), TransientError, "Postgres did not answer"),
        (postgres('password authentication failed for user "u"'), TerminalError, "Postgres refuses"),
        (requests.ConnectionError("refused"), TransientError, "the catalog did not answer"),
        (ServiceUnavailableError("503"), TransientError, "the catalog did not answer"),
        (UnauthorizedError("401"), TerminalError, "the catalog refuses access"),
    ],
)
def test_an_error_of_a_service_is_told_as_ours(error: Exception, kind: type[WattlakeError], says: str) -> None:
    for wrapped in (error, _caused_by(error)):
        ours = explain(wrapped)
        assert type(ours) is kind and says in ours.message and ours.next_step


def _caused_by(error: Exception) -> Exception:
    outer = OSError(121, "as s3fs wraps it")
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize("error", [FileNotFoundError(2, "gone"), ValueError("x"), duckdb.BinderException("y")])
def test_other_errors_go_on_as_they_are(error: Exception) -> None:
    assert explain(error) is None
    with pytest.raises(type(error)), explained():
        raise error


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        OSError(27, "File too large"),
        duckdb.IOException("No space left on device"),
    ],
)
def test_a_full_disk_is_told_as_one(error: Exception) -> None:
    ours = explain(error)
    assert isinstance(ours, TerminalError) and "disk is full" in ours.message and "space" in ours.next_step


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (OSError(errno.EACCES, "Permission denied", "/home/x"), TerminalError, "/home/x: Permission denied"),
        (OSError(errno.EROFS, "Read-only file system", "/home/x"), TerminalError, "/home/x: Read-only"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "/home/x"), TerminalError, "too long"),
        (sqlite("file is not a database"), BrokenHome, "is damaged"),
        (sqlite("database disk image is malformed"), BrokenHome, "is damaged"),
        (sqlite("attempt to write a readonly database"), TerminalError, "cannot be opened or written"),
        (sqlite("unable to open database file"), TerminalError, "cannot be opened or written"),
        (sqlite("database is locked"), TransientError, "is busy"),
    ],
)
def test_what_is_wrong_with_a_home_is_told_with_what_mends_it(
    error: Exception, kind: type[WattlakeError], says: str
) -> None:
    ours = explain(error)
    assert type(ours) is kind and says in ours.message and ours.next_step
    assert ("replay" in ours.next_step) == (kind is BrokenHome)


def test_dbt_s_text_of_an_error_tells_an_outage_from_a_fault_of_a_model() -> None:
    assert isinstance(outage_in("HTTP GET error on 'http://s3/x' (HTTP 503)"), TransientError)
    assert isinstance(outage_in("HTTP GET error on 'http://s3/x' (HTTP 403)"), TerminalError)
    assert outage_in("Binder Error: column x not found in FROM clause") is None
