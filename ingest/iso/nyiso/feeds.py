"""NYISO's feeds: static files of zones and of generators."""

from ingest.feed import Deployment, Feed, Provider

READ, PLAN = "ingest.iso.nyiso.read", "ingest.iso.nyiso.plan"
LOAD = "ingest.iso.nyiso.load"
PRICES, AS_PRICES = "ingest.iso.contracts:PRICES", "ingest.iso.contracts:AS_PRICES"
SYSTEM_LOAD = "ingest.iso.contracts:SYSTEM_LOAD"

PROVIDER = Provider(
    "nyiso",
    "NYISO",
    "America/New_York",
    "ingest.iso.nyiso.access:Access",
    account="none",
    limit="4 requests a second",
    reach="the feed's beginning, by month",
)
REALTIME = Deployment(
    "nyiso-realtime",
    "Prices of NYISO's zones and its ancillary services since the last run; files that have not grown are not sent.",
    every="every-5-minutes",
    cron="1-59/5 * * * *",
)
GENERATORS = Deployment(
    "nyiso-generators",
    "Prices of NYISO's generators since the last run.",
    every="hourly",
    cron="25 * * * *",
)
OF_LOAD = Deployment(
    "nyiso-load",
    "NYISO's integrated load of zones, and every forecast of load that is seen, since the last run.",
    every="hourly",
    cron="50 * * * *",
)

FEEDS = (
    Feed(
        "nyiso-dam-lbmp-zone", "NYISO day-ahead LBMPs of zones, with components", (PRICES,), f"{READ}:dam_zone",
        plan=f"{PLAN}:DAM_LBMP_ZONE", deployment=REALTIME,
    ),
    Feed(
        "nyiso-dam-as", "NYISO day-ahead prices of ancillary services", (AS_PRICES,), f"{READ}:dam_as",
        plan=f"{PLAN}:DAM_AS", deployment=REALTIME,
    ),
    Feed(
        "nyiso-rt5-lbmp-zone", "NYISO 5-minute LBMPs of zones, with components", (PRICES,), f"{READ}:rt5_zone",
        plan=f"{PLAN}:RT5_LBMP_ZONE", deployment=REALTIME,
    ),
    Feed(
        "nyiso-rth-lbmp-zone", "NYISO hourly integrated LBMPs of zones, with components", (PRICES,),
        f"{READ}:rth_zone", plan=f"{PLAN}:RTH_LBMP_ZONE", deployment=REALTIME,
    ),
    Feed(
        "nyiso-rt5-as", "NYISO real-time prices of ancillary services", (AS_PRICES,), f"{READ}:rt5_as",
        plan=f"{PLAN}:RT5_AS", deployment=REALTIME,
    ),
    Feed(
        "nyiso-dam-lbmp-generator", "NYISO day-ahead LBMPs of generators, with components", (PRICES,),
        f"{READ}:dam_generator", plan=f"{PLAN}:DAM_LBMP_GENERATOR", deployment=GENERATORS,
    ),
    Feed(
        "nyiso-rt5-lbmp-generator", "NYISO 5-minute LBMPs of generators, with components", (PRICES,),
        f"{READ}:rt5_generator", plan=f"{PLAN}:RT5_LBMP_GENERATOR", deployment=GENERATORS,
    ),
    Feed(
        "nyiso-rth-lbmp-generator", "NYISO hourly integrated LBMPs of generators, with components", (PRICES,),
        f"{READ}:rth_generator", plan=f"{PLAN}:RTH_LBMP_GENERATOR", deployment=GENERATORS,
    ),
    Feed(
        "nyiso-load-actual", "NYISO hourly integrated load of zones", (SYSTEM_LOAD,), f"{LOAD}:actual",
        plan=f"{PLAN}:LOAD_ACTUAL", deployment=OF_LOAD,
    ),
    Feed(
        "nyiso-load-forecast", "NYISO forecasts of load by zone, six days ahead", (SYSTEM_LOAD,), f"{LOAD}:forecast",
        plan=f"{PLAN}:LOAD_FORECAST", deployment=OF_LOAD,
    ),
)  # fmt: skip
