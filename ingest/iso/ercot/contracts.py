"""The contracts of ERCOT's 60-day disclosures: one table per member file, every column kept, a blank NULL and never 0.

A day that is published again (a supplemental, a correction) is a new statement beside the first: `published_at` and
`source_object` distinguish them, and the marts take the latest one of every resource and interval.
"""

from __future__ import annotations

from ingest.iso.contracts import REACH_DAYS, statement_columns
from lakehouse.contract import Column, Contract

STATEMENT = ("published_at", "source_object")
DAM_CURVE_POINTS = 10
SCED_CURVE_POINTS = 35
TPO_POINTS = 10
LOAD_BID_POINTS = 10
#: Ancillary services that a resource can be awarded in the day-ahead market, as columns name them → the market's own
#: name of the price. RRS without a suffix is that of files before it was split, about 2020.
DAM_AWARDS = {
    "regup": "RegUp", "regdown": "RegDown", "rrs": "RRS", "rrspfr": "RRSPFR", "rrsffr": "RRSFFR", "rrsufr": "RRSUFR",
    "ecrssd": "ECRSSD", "ecrsmd": "ECRSMD", "nonspin": "NonSpin",
}  # fmt: skip
DAM_MCPC = {"regup": "RegUp", "regdown": "RegDown", "rrs": "RRS", "ecrs": "ECRS", "nonspin": "NonSpin"}
#: MW and MWh that no resource has: ERCOT's whole load was 85,508 MW at its highest (2023-08-10).
LIMIT = 1e6
SCED_SERVICES = ("regup", "regdn", "rrs", "rrspfr", "rrsffr", "rrsufr", "ecrs", "nspin")


def _mw(name: str, description: str) -> Column:
    return Column(name, "double", f"{description}, MW.", minimum=-LIMIT, maximum=LIMIT)


def _exact(name: str, description: str, limit: float | None = None) -> Column:
    return Column(name, "decimal(18,6)", description, minimum=None if limit is None else -limit, maximum=limit)


def _mwh(name: str, description: str) -> Column:
    return Column(name, "double", f"{description}, MWh.", minimum=-LIMIT, maximum=LIMIT)


def _hours() -> tuple[Column, ...]:
    return (
        Column("operating_day", "date", "Operating day, Central prevailing time.", nullable=False),
        Column(
            "hour_ending", "long", "Hour ending as published: 1 to 24, to 23 or 25 where clocks change.", nullable=False
        ),
        Column("interval_start", "timestamptz", "Start of the hour.", nullable=False),
        Column("interval_end", "timestamptz", "End of the hour (exclusive).", nullable=False),
    )


def _who() -> tuple[Column, ...]:
    return (
        Column("qse", "string", "Qualified scheduling entity; files before 2016 or so have none."),
        Column("dme", "string", "Decision making entity; files before 2016 or so have none."),
        Column("resource_name", "string", "Resource as disclosed.", nullable=False),
        Column("resource_type", "string", "Resource type (ESR, PWRSTR, CCGT90, ...)."),
    )


def _curve(name: str, points: int, what: str) -> tuple[Column, ...]:
    return tuple(
        column
        for i in range(1, points + 1)
        for column in (
            Column(f"{name}_mw_{i}", "double", f"{what}, point {i}: MW."),
            Column(f"{name}_price_usd_mwh_{i}", "double", f"{what}, point {i}: $/MWh."),
        )
    )


def _costs() -> tuple[Column, ...]:
    return (
        *(
            Column(f"start_up_{heat}_usd", "double", f"Start-up offer, {heat}, $ a start.")
            for heat in ("hot", "inter", "cold")
        ),
        Column("min_gen_cost_usd_mwh", "double", "Minimum energy offer, $/MWh."),
    )


