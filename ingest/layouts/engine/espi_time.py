"""The calendar of a Green Button feed: LocalTimeParameters to an IANA zone. It never shifts instants, which are UTC."""

from __future__ import annotations

from ingest.layouts.engine.espi_feed import Entry, Feed, whole_number

#: Month in which daylight saving time begins and ends: the first hexadecimal digit of its rules (ESPI, DstRuleType).
_RULES = {("3", "B"): "America", ("3", "A"): "Europe"}
#: Offset of standard time in hours → zone with its continent's rules for changing clocks.
_ZONES: dict[str, dict[float, str]] = {
    "America": {
        -3.5: "America/St_Johns", -4: "America/Halifax", -5: "America/New_York", -6: "America/Chicago",
        -7: "America/Denver", -8: "America/Los_Angeles", -9: "America/Anchorage",
    },
    "Europe": {0: "Europe/London", 1: "Europe/Berlin", 2: "Europe/Athens"},
}  # fmt: skip


def calendar_zone(feed: Feed, point: Entry | None) -> str | None:
    """Zone of a usage point's calendar: one with the stated changes, or with a fixed offset; None: not stated."""
    found = [] if point is None else feed.linked("LocalTimeParameters", point)
    found = found or feed.of("LocalTimeParameters")
    if not found or any(one.fields != found[0].fields for one in found):
        return None
    fields = found[0].fields
    offset_s, saved_s = whole_number(fields.get("tzOffset")), whole_number(fields.get("dstOffset"))
    if offset_s is None or abs(offset_s) > 14 * 3600:
        return None
    hours = offset_s / 3600
    months = (fields.get("dstStartRule", "")[:1].upper(), fields.get("dstEndRule", "")[:1].upper())
    if saved_s:
        zone = _ZONES.get(_RULES.get(months, ""), {}).get(hours)
        if zone is not None:
            return zone
    return "UTC" if not hours else f"Etc/GMT{-int(hours):+d}" if hours.is_integer() else None
