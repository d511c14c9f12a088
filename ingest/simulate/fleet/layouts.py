"""Headers of the 60-day disclosures as they were in each era, column by column."""

from __future__ import annotations

from datetime import date

#: RRS is called RRSPF and RRSFF in these columns at first; they do not exist before the first of these days.
CAPABILITY_HAS_RRS, CAPABILITY_RENAMED = date(2025, 12, 21), date(2026, 6, 1)


def _points(name: str, points: int) -> list[str]:
    return [f"{name}-{what}{point}" for point in range(1, points + 1) for what in ("MW", "Price")]


_WHO = ["QSE", "DME", "Resource Name", "Resource Type"]
_STAMP = ["SCED Time Stamp", "Repeated Hour Flag"]
SCED_CURVES = _points("SCED1 Curve", 35) + _points("SCED2 Curve", 35)
SCED_OFFER = [
    "Bid_Type", "Start Up Cold Offer", "Start Up Hot Offer", "Start Up Inter Offer", "Min Gen Cost",
    *_points("Submitted TPO", 10), "Proxy Extension",
]  # fmt: skip
SCED_BID = _points("SCED Bid to Buy Curve", 10)

#: DAM Gen Resource Data and, since RTC+B, DAM ESR Data.
DAM_RESOURCES = [
    "Delivery Date", "Hour Ending", *_WHO, *_points("QSE submitted Curve", 10),
    "Start Up Hot", "Start Up Inter", "Start Up Cold", "Min Gen Cost", "HSL", "LSL", "Resource Status",
    "Awarded Quantity", "Settlement Point Name", "Energy Settlement Point Price",
    "RegUp Awarded", "RegUp MCPC", "RegDown Awarded", "RegDown MCPC", "RRSPFR Awarded", "RRSFFR Awarded",
    "RRSUFR Awarded", "RRS MCPC", "ECRSSD Awarded", "ECRS MCPC", "NonSpin Awarded", "NonSpin MCPC",
]  # fmt: skip
DAM_LOADS = [
    "Delivery Date", "Hour Ending", "Load Resource Name", "Max Power Consumption for Load Resource",
    "Low Power Consumption for Load Resource", "RegUp Awarded", "RegUp MCPC", "RegDown Awarded", "RegDown MCPC",
    "RRSPFR Awarded", "RRSFFR Awarded", "RRSUFR Awarded", "RRS MCPC", "ECRSSD Awarded", "ECRSMD Awarded", "ECRS MCPC",
    "NonSpin Awarded", "NonSpin MCPC",
]  # fmt: skip
#: Until RTC+B; the blank after "Net Output" is in the files.
SCED_GENERATORS = [
    *_STAMP, *_WHO, *SCED_CURVES, "Output Schedule", "HSL", "HASL", "HDL", "LSL", "LASL", "LDL",
    "Telemetered Resource Status", "Base Point", "Telemetered Net Output ", "Ancillary Service REGUP",
    "Ancillary Service REGDN", "Ancillary Service RRS", "Ancillary Service RRSFFR", "Ancillary Service NSRS",
    "Ancillary Service ECRS", *SCED_OFFER,
]  # fmt: skip
SCED_LOADS = [
    *_STAMP, "QSE", "DME", "Resource Name", "Telemetered Resource Status", "Max Power Consumption",
    "Low Power Consumption", "Real Power Consumption", "AS Responsibility for RRS", "AS Responsibility for RRSFFR",
    "AS Responsibility for NonSpin", "AS Responsibility for RegUp", "AS Responsibility for RegDown",
    "AS Responsibility for ECRS", *SCED_BID, "HASL", "HDL", "LASL", "LDL", "Base Point",
]  # fmt: skip
SMNE = ["Interval Time", "Interval Number", "Resource Code", "Interval Value"]
#: Members that are empty on a quiet day.
OVERRIDES = [
    "SCED Timestamp", "Repeated Hour Flag", "Participant Name", "Resource Name", "HDL Original", "HDL Manual",
    "HDL Final", "LDL Original", "LDL Manual", "LDL Final", "Reason Code",
]  # fmt: skip

_AWARDS = [f"AS Awards {product}" for product in ("NSPIN", "RRSFFR", "RRSPFR", "RRSUFR", "ECRS", "REGUP", "REGDN")]


def capability(operating_day: date) -> list[str]:
    """AS Capability columns of a day since RTC+B."""
    names = ["REGUP", "REGDN", "ECRS", "NSPIN"]
    if operating_day >= CAPABILITY_RENAMED:
        names += ["RRSPFR", "RRSFFR"]
    elif operating_day >= CAPABILITY_HAS_RRS:
        names += ["RRSPF", "RRSFF"]
    return [f"AS Capability {name}" for name in names]


def _rtcb(operating_day: date, output: str, storage: list[str]) -> list[str]:
    return [
        *_STAMP, *_WHO, *SCED_CURVES, "Output Schedule", "HSL", "HDL", "LSL", "LDL", "Telemetered Resource Status",
        "Base Point", output, "Ramp Rate Up", "Ramp Rate Down", *capability(operating_day), *storage, *_AWARDS,
        *SCED_OFFER,
    ]  # fmt: skip


def sced_storage(operating_day: date) -> list[str]:
    """ESR Data in SCED: 198 columns since 2025-12-21."""
    return _rtcb(operating_day, "Telemetered Net Output", ["State of Charge", "Minimum SOC", "Maximum SOC"])


def sced_generators_rtcb(operating_day: date) -> list[str]:
    """SCED Gen Resource Data since RTC+B: no batteries, and awards in place of responsibilities."""
    return _rtcb(operating_day, "Telemetered Net Output ", [])
