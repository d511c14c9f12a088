"""Access to providers: base URLs and accounts, read from `WATTLAKE_*` like every other setting.

The folder of a provider has its own class `Access`, whose fields are of the types below.
"""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingest.http.client import Client
from ingest.http.secrets import Veiled
from lakehouse.errors import TerminalError, WrongUsage


def _base(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ValueError("must begin with https:// (or http:// on this machine)")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must hold no user, password or query: an account has settings of its own")
    return value.rstrip("/")


def _enciphered(value: str) -> str:
    if value.startswith("http://") and urlsplit(value).hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError("must begin with https://: an account is sent there")
    return value


def _user(value: str | None) -> str | None:
    return value.strip() if value else None


def _secret(value: SecretStr | None) -> SecretStr | None:
    """Strip the line break at the end of a secret from a file."""
    text = value.get_secret_value().strip("\r\n") if value else ""
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise ValueError("must be one line without control characters")
    return SecretStr(text) if text else None


def _key(value: SecretStr | None) -> SecretStr | None:
    text = value.get_secret_value().strip() if value else ""
    if not text.isascii():
        raise ValueError("must consist of letters and digits")
    return SecretStr(text) if text else None


#: Base URL of requests.
BaseUrl = Annotated[str, AfterValidator(_base)]
#: Base URL that accounts are sent to.
AccountUrl = Annotated[str, AfterValidator(_base), AfterValidator(_enciphered)]
User = Annotated[str | None, AfterValidator(_user)]
Secret = Annotated[SecretStr | None, AfterValidator(_secret)]
#: A secret that is sent in a header unchanged.
Key = Annotated[SecretStr | None, AfterValidator(_secret), AfterValidator(_key)]


@dataclass(frozen=True)
class Account:
    """Whether an account is set; it is not tried.

    Args:
        says: the state in words.
        next_step: variables to set; '' if there are none.
        is_partial: whether only a part of it is set, so that it cannot be used.
    """

    says: str
    next_step: str = ""
    is_partial: bool = False


class Access(BaseSettings):
    """Base URLs and accounts of one provider."""

    model_config = SettingsConfigDict(env_prefix="WATTLAKE_", frozen=True, hide_input_in_errors=True)

    @property
    def secrets(self) -> list[str]:
        """Texts that must never be printed."""
        values = (getattr(self, name) for name in type(self).model_fields)
        return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]

    @property
    def account(self) -> Account:
        """The state of the account, for the doctor."""
        return Account("needs no account")

    def at(self, locations: Sequence[str]) -> Self:
        """The same access for these locations only.

        Raises:
            WrongUsage: the provider's documents hold all locations.
        """
        raise WrongUsage("there is no choice of locations: its documents hold all", "leave it out")


def account_of(given: Sequence[object], without: str, next_step: str) -> Account:
    """The state of an account that consists of several settings.

    Args:
        given: values of the settings.
        without: what happens without an account.
        next_step: how to get one.
    """
    if all(given):
        return Account("an account is set; it was not tried")
    if any(given):
        return Account(f"a part of its account is set, so {without}", next_step, is_partial=True)
    return Account(f"no account is set: {without}", next_step)


A = TypeVar("A", bound=Access)


def of_environment(kind: type[A]) -> A:
    """The access of a provider from the environment.

    Raises:
        TerminalError: a variable is wrong; the error has no values.
    """
    try:
        return kind()
    except ValidationError as error:
        problems = "; ".join(f"WATTLAKE_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors())
        raise TerminalError(f"a setting is wrong: {problems}", "mend the environment variable") from None


@dataclass(frozen=True)
class Basic:
    """HTTP Basic; see `ingest.http.exchange.Credentials`."""

    username: str
    password: SecretStr
    next_step: str = "check the account"

    @property
    def account(self) -> str:
        """See `ingest.http.exchange.Credentials`."""
        return Veiled(f"{self.username}:{self.password.get_secret_value()}")

    async def headers(self, client: Client) -> Mapping[str, str]:
        """See `ingest.http.exchange.Credentials`."""
        coded = base64.b64encode(self.account.encode()).decode()
        client.secrets.add(coded)
        return {"Authorization": Veiled(f"Basic {coded}")}

    def renew(self, sent: Mapping[str, str]) -> bool:
        """See `ingest.http.exchange.Credentials`."""
        return False
