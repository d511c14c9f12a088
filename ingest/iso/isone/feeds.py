"""ISO-NE's feeds: answers of its web services, or its public documents."""

from ingest.feed import Deployment, Feed, Provider

READ, PLAN = "ingest.iso.isone.read", "ingest.iso.isone.plan"
PRICES = "ingest.iso.contracts:PRICES"
NEEDS = "files; to download: an account at ISO-NE, or nothing for the public files; see `wattlake doctor`"
SUFFIXES = (".csv", ".json")

PROVIDER = Provider(
    "isone",
    "ISO-NE",
    "America/New_York",
    account=("optional: `WATTLAKE_ISONE_USERNAME`, `_PASSWORD` (iso-ne.com); final 5-minute prices come with it only"),
    limit="2 requests a second, waits of 5 s doubled where it refuses",
    reach="2016",
)
REALTIME = Deployment(
    "isone-realtime",
    "Prices of ISO-NE's markets since the last run, final ones once they come.",
    every="hourly",
    cron="20 * * * *",
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
)  # fmt: skip
