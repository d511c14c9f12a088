"""Small wrong changes to the code, and the tests that must notice them.

A mutant is a piece of text that stands once in one file, and what it becomes. Add one for each fault that got past us.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One wrong change.

    Args:
        name: what is wrong with it.
        path: the file, from the checkout.
        old, new: the text that stands there once, and what it becomes.
        tests: what must fail then; of the default suite, and without recorded data.
    """

    name: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]


_COUNTER_RULE = ("tests/dbt/test_counter_rule.py",)
_CHANGES = ("tests/unit/lakehouse/test_changes.py",)
_LIMITS = ("tests/unit/lakehouse/test_instants_and_ranges.py",)

MUTANTS = (
    Mutant(
        "a battery of two halves is covered where one half is",
        "dbt/models/intermediate/ercot_batteries/int_bess_quarters.sql",
        "else least(coalesce(own.covered_us, 0), coalesce(charging.covered_us, 0))",
        "else greatest(coalesce(own.covered_us, 0), coalesce(charging.covered_us, 0))",
        ("tests/dbt/test_revenue_rules.py",),
    ),
    Mutant(
        "a step of a counter is read without the run beyond its neighbour",
        "lakehouse/observations/counter_context.py",
        "CONTEXT_RUNS = 1",
        "CONTEXT_RUNS = 0",
        _CHANGES,
    ),
    Mutant(
        "a run that ends with the change is not the one after it",
        "lakehouse/observations/counter_context.py",
        "n.last_ts >= x.{end}",
        "n.last_ts > x.{end}",
        _CHANGES,
    ),
    Mutant(
        "a changed calendar leaves the first day of the old one",
        "lakehouse/observations/reach.py",
        "OLD_DAY_H = 25",
        "OLD_DAY_H = 24",
        _CHANGES,
    ),
    Mutant(
        "around rebuilt days no hour is read for buckets that reach over midnight",
        "lakehouse/observations/reach.py",
        "READ_MARGIN_S = 86_400 + 3_600",
        "READ_MARGIN_S = 86_400",
        _CHANGES,
    ),
    Mutant(
        "around a changed day of a market one day is read",
        "lakehouse/marts/reads.py",
        "return Range(midnight(first) - around * DAY",
        "return Range(midnight(first) - (around - 1) * DAY",
        _CHANGES,
    ),
    Mutant(
        "a shard counts the rows that changed, and not those that are read",
        "lakehouse/marts/shards.py",
        "read = [day + i * DAY for i in range(-around, around + 1)]",
        "read = [day]",
        ("tests/unit/lakehouse/test_shards.py",),
    ),
    Mutant(
        "a fall of exactly a tenth is a correction",
        "dbt/models/intermediate/shared/int_counter_steps.sql",
        "-step * 10 < abs(amount_before)",
        "-step * 10 <= abs(amount_before)",
        _COUNTER_RULE,
    ),
    Mutant(
        "exactly 24 hours of one value are no freeze",
        "dbt/models/intermediate/shared/int_counter_steps.sql",
        "from_us - flat_before_us >= {{ 24 * 3600 * 1000000 }}",
        "from_us - flat_before_us > {{ 24 * 3600 * 1000000 }}",
        _COUNTER_RULE,
    ),
    Mutant(
        "capacities exactly a tenth apart are of two batteries",
        "dbt/models/intermediate/ercot_batteries/int_bess_halves.sql",
        "load.capacity_micro_mw) <= greatest(",
        "load.capacity_micro_mw) < greatest(",
        ("tests/dbt/test_revenue_rules.py",),
    ),
    Mutant(
        "a wall clock has an hour that ends at 25",
        "ingest/iso/ercot/clock.py",
        "if hour_ending > 24:",
        "if hour_ending > 25:",
        ("tests/unit/ingest/iso/ercot/test_ercot_prices.py",),
    ),
    Mutant(
        "10^18 millionths are taken for a number of 18 digits",
        "ingest/text/numbers.py",
        "EXACT_LIMIT = 10**18",
        "EXACT_LIMIT = 10**18 + 1",
        ("tests/unit/ingest/test_numbers_exact.py",),
    ),
    Mutant(
        "a shuffled file proves which of two hours a stamp is of",
        "ingest/time/local_time.py",
        "_ANCHORS, _ANCHORS_A_SIDE = 8, 2",
        "_ANCHORS, _ANCHORS_A_SIDE = 8, 0",
        ("tests/unit/ingest/test_local_time.py",),
    ),
    Mutant(
        "the first instant of 1970 is none that a meter has seen",
        "lakehouse/writing/validate.py",
        "pc.or_(pc.less(values, first), pc.greater_equal(values, last))",
        "pc.or_(pc.less_equal(values, first), pc.greater_equal(values, last))",
        _LIMITS,
    ),
    Mutant(
        "the first instant of 2100 is one that a meter has seen",
        "lakehouse/writing/validate.py",
        "pc.or_(pc.less(values, first), pc.greater_equal(values, last))",
        "pc.or_(pc.less(values, first), pc.greater(values, last))",
        _LIMITS,
    ),
    Mutant(
        "a value equal to its minimum is below it",
        "lakehouse/writing/validate.py",
        "pc.less(values, column.minimum)",
        "pc.less_equal(values, column.minimum)",
        _LIMITS,
    ),
    Mutant(
        "a value equal to its maximum is above it",
        "lakehouse/writing/validate.py",
        "pc.greater(values, column.maximum)",
        "pc.greater_equal(values, column.maximum)",
        _LIMITS,
    ),
    Mutant(
        "excursions of a counter are looked for less than a day around",
        "lakehouse/observations/counter_context.py",
        "EXCURSION_H = 24",
        "EXCURSION_H = 23",
        _CHANGES,
    ),
    Mutant(
        "what the connection delivers is counted in 64 bits",
        "dbt/macros/counters.sql",
        "{{ power_limit_w }}::hugeint * (",
        "{{ power_limit_w }} * (",
        _COUNTER_RULE,
    ),
    Mutant(
        "a step above the limit of the connection is no estimate",
        "dbt/models/intermediate/shared/int_counter_steps.sql",
        "kind in ('correction', 'freeze', 'jump')",
        "kind in ('correction', 'freeze')",
        _COUNTER_RULE,
    ),
)
