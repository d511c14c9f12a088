"""Parameters of deployed flows, which the Prefect UI shows and checks."""

from __future__ import annotations

from dataclasses import Field, fields
from typing import Any, Literal

import pydantic
from pydantic import BaseModel, ConfigDict, create_model, field_validator

from flows.names import downloads
from ingest.registry import feeds, provided_feeds
from lakehouse.errors import TerminalError
from lakehouse.options import LandOptions
from lakehouse.zones import zone

#: Choices, so that the UI shows a list and the server refuses anything else. They are computed, because a new source
#: must not need a line here.
SourceName = Literal[tuple(feeds())]
#: Sources of files alone, each with an inbox of its own; the feeds of providers have one in common.
FileSource = Literal[tuple(name for name in feeds() if name not in provided_feeds())]
DownloadedFeed = Literal[downloads()]


class _FileOptions(BaseModel):
    """What the files do not say of themselves. An empty field lets the file or its layout decide.

    Texts are empty rather than None: the UI shows a plain field for the one and two buttons for the other.
    """

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True)

    @field_validator("timezone", "site_timezone", check_fields=False)
    @classmethod
    def _known(cls, value: str) -> str:
        if value:
            try:
                zone(value)
            except TerminalError as error:
                raise ValueError(error.message) from error
        return value

    def land_options(self) -> LandOptions:
        """The options for the plain functions."""
        return LandOptions(**{name: None if value == "" else value for name, value in self})


def _field(option: Field[Any]) -> tuple[Any, Any]:
    """A land option as a field of a form."""
    help_text = option.metadata["help"]
    match option.metadata["kind"]:
        case "switch":
            return bool, pydantic.Field(False, description=help_text)
        case "positive":
            return float | None, pydantic.Field(None, gt=0, description=help_text)
        case _:
            return str, pydantic.Field("", description=help_text)


FileOptions = create_model(
    "FileOptions",
    __base__=_FileOptions,
    __doc__=_FileOptions.__doc__,
    **{option.name: _field(option) for option in fields(LandOptions)},
)
