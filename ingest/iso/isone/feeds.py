"""ISO-NE's feeds: answers of its web services, or its public documents."""

from ingest.feed import Deployment, Feed, Provider

READ, PLAN = "ingest.iso.isone.read", "ingest.iso.isone.plan"
SERVICES, LOAD, WEB = "ingest.iso.isone.services", "ingest.iso.isone.load", "ingest.iso.isone.plan_services"
PRICES, AS_PRICES = "ingest.iso.contracts:PRICES", "ingest.iso.contracts:AS_PRICES"
SYSTEM_LOAD = "ingest.iso.contracts:SYSTEM_LOAD"
NEEDS = "files; to download: an account at ISO-NE, or nothing for the public files; see `wattlake doctor`"
NEEDS_ACCOUNT = "files; to download: an account at ISO-NE; see `wattlake doctor`"
SUFFIXES, JSON = (".csv", ".json"), (".json",)

PROVIDER = Provider(
    "isone",
    "ISO-NE",
    "America/New_York",
    "ingest.iso.isone.access:Access",
    account=(
        "optional: `WATTLAKE_ISONE_USERNAME`, `_PASSWORD` (iso-ne.com); final 5-minute prices, ancillary "
        "services and load come with it only"
    ),
    limit="2 requests a second, waits of 5 s doubled where it refuses",
    reach="2016",
)
REALTIME = Deployment(
    "isone-realtime",
    "Prices of ISO-NE's markets since the last run, final ones once they come.",
    every="hourly",
    cron="20 * * * *",
)
SERVICES_AND_LOAD = Deployment(
    "isone-services-and-load",
    "ISO-NE's prices of reserves and regulation, and load, actual and every forecast of it, since the last run. Needs "
    "an account.",
    every="hourly",
    cron="35 * * * *",
)

FEEDS = (
    Feed(
        "isone-dam-lmp", "ISO-NE day-ahead hourly LMPs, with components (web services or public CSV)", (PRICES,),
        f"{READ}:dam", needs=NEEDS, suffixes=SUFFIXES, plan=f"{PLAN}:DAM_LMP", deployment=REALTIME,
    ),
    Feed(
        "isone-rth-lmp", "ISO-NE real-time hourly LMPs, with components (web services or public CSV)", (PRICES,),
        f"{READ}:rth", needs=NEEDS, suffixes=SUFFIXES, plan=f"{PLAN}:RTH_LMP", deployment=REALTIME,
    ),
    Feed(
        "isone-rt5-lmp", "ISO-NE real-time 5-minute LMPs, with components (web services or public CSV)", (PRICES,),
        f"{READ}:rt5", needs=NEEDS, suffixes=SUFFIXES, plan=f"{PLAN}:RT5_LMP", deployment=REALTIME,
    ),
    Feed(
        "isone-dam-as", "ISO-NE day-ahead prices of reserves and of forecast energy (web services)", (AS_PRICES,),
        f"{SERVICES}:dam", needs=NEEDS_ACCOUNT, suffixes=JSON, plan=f"{WEB}:DAM_AS", deployment=SERVICES_AND_LOAD,
    ),
    Feed(
        "isone-rth-as", "ISO-NE hourly prices of reserves, preliminary and final (web services)", (AS_PRICES,),
        f"{SERVICES}:rth", needs=NEEDS_ACCOUNT, suffixes=JSON, plan=f"{WEB}:RTH_AS", deployment=SERVICES_AND_LOAD,
    ),
    Feed(
        "isone-rt5-as", "ISO-NE 5-minute prices of reserves and of regulation (web services)", (AS_PRICES,),
        f"{SERVICES}:rt5", needs=NEEDS_ACCOUNT, suffixes=JSON, plan=f"{WEB}:RT5_AS", deployment=SERVICES_AND_LOAD,
    ),
    Feed(
        "isone-load-actual", "ISO-NE load of the system and of load zones (web services)", (SYSTEM_LOAD,),
        f"{LOAD}:actual", needs=NEEDS_ACCOUNT, suffixes=JSON, plan=f"{WEB}:LOAD_ACTUAL", deployment=SERVICES_AND_LOAD,
    ),
    Feed(
        "isone-load-forecast", "ISO-NE forecasts of load, every vintage (web services)", (SYSTEM_LOAD,),
        f"{LOAD}:forecast", needs=NEEDS_ACCOUNT, suffixes=JSON, plan=f"{WEB}:LOAD_FORECAST",
        deployment=SERVICES_AND_LOAD,
    ),
)  # fmt: skip
