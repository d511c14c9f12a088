"""Broken files of every layout: refused with a reason, or each landed value is what its line says.

The default suite draws 1,500 cases; `-m nightly` runs `WATTLAKE_FUZZ_CASES` (1,000,000 unless set) from number
`WATTLAKE_FUZZ_FIRST` on, each told by its number so that a failure can be run again.
"""

from __future__ import annotations

import hashlib
import os
import random
import time
from pathlib import Path

import pytest
from fuzz_oracle import verify
from fuzz_samples import Damage, damage
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ingest.registry import registry
from lakehouse.errors import UnreadableFile
from lakehouse.source import LandOptions, RawFile
from tests.support.layout_samples import SAMPLES, Sample
from tests.support.parsing import joined

#: A file of some kilobytes takes some milliseconds; a second of CPU time is a reader that does not end.
CPU_LIMIT_S = 5.0
_LARGE = 2**16


def raw_file(sample: Sample, content: bytes) -> RawFile:
    digest = hashlib.sha256(content).hexdigest()
    return RawFile(digest, Path("/given") / sample.path, len(content), lambda: iter([content]))


def read(sample: Sample, content: bytes) -> int:
    """Parse and verify; the number of values that landed, 0 if the file was refused."""
    source = registry().sources[sample.domain]
    file = raw_file(sample, content)
    began = time.process_time()
    try:
        parsed = joined(source.parse(file, LandOptions()))
    except UnreadableFile as error:
        assert error.message and error.next_step
        return 0
    finally:
        assert time.process_time() - began < CPU_LIMIT_S
    return verify(content, parsed, source.contracts[0])


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: Path(sample.path).stem)
def test_a_whole_file_of_every_layout_is_read_as_the_slow_reader_reads_it(sample: Sample) -> None:
    content = sample.text.encode()
    (parsed,) = registry().sources[sample.domain].parse(raw_file(sample, content), LandOptions())
    assert parsed.layout == sample.layout
    assert read(sample, content) >= 10


_NUMBERS = st.integers(0, _LARGE)


@settings(max_examples=1_500, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(st.sampled_from(SAMPLES), st.lists(st.tuples(_NUMBERS, _NUMBERS, _NUMBERS, _NUMBERS), max_size=5))
def test_no_damage_crashes_a_reader_or_lands_another_value(sample: Sample, damages: list[Damage]) -> None:
    read(sample, damage(sample, damages))


@settings(max_examples=500, deadline=None, database=None)
@given(st.sampled_from(("meter", "bess")), st.binary(max_size=300))
@example("meter", b"[" * 100_000)
@example("bess", b'{"a":' * 100_000)
def test_no_bytes_crash_a_reader(domain: str, content: bytes) -> None:
    read(Sample("", domain, "m1/x.csv", ""), content)


def case(number: int) -> tuple[Sample, list[Damage]]:
    """Case `number` of the nightly run."""
    rng = random.Random(number)
    damages = [tuple(rng.randrange(_LARGE) for _ in range(4)) for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 5)))]
    return rng.choice(SAMPLES), damages


@pytest.mark.nightly
@pytest.mark.timeout(24 * 3600)
def test_a_million_damages_crash_no_reader_and_land_no_other_value() -> None:
    first, count = (
        int(os.environ.get(f"WATTLAKE_FUZZ_{name}", default)) for name, default in (("FIRST", 0), ("CASES", 1_000_000))
    )
    landed = refused = 0
    failures: dict[str, int] = {}
    for number in range(first, first + count):
        sample, damages = case(number)
        try:
            values = read(sample, damage(sample, damages))
        except Exception as error:  # noqa: BLE001  all are collected and reported below
            failures.setdefault(f"{sample.layout}: {type(error).__name__}: {error}"[:300], number)
            if len(failures) >= 40:
                break
        else:
            landed += values
            refused += not values
    print(f"{number + 1 - first} cases, {landed} values verified, {refused} files refused")
    assert not failures, "\n".join(f"case {at}: {what}" for what, at in failures.items())
