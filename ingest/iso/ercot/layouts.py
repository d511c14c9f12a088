"""The members of ERCOT's 60-day disclosures by their headers, over all years: those that land, and those left out.

Headers of 2014, 2025 and 2026 were compared with recorded files of every table; dates are operating days. Changed names
are further lines of the same column.
"""

from __future__ import annotations

from dataclasses import dataclass

from ingest.iso.ercot.contracts import (
    DAM_CURVE_POINTS,
    DAM_ESR,
    DAM_GEN,
    DAM_LOAD,
    LOAD_BID_POINTS,
    SCED_CURVE_POINTS,
    SCED_ESR,
    SCED_GEN,
    SCED_LOAD,
    SMNE,
    TPO_POINTS,
)
from ingest.iso.ercot.documents import LeftOut
from ingest.iso.ercot.rows import Field, Kind, Layout, UnusableMember
from lakehouse.contract import Contract

#: Services by their names in SCED tables → in column names. NSRS and NonSpin, RegUp and RegDown until 2025-12-04;
#: RRSPF, RRSFF and RRSUF of capabilities became RRSPFR, RRSFFR and RRSUFR between 2026-03-08 and 2026-07-08.
_SERVICES = {
    "REGUP": "regup", "RegUp": "regup", "REGDN": "regdn", "RegDown": "regdn", "RRS": "rrs", "RRSPFR": "rrspfr",
    "RRSPF": "rrspfr", "RRSFFR": "rrsffr", "RRSFF": "rrsffr", "RRSUFR": "rrsufr", "RRSUF": "rrsufr", "ECRS": "ecrs",
    "NSPIN": "nspin", "NSRS": "nspin", "NonSpin": "nspin",
}  # fmt: skip


def _curve(header: str, column: str, points: int) -> tuple[Field, ...]:
    return tuple(
        field
        for n in range(1, points + 1)
        for field in (
            Field(f"{header}-MW{n}", f"{column}_mw_{n}", "double"),
            Field(f"{header}-Price{n}", f"{column}_price_usd_mwh_{n}", "double"),
        )
    )


def _fields(kind: Kind, **headers: str) -> tuple[Field, ...]:
    return tuple(Field(header, column, kind) for column, header in headers.items())


def _services(prefix: str, column: str) -> tuple[Field, ...]:
    return tuple(Field(f"{prefix} {name}", f"{column}_{ours}_mw", "double") for name, ours in _SERVICES.items())


