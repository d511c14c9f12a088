"""Land options: what the user may say about files. The command line, Prefect's forms and the sources use them.

The module imports no library, because the command line is built from it at every start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

#: Kind of an option's value: any text, an IANA zone, the name of a layout, a positive number, or on and off.
Kind = Literal["text", "zone", "layout", "positive", "switch"]

#: Files in each commit of a history or an inbox: a batch is staged on disk and put away as one.
BATCH_FILES = 200


def _option(help: str, kind: Kind) -> Any:
    return field(default=False if kind == "switch" else None, metadata={"help": help, "kind": kind})


@dataclass(frozen=True)
class LandOptions:
    """What the user says about the files; None means that the layout decides. Help texts are in the metadata."""

    asset: str | None = _option("asset_id for everything in the files; else from the bytes or the path", "text")
    site: str | None = _option("site id; prefixes every asset_id as SITE/", "text")
    timezone: str | None = _option(
        "IANA zone of stamps without an offset (default: the layout's, else Europe/Berlin)", "zone"
    )
    site_timezone: str | None = _option("IANA zone of the calendar, where it is not that of the stamps", "zone")
    simulated: bool = _option("what lands comes from a simulator; needs a home of its own", "switch")
    max_power_kw: float | None = _option("connection limit of the site in kW (default 17.25)", "positive")
    capacity_kwh: float | None = _option("usable energy of the battery in kWh", "positive")
    layout: str | None = _option("read with this layout instead of recognising one by content", "layout")

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> LandOptions:
        """The options in a recorded request, beside whatever else it holds."""
        return cls(**{option.name: request[option.name] for option in fields(cls) if option.name in request})
