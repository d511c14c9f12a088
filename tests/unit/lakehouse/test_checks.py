"""Checks of a build in pieces are told as those of one build."""

from __future__ import annotations

from lakehouse.check_result import CheckResult
from lakehouse.marts.checks import united
from lakehouse.marts.data_docs import SAMPLE_ROWS


def test_a_check_that_ran_over_several_pieces_is_one_with_the_worst_outcome_and_all_rows() -> None:
    rows: list[dict[str, object]] = [{"found": number} for number in range(SAMPLE_ROWS)]
    first = [
        CheckResult("dbt", "keys", "fail", 2, rows[:2], seconds=1.0),
        CheckResult("dbt", "levels", "pass", seconds=0.5),
    ]
    second = [
        CheckResult("dbt", "keys", "pass", seconds=0.25),
        CheckResult("dbt", "levels", "warn", SAMPLE_ROWS + 1, rows),
        CheckResult("dbt", "prices", "error", message="no such table"),
    ]
    assert united(united([], first), second) == [
        CheckResult("dbt", "keys", "fail", 2, rows[:2], seconds=1.25),
        CheckResult("dbt", "levels", "warn", SAMPLE_ROWS + 1, rows, seconds=0.5),
        CheckResult("dbt", "prices", "error", message="no such table"),
    ]
