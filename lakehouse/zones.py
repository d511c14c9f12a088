"""Time zones by their IANA names."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lakehouse.errors import TerminalError

#: Names in a machine's database whose meaning depends on the machine, and its folders of copies: those below `right`
#: count leap seconds (27 by 2017), and DuckDB knows neither.
NOT_A_PLACE = ("localtime", "posixrules", "Factory")
COPIES = ("posix/", "right/")


def zone(name: str) -> ZoneInfo:
    """The IANA zone of that name.

    Raises:
        TerminalError: there is no such zone.
    """
    try:
        if name in NOT_A_PLACE or name.startswith(COPIES):
            raise ValueError(name)
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: a folder of the database, such as Europe
        raise TerminalError(f"{name!r} is no time zone", "use an IANA name such as Europe/Berlin") from error
