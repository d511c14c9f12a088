"""CAISO's feeds: queries of OASIS."""

from ingest.feed import Deployment, Feed, Provider

CAISO, READ, PLAN = "ingest.iso.caiso", "ingest.iso.caiso.read", "ingest.iso.caiso.plan"
PRICES, AS_PRICES = "ingest.iso.contracts:PRICES", "ingest.iso.contracts:AS_PRICES"
SYSTEM_LOAD = "ingest.iso.contracts:SYSTEM_LOAD"

PROVIDER = Provider(
    "caiso",
    "CAISO",
    "America/Los_Angeles",
    "ingest.iso.caiso.access:Access",
    account="none",
    limit="one request in 5 s",
    reach="39 months; nodes of `WATTLAKE_CAISO_NODES` (three trading hubs by default)",
)
REALTIME = Deployment(
    "caiso-realtime",
    "Prices of CAISO's markets since the last run, at the nodes of WATTLAKE_CAISO_NODES. OASIS takes a request in 5 s.",
    every="half-hourly",
    cron="5-59/30 * * * *",
)
SERVICES_AND_LOAD = Deployment(
    "caiso-services-and-load",
    "CAISO's prices of ancillary services by region, and load by area, actual and forecast, since the last run.",
    every="hourly",
    cron="25 * * * *",
)

FEEDS = (
    Feed(
        "caiso-dam-lmp", "CAISO day-ahead hourly LMPs, with components (OASIS)", (PRICES,), f"{READ}:dam",
        plan=f"{PLAN}:DAM_LMP", deployment=REALTIME,
    ),
    Feed(
        "caiso-rt15-lmp", "CAISO 15-minute LMPs of the fifteen-minute market, with components (OASIS)", (PRICES,),
        f"{READ}:rt15", plan=f"{PLAN}:RT15_LMP", deployment=REALTIME,
    ),
    Feed(
        "caiso-rt5-lmp", "CAISO real-time 5-minute LMPs, with components (OASIS)", (PRICES,), f"{READ}:rt5",
        plan=f"{PLAN}:RT5_LMP", deployment=REALTIME,
    ),
    Feed(
        "caiso-hasp-lmp", "CAISO hour-ahead LMPs, with components (OASIS)", (PRICES,), f"{READ}:hasp",
        plan=f"{PLAN}:HASP_LMP", deployment=REALTIME,
    ),
    Feed(
        "caiso-dam-as", "CAISO day-ahead prices of ancillary services by region (OASIS)", (AS_PRICES,),
        f"{CAISO}.services:dam", plan=f"{CAISO}.plan_values:DAM_AS", deployment=SERVICES_AND_LOAD,
    ),
    Feed(
        "caiso-rt15-as", "CAISO 15-minute prices of ancillary services by region (OASIS)", (AS_PRICES,),
        f"{CAISO}.services:rt15", plan=f"{CAISO}.plan_values:RT15_AS", deployment=SERVICES_AND_LOAD,
    ),
    Feed(
        "caiso-load-actual", "CAISO hourly load by area (OASIS)", (SYSTEM_LOAD,), f"{CAISO}.load:actual",
        plan=f"{CAISO}.plan_values:LOAD_ACTUAL", deployment=SERVICES_AND_LOAD,
    ),
    Feed(
        "caiso-load-forecast", "CAISO forecasts of load by area, one to seven days ahead and in real time (OASIS)",
        (SYSTEM_LOAD,), f"{CAISO}.load:forecast", plan=f"{CAISO}.plan_values:LOAD_FORECAST",
        deployment=SERVICES_AND_LOAD,
    ),
)  # fmt: skip
