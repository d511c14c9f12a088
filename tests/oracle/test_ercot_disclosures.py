"""Recorded 60-day disclosures: dollars and energy of the landed rows, against figures known from elsewhere."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from tests.ercot_reading import read

pytestmark = pytest.mark.real_data

DAM_SERVICES = {
    "regup_awarded_mw": "regup_mcpc_usd_mw", "regdown_awarded_mw": "regdown_mcpc_usd_mw",
    "rrspfr_awarded_mw": "rrs_mcpc_usd_mw", "rrsffr_awarded_mw": "rrs_mcpc_usd_mw",
    "rrsufr_awarded_mw": "rrs_mcpc_usd_mw", "ecrssd_awarded_mw": "ecrs_mcpc_usd_mw",
    "nonspin_awarded_mw": "nonspin_mcpc_usd_mw",
}  # fmt: skip
#: Energy and ancillary service dollars of 2025-12-06, to the cent, as another parser of the same file gives them.
GOLDEN = {
    "ALP_BESS": ("-24.56", "6730.30"), "ANDMDSLR_ESR1": ("-58.21", "1829.63"), "ANDMDSLR_ESR2": ("0", "5357.52"),
    "ANEM": ("0", "11790.63"), "ANG_SLR": ("0", "2069.86"), "ANOL": ("0", "5692.80"), "ANTL": ("702.53", "7127.65"),
    "AVIL": ("6067.31", "12220.68"), "ADL": ("0", "0"), "AE": ("0", "0"), "ALAMO": ("0", "0"), "ANGLETON": ("0", "0"),
    "BAY_CITY": ("0", "0"), "BEXAR": ("0", "0"),
}  # fmt: skip


@pytest.fixture(scope="module")
def ercot(recorded: Path) -> Path:
    return recorded / "iso/ercot"


def test_dollars_of_fourteen_batteries_come_out_to_the_cent(ercot: Path) -> None:
    document = read("ercot-60d", ercot / "60d_dam_np3-966-er/60d_DAM_ESR_Data_opday_20251206_14resources.csv")
    assert document.rows_read == document.landed == 336
    energy, services = defaultdict(Decimal), defaultdict(Decimal)
    for row in document.rows("ercot_dam_esr_resources"):
        energy[row["resource_name"]] += (row["awarded_mw"] or 0) * row["spp_usd_mwh"]
        for award, price in DAM_SERVICES.items():
            services[row["resource_name"]] += (row[award] or 0) * (row[price] or 0)
    cent = Decimal("0.01")
    found = {name: (energy[name].quantize(cent), services[name].quantize(cent)) for name in energy}
    assert len(found) == 14
    for prefix, dollars in GOLDEN.items():
        (name,) = [name for name in found if name.startswith(f"{prefix}_") or name == prefix]
        assert found.pop(name) == tuple(Decimal(text) for text in dollars), name
    assert not found