_NAMED = frozenset({"resource_name"})
_HOURS = _fields("text", operating_day="Delivery Date", hour_ending="Hour Ending")
_WHO = _fields("text", qse="QSE", dme="DME")  # since 2016 or so
_DAM_SERVICES = (
    *_fields(
        "exact", regup_awarded_mw="RegUp Awarded", regup_mcpc_usd_mw="RegUp MCPC", regdown_awarded_mw="RegDown Awarded",
        regdown_mcpc_usd_mw="RegDown MCPC", rrs_mcpc_usd_mw="RRS MCPC", nonspin_awarded_mw="NonSpin Awarded",
        nonspin_mcpc_usd_mw="NonSpin MCPC",
    ),
    *_fields("exact", rrs_awarded_mw="RRS Awarded"),  # until it was split, 2019 or 2020
    *_fields(
        "exact", rrspfr_awarded_mw="RRSPFR Awarded", rrsffr_awarded_mw="RRSFFR Awarded",
        rrsufr_awarded_mw="RRSUFR Awarded",
    ),
    *_fields(  # since 2023-06
        "exact", ecrssd_awarded_mw="ECRSSD Awarded", ecrsmd_awarded_mw="ECRSMD Awarded", ecrs_mcpc_usd_mw="ECRS MCPC",
    ),
)  # fmt: skip
DAM_RESOURCE = Layout(
    "DAM resource data",
    (
        *_HOURS, *_WHO, *_fields("text", resource_name="Resource Name", resource_type="Resource Type"),
        *_curve("QSE submitted Curve", "offer_curve", DAM_CURVE_POINTS),
        *_fields(
            "double", start_up_hot_usd="Start Up Hot", start_up_inter_usd="Start Up Inter",
            start_up_cold_usd="Start Up Cold", min_gen_cost_usd_mwh="Min Gen Cost", hsl_mw="HSL", lsl_mw="LSL",
        ),
        *_fields("text", resource_status="Resource Status", settlement_point="Settlement Point Name"),
        *_fields("exact", awarded_mw="Awarded Quantity", spp_usd_mwh="Energy Settlement Point Price"), *_DAM_SERVICES,
    ),
    frozenset({
        "operating_day", "hour_ending", "resource_name", "resource_type", "hsl_mw", "lsl_mw", "resource_status",
        "awarded_mw", "settlement_point", "spp_usd_mwh", *(f.column for f in _DAM_SERVICES[:4]), "rrs_mcpc_usd_mw",
        "nonspin_awarded_mw", "nonspin_mcpc_usd_mw",
    }),
    _NAMED,
)  # fmt: skip
DAM_LOAD_RESOURCE = Layout(
    "DAM load resource data",
    (
        *_HOURS, *_fields("text", resource_name="Load Resource Name"),
        *_fields(
            "double", max_power_consumption_mw="Max Power Consumption for Load Resource",
            low_power_consumption_mw="Low Power Consumption for Load Resource",
        ),
        *_DAM_SERVICES,
    ),
    frozenset({"operating_day", "hour_ending", "resource_name", *(f.column for f in _DAM_SERVICES[:7])}),
    _NAMED,
)  # fmt: skip
_RUN = _fields("text", sced_at="SCED Time Stamp", is_repeated_hour="Repeated Hour Flag")
SCED_RESOURCE = Layout(
    "SCED resource data",
    (
        *_RUN, *_WHO, *_fields("text", resource_name="Resource Name", resource_type="Resource Type"),
        *_curve("SCED1 Curve", "sced1_curve", SCED_CURVE_POINTS),
        *_curve("SCED2 Curve", "sced2_curve", SCED_CURVE_POINTS),
        *_fields(
            "double", output_schedule_mw="Output Schedule", hsl_mw="HSL", hasl_mw="HASL", hdl_mw="HDL", lsl_mw="LSL",
            lasl_mw="LASL", ldl_mw="LDL", base_point_mw="Base Point",
            telemetered_net_output_mw="Telemetered Net Output",
        ),
        *_fields("text", resource_status="Telemetered Resource Status"),
        *_services("Ancillary Service", "as_schedule"),  # until 2025-12-04, as are HASL and LASL
        # since 2025-12-05
        *_fields("double", ramp_rate_up_mw_min="Ramp Rate Up", ramp_rate_down_mw_min="Ramp Rate Down"),
        *_services("AS Capability", "as_capability"), *_services("AS Awards", "as_award"),
        *_fields("double", soc_mwh="State of Charge", min_soc_mwh="Minimum SOC", max_soc_mwh="Maximum SOC"),
        *_fields("text", bid_type="Bid_Type", proxy_extension="Proxy Extension"),
        *_fields(
            "double", start_up_cold_usd="Start Up Cold Offer", start_up_hot_usd="Start Up Hot Offer",
            start_up_inter_usd="Start Up Inter Offer", min_gen_cost_usd_mwh="Min Gen Cost",
        ),
        *_curve("Submitted TPO", "submitted_tpo", TPO_POINTS),
    ),
    frozenset({
        "sced_at", "is_repeated_hour", "resource_name", "resource_type", "hsl_mw", "lsl_mw", "resource_status",
        "base_point_mw", "telemetered_net_output_mw",
    }),
    _NAMED,
)  # fmt: skip
SCED_LOAD_RESOURCE = Layout(
    "SCED load resource data",
    (
        *_RUN, *_WHO, *_fields("text", resource_name="Resource Name", resource_status="Telemetered Resource Status"),
        *_fields(
            "double", max_power_consumption_mw="Max Power Consumption",
            low_power_consumption_mw="Low Power Consumption",
            real_power_consumption_mw="Real Power Consumption", hasl_mw="HASL", hdl_mw="HDL", lasl_mw="LASL",
            ldl_mw="LDL", base_point_mw="Base Point", ramp_rate_up_mw_min="Ramp Rate Up",
            ramp_rate_down_mw_min="Ramp Rate Down", self_provided_rrsffr_mw="Self Provided RRSFFR",
            self_provided_rrsufr_mw="Self Provided RRSUFR", self_provided_ecrs_mw="Self Provided ECRS",
        ),
        *_services("AS Responsibility for", "as_schedule"),  # until 2025-12-04
        *_services("AS Capability", "as_capability"), *_services("AS Awards", "as_award"),
        *_curve("SCED Bid to Buy Curve", "bid_curve", LOAD_BID_POINTS),
    ),
    frozenset({"sced_at", "is_repeated_hour", "resource_name", "resource_status", "real_power_consumption_mw"}),
    _NAMED,
)  # fmt: skip
SMNE_GEN = Layout(
    "SMNE of generation resources",
    (
        *_fields(
            "text", interval_time="Interval Time", interval_number="Interval Number", resource_name="Resource Code"
        ),
        *_fields("exact", net_energy_mwh="Interval Value"),
    ),
    frozenset({"interval_time", "resource_name", "net_energy_mwh"}),
    _NAMED,
)


