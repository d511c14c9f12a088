"""How a provider is reached: base URLs and accounts, read from `WATTLAKE_*` like every other setting.

A provider's folder has a class of its own, `Access`, whose fields are of the types below.
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
    """Files of secrets end with a line break that is no part of them."""
    text = value.get_secret_value().strip("\r\n") if value else ""
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise ValueError("must be one line without control characters")
    return SecretStr(text) if text else None


def _key(value: SecretStr | None) -> SecretStr | None:
    text = value.get_secret_value().strip() if value else ""
    if not text.isascii():
        raise ValueError("must consist of letters and digits")
    return SecretStr(text) if text else None


#: Base of what is asked for.
BaseUrl = Annotated[str, AfterValidator(_base)]
#: Base of what an account is sent to.
AccountUrl = Annotated[str, AfterValidator(_base), AfterValidator(_enciphered)]
User = Annotated[str | None, AfterValidator(_user)]
Secret = Annotated[SecretStr | None, AfterValidator(_secret)]
#: A secret that goes into a header as it is.
Key = Annotated[SecretStr | None, AfterValidator(_secret), AfterValidator(_key)]


@dataclass(frozen=True)
class Account:
    """What is set of an account; nothing of it is tried.

    Args:
        says: in words.
        next_step: what to set; '' where nothing need be.
        is_partial: a part of it is set, which is of no use.
    """

    says: str
    next_step: str = ""
    is_partial: bool = False


class Access(BaseSettings):
    """Base URLs and accounts of one provider."""

    model_config = SettingsConfigDict(env_prefix="WATTLAKE_", frozen=True, hide_input_in_errors=True)

    @property
    def secrets(self) -> list[str]:
        """Texts that must never be shown."""
        values = (getattr(self, name) for name in type(self).model_fields)
        return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]

    @property
    def account(self) -> Account:
        """What is set of the account, for the doctor."""
        return Account("needs no account")

    def at(self, locations: Sequence[str]) -> Self:
        """The same for these locations alone.

        Raises:
            WrongUsage: the provider's documents hold all locations.
        """
        raise WrongUsage("there is no choice of locations: its documents hold all", "leave it out")


def account_of(given: Sequence[object], without: str, next_step: str) -> Account:
    """What is set of an account that all of some settings make.

    Args:
        given: values of the settings.
        without: what is done without an account.
        next_step: how to have one.
    """
    if all(given):
        return Account("an account is set; it was not tried")
    if any(given):
        return Account(f"a part of its account is set, so {without}", next_step, is_partial=True)
    return Account(f"no account is set: {without}", next_step)


A = TypeVar("A", bound=Access)


def of_environment(kind: type[A]) -> A:
    """How a provider is reached by the environment.

    Raises:
        TerminalError: a variable is wrong; holds no value of one.
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
