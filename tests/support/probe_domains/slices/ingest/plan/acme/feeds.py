"""Acme's feeds: plans of its areas."""

from datetime import date

from ingest.feed import Deployment, Feed, Provider

PROVIDER = Provider(
    "acme",
    "Acme",
    "UTC",
    "ingest.plan.acme.access:Access",
    account="none",
    limit="one request at a time",
    reach="2024",
    first_day=date(2024, 1, 1),
)
DAILY = Deployment("acme-daily", "Acme's plans since the last run.", every="daily", cron="15 6 * * *")
FEEDS = (
    Feed(
        "acme-plan", "Acme's plans by area and hour", ("ingest.plan.contracts:PLANS",), "ingest.plan.acme.read:plan",
        suffixes=(".csv",), plan="ingest.plan.acme.plan:DAYS", deployment=DAILY,
    ),
)  # fmt: skip
