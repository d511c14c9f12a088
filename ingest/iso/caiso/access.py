"""Access to CAISO: OASIS, which needs no account."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Self

from pydantic import Field

from ingest.http import access
from ingest.http.exchange import Operator


class Access(access.Access):
    """The base URL of OASIS, and the nodes to download."""

    caiso_url: access.BaseUrl = "https://oasis.caiso.com"
    caiso_nodes: str = Field(
        default="TH_NP15_GEN-APND,TH_SP15_GEN-APND,TH_ZP26_GEN-APND",
        description="nodes that are downloaded of CAISO, separated by commas",
    )

    @property
    def caiso_node_names(self) -> tuple[str, ...]:
        """Nodes of CAISO, each once, in order."""
        return tuple(dict.fromkeys(name.strip() for name in self.caiso_nodes.split(",") if name.strip()))

    @property
    def account(self) -> access.Account:
        """See `ingest.http.access.Access`."""
        return access.Account(f"needs no account; nodes: {', '.join(self.caiso_node_names) or 'none'}")

    def at(self, locations: Sequence[str]) -> Self:
        """See `ingest.http.access.Access`."""
        return self.model_copy(update={"caiso_nodes": ",".join(locations)})

    @cached_property
    def caiso(self) -> Operator:
        """One request every 5 s for the whole host (by the text of OASIS' 429), and a bit more for queues."""
        return Operator("CAISO's OASIS", (self.caiso_url,), every_s=5.2, at_once=1, wait_s=5.2)
