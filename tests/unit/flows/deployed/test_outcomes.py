"""A landing ends in a state that a person sees as soon as one file was refused."""

from __future__ import annotations

from flows.deployed import outcomes
from lakehouse.landing.outcome import FileOutcome


def refused(name: str) -> FileOutcome:
    return FileOutcome(f"/in/{name}", "refused", reason=f"{name} is no known meter file\n  next: write a layout file")


def test_without_a_refusal_a_landing_is_completed() -> None:
    state = outcomes.of_files([FileOutcome("/in/a.csv", "landed"), FileOutcome("/in/b.csv", "unchanged")])
    assert (state.name, state.message) == ("Completed", "1 landed, 1 unchanged; 0 rows new or replaced")


def test_one_refused_file_of_many_is_red_and_is_named() -> None:
    state = outcomes.of_files([FileOutcome("/in/a.csv", "landed"), refused("b.csv")])
    assert state.is_failed() and state.name == "Refused"
    first, second, step = str(state.message).splitlines()
    assert first == "1 landed, 1 refused; 0 rows new or replaced"
    assert second == "b.csv is no known meter file"
    assert step.startswith("  next: ")


def test_of_many_refused_files_the_first_are_named_and_the_rest_are_counted() -> None:
    state = outcomes.of_files([refused(f"{number}.csv") for number in range(1200)])
    lines = str(state.message).splitlines()
    assert lines[0] == "none of 1200 files landed"
    assert lines[1:5] == [*(f"{number}.csv is no known meter file" for number in range(3)), "and 1,197 more"]
