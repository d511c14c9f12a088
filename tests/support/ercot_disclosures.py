"""60-day disclosures as they have been laid out over the years: headers, rows, and their landing."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from tests.support.ercot_documents import Document, read

CURVE = [f"QSE submitted Curve-{kind}{n}" for n in range(1, 11) for kind in ("MW", "Price")]
COSTS = ["Start Up Hot", "Start Up Inter", "Start Up Cold", "Min Gen Cost"]
ENERGY = ["HSL", "LSL", "Resource Status", "Awarded Quantity", "Settlement Point Name", "Energy Settlement Point Price"]
REGULATION = ["RegUp Awarded", "RegUp MCPC", "RegDown Awarded", "RegDown MCPC"]
NON_SPIN = ["NonSpin Awarded", "NonSpin MCPC"]
RRS_SPLIT = ["RRSPFR Awarded", "RRSFFR Awarded", "RRSUFR Awarded", "RRS MCPC"]
DAM_KEY = ["Delivery Date", "Hour Ending"]
WHO = ["Resource Name", "Resource Type"]
DAM_2014 = [*DAM_KEY, *WHO, *CURVE, *COSTS, *ENERGY, *REGULATION, "RRS Awarded", "RRS MCPC", *NON_SPIN]
DAM_2021 = [*DAM_KEY, "QSE", "DME", *WHO, *CURVE, *COSTS, *ENERGY, *REGULATION, *RRS_SPLIT, *NON_SPIN]
DAM_2026 = [*DAM_2021[:-2], "ECRSSD Awarded", "ECRS MCPC", *NON_SPIN]
DAM_LOAD_KEY = [
    *DAM_KEY, "Load Resource Name", "Max Power Consumption for Load Resource",
    "Low Power Consumption for Load Resource",
]  # fmt: skip
DAM_LOAD_2014 = [*DAM_LOAD_KEY, *REGULATION, "RRS Awarded", "RRS MCPC", *NON_SPIN]
DAM_LOAD_2026 = [
    *DAM_LOAD_KEY, *REGULATION, *RRS_SPLIT, "ECRSSD Awarded", "ECRSMD Awarded", "ECRS MCPC", *NON_SPIN,
]  # fmt: skip

RUN = ["SCED Time Stamp", "Repeated Hour Flag"]
STEPS = [f"SCED{step} Curve-{kind}{n}" for step in (1, 2) for n in range(1, 36) for kind in ("MW", "Price")]
OFFERS = [
    "Bid_Type", "Start Up Cold Offer", "Start Up Hot Offer", "Start Up Inter Offer", "Min Gen Cost",
    *(f"Submitted TPO-{kind}{n}" for n in range(1, 11) for kind in ("MW", "Price")), "Proxy Extension",
]  # fmt: skip
LIMITS_2014 = [
    "Output Schedule",
    "HSL",
    "HASL",
    "HDL",
    "LSL",
    "LASL",
    "LDL",
    "Telemetered Resource Status",
    "Base Point",
]
SCHEDULE = ["Ancillary Service REGUP", "Ancillary Service REGDN", "Ancillary Service RRS", "Ancillary Service NSRS"]
SCED_2014 = [*RUN, *WHO, *STEPS, *LIMITS_2014, "Telemetered Net Output ", *SCHEDULE, *OFFERS]
SCED_2025 = [
    *RUN, "QSE", "DME", *WHO, *STEPS, *LIMITS_2014, "Telemetered Net Output ", *SCHEDULE[:3],
    "Ancillary Service RRSFFR", "Ancillary Service NSRS", "Ancillary Service ECRS", *OFFERS,
]  # fmt: skip
LIMITS_2026 = [name for name in LIMITS_2014 if name not in ("HASL", "LASL")]
AWARDS = [f"AS Awards {name}" for name in ("NSPIN", "RRSFFR", "RRSPFR", "RRSUFR", "ECRS", "REGUP", "REGDN")]
SOC = ["State of Charge", "Minimum SOC", "Maximum SOC"]


def rtc_b(primary: str, fast: str, soc: Sequence[str]) -> list[str]:
    capability = [f"AS Capability {name}" for name in ("REGUP", "REGDN", "ECRS", "NSPIN", primary, fast)]
    return [
        *RUN, "QSE", "DME", *WHO, *STEPS, *LIMITS_2026, "Telemetered Net Output", "Ramp Rate Up", "Ramp Rate Down",
        *capability, *soc, *AWARDS, *OFFERS,
    ]  # fmt: skip


ESR_FIRST_DAYS = rtc_b("RRSPF", "RRSFF", ())
ESR_MARCH_2026 = rtc_b("RRSPF", "RRSFF", SOC)
ESR_JULY_2026 = rtc_b("RRSPFR", "RRSFFR", SOC)
SCED_LOAD_KEY = [
    *RUN, "Resource Name", "Telemetered Resource Status", "Max Power Consumption", "Low Power Consumption",
    "Real Power Consumption",
]  # fmt: skip
SCED_LOAD_2014 = [*SCED_LOAD_KEY, *(f"AS Responsibility for {name}" for name in ("RRS", "NonSpin", "RegUp", "RegDown"))]
BIDS = [f"SCED Bid to Buy Curve-{kind}{n}" for n in range(1, 11) for kind in ("MW", "Price")]
SCED_LOAD_2025 = [
    *RUN, "QSE", "DME", *SCED_LOAD_KEY[2:],
    *(f"AS Responsibility for {name}" for name in ("RRS", "RRSFFR", "NonSpin", "RegUp", "RegDown", "ECRS")), *BIDS,
    "HASL", "HDL", "LASL", "LDL", "Base Point",
]  # fmt: skip
SCED_LOAD_2026 = [
    *RUN, "QSE", "DME", *SCED_LOAD_KEY[2:], *AWARDS, *BIDS, "Self Provided RRSFFR", "Self Provided RRSUFR",
    "Self Provided ECRS", "Ramp Rate Up", "Ramp Rate Down",
    *(f"AS Capability {name}" for name in ("NSPIN", "ECRS", "REGUP", "REGDN", "RRSPFR", "RRSFFR", "RRSUFR")),
    "HDL", "LDL", "Base Point",
]  # fmt: skip


def text(header: Sequence[str], *rows: dict[str, object], quoted: bool = False) -> str:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([[row.get(name.strip(), "") for name in header] for row in rows])
    return out.getvalue()


def dam_hour(hour: object, day: str = "12/06/2025", kind: str = "ESR", **more: object) -> dict[str, object]:
    return {
        "Delivery Date": day, "Hour Ending": hour, "Resource Name": "ALP_BESS_BESS1", "Resource Type": kind,
        "Settlement Point Name": "ALP_RN", "Energy Settlement Point Price": "42.93", **more,
    }  # fmt: skip


def run(stamp: str = "07/08/2026 00:00:21", flag: str = "N", kind: str = "ESR", **more: object) -> dict[str, object]:
    return {
        "SCED Time Stamp": stamp, "Repeated Hour Flag": flag, "Resource Name": "BATCAVE_ESR1", "Resource Type": kind,
        "Telemetered Net Output": "-.17", **more,
    }  # fmt: skip


def land(content: str | bytes, name: str = "document.csv") -> Document:
    return read("ercot-60d", content, name)
