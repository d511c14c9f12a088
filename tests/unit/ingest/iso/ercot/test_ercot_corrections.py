"""Corrections of prices, and extracts of the SCED disclosure."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from lakehouse.errors import UnreadableFile
from tests.support.ercot_documents import read

DAM_SPP = "DeliveryDate,DeliveryHour,SettlementPoint,SPPOriginal,SPPCorrected,PriceCorrectionTime,DSTFlag\n"
DAM_MCPC = "DeliveryDate,DeliveryHour,ASType,MCPCOriginal,MCPCCorrected,PriceCorrectionTime,DSTFlag\n"
RT_SPP = (
    "DeliveryDate,DeliveryHour,DeliveryInterval,SettlementPointName,SettlementPointType,SPPOriginal,SPPCorrected,"
    "PriceCorrectionTime,DSTFlag\n"
)
RT_LMP = "SCEDTimestamp,SettlementPoint,LMPOriginal,LMPCorrected,PriceCorrectionTime,DSTFlag\n"
RT_MCPC = (
    "DeliveryDate,DeliveryHour,DeliveryInterval,ASType,MCPCOriginal,MCPCCorrected,PriceCorrectionTime,"
    "RepeatedHourFlag\n"
)
EXTRACT = (
    "sced_timestamp_utc,resource_name,telemetered_net_output,base_point,hsl,lsl,soc,min_soc,max_soc,"
    "telemetered_resource_status\n"
)


@pytest.mark.parametrize(
    ("source", "text", "key"),
    [
        ("ercot-dam-spp-corrections", DAM_SPP + "12/06/2025,1,ASTRA_RN,46.61,46.62,12/09/2025 10:00:00,N\n",
         ("DAM", "ASTRA_RN", "", "SPP", datetime(2025, 12, 6, 6, tzinfo=UTC), Decimal("46.62"))),
        ("ercot-rt15-spp-corrections", RT_SPP + "08/30/2026,10,3,7RNCHSLR_ALL,RN,16.85,16.84,09/01/2026 16:00:00,N\n",
         ("RT15", "7RNCHSLR_ALL", "RN", "SPP", datetime(2026, 8, 30, 14, 30, tzinfo=UTC), Decimal("16.84"))),
        ("ercot-rt15-spp-corrections", RT_LMP + "08/30/2026 09:25:18,A4_DGR1_RN,15.97,15.65,09/01/2026 16:00:00,N\n",
         ("SCED", "A4_DGR1_RN", "", "LMP", datetime(2026, 8, 30, 14, 25, 18, tzinfo=UTC), Decimal("15.65"))),
    ],
)  # fmt: skip
def test_a_corrected_price_is_a_later_statement_of_the_same_interval(
    source: str, text: str, key: tuple[object, ...]
) -> None:
    (row,) = read(source, text).rows("iso_prices")
    names = ("market", "location", "location_type", "price_type", "interval_start", "lmp_usd_mwh")
    assert tuple(row[name] for name in names) == key and row["vintage"] == "correction"


def test_corrected_prices_for_capacity_land_too() -> None:
    (day_ahead,) = read(
        "ercot-dam-spp-corrections", DAM_MCPC + "06/27/2025,2,REGUP,1.21,1.3,09/26/2025 16:00:00,N\n"
    ).rows("as_prices")
    assert (day_ahead["product"], day_ahead["mcpc_usd_mw"]) == ("REGUP", Decimal("1.3"))
    (real_time,) = read(
        "ercot-rt15-spp-corrections", RT_MCPC + "08/30/2026,10,2,REGDN,0.05,0.04,09/01/2026 16:00:00,N\n"
    ).rows("as_prices")
    assert (real_time["market"], real_time["interval_start"]) == ("RT15", datetime(2026, 8, 30, 14, 15, tzinfo=UTC))


def test_a_correction_counts_from_its_posting_or_else_from_when_it_was_made() -> None:
    text = DAM_SPP + "12/06/2025,1,ASTRA_RN,46.61,46.62,12/09/2025 10:00:00,N\n"
    received = datetime(2026, 10, 1, tzinfo=UTC)
    (row,) = read("ercot-dam-spp-corrections", text, "renamed.csv", received_at=received).rows("iso_prices")
    assert (row["published_at"], row["published_basis"]) == (datetime(2025, 12, 9, 16, tzinfo=UTC), "operator")
    posted = "cdr.00013044.0000000000000000.20251208.224152.pricecorrection_DAM_SPP_20251206_to_20251206_NP4196.csv"
    (row,) = read("ercot-dam-spp-corrections", text, posted, received_at=received).rows("iso_prices")
    assert row["published_at"] == datetime(2025, 12, 9, 4, 41, 52, tzinfo=UTC)
    broken = read("ercot-dam-spp-corrections", text.replace("12/09/2025 10", "soon"))
    assert broken.landed == 0 and broken.refused[0][:2] == (2, "PriceCorrectionTime")


@pytest.mark.parametrize(
    ("source", "header", "what"),
    [
        ("ercot-dam-spp-corrections", "DeliveryDate,DeliveryHour,ElectricBusName,LMPOriginal,LMPCorrected", "buses"),
        ("ercot-rt15-spp-corrections", "SCEDTimestamp,ElectricalBus,CappedLMPOriginal,UncappedLMPOriginal", "buses"),
        ("ercot-rt15-spp-corrections", "SCEDTimestamp,ASType,CappedMCPCOriginal,CappedMCPCCorrected", "SCED runs"),
        ("ercot-dam-spp-corrections", RT_SPP.strip(), "unknown column 'DeliveryInterval'"),
        ("ercot-rt15-spp-corrections", "a,b", "corrects nothing that is known"),
    ],
)
def test_what_a_correction_is_not_landed_for_is_said(source: str, header: str, what: str) -> None:
    with pytest.raises(UnreadableFile, match=what):
        read(source, header + "\n")


def test_an_extract_lands_as_the_disclosure_does_with_what_was_left_out_null() -> None:
    text = EXTRACT + "2026-03-19T05:00:19Z,BATCAVE_ESR1,-0.161,0.0287954956293106,100.0,-100.0,49.126,,97.584,ON\n"
    (row,) = read("ercot-sced-extract", text).rows("ercot_sced_esr_resources")
    assert row["sced_at"] == datetime(2026, 3, 19, 5, 0, 19, tzinfo=UTC)
    assert (row["base_point_mw"], row["soc_mwh"], row["min_soc_mwh"]) == (0.0287954956293106, 49.126, None)
    assert row["is_repeated_hour"] is None and row["qse"] is None


def test_an_extract_whose_stamps_do_not_say_utc_is_refused_row_by_row() -> None:
    text = EXTRACT + "2026-03-19T05:00:19,A,1,1,1,1,1,1,1,ON\nx,A,1,1,1,1,1,1,1,ON\n"
    text += "0001-01-01T00:00:00+05:00,A,1,1,1,1,1,1,1,ON\n"
    document = read("ercot-sced-extract", text)
    assert document.landed == 0 and [line for line, _, _ in document.refused] == [2, 3, 4]
    assert "does not say that it is UTC" in document.refused[0][2]
