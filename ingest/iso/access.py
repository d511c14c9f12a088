"""How each market operator is reached: base URLs, accounts, pace. Read from `WATTLAKE_*` like every other setting."""

from __future__ import annotations

import asyncio
import base64
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingest.http.client import Client
from ingest.http.exchange import Ask, Denied, Operator, Veiled
from lakehouse.errors import TerminalError

#: Client id of ERCOT's login, the same for everybody (ERCOT developer portal, "Registration and authentication").
ERCOT_CLIENT_ID = "fec253ea-0d06-4272-a5e6-b478baeecd70"
#: ERCOT's tokens are valid for 3600 s; one that is about to end is renewed before.
TOKEN_S = 3600
TOKEN_MARGIN_S = 120
#: A token is used for so long, even if it says that it is valid for less: each login may be counted.
TOKEN_AT_LEAST_S = 60
#: So many tokens that are refused before their time are renewed in a run.
RENEWALS = 5
#: A page that has to be seen before iso-ne.com gives documents: it sets their cookie.
ISONE_COOKIE_PAGE = "/isoexpress/web/reports/operations/-/tree/gen-fuel-mix"

ERCOT_ACCOUNT = (
    "set WATTLAKE_ERCOT_USERNAME, WATTLAKE_ERCOT_PASSWORD and WATTLAKE_ERCOT_SUBSCRIPTION_KEY; register at "
    "https://apiexplorer.ercot.com (Products, Public API) for the key"
)
ISONE_ACCOUNT = (
    "set WATTLAKE_ISONE_USERNAME and WATTLAKE_ISONE_PASSWORD; register at https://www.iso-ne.com (ISO Express) for them"
)


