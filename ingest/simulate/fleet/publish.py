"""A simulated fleet's documents as files, named as they are when they are downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np

from ingest.simulate.fleet.calendar import published_on
from ingest.simulate.fleet.dam_disclosure import dam_members
from ingest.simulate.fleet.fleet import CORRECTED_DAY, Fleet
from ingest.simulate.fleet.price_postings import CORRECTIONS, Posting, correction, mcpc_postings, spp_postings
from ingest.simulate.fleet.sced_disclosure import has_supplemental, sced_members, supplemental_members
from ingest.simulate.fleet.text import packed

DAM_REPORT, SCED_REPORT = 13051, 13052
#: Days from the first publication of a day to the supplemental that corrects it.
SUPPLEMENTAL_AFTER = 20


@dataclass
class Documents:
    """Files by the source that lands them.

    Args:
        files: source → files, in the order of publication.
        later: the same for what corrects them.
    """

    files: dict[str, list[Path]] = field(default_factory=dict)
    later: dict[str, list[Path]] = field(default_factory=dict)


def write_documents(fleet: Fleet, folder: Path) -> Documents:
    """Write every document of a fleet; equal fleets give equal bytes.

    Disclosures are archives of a day each. Postings of prices come in archives of a day as well, each document in an
    archive of its own, as in a bulk download. What corrects them lies beside them in `later`.
    """
    documents = Documents()
    folder.mkdir(parents=True, exist_ok=True)
    period, calendar = fleet.calendar.period, fleet.calendar
    days_of_quarters = period.day_index(calendar.quarters)
    for day, operating_day in enumerate(period.dates):
        published = published_on(operating_day)
        dam = _disclosure(folder, DAM_REPORT, published, "60_Day_DAM_Disclosure", dam_members(fleet, day))
        sced = _disclosure(folder, SCED_REPORT, published, "60_Day_SCED_Disclosure", sced_members(fleet, day))
        documents.files.setdefault("ercot-60d", []).extend([dam, sced])
        quarters = np.flatnonzero(days_of_quarters == day)
        kinds = {"ercot-rt15-spp": ("np6-905-cd", spp_postings(fleet, quarters))}
        if fleet.rtcb:
            kinds["ercot-rt15-mcpc"] = ("np6-331-cd", mcpc_postings(fleet, quarters))
        for source, (product, postings) in kinds.items():
            path = _bulk(folder, f"{product}_{operating_day:%Y%m%d}.zip", postings)
            documents.files.setdefault(source, []).append(path)
    if has_supplemental(fleet):
        published = published_on(period.dates[CORRECTED_DAY]) + timedelta(days=SUPPLEMENTAL_AFTER)
        name = f"60_Day_SCED_Disclosure_{'ESR_' if fleet.rtcb else ''}SUPPLEMENTAL_CORRECTION"
        path = _disclosure(folder, SCED_REPORT, published, name, supplemental_members(fleet))
        documents.later["ercot-60d"] = [path]
    for market in CORRECTIONS:
        if (posting := correction(fleet, market)) is not None:
            path = folder / f"{posting.name.removesuffix('.csv')}_csv.zip"
            path.write_bytes(packed({posting.name: posting.content}, datetime.fromtimestamp(posting.at, tz=UTC)))
            source = f"ercot-{'dam' if market == 'DAM' else 'rt15'}-spp-corrections"
            documents.later[source] = [path]
    return documents


def _disclosure(folder: Path, report: int, published: date, name: str, members: dict[str, bytes]) -> Path:
    at = datetime(published.year, published.month, published.day, 5, 1, 49, tzinfo=UTC)
    path = folder / f"ext.{report:08d}.0000000000000000.{at:%Y%m%d.%H%M%S}776.{name}.zip"
    path.write_bytes(packed(members, at))
    return path


def _bulk(folder: Path, name: str, postings: Sequence[Posting]) -> Path:
    at = datetime.fromtimestamp(postings[-1].at, tz=UTC)
    inner = {
        f"{number + 900_000_001}.{posting.name.removesuffix('.csv')}_csv.zip": packed(
            {posting.name: posting.content}, at
        )
        for number, posting in enumerate(postings)
    }
    path = folder / name
    path.write_bytes(packed(inner, at))
    return path
