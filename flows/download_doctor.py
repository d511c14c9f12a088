"""The doctor's checks of feed providers: accounts that are set, and variables that the others need."""

from __future__ import annotations

from collections.abc import Iterator

from ingest.http.access import of_environment
from ingest.registry import access_kinds, providers
from lakehouse.settings import Settings
from lakehouse.upkeep.doctor_downloads import CHECKS as DOWNLOADS
from lakehouse.upkeep.finding import Check, Finding

#: Environment variables of providers.
VARIABLES = frozenset(f"WATTLAKE_{name.upper()}" for kind in access_kinds().values() for name in kind.model_fields)


def _accounts(settings: Settings) -> Iterator[Finding]:
    """Report accounts without asking a server, because wrong passwords may lock an account."""
    reached = {name: of_environment(kind) for name, kind in access_kinds().items()}
    for provider in providers():
        account = reached[provider.name].account
        status = "warning" if account.is_partial else "ok"
        yield Finding(provider.title, status, account.says, account.next_step)


CHECKS: dict[str, Check] = {"accounts": _accounts, **DOWNLOADS}