class Access(BaseSettings):
    """Base URLs and accounts of the operators. Nothing is needed for CAISO and NYISO."""

    model_config = SettingsConfigDict(env_prefix="WATTLAKE_", frozen=True, hide_input_in_errors=True)

    ercot_username: str | None = Field(default=None, description="account at ERCOT's Public API")
    ercot_password: SecretStr | None = Field(default=None, description="password of that account")
    ercot_subscription_key: SecretStr | None = Field(default=None, description="its subscription key (Public API)")
    ercot_api_url: str = "https://api.ercot.com/api/public-reports"
    ercot_token_url: str = (
        "https://ercotb2c.b2clogin.com/ercotb2c.onmicrosoft.com/B2C_1_PUBAPI-ROPC-FLOW/oauth2/v2.0/token"
    )
    ercot_mis_url: str = "https://www.ercot.com"
    caiso_url: str = "https://oasis.caiso.com"
    caiso_nodes: str = Field(
        default="TH_NP15_GEN-APND,TH_SP15_GEN-APND,TH_ZP26_GEN-APND",
        description="nodes that are downloaded of CAISO, separated by commas",
    )
    isone_username: str | None = Field(default=None, description="account at ISO-NE's web services")
    isone_password: SecretStr | None = Field(default=None, description="password of that account")
    isone_api_url: str = "https://webservices.iso-ne.com/api/v1.1"
    isone_public_url: str = "https://www.iso-ne.com"
    nyiso_url: str = "https://mis.nyiso.com"

    @field_validator("ercot_api_url", "ercot_token_url", "ercot_mis_url", "caiso_url", "isone_api_url",
                     "isone_public_url", "nyiso_url")  # fmt: skip
    @classmethod
    def _base(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise ValueError("must begin with https:// (or http:// on this machine)")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("must hold no user, password or query: an account has settings of its own")
        return value.rstrip("/")

    @field_validator("ercot_api_url", "ercot_token_url", "isone_api_url")
    @classmethod
    def _enciphered(cls, value: str) -> str:
        if value.startswith("http://") and urlsplit(value).hostname not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError("must begin with https://: an account is sent there")
        return value

    @field_validator("ercot_username", "isone_username")
    @classmethod
    def _user(cls, value: str | None) -> str | None:
        return value.strip() if value else None

    @field_validator("ercot_password", "ercot_subscription_key", "isone_password")
    @classmethod
    def _secret(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        """Files of secrets end with a line break that is no part of them."""
        text = value.get_secret_value().strip("\r\n") if value else ""
        if any(unicodedata.category(character) == "Cc" for character in text):
            raise ValueError("must be one line without control characters")
        if info.field_name == "ercot_subscription_key" and not (text := text.strip()).isascii():
            raise ValueError("must consist of letters and digits")
        return SecretStr(text) if text else None

    @property
    def secrets(self) -> list[str]:
        """Texts that must never be shown."""
        held = (self.ercot_password, self.ercot_subscription_key, self.isone_password)
        return [secret.get_secret_value() for secret in held if secret and secret.get_secret_value()]

    @property
    def has_ercot_account(self) -> bool:
        """Whether all three of ERCOT's credentials are set."""
        return bool(self.ercot_username and self.ercot_password and self.ercot_subscription_key)

    @property
    def has_isone_account(self) -> bool:
        """Whether both of ISO-NE's credentials are set."""
        return bool(self.isone_username and self.isone_password)

    @property
    def caiso_node_names(self) -> tuple[str, ...]:
        """Nodes of CAISO, each once, in order."""
        return tuple(dict.fromkeys(name.strip() for name in self.caiso_nodes.split(",") if name.strip()))

    @cached_property
    def ercot_api(self) -> Operator:
        """30 requests a minute (ERCOT developer portal), so one every 2 s: a burst would spend the minute's share."""
        return Operator(
            "ERCOT", (self.ercot_api_url,), every_s=2.0, at_once=2, wait_s=10.0,
            forbidden=f"ERCOT answers addresses in the United States only, and no VPN; or {ERCOT_ACCOUNT}",
        )  # fmt: skip

    @cached_property
    def ercot_login(self) -> Operator:
        """ERCOT's login, on a host of its own."""
        return Operator("ERCOT's login", (self.ercot_token_url,), every_s=1.0, at_once=1, wait_s=5.0,
                        forbidden=ERCOT_ACCOUNT)  # fmt: skip

    @cached_property
    def ercot_mis(self) -> Operator:
        """No limit is published; asked no faster than the Public API allows twice."""
        return Operator(
            "ERCOT's MIS", (self.ercot_mis_url,), every_s=1.0, at_once=2, wait_s=5.0,
            forbidden="ERCOT answers addresses in the United States only, and no VPN: run it from there",
        )  # fmt: skip

    @cached_property
    def caiso(self) -> Operator:
        """One request every 5 s for the whole host (OASIS' words in its 429), and a bit more for queues."""
        return Operator("CAISO's OASIS", (self.caiso_url,), every_s=5.2, at_once=1, wait_s=5.2)

    @cached_property
    def isone_api(self) -> Operator:
        """Answers 429 without a published limit: waits of 5 s, doubled."""
        return Operator("ISO-NE's web services", (self.isone_api_url,), every_s=0.5, at_once=2, wait_s=5.0,
                        forbidden=ISONE_ACCOUNT)  # fmt: skip

    @cached_property
    def isone_public(self) -> Operator:
        """Public documents of iso-ne.com."""
        return Operator("ISO-NE", (self.isone_public_url,), every_s=0.5, at_once=2, wait_s=5.0,
                        forbidden="wait an hour; or " + ISONE_ACCOUNT)  # fmt: skip

    @cached_property
    def nyiso(self) -> Operator:
        """Static files; no limit is published."""
        return Operator("NYISO", (self.nyiso_url,), every_s=0.25, at_once=4, wait_s=2.0)

    @cached_property
    def ercot_credentials(self) -> ErcotToken:
        """What the Public API needs with every request.

        Raises:
            Denied: there is no account.
        """
        if not (self.ercot_username and self.ercot_password and self.ercot_subscription_key):
            raise Denied("ERCOT's Public API needs an account, and none is set", ERCOT_ACCOUNT)
        return ErcotToken(self.ercot_login, self.ercot_token_url, self.ercot_username, self.ercot_password,
                          self.ercot_subscription_key)  # fmt: skip

    @cached_property
    def isone_credentials(self) -> Basic:
        """What ISO-NE's web services need with every request.

        Raises:
            Denied: there is no account.
        """
        if not (self.isone_username and self.isone_password):
            raise Denied("ISO-NE's web services need an account, and none is set", ISONE_ACCOUNT)
        return Basic(self.isone_username, self.isone_password)


def access_of_environment() -> Access:
    """How operators are reached by the environment.

    Raises:
        TerminalError: a variable is wrong; holds no value of one.
    """
    try:
        return Access()
    except ValidationError as error:
        problems = "; ".join(f"WATTLAKE_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors())
        raise TerminalError(f"a setting is wrong: {problems}", "mend the environment variable") from None


@dataclass
class ErcotToken:
    """ERCOT's subscription key and a token that is asked for with the account, by a form, and renewed in time."""

    operator: Operator
    url: str
    username: str
    password: SecretStr
    key: SecretStr
    next_step: str = ERCOT_ACCOUNT
    account: None = None  # its requests carry a token
    _token: SecretStr | None = None
    _until: datetime | None = None
    _renewals: int = 0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def headers(self, client: Client) -> Mapping[str, str]:
        """See `ingest.http.client.Credentials`.

        Raises:
            TransientError, TerminalError: the login gives no token.
        """
        async with self._lock:
            if self._token is None or self._until is None or client.now() >= self._until:
                await self._log_in(client)
        assert self._token is not None
        return {
            "Authorization": Veiled(f"Bearer {self._token.get_secret_value()}"),
            "Ocp-Apim-Subscription-Key": Veiled(self.key.get_secret_value()),
        }

    def renew(self, sent: Mapping[str, str]) -> bool:
        """See `ingest.http.client.Credentials`; another request may have had the token renewed meanwhile."""
        if self._token and sent["Authorization"] == f"Bearer {self._token.get_secret_value()}":
            if self._renewals == RENEWALS:
                return False
            self._renewals += 1
            self._token = None
        return True

    async def _log_in(self, client: Client) -> None:
        form = {
            "grant_type": "password", "response_type": "id_token", "client_id": ERCOT_CLIENT_ID,
            "scope": f"openid {ERCOT_CLIENT_ID} offline_access",
            "username": self.username, "password": Veiled(self.password.get_secret_value()),
        }  # fmt: skip
        account = Veiled(f"{self.username}\n{self.password.get_secret_value()}")
        asked_at = client.now()
        try:
            said = await client.json(Ask(self.operator, self.url, form=form, account=account,
                                          accept="application/json"))  # fmt: skip
        except TerminalError as error:
            raise Denied(error.message, self.next_step) from None
        token = (said.get("id_token") or said.get("access_token")) if isinstance(said, dict) else None
        if not isinstance(token, str) or re.fullmatch("[!-~]+", token) is None:
            raise Denied("ERCOT's login gives no token", self.next_step)
        self._token = SecretStr(token)
        client.hide(token)
        try:
            lasts_s = float(said.get("expires_in", TOKEN_S))
        except (TypeError, ValueError):
            lasts_s = TOKEN_S
        lasts_s = min(lasts_s, TOKEN_S) if lasts_s >= TOKEN_AT_LEAST_S else TOKEN_AT_LEAST_S
        self._until = asked_at + timedelta(seconds=max(lasts_s - TOKEN_MARGIN_S, lasts_s / 2))


@dataclass(frozen=True)
class Basic:
    """HTTP Basic."""

    username: str
    password: SecretStr
    next_step: str = ISONE_ACCOUNT

    @property
    def account(self) -> str:
        """See `ingest.http.client.Credentials`."""
        return Veiled(f"{self.username}:{self.password.get_secret_value()}")

    async def headers(self, client: Client) -> Mapping[str, str]:
        """See `ingest.http.client.Credentials`."""
        coded = base64.b64encode(self.account.encode()).decode()
        client.hide(coded)
        return {"Authorization": Veiled(f"Basic {coded}")}

    def renew(self, sent: Mapping[str, str]) -> bool:
        """See `ingest.http.client.Credentials`."""
        return False
