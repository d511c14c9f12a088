"""Access to NYISO: static files, which need no account."""

from __future__ import annotations

from functools import cached_property

from ingest.http import access
from ingest.http.exchange import Operator


class Access(access.Access):
    """The base URL of NYISO's files."""

    nyiso_url: access.BaseUrl = "https://mis.nyiso.com"

    @cached_property
    def nyiso(self) -> Operator:
        """Static files; no limit is published."""
        return Operator("NYISO", (self.nyiso_url,), every_s=0.25, at_once=4, wait_s=2.0)
