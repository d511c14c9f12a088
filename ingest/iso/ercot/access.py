"""Access to ERCOT: its Public API with an account, its MIS without one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from pydantic import Field, SecretStr

from ingest.http import access
from ingest.http.client import Client
from ingest.http.exchange import Ask, Denied, Operator
from ingest.http.secrets import Veiled
from lakehouse.errors import TerminalError

#: Client id of ERCOT's login, the same for everybody (ERCOT developer portal, "Registration and authentication").
ERCOT_CLIENT_ID = "fec253ea-0d06-4272-a5e6-b478baeecd70"
#: ERCOT's tokens are valid for 3600 s; one that is about to end is renewed before.
TOKEN_S = 3600
TOKEN_MARGIN_S = 120
#: Least time for which a token is used, even if it states a shorter validity, because logins may be limited.
TOKEN_AT_LEAST_S = 60
#: Number of tokens refused early that are renewed in a run.
RENEWALS = 5

ERCOT_ACCOUNT = (
    "set WATTLAKE_ERCOT_USERNAME, WATTLAKE_ERCOT_PASSWORD and WATTLAKE_ERCOT_SUBSCRIPTION_KEY; register at "
    "https://apiexplorer.ercot.com (Products, Public API) for the key"
)


class Access(access.Access):
    """ERCOT's base URLs, and an account if there is one."""

    ercot_username: access.User = Field(default=None, description="account at ERCOT's Public API")
    ercot_password: access.Secret = Field(default=None, description="password of that account")
    ercot_subscription_key: access.Key = Field(default=None, description="its subscription key (Public API)")
    ercot_api_url: access.AccountUrl = "https://api.ercot.com/api/public-reports"
    ercot_token_url: access.AccountUrl = (
        "https://ercotb2c.b2clogin.com/ercotb2c.onmicrosoft.com/B2C_1_PUBAPI-ROPC-FLOW/oauth2/v2.0/token"
    )
    ercot_mis_url: access.BaseUrl = "https://www.ercot.com"

    @property
    def has_ercot_account(self) -> bool:
        """Whether all three of ERCOT's credentials are set."""
        return bool(self.ercot_username and self.ercot_password and self.ercot_subscription_key)

    @property
    def account(self) -> access.Account:
        """See `ingest.http.access.Access`."""
        return access.account_of(
            (self.ercot_username, self.ercot_password, self.ercot_subscription_key),
            "the MIS gives the last 5 to 31 days of prices, and 60-day disclosures of four years", ERCOT_ACCOUNT,
        )  # fmt: skip

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
        """No limit is published; the rate is twice that of the Public API."""
        return Operator(
            "ERCOT's MIS", (self.ercot_mis_url,), every_s=1.0, at_once=2, wait_s=5.0,
            forbidden="ERCOT answers addresses in the United States only, and no VPN: run it from there",
        )  # fmt: skip

    @cached_property
    def ercot_credentials(self) -> ErcotToken:
        """The credentials that the Public API needs with every request.

        Raises:
            Denied: there is no account.
        """
        if not (self.ercot_username and self.ercot_password and self.ercot_subscription_key):
            raise Denied("ERCOT's Public API needs an account, and none is set", ERCOT_ACCOUNT)
        return ErcotToken(self.ercot_login, self.ercot_token_url, self.ercot_username, self.ercot_password,
                          self.ercot_subscription_key)  # fmt: skip


@dataclass
class ErcotToken:
    """ERCOT's subscription key, and a token that is fetched with the account by a form and renewed in time."""

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
        """See `ingest.http.exchange.Credentials`.

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
        """See `ingest.http.exchange.Credentials`; another request may have had the token renewed meanwhile."""
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
            answer = await client.json(Ask(self.operator, self.url, form=form, account=account,
                                          accept="application/json"))  # fmt: skip
        except TerminalError as error:
            raise Denied(error.message, self.next_step) from None
        token = (answer.get("id_token") or answer.get("access_token")) if isinstance(answer, dict) else None
        if not isinstance(token, str) or re.fullmatch("[!-~]+", token) is None:
            raise Denied("ERCOT's login gives no token", self.next_step)
        self._token = SecretStr(token)
        client.secrets.add(token)
        try:
            lasts_s = float(answer.get("expires_in", TOKEN_S))
        except (TypeError, ValueError):
            lasts_s = TOKEN_S
        lasts_s = min(lasts_s, TOKEN_S) if lasts_s >= TOKEN_AT_LEAST_S else TOKEN_AT_LEAST_S
        self._until = asked_at + timedelta(seconds=max(lasts_s - TOKEN_MARGIN_S, lasts_s / 2))
