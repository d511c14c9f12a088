"""Parameters of deployed flows, as the Prefect UI shows and checks them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ingest.registry import feeds, market_feeds
from lakehouse.errors import TerminalError
from lakehouse.source import LandOptions
from lakehouse.zones import zone

#: Choices, so that the UI shows a list and the server refuses anything else when a run is asked for. They are computed
#: because a new source must not need a line here.
SourceName = Literal[tuple(feeds())]
#: Sources of devices: market feeds have deployments of their own.
DeviceSource = Literal[tuple(name for name in feeds() if name not in market_feeds())]
MarketFeed = Literal[tuple(market_feeds())]


class FileOptions(BaseModel):
    """What the files do not say of themselves. An empty field lets the file or its layout decide.

    Texts are empty rather than None: the UI shows a plain field for the one and two buttons for the other.
    """

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True)

    asset: str = Field("", description="asset_id for everything in the files; else from the bytes or the path")
    site: str = Field("", description="site id; prefixes every asset_id as site/")
    timezone: str = Field(
        "", description="IANA zone of stamps without an offset, e.g. Africa/Johannesburg; else the layout's"
    )
    site_timezone: str = Field("", description="IANA zone of the calendar, where it is not that of the stamps")
    simulated: bool = Field(False, description="the files come from a simulator; needs a home of its own")
    max_power_kw: float | None = Field(None, gt=0, description="connection limit of the site in kW")
    capacity_kwh: float | None = Field(None, gt=0, description="usable energy of the battery in kWh")
    layout: str = Field("", description="read with this layout; else it is recognised by content")

    @field_validator("timezone", "site_timezone")
    @classmethod
    def _known(cls, value: str) -> str:
        if value:
            try:
                zone(value)
            except TerminalError as error:
                raise ValueError(error.message) from error
        return value

    def land_options(self) -> LandOptions:
        """As the plain functions take them."""
        return LandOptions(**{name: None if value == "" else value for name, value in self})
