"""Every market source, by operator. A new feed is a line here, its reader, and its requests."""

from __future__ import annotations

from ingest.iso.contracts import AS_PRICES, PRICES, SYSTEM_LOAD
from ingest.iso.ercot.contracts import DISCLOSURES, SCED_ESR
from ingest.iso.market import MarketSource

ERCOT_NEEDS = (
    "files; to download: an account at ERCOT's Public API, or nothing for the last days; see `wattlake doctor`"
)
ISONE_NEEDS = "files; to download: an account at ISO-NE, or nothing for the public files; see `wattlake doctor`"

ERCOT = (
    MarketSource(
        "ercot-dam-spp", "ERCOT day-ahead settlement point prices (NP4-190-CD)", (PRICES,),
        "ingest.iso.ercot.prices:dam_spp", needs=ERCOT_NEEDS, suffixes=(".csv", ".zip", ".json"),
    ),
    MarketSource(
        "ercot-dam-spp-year", "ERCOT day-ahead prices of hubs and load zones by year (NP4-180-ER)", (PRICES,),
        "ingest.iso.ercot.workbooks:dam_spp", needs=ERCOT_NEEDS, suffixes=(".xlsx", ".csv", ".zip"),
    ),
    MarketSource(
        "ercot-dam-spp-corrections", "ERCOT corrections of day-ahead prices (report 13044)", (PRICES, AS_PRICES),
        "ingest.iso.ercot.corrections:dam", needs=ERCOT_NEEDS,
    ),
    MarketSource(
        "ercot-rt15-spp", "ERCOT real-time settlement point prices, 15 minutes (NP6-905-CD)", (PRICES,),
        "ingest.iso.ercot.prices:rt15_spp", needs=ERCOT_NEEDS, suffixes=(".csv", ".zip", ".json"),
    ),
    MarketSource(
        "ercot-rt15-spp-year", "ERCOT real-time prices of hubs and load zones by year (NP6-785-ER)", (PRICES,),
        "ingest.iso.ercot.workbooks:rt15_spp", needs=ERCOT_NEEDS, suffixes=(".xlsx", ".csv", ".zip"),
    ),
    MarketSource(
        "ercot-rt15-spp-corrections", "ERCOT corrections of real-time prices (report 13045)", (PRICES, AS_PRICES),
        "ingest.iso.ercot.corrections:rt15", needs=ERCOT_NEEDS,
    ),
    MarketSource(
        "ercot-sced-lmp", "ERCOT locational marginal prices of every SCED run (NP6-788-CD)", (PRICES,),
        "ingest.iso.ercot.prices:sced_lmp", needs=ERCOT_NEEDS, suffixes=(".csv", ".zip", ".json"),
    ),
    MarketSource(
        "ercot-dam-mcpc", "ERCOT day-ahead prices of ancillary services (NP4-188-CD)", (AS_PRICES,),
        "ingest.iso.ercot.prices:dam_mcpc", needs=ERCOT_NEEDS, suffixes=(".csv", ".zip", ".json"),
    ),
    MarketSource(
        "ercot-dam-mcpc-year", "ERCOT day-ahead prices of ancillary services by year (NP4-181-ER)", (AS_PRICES,),
        "ingest.iso.ercot.workbooks:dam_mcpc", needs=ERCOT_NEEDS, suffixes=(".xlsx", ".csv", ".zip"),
    ),
    MarketSource(
        "ercot-rt15-mcpc", "ERCOT real-time prices of ancillary services, 15 minutes (NP6-331-CD)", (AS_PRICES,),
        "ingest.iso.ercot.prices:rt15_mcpc", needs=ERCOT_NEEDS, suffixes=(".csv", ".zip", ".json"),
    ),
    MarketSource(
        "ercot-60d", "ERCOT 60-day disclosures of the DAM (NP3-966-ER) and of SCED (NP3-965-ER)", DISCLOSURES,
        "ingest.iso.ercot.disclosures:read", needs=ERCOT_NEEDS,
    ),
    MarketSource(
        "ercot-sced-extract", "extracts of the SCED disclosure for one battery, columns renamed, UTC", (SCED_ESR,),
        "ingest.iso.ercot.extract:read", needs="files", suffixes=(".csv",),
    ),
)  # fmt: skip

CAISO = (
    *(
        MarketSource(
            f"caiso-{market}-lmp", f"CAISO {what}, with components (OASIS)", (PRICES,),
            f"ingest.iso.caiso.read:{market}",
        )
        for market, what in (
            ("dam", "day-ahead hourly LMPs"),
            ("rt5", "real-time 5-minute LMPs"),
            ("rt15", "15-minute LMPs of the fifteen-minute market"),
            ("hasp", "hour-ahead LMPs"),
        )
    ),
    MarketSource(
        "caiso-dam-as", "CAISO day-ahead prices of ancillary services by region (OASIS)", (AS_PRICES,),
        "ingest.iso.caiso.services:dam",
    ),
    MarketSource(
        "caiso-rt15-as", "CAISO 15-minute prices of ancillary services by region (OASIS)", (AS_PRICES,),
        "ingest.iso.caiso.services:rt15",
    ),
    MarketSource(
        "caiso-load-actual", "CAISO hourly load by area (OASIS)", (SYSTEM_LOAD,), "ingest.iso.caiso.load:actual",
    ),
    MarketSource(
        "caiso-load-forecast", "CAISO forecasts of load by area, one to seven days ahead and in real time (OASIS)",
        (SYSTEM_LOAD,), "ingest.iso.caiso.load:forecast",
    ),
)  # fmt: skip

ISONE = tuple(
    MarketSource(
        f"isone-{market}-lmp", f"ISO-NE {what}, with components (web services or public CSV)", (PRICES,),
        f"ingest.iso.isone.read:{market}", needs=ISONE_NEEDS, suffixes=(".csv", ".json"),
    )
    for market, what in (
        ("dam", "day-ahead hourly LMPs"),
        ("rt5", "real-time 5-minute LMPs"),
        ("rth", "real-time hourly LMPs"),
    )
)  # fmt: skip

NYISO = (
    *(
        MarketSource(
            f"nyiso-{market}-lbmp-{kind}", f"NYISO {what} of {kind}s, with components", (PRICES,),
            f"ingest.iso.nyiso.read:{market}_{kind}",
        )
        for market, what in (("dam", "day-ahead LBMPs"), ("rt5", "5-minute LBMPs"), ("rth", "hourly integrated LBMPs"))
        for kind in ("zone", "generator")
    ),
    MarketSource(
        "nyiso-dam-as", "NYISO day-ahead prices of ancillary services", (AS_PRICES,), "ingest.iso.nyiso.read:dam_as",
    ),
    MarketSource(
        "nyiso-rt5-as", "NYISO real-time prices of ancillary services", (AS_PRICES,), "ingest.iso.nyiso.read:rt5_as",
    ),
)  # fmt: skip

SOURCES = (*ERCOT, *CAISO, *ISONE, *NYISO)
