"""Every document of every simulated operator about one operating day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from ingest.simulate.markets import caiso, caiso_values, ercot, isone, isone_services, nyiso, nyiso_load
from ingest.simulate.markets.days import PACIFIC, intervals
from ingest.simulate.markets.stated import Document


def day_documents(seed: int, day: date, *, sced: bool = True) -> Iterator[Document]:
    """Documents of ERCOT, NYISO, CAISO and ISO-NE: about 130 of them, and 290 more with the SCED runs.

    Args:
        seed: of the prices.
        day: operating day, local to each operator.
        sced: with the postings of SCED runs.
    """
    for emil, product in ercot.PRODUCTS.items():
        if sced or product.minutes:
            # Of the day's forecasts of load, one in six hours.
            for slot in ercot.slots(seed, emil, day)[:: 6 if product.source == "ercot-load-forecast" else 1]:
                yield ercot.posting(seed, emil, day, slot)
    for stem in nyiso.FEEDS:
        yield nyiso.daily(seed, stem, day)
    for name in nyiso_load.FEEDS:
        yield nyiso_load.daily(seed, name, day)
    for query in caiso.QUERIES:
        yield caiso.day_answer(seed, query, day)
    yield from caiso_day(seed, day)
    for report in isone.REPORTS:
        if report not in isone.WEB_ONLY:
            parts = range(len(isone.PARTS)) if report == "rt5-prelim" else (None,)
            for part in parts:
                yield isone.public_csv(seed, report, day, part)
        yield isone.web_service(seed, report, day)
    yield from isone_services.answers(seed, day)


def caiso_day(seed: int, day: date) -> Iterator[Document]:
    """Answers of OASIS about a day whose rows are values: ancillary services, of real time by the hour, and load."""
    hours = intervals(day, PACIFIC, 60)
    start, end = hours[0][0], hours[-1][1]
    yield caiso_values.services_answer(seed, "PRC_AS", start, end, end)
    for begins, ends in hours:
        yield caiso_values.services_answer(seed, "PRC_INTVL_AS", begins, ends, ends)
    for run in caiso_values.RUNS:
        yield caiso_values.load_answer(seed, run, start, end, end)
