"""ERCOT's corrections of prices: NP4-196-M of the DAM (report 13044) and NP4-197-M of real time (report 13045).

A correction states a price again, with its previous value; it lands as a later statement of vintage `correction`,
beside the first. Headers are those of recorded documents of 2014 to 2026; prices of buses, of settlement-only
generators, and shadow prices have no table and are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa

from ingest.iso.contracts import AS_PRICES, PRICES, PUBLISHED_BY_OPERATOR
from ingest.iso.ercot.clock import BadTime, parse_stamp, per_value, wall_instant
from ingest.iso.ercot.documents import LeftOut, read_documents
from ingest.iso.ercot.prices import (
    DAY,
    DELIVERY_HOUR,
    FLAG,
    POINT,
    QUARTER,
    RUN_AT,
    RUN_FLAG,
    SERVICE,
    Posting,
    document_rows,
    fields,
    filled_of,
    timed,
)
from ingest.iso.ercot.rows import Field, Layout, Rows, UnusableMember
from ingest.iso.ercot.statement import statement
from ingest.iso.ercot.timing import replaced
from ingest.packed import Member
from lakehouse.contract import Contract
from lakehouse.source import LandOptions, Parsed, RawFile

_CORRECTED_AT = fields("text", corrected_at=("PriceCorrectionTime", "priceCorrectionTime"))


def _correction(
    name: str, contract: Contract, market: str, time: tuple[Field, ...], price: str, price_type: str = ""
) -> Posting:
    column, about = ("lmp_usd_mwh", POINT) if contract is PRICES else ("mcpc_usd_mw", SERVICE)
    prices = (Field(f"{price}Corrected", column, "exact"), Field(f"{price}Original", "original", "exact"))
    filled = filled_of(column, about, time)
    required = filled | {"corrected_at", *(field.column for field in time)} - {"repeated"}
    layout = Layout(f"corrections of {name}", (*time, *about, *prices, *_CORRECTED_AT), required, filled)
    return Posting(layout, contract, market, price_type, "correction")


_RUN = (*RUN_AT, *RUN_FLAG)
#: Columns that identify a correction → the corrected prices, in the DAM.
DAM: dict[tuple[str, ...], Posting] = {
    ("SPPCorrected",): _correction(
        "day-ahead settlement point prices", PRICES, "DAM", (*DAY, *DELIVERY_HOUR, *FLAG), "SPP", "SPP"
    ),
    ("MCPCCorrected",): _correction(
        "day-ahead prices for capacity", AS_PRICES, "DAM", (*DAY, *DELIVERY_HOUR, *FLAG), "MCPC"
    ),
}
#: The same in real time.
RT15: dict[tuple[str, ...], Posting] = {
    ("SPPCorrected",): _correction(
        "real-time settlement point prices", PRICES, "RT15", (*DAY, *DELIVERY_HOUR, *QUARTER, *FLAG), "SPP", "SPP"
    ),
    ("LMPCorrected", "SettlementPoint"): _correction("LMPs of SCED runs", PRICES, "SCED", _RUN, "LMP", "LMP"),
    ("LMPCorrected", "settlementPointName"): _correction("LMPs of SCED runs", PRICES, "SCED", _RUN, "LMP", "LMP"),
    ("MCPCCorrected", "DeliveryInterval"): _correction(
        "real-time prices for capacity", AS_PRICES, "RT15", (*DAY, *DELIVERY_HOUR, *QUARTER, *FLAG), "MCPC"
    ),
    ("MCPCCorrected", "deliveryInterval"): _correction(
        "real-time prices for capacity", AS_PRICES, "RT15", (*DAY, *DELIVERY_HOUR, *QUARTER, *FLAG), "MCPC"
    ),
}
#: Column that only one kind of document has → that kind, which is known and not landed. Lower case, without spaces.
LEFT_OUT = {
    "electricbusname": "corrections of LMPs of electrical buses", "electricalbus": "corrections of LMPs of buses",
    "constraintname": "corrections of shadow prices", "metername": "corrections of prices of settlement-only units",
}  # fmt: skip


def dam(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Corrections of day-ahead prices: settlement points, and prices for capacity.

    Raises:
        UnreadableFile: nothing in the file can be used.
    """
    return _read(file, options, DAM)


def rt15(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Corrections of real-time prices: settlement points, LMPs of SCED runs, and prices for capacity.

    Raises:
        UnreadableFile: nothing in the file can be used.
    """
    return _read(file, options, RT15)


def _read(file: RawFile, options: LandOptions, postings: dict[tuple[str, ...], Posting]) -> Iterator[Parsed]:
    def read(member: Member) -> Iterator[Parsed]:
        found: list[Posting] = []

        def layout(header: list[str]) -> Layout:
            found.append(_recognise(header, postings))
            return found[0].layout

        states = statement(file, member.name, options)
        for rows in timed(document_rows(member, layout)):
            yield found[0].of(states, rows if states.published_basis == PUBLISHED_BY_OPERATOR else _published(rows))

    return read_documents(file, "ercot-corrections", read)


def _recognise(header: list[str], postings: dict[tuple[str, ...], Posting]) -> Posting:
    names = set(header)
    plain = {name.replace(" ", "").lower() for name in names}
    for what in (LEFT_OUT[name] for name in LEFT_OUT if name in plain):
        raise LeftOut(what)
    for marks, posting in postings.items():
        if names.issuperset(marks):
            return posting
    if any(name.startswith(("MCPC", "CappedMCPC")) for name in names) and "SCEDTimestamp" in names:
        raise LeftOut("corrections of prices for capacity of SCED runs")
    raise UnusableMember(
        f"it corrects nothing that is known: none of its {len(header)} columns shows what",
        "check that it is of the report (13044 of the DAM, 13045 of real time)",
    )


def _published(rows: Rows) -> Rows:
    """Rows with their own time of publication: if nothing else gives it, the time of the correction."""

    def made(stamp: str | None) -> dict[str, object]:
        wall = parse_stamp(stamp)
        try:
            at = wall_instant(wall, None)
        except BadTime:
            at = wall_instant(wall, False)
        return {"published_at": at}

    answers, inverse = per_value([rows.columns["corrected_at"]], made)
    stated = replaced(rows, inverse, answers, {"published_at": "timestamptz"}, "PriceCorrectionTime")
    basis = pa.repeat(pa.scalar(PUBLISHED_BY_OPERATOR), len(stated))
    return replace(stated, columns=stated.columns | {"published_basis": basis})