def _dam_services() -> tuple[Column, ...]:
    return (
        *(
            _exact(f"{name}_awarded_mw", f"{label} awarded, MW; blank is NULL.", LIMIT)
            for name, label in DAM_AWARDS.items()
        ),
        *(
            _exact(f"{name}_mcpc_usd_mw", f"Market clearing price for {label}, $/MW.")
            for name, label in DAM_MCPC.items()
        ),
    )


def _sced_services(what: str, label: str, services: tuple[str, ...] = SCED_SERVICES) -> tuple[Column, ...]:
    return tuple(_mw(f"{what}_{service}_mw", f"{label} {service.upper()}") for service in services)


def _disclosure(name: str, description: str, grain: str, columns: tuple[Column, ...], time: str) -> Contract:
    return Contract(
        name=name,
        description=description,
        grain=grain,
        columns=(*columns, *statement_columns()),
        key=("resource_name", time, *STATEMENT),
        mode="merge",
        time_column=time,
        touch=("resource_name",),
        touches="key_days",
        reach_days=REACH_DAYS,
        sort=(time,),  # as the files come: to sort 217 columns costs twice what writing them does
        statement=STATEMENT,
    )


def _dam(name: str, what: str) -> Contract:
    return _disclosure(
        name,
        f"60-day DAM disclosure (NP3-966-ER): offers, awards and prices of {what}.",
        "one statement of one resource and hour",
        (
            *_hours(), *_who(), *_curve("offer_curve", DAM_CURVE_POINTS, "Curve submitted by the QSE"), *_costs(),
            _mw("hsl_mw", "High sustained limit"), _mw("lsl_mw", "Low sustained limit; negative: charging"),
            Column("resource_status", "string", "Status submitted for the hour."),
            _exact("awarded_mw", "Energy awarded, MW; negative: bought to charge; blank is NULL.", LIMIT),
            Column("settlement_point", "string", "Settlement point that energy is settled at."),
            _exact("spp_usd_mwh", "Day-ahead settlement point price, $/MWh."),
            *_dam_services(),
        ),
        "interval_start",
    )  # fmt: skip


def _sced_times() -> tuple[Column, ...]:
    return (
        Column("sced_at", "timestamptz", "Time of the SCED run.", nullable=False),
        Column("is_repeated_hour", "boolean", "Repeated Hour Flag: the second 01:00 hour of the autumn change."),
    )


def _sced(name: str, what: str) -> Contract:
    return _disclosure(
        name,
        f"60-day SCED disclosure (NP3-965-ER): curves, limits, base points and telemetry of {what}.",
        "one statement of one resource and SCED run",
        (
            *_sced_times(), *_who(),
            *_curve("sced1_curve", SCED_CURVE_POINTS, "Curve of SCED step 1"),
            *_curve("sced2_curve", SCED_CURVE_POINTS, "Curve of SCED step 2"),
            Column("output_schedule_mw", "double", "Output schedule, MW."),
            _mw("hsl_mw", "High sustained limit"), _mw("hasl_mw", "High ancillary service limit, until RTC+B"),
            _mw("hdl_mw", "High dispatch limit"), _mw("lsl_mw", "Low sustained limit; negative: charging"),
            _mw("lasl_mw", "Low ancillary service limit, until RTC+B"), _mw("ldl_mw", "Low dispatch limit"),
            Column("resource_status", "string", "Telemetered resource status."),
            _mw("base_point_mw", "Base point of the run"),
            _mw("telemetered_net_output_mw", "Telemetered net output; negative: charging"),
            Column("ramp_rate_up_mw_min", "double", "Ramp rate up, MW a minute."),
            Column("ramp_rate_down_mw_min", "double", "Ramp rate down, MW a minute."),
            *_sced_services("as_schedule", "Ancillary service responsibility, until RTC+B:"),
            *_sced_services("as_capability", "Ancillary service capability:"),
            *_sced_services("as_award", "Ancillary service award of the run, since RTC+B:"),
            _mwh("soc_mwh", "State of charge as telemetered"),
            _mwh("min_soc_mwh", "Minimum state of charge as telemetered"),
            _mwh("max_soc_mwh", "Maximum state of charge as telemetered"),
            Column("bid_type", "string", "Bid type."), *_costs(),
            *_curve("submitted_tpo", TPO_POINTS, "Three-part offer as submitted"),
            Column("proxy_extension", "string", "Proxy extension."),
        ),
        "sced_at",
    )  # fmt: skip


