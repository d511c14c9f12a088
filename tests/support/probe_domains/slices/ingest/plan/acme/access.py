"""How Acme is reached: it needs no account."""

from __future__ import annotations

from functools import cached_property

from ingest.http import access
from ingest.http.exchange import Operator


class Access(access.Access):
    """The base URL of Acme."""

    acme_url: access.BaseUrl = "https://acme.example"

    @cached_property
    def acme(self) -> Operator:
        """It is asked one thing at a time."""
        return Operator("Acme", (self.acme_url,), every_s=0.0, at_once=1, wait_s=0.1)