@dataclass(frozen=True)
class Disclosed:
    """A member that lands.

    Args:
        layout: of its columns.
        marks: headers that distinguish it from all others.
        contract: of its table.
        storage: of the table of energy storage resources, if these have one of their own.
    """

    layout: Layout
    marks: frozenset[str]
    contract: Contract
    storage: Contract | None = None


DISCLOSED = (
    Disclosed(SCED_LOAD_RESOURCE, frozenset({"SCED Time Stamp", "Real Power Consumption"}), SCED_LOAD),
    Disclosed(SCED_RESOURCE, frozenset({"SCED Time Stamp", "Resource Type"}), SCED_GEN, SCED_ESR),
    Disclosed(DAM_LOAD_RESOURCE, frozenset({"Load Resource Name", "RegUp Awarded"}), DAM_LOAD),
    Disclosed(DAM_RESOURCE, frozenset({"Delivery Date", "Resource Type"}), DAM_GEN, DAM_ESR),
    Disclosed(SMNE_GEN, frozenset({"Interval Time", "Resource Code"}), SMNE),
)
#: Header that only one kind of member has → that kind, which is known and not landed.
LEFT_OUT = {
    "Total Telemetered DSR Loads": "loads of dynamically scheduled resources",
    "NSPNM": "ancillary services that QSEs arranged themselves, in SCED",
    "RRSGN": "ancillary services that QSEs arranged themselves, in SCED, until RRS was split",
    "Total Self-Arranged AS RegUp": "ancillary services that QSEs arranged themselves, in the DAM",
    "Count of Updates During Operating Hour": "energy offer curve updates",
    "Count of Updates During Operating Period": "ancillary service offer updates",
    "HDL Original": "manual overrides of dispatch limits",
    "PRICE1 REGUP": "ancillary service offers in the DAM",
    "PRICE1_REGUP": "ancillary service offers in SCED",
    "PRICE1_URS": "ancillary service offers in SCED, until 2026-03",
    "Energy Only Offer MW1": "energy-only offers",
    "Energy Only Offer Award in MW": "energy-only offer awards",
    "Energy Only Bid MW1": "energy bids",
    "Energy Only Bid Award in MW": "energy bid awards (of a QSE at a settlement point, not of a resource)",
    "Settlement Point Sink": "point-to-point obligations and options",
    "AS Only Offer MW1": "offers of ancillary services alone",
    "Total Award": "awards of ancillary services alone",
    "Total_Award": "awards of ancillary services alone",
}  # fmt: skip


def recognise(header: list[str]) -> Disclosed:
    """Recognise a member by its header; a name never decides.

    Raises:
        LeftOut: the member is known and not landed.
        UnusableMember: the member is unknown.
    """
    names = set(header)
    for what in (LEFT_OUT[name] for name in LEFT_OUT if name in names):
        raise LeftOut(what)
    for disclosed in DISCLOSED:
        if disclosed.marks <= names:
            return disclosed
    raise UnusableMember(
        f"it is no member of a 60-day disclosure that is known: none of its {len(header)} columns shows which",
        "check that the file is of NP3-966-ER or NP3-965-ER",
    )
