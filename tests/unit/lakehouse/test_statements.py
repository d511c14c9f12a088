"""Statements: what different bytes say of a thing stands side by side, and what adds nothing is left out."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lakehouse.catalog import open_catalog
from lakehouse.contract import Column, Contract, Restated
from lakehouse.pins import pin
from lakehouse.reader import rows_of
from lakehouse.settings import Settings
from lakehouse.writing.staging import Staging
from lakehouse.writing.writer import Landed, merge

CONTRACT = Contract(
    name="quotes",
    description="Prices as they were stated.",
    grain="one statement of a price",
    columns=(
        Column("place", "string", "Place.", nullable=False),
        Column("starts", "timestamptz", "Interval.", nullable=False),
        Column("price", "decimal(18,6)", "Price."),
        Column("kind", "string", "How final.", nullable=False),
        Column("stated_at", "timestamptz", "When stated.", nullable=False),
        Column("basis", "string", "How that is known.", nullable=False),
        Column("source_object", "string", "Bytes.", nullable=False),
        Column("line", "long", "Line.", nullable=False, provenance=True),
    ),
    key=("place", "starts", "kind", "stated_at", "source_object"),
    mode="merge",
    time_column="starts",
    touch=("place",),
    sort=("place", "starts"),
    statement=("kind", "stated_at", "source_object"),
    restated=Restated("stated_at", "basis", ("received",)),
)
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)

#: (hour of the interval, price, minute at which it was stated, basis)
Statement = tuple[int, int, int, str]


def table(statements: Sequence[Statement], source_object: str) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "place": "hub", "starts": EPOCH + timedelta(hours=hour), "price": Decimal(price), "kind": "posted",
                "stated_at": EPOCH + timedelta(days=9, minutes=minute), "basis": basis,
                "source_object": source_object, "line": line,
            }
            for line, (hour, price, minute, basis) in enumerate(statements, start=1)
        ],
        schema=CONTRACT.arrow_schema,
    )  # fmt: skip


def land(settings: Settings, *files: tuple[str, Sequence[Statement]]) -> Landed:
    staging = Staging(settings.temporary("land", uuid.uuid4().hex))
    for sequence, (name, statements) in enumerate(files):
        staging.add(CONTRACT, sequence, table(statements, name))
    return merge(settings, open_catalog(settings), CONTRACT, staging, properties={"wattlake.run": "r"})


def stored(settings: Settings) -> list[tuple[int, int, int, str]]:
    pinned = pin(open_catalog(settings), CONTRACT)
    assert pinned is not None
    sql = f"SELECT starts, price, stated_at, source_object FROM ({pinned.select(CONTRACT)}) ORDER BY 1, 3, 4"
    return [
        (int((at - EPOCH) / timedelta(hours=1)), int(price), int((said - EPOCH).total_seconds() // 60) % 1440, name)
        for at, price, said, name in rows_of(settings, sql)
    ]


def test_statements_of_different_bytes_stand_side_by_side(settings: Settings) -> None:
    land(settings, ("first", [(0, 10, 0, "operator")]))
    landed = land(settings, ("second", [(0, 12, 5, "operator"), (1, 7, 5, "operator")]))
    assert landed.by_sequence[0].new == 2 and landed.by_sequence[0].replaced == 0
    assert stored(settings) == [(0, 10, 0, "first"), (0, 12, 5, "second"), (1, 7, 5, "second")]


def test_landing_the_same_statements_again_commits_nothing(settings: Settings) -> None:
    land(settings, ("first", [(0, 10, 0, "operator"), (1, 11, 0, "operator")]))
    again = land(settings, ("first", [(0, 10, 0, "operator"), (1, 11, 0, "operator")]))
    assert again.snapshot_id is None and again.by_sequence[0].equal == 2


def test_a_file_that_states_one_thing_twice_keeps_its_later_line(settings: Settings) -> None:
    landed = land(settings, ("first", [(0, 10, 0, "operator"), (0, 11, 0, "operator")]))
    assert landed.by_sequence[0].conflicts == 1
    assert stored(settings) == [(0, 11, 0, "first")]


def test_a_growing_file_adds_only_what_is_new_in_it(settings: Settings) -> None:
    land(settings, ("noon", [(0, 10, 0, "received")]))
    landed = land(settings, ("later", [(0, 10, 5, "received"), (1, 11, 5, "received")]))
    assert (landed.by_sequence[0].new, landed.by_sequence[0].equal) == (1, 1)
    assert stored(settings) == [(0, 10, 0, "noon"), (1, 11, 5, "later")]


def test_a_price_that_goes_away_and_comes_back_is_three_statements(settings: Settings) -> None:
    land(settings, ("a", [(0, 10, 0, "received")]), ("b", [(0, 12, 5, "received")]), ("c", [(0, 10, 9, "received")]))
    assert [price for _, price, *_ in stored(settings)] == [10, 12, 10]


def test_what_an_operator_dates_itself_is_kept_even_where_it_adds_nothing(settings: Settings) -> None:
    land(settings, ("a", [(0, 10, 0, "operator")]), ("b", [(0, 10, 5, "operator")]))
    assert len(stored(settings)) == 2


@hypothesis_settings(max_examples=15, deadline=None)
@given(
    polls=st.lists(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=4), min_size=1, max_size=5),
    cut=st.integers(0, 5),
)
def test_what_was_known_at_any_time_is_what_the_polls_had_said_until_then(
    tmp_path_factory: pytest.TempPathFactory, polls: list[list[tuple[int, int]]], cut: int
) -> None:
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    files = [
        (f"poll{minute}", [(hour, price, minute, "received") for hour, price in dict(poll).items()])
        for minute, poll in enumerate(polls)
    ]
    for part in (files[:cut], files[cut:]):  # split over two landings
        if part:
            land(settings, *part)
    kept = stored(settings) if any(poll for poll in polls) else []
    for until in range(len(polls)):
        expected = {hour: price for poll in polls[: until + 1] for hour, price in dict(poll).items()}
        assert {hour: price for hour, price, minute, _ in kept if minute <= until} == expected


def test_a_contract_whose_statements_are_not_told_by_their_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match="statement"):
        dataclasses.replace(CONTRACT, statement=("stated_at",))


def test_many_files_each_in_order_are_written_one_by_one_and_few_are_sorted_together(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, early = ("late", [(8, 1, 0, "operator"), (9, 2, 0, "operator")]), ("early", [(1, 3, 0, "operator")])

    def files_after(*landed: tuple[str, Sequence[Statement]]) -> int:
        land(settings, *landed)
        return len(list(open_catalog(settings).load_table(("raw", "quotes")).scan().plan_files()))

    assert files_after(late, early) == 1
    monkeypatch.setattr("lakehouse.writing.rewrite.SORTED_VALUES", 1)
    assert files_after(("other", late[1]), ("another", early[1])) == 3
    assert len(stored(settings)) == 6
