"""ERCOT's feeds: documents of its Public API or its MIS, and what others extract of them."""

from ingest.feed import Deployment, Feed, Provider

ERCOT, PLAN = "ingest.iso.ercot", "ingest.iso.ercot.plan"
PRICES, AS_PRICES = "ingest.iso.contracts:PRICES", "ingest.iso.contracts:AS_PRICES"
SYSTEM_LOAD = "ingest.iso.contracts:SYSTEM_LOAD"
NEEDS = "files; to download: an account at ERCOT's Public API, or nothing for the last days; see `wattlake doctor`"
DOCUMENTS = (".csv", ".zip", ".json")
WORKBOOKS = (".xlsx", ".csv", ".zip")

PROVIDER = Provider(
    "ercot",
    "ERCOT",
    "America/Chicago",
    "ingest.iso.ercot.access:Access",
    account=(
        "optional: `WATTLAKE_ERCOT_USERNAME`, `_PASSWORD`, `_SUBSCRIPTION_KEY` (register at apiexplorer.ercot.com); "
        "addresses in the United States only"
    ),
    limit="30 requests a minute (without an account 60)",
    reach=(
        "with an account years, without one 5 days (SCED), 7 (real time), 31 (day ahead), 180 (corrections), 4 years "
        "(60-day disclosures)"
    ),
)
REALTIME = Deployment(
    "ercot-realtime",
    "Everything that ERCOT has posted since the last run: day-ahead and real-time prices of energy and of ancillary "
    "services. Without an account from its MIS, which keeps days only: let it run at least daily.",
    every="every-15-minutes",
    cron="3-59/15 * * * *",
)
SCED = Deployment(
    "ercot-sced",
    "Prices of every SCED run since the last run. They are many: about 290 documents a day.",
    every="hourly",
    cron="11 * * * *",
)
DISCLOSURES = Deployment(
    "ercot-disclosures",
    "60-day disclosures, their supplementals and price corrections since the last run.",
    every="daily",
    cron="30 6 * * *",
)
YEARS = Deployment(
    "ercot-years",
    "Workbooks of hub and load-zone prices by year.",
    every="weekly",
    cron="45 6 * * 1",
)
OF_LOAD = Deployment(
    "ercot-load",
    "ERCOT's load by weather and forecast zones, and every posting of its forecasts by model, since the last run.",
    every="hourly",
    cron="40 * * * *",
)

FEEDS = (
    Feed(
        "ercot-dam-spp", "ERCOT day-ahead settlement point prices (NP4-190-CD)", (PRICES,),
        f"{ERCOT}.prices:dam_spp", needs=NEEDS, suffixes=DOCUMENTS, plan=f"{PLAN}:DAM_SPP", deployment=REALTIME,
    ),
    Feed(
        "ercot-dam-mcpc", "ERCOT day-ahead prices of ancillary services (NP4-188-CD)", (AS_PRICES,),
        f"{ERCOT}.prices:dam_mcpc", needs=NEEDS, suffixes=DOCUMENTS, plan=f"{PLAN}:DAM_MCPC", deployment=REALTIME,
    ),
    Feed(
        "ercot-rt15-spp", "ERCOT real-time settlement point prices, 15 minutes (NP6-905-CD)", (PRICES,),
        f"{ERCOT}.prices:rt15_spp", needs=NEEDS, suffixes=DOCUMENTS, plan=f"{PLAN}:RT15_SPP", deployment=REALTIME,
    ),
    Feed(
        "ercot-rt15-mcpc", "ERCOT real-time prices of ancillary services, 15 minutes (NP6-331-CD)", (AS_PRICES,),
        f"{ERCOT}.prices:rt15_mcpc", needs=NEEDS, suffixes=DOCUMENTS, plan=f"{PLAN}:RT15_MCPC", deployment=REALTIME,
    ),
    Feed(
        "ercot-sced-lmp", "ERCOT locational marginal prices of every SCED run (NP6-788-CD)", (PRICES,),
        f"{ERCOT}.prices:sced_lmp", needs=NEEDS, suffixes=DOCUMENTS, plan=f"{PLAN}:SCED_LMP", deployment=SCED,
    ),
    Feed(
        "ercot-60d", "ERCOT 60-day disclosures of the DAM (NP3-966-ER) and of SCED (NP3-965-ER)",
        (f"{ERCOT}.contracts:DISCLOSURES",), f"{ERCOT}.disclosures:read", needs=NEEDS,
        plan=f"{PLAN}:DISCLOSURES", deployment=DISCLOSURES,
    ),
    Feed(
        "ercot-dam-spp-corrections", "ERCOT corrections of day-ahead prices (report 13044)", (PRICES, AS_PRICES),
        f"{ERCOT}.corrections:dam", needs=NEEDS, plan=f"{PLAN}:DAM_SPP_CORRECTIONS", deployment=DISCLOSURES,
    ),
    Feed(
        "ercot-rt15-spp-corrections", "ERCOT corrections of real-time prices (report 13045)", (PRICES, AS_PRICES),
        f"{ERCOT}.corrections:rt15", needs=NEEDS, plan=f"{PLAN}:RT15_SPP_CORRECTIONS", deployment=DISCLOSURES,
    ),
    Feed(
        "ercot-dam-spp-year", "ERCOT day-ahead prices of hubs and load zones by year (NP4-180-ER)", (PRICES,),
        f"{ERCOT}.workbooks:dam_spp", needs=NEEDS, suffixes=WORKBOOKS, plan=f"{PLAN}:DAM_SPP_YEAR", deployment=YEARS,
    ),
    Feed(
        "ercot-rt15-spp-year", "ERCOT real-time prices of hubs and load zones by year (NP6-785-ER)", (PRICES,),
        f"{ERCOT}.workbooks:rt15_spp", needs=NEEDS, suffixes=WORKBOOKS, plan=f"{PLAN}:RT15_SPP_YEAR", deployment=YEARS,
    ),
    Feed(
        "ercot-dam-mcpc-year", "ERCOT day-ahead prices of ancillary services by year (NP4-181-ER)", (AS_PRICES,),
        f"{ERCOT}.workbooks:dam_mcpc", needs=NEEDS, suffixes=WORKBOOKS, plan=f"{PLAN}:DAM_MCPC_YEAR", deployment=YEARS,
    ),
    Feed(
        "ercot-sced-extract", "extracts of the SCED disclosure for one battery, columns renamed, UTC",
        (f"{ERCOT}.contracts:SCED_ESR",), f"{ERCOT}.extract:read", needs="files", suffixes=(".csv",),
    ),
    Feed(
        "ercot-load-actual", "ERCOT hourly load by weather zone (NP6-345-CD) and by forecast zone (NP6-346-CD)",
        (SYSTEM_LOAD,), f"{ERCOT}.load:actual", needs=NEEDS, suffixes=DOCUMENTS, plan=f"{PLAN}:LOAD_ACTUAL",
        deployment=OF_LOAD,
    ),
    Feed(
        "ercot-load-forecast", "ERCOT forecasts of load by model and zone (NP3-565-CD; files of NP3-560-CD too)",
        (SYSTEM_LOAD,), f"{ERCOT}.load:forecast", needs=NEEDS, suffixes=DOCUMENTS, plan=f"{PLAN}:LOAD_FORECAST",
        deployment=OF_LOAD,
    ),
)  # fmt: skip
