"""Turns errors of the disk and of services into ours: which service, whether to try again, what to do.

Clients are recognised by the module that defines their errors, so that nothing is imported to examine an error.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from lakehouse.errors import MEND, BrokenHome, TerminalError, TransientError, WattlakeError

LATER = "try again later; `wattlake doctor` shows what cannot be reached"
KEYS = "check WATTLAKE_S3_ACCESS_KEY_ID, WATTLAKE_S3_SECRET_ACCESS_KEY and what the key may do in this bucket"
LOCATIONS = "check WATTLAKE_WAREHOUSE, WATTLAKE_ARCHIVE and WATTLAKE_S3_ENDPOINT; `wattlake doctor` shows more"
SPACE = "free some space, then run it again; `wattlake doctor` shows it, `wattlake maintain --sweep` frees a part"
RIGHTS = "check WATTLAKE_HOME, and that you may write to its folder; `wattlake doctor` shows more"
DATABASE = "check the user, password and database in WATTLAKE_CATALOG_URI and WATTLAKE_OPS_URI"

#: The disk is full, or a quota or a limit on the size of files is reached.
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
#: The same in the messages of DuckDB and SQLite, which pass on no error number.
NO_SPACE = re.compile(r"no space left|disk (?:is )?full|disk quota exceeded|file too large", re.IGNORECASE)
#: No rights to a file, or an impossible path; code that expects a missing file handles that error itself.
NO_WAY = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.ELOOP}
#: SQLite's messages for a file that is not a sound database.
DAMAGED = re.compile(r"not a database|malformed|database corruption|unsupported file format|file is encrypted")
#: Postgres' messages for errors that a person must mend.
REFUSED_BY_POSTGRES = re.compile(r"authentication failed|does not exist|permission denied|no pg_hba\.conf entry")
HTTP_STATUS = re.compile(r"\(HTTP (\d{3})")
#: DuckDB's messages for a failed connection, whatever library it uses.
LOST_CONNECTION = re.compile(r"connection|timed? ?out|could not (?:establish|connect|resolve)|SSL|curl", re.IGNORECASE)


@contextmanager
def explained() -> Iterator[None]:
    """Raise errors of a service as ours; other errors pass unchanged."""
    try:
        yield
    except Exception as error:
        ours = explain(error)
        if ours is None:
            raise
        raise ours from error


def explain(error: BaseException) -> WattlakeError | None:
    """Our error for one of S3, the catalog or its database; None for any other."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, WattlakeError):
            return seen if seen is not error else None
        if isinstance(seen, OSError) and seen.errno in FULL:
            return _full(str(seen))
        module = type(seen).__module__.split(".")[0]
        found = {
            "botocore": _s3, "aiobotocore": _s3, "aiohttp": _s3, "duckdb": _duckdb, "_duckdb": _duckdb,
            "sqlalchemy": _database, "sqlite3": _database, "requests": _rest, "pyiceberg": _iceberg,
        }.get(module, _none)(seen)  # fmt: skip
        if found is not None:
            return found
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    if isinstance(error, OSError) and error.errno in NO_WAY:
        return TerminalError(f"{error.filename or 'a file'}: {error.strerror}", RIGHTS)
    return None


def outage_in(text: str) -> WattlakeError | None:
    """Our error for the text of a DuckDB error, for instance from dbt; None if no service is at fault."""
    if NO_SPACE.search(text):
        return _full(text)
    if status := HTTP_STATUS.search(text):
        return _answer("S3", int(status[1]), text)
    if "http" in text.lower() and LOST_CONNECTION.search(text):
        return TransientError(f"S3 did not answer, after several attempts: {text}", LATER)
    return None


def _full(text: str) -> WattlakeError:
    return TerminalError(f"the disk is full: {text}", SPACE)


def _none(_: BaseException) -> WattlakeError | None:
    return None


def _s3(error: BaseException) -> WattlakeError | None:
    """Our error for one of botocore: its answer has the code; without an answer the connection was lost."""
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        return TransientError(f"S3 did not answer, after several attempts: {type(error).__name__}: {error}", LATER)
    code = str(response.get("Error", {}).get("Code", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return _answer("S3", status, f"{code or status}: {error}", code)


def _duckdb(error: BaseException) -> WattlakeError | None:
    kind, text = type(error).__name__, str(error).splitlines()[0] if str(error) else ""
    if kind == "HTTPException":
        return _answer("S3", int(getattr(error, "status_code", 0) or 0), text)
    return outage_in(text) if kind in ("IOException", "OutOfMemoryException", "FatalException") else None


def _answer(service: str, status: int, text: str, code: str = "") -> WattlakeError:
    if status in (401, 403) or code in ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"):
        return TerminalError(f"{service} refuses access: {text}", KEYS)
    if code == "NoSuchBucket":
        return TerminalError(f"{service} has no such bucket: {text}", LOCATIONS)
    if 400 <= status < 500 and status not in (408, 429):
        return TerminalError(f"{service} refuses the request: {text}", LOCATIONS)
    return TransientError(f"{service} did not answer, after several attempts: {text}", LATER)


def _database(error: BaseException) -> WattlakeError | None:
    if type(error).__name__ not in ("OperationalError", "InterfaceError", "DBAPIError", "DatabaseError"):
        return None
    text = (str(getattr(error, "orig", error)).strip().splitlines() or [""])[0]
    if DAMAGED.search(text):
        return BrokenHome(f"the catalog's database is damaged: {text}", MEND)
    if "readonly" in text or "unable to open" in text:
        return TerminalError(f"the catalog's database cannot be opened or written: {text}", RIGHTS)
    if NO_SPACE.search(text):
        return _full(text)
    if "locked" in text:
        return TransientError(f"the catalog's database is busy: {text}", "try again")
    if type(getattr(error, "orig", None)).__module__.split(".")[0] != "psycopg2":
        return None
    if REFUSED_BY_POSTGRES.search(text):
        return TerminalError(f"Postgres refuses: {text}", DATABASE)
    return TransientError(f"Postgres did not answer: {text}", LATER)


def _rest(error: BaseException) -> WattlakeError | None:
    return TransientError(f"the catalog did not answer: {type(error).__name__}", LATER)


def _iceberg(error: BaseException) -> WattlakeError | None:
    kind = type(error).__name__
    if kind in ("UnauthorizedError", "ForbiddenError", "OAuthError", "AuthorizationExpiredError"):
        return TerminalError(f"the catalog refuses access: {error}", "check WATTLAKE_CATALOG_URI and its token")
    if kind in ("ServerError", "ServiceUnavailableError", "RESTError", "CommitStateUnknownException"):
        return TransientError(f"the catalog did not answer: {error}", LATER)
    return None
