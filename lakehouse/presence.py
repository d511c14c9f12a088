"""Whether the home holds anything, and whether its assets are real or simulated."""

from __future__ import annotations

import json
import os
import uuid
from itertools import islice

from lakehouse.errors import MEND, BrokenHome, TerminalError
from lakehouse.settings import Settings
from lakehouse.storage import storage_at
from lakehouse.uris import is_sqlite, sqlite_path

#: File in a home that says which kind of assets the home holds.
MARKER = "home.json"


def holds_a_house(settings: Settings) -> bool:
    """Whether the home holds anything: a catalog, marts, or received bytes. A catalog on a server counts."""
    if not is_sqlite(settings.catalog_uri) or sqlite_path(settings.catalog_uri).exists():
        return True
    if settings.marts_path.exists():
        return True
    return any(True for _ in islice(storage_at(settings, settings.archive).list(settings.archive), 1))


def require_house(settings: Settings) -> None:
    """Refuse a home that holds nothing, such as that of a mistyped WATTLAKE_HOME; nothing is created there.

    Raises:
        TerminalError: the home holds nothing.
    """
    if not holds_a_house(settings):
        named = "" if "WATTLAKE_HOME" in os.environ else " (WATTLAKE_HOME is not set)"
        raise TerminalError(
            f"there is no Wattlake home in {settings.root}{named}",
            "set WATTLAKE_HOME to a home; or begin one with `wattlake land` or `wattlake demo`",
        )


def claim_home(settings: Settings, simulated: bool) -> None:
    """Mark the home as holding real or simulated assets; refuse to mix the two.

    Raises:
        TerminalError: the home holds the other kind.
        BrokenHome: it is unknown what the home holds.
    """
    marker = settings.root / MARKER
    settings.root.mkdir(parents=True, exist_ok=True)
    written = marker.with_name(f".{marker.name}.{uuid.uuid4().hex}")
    written.write_text(_marked(simulated))
    try:
        os.link(written, marker)  # atomic, and only the first one succeeds
    except FileExistsError:
        held, kind = kind_held(settings), _kind(simulated)
        if held is None:
            raise BrokenHome(f"{marker} is damaged and no longer says which assets the home holds", MEND) from None
        if held != kind:
            raise TerminalError(
                f"{settings.root} holds {held} assets and cannot take {kind} ones",
                "use another home: set WATTLAKE_HOME to a folder of its own",
            ) from None
    finally:
        written.unlink()


def kind_held(settings: Settings) -> str | None:
    """'real' or 'simulated', from the marker; None if it is damaged or absent."""
    try:
        held = json.loads((settings.root / MARKER).read_text())["assets"]
    except (FileNotFoundError, IsADirectoryError, ValueError, KeyError, TypeError):
        return None
    return held if held in ("real", "simulated") else None


def mark_again(settings: Settings, simulated: bool) -> None:
    """Write the marker again."""
    (settings.root / MARKER).write_text(_marked(simulated))


def _kind(simulated: bool) -> str:
    return "simulated" if simulated else "real"


def _marked(simulated: bool) -> str:
    return json.dumps({"assets": _kind(simulated)})