DAM_GEN = _dam("ercot_dam_gen_resources", "generation resources, batteries (PWRSTR) among them until 2025-12-05")
DAM_ESR = _dam("ercot_dam_esr_resources", "energy storage resources, from operating day 2025-12-06")
DAM_LOAD = _disclosure(
    "ercot_dam_load_resources",
    "60-day DAM disclosure (NP3-966-ER): ancillary service awards of load resources.",
    "one statement of one load resource and hour",
    (
        *_hours(),
        Column("resource_name", "string", "Load resource as disclosed; who schedules it is not.", nullable=False),
        _mw("max_power_consumption_mw", "Maximum power consumption"),
        _mw("low_power_consumption_mw", "Low power consumption"),
        *_dam_services(),
    ),
    "interval_start",
)  # fmt: skip
SCED_GEN = _sced("ercot_sced_gen_resources", "generation resources, batteries (PWRSTR) among them until 2025-12-04")
SCED_ESR = _sced("ercot_sced_esr_resources", "energy storage resources, from 2025-12-05")
SCED_LOAD = _disclosure(
    "ercot_sced_load_resources",
    "60-day SCED disclosure (NP3-965-ER): consumption, limits and responsibilities of load resources.",
    "one statement of one load resource and SCED run",
    (
        *_sced_times(), *_who()[:-1],
        Column("resource_status", "string", "Telemetered resource status."),
        _mw("max_power_consumption_mw", "Maximum power consumption"),
        _mw("low_power_consumption_mw", "Low power consumption"),
        _mw("real_power_consumption_mw", "Real power consumption as telemetered"),
        _mw("hasl_mw", "High ancillary service limit"), _mw("hdl_mw", "High dispatch limit"),
        _mw("lasl_mw", "Low ancillary service limit"), _mw("ldl_mw", "Low dispatch limit"),
        _mw("base_point_mw", "Base point of the run"),
        *_sced_services("as_schedule", "Ancillary service responsibility, until RTC+B:"),
        *_sced_services("as_capability", "Ancillary service capability:"),
        *_sced_services("as_award", "Ancillary service award of the run, since RTC+B:"),
        *(
            _mw(f"self_provided_{service}_mw", f"Self-provided {service.upper()}, since RTC+B")
            for service in ("rrsffr", "rrsufr", "ecrs")
        ),
        Column("ramp_rate_up_mw_min", "double", "Ramp rate up, MW a minute."),
        Column("ramp_rate_down_mw_min", "double", "Ramp rate down, MW a minute."),
        *_curve("bid_curve", LOAD_BID_POINTS, "SCED bid to buy"),
    ),
    "sced_at",
)  # fmt: skip
SMNE = _disclosure(
    "ercot_smne",
    "60-day SCED disclosure (NP3-965-ER): settlement metered net energy of generation resources.",
    "one statement of one resource and 15 minutes",
    (
        Column("interval_start", "timestamptz", "Start of the 15 minutes.", nullable=False),
        Column("interval_end", "timestamptz", "End of the 15 minutes (exclusive).", nullable=False),
        Column("interval_number", "long", "Interval of the day as published, from 1."),
        Column("resource_name", "string", "Resource code as disclosed.", nullable=False),
        _exact("net_energy_mwh", "Net energy of the 15 minutes, MWh.", LIMIT),
    ),
    "interval_start",
)

DISCLOSURES = (DAM_GEN, DAM_ESR, DAM_LOAD, SCED_GEN, SCED_ESR, SCED_LOAD, SMNE)
