"""Access to ISO-NE: web services with an account, public documents without one."""

from __future__ import annotations

from functools import cached_property

from pydantic import Field

from ingest.http import access
from ingest.http.access import Basic
from ingest.http.exchange import Denied, Operator

#: A page to fetch before iso-ne.com serves documents, because it sets their cookie.
ISONE_COOKIE_PAGE = "/isoexpress/web/reports/operations/-/tree/gen-fuel-mix"


ISONE_ACCOUNT = (
    "set WATTLAKE_ISONE_USERNAME and WATTLAKE_ISONE_PASSWORD; register at https://www.iso-ne.com (ISO Express) for them"
)


class Access(access.Access):
    """ISO-NE's base URLs, and an account if there is one."""

    isone_username: access.User = Field(default=None, description="account at ISO-NE's web services")
    isone_password: access.Secret = Field(default=None, description="password of that account")
    isone_api_url: access.AccountUrl = "https://webservices.iso-ne.com/api/v1.1"
    isone_public_url: access.BaseUrl = "https://www.iso-ne.com"

    @property
    def has_isone_account(self) -> bool:
        """Whether both of ISO-NE's credentials are set."""
        return bool(self.isone_username and self.isone_password)

    @property
    def account(self) -> access.Account:
        """See `ingest.http.access.Access`."""
        return access.account_of((self.isone_username, self.isone_password), "its public files are used", ISONE_ACCOUNT)

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
    def isone_credentials(self) -> Basic:
        """The credentials that ISO-NE's web services need with every request.

        Raises:
            Denied: there is no account.
        """
        if not (self.isone_username and self.isone_password):
            raise Denied("ISO-NE's web services need an account, and none is set", ISONE_ACCOUNT)
        return Basic(self.isone_username, self.isone_password, ISONE_ACCOUNT)
