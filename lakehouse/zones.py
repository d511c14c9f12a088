"""Time zones by their IANA names."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lakehouse.errors import TerminalError

#: Names in the database whose meaning depends on the machine.
NOT_A_PLACE = ("localtime", "posixrules", "Factory")


def zone(name: str) -> ZoneInfo:
    """The IANA zone of that name.

    Raises:
        TerminalError: there is no such zone.
    """
    try:
        if name in NOT_A_PLACE:
            raise ValueError(name)
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise TerminalError(f"{name!r} is no time zone", "use an IANA name such as Europe/Berlin") from error
