"""The check fails for a piece of work that became slower, and only for such."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks import check
from tests.benchmarks.change_log_speed import batches
from tests.benchmarks.check_cpu import MOST_ROUNDS, measured
from tests.benchmarks.check_instructions import CannotCount, counts_of
from tests.benchmarks.check_verdicts import Figure, Outcome, Verdict, report, verdicts
from tests.benchmarks.check_works import BATCH, Work, works
from tests.benchmarks.job_speed import FOLDER


class Machine:
    """A clock that work moves on. `speeds` are the machine's in turn: a busy minute is slow."""

    def __init__(self, *speeds: float) -> None:
        self.now = 0.0
        self.calls = 0
        self._speeds = itertools.cycle(speeds or (1.0,))

    def clock(self) -> float:
        return self.now

    def work(self, seconds: float) -> Callable[[], None]:
        def call() -> None:
            self.calls += 1
            self.now += seconds / next(self._speeds)

        return call


def _measured(machine: Machine, seconds: float, committed: dict[str, float]) -> Figure:
    pieces = [Work("piece", 1_000, machine.work(seconds))]
    return measured(pieces, committed, machine.clock, machine.work(0.01))["piece"]


def test_a_figure_is_a_ratio_to_the_reference() -> None:
    assert _measured(Machine(), 0.05, {"piece": 5.0}).value == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("slowed", "outcome"),
    [(1.0, Outcome.SAME), (1.1, Outcome.SAME), (1.2, Outcome.SLOWER), (0.8, Outcome.FASTER)],
)
def test_a_piece_that_became_slower_fails(slowed: float, outcome: Outcome) -> None:
    figure = _measured(Machine(), 0.05 * slowed, {"piece": 5.0})
    assert Verdict("piece", figure, 5.0).outcome is outcome


def test_a_machine_that_changes_its_speed_changes_no_figure() -> None:
    # The reference before, the work, and the reference after meet the same speed on the whole.
    figure = _measured(Machine(*[1.0] * 33, *[0.4] * 33), 0.05, {"piece": 5.0})
    assert Verdict("piece", figure, 5.0).outcome is Outcome.SAME


def test_what_is_not_decided_is_measured_more_often() -> None:
    quiet, unclear = Machine(), Machine()
    _measured(quiet, 0.05, {"piece": 5.0})
    pieces = [Work("piece", 1_000, unclear.work(0.05))]
    uneven = itertools.cycle([0.009, 0.009, 0.011, 0.011])

    def reference() -> None:
        unclear.now += next(uneven)

    # Every other ratio is above the limit.
    found = measured(pieces, {"piece": 5.0 / 1.15}, unclear.clock, reference)["piece"]
    assert unclear.calls > MOST_ROUNDS > quiet.calls
    assert Verdict("piece", found, 5.0 / 1.15).outcome is Outcome.UNCLEAR
    assert Verdict("piece", found, 5.0 / 1.15).fails


@given(st.lists(st.floats(0.1, 10), min_size=1))
def test_a_figure_lies_within_its_interval_and_that_within_the_values(values: list[float]) -> None:
    figure = Figure.of(values)
    assert min(values) <= figure.low <= figure.value <= figure.high <= max(values)


def test_a_few_wild_values_do_not_move_a_figure() -> None:
    figure = Figure.of([1.0] * 60 + [9.0] * 15)
    assert (figure.low, figure.value, figure.high) == (1.0, 1.0, 1.0)


def test_a_piece_without_a_committed_figure_fails() -> None:
    (one,) = verdicts({"new": Figure(1.0, 1.0, 1.0)}, {"old": 1.0})
    assert one.fails
    assert "--write" in report([one], "unit")[1]


def test_figures_of_another_machine_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "committed.json"
    check.write(path, "one", {"work": Figure(1.23456, 1.0, 2.0)})
    check.write(path, "two", {"work": Figure(7.0, 7.0, 7.0)})
    assert json.loads(path.read_text()) == {"one": {"work": 1.2346}, "two": {"work": 7.0}}


def test_the_exit_code_tells_of_a_slow_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "committed.json"
    found = {"work": Figure(100.0, 99.0, 101.0)}
    monkeypatch.setattr(check, "measured", lambda by, committed: found)
    assert check.check("cpu", path, keep=True) == 0
    assert check.check("cpu", path, keep=False) == 0
    found["work"] = Figure(120.0, 119.0, 121.0)
    assert check.check("cpu", path, keep=False) == 1
    assert "work costs 1.20 of what was committed" in capsys.readouterr().out


def test_only_what_was_counted_between_the_marks_is_taken(tmp_path: Path) -> None:
    for number, (trigger, count) in enumerate(
        [("--dump-before=getppid", 7), ("--dump-before=getppid", 8), ("Program termination", 9)], 1
    ):
        text = f"desc: Trigger: {trigger}\nevents: Ir\nfn=x\n1 {count}\ntotals: {count}\n"
        (tmp_path / f"counts.{number}").write_text(text)
    assert counts_of(tmp_path, 2) == [7, 8]
    with pytest.raises(CannotCount, match="counted 2 pieces; expected 3"):
        counts_of(tmp_path, 3)


def test_the_work_that_is_measured_does_what_it_says(tmp_path: Path) -> None:
    with works(tmp_path) as pieces:
        assert len({one.name for one in pieces}) == len(pieces)
        by_name = {one.name: one for one in pieces}
        (batch,) = batches(FOLDER, BATCH)
        tombstones = batch.column("value").null_count
        for name in ("statement to JSON", "statement with a lookup"):
            rows: Any = by_name[name].call()
            assert rows.num_rows == BATCH - tombstones
            assert by_name[name].records == BATCH
        through = by_name["to Kafka and back"]
        assert through.call() == through.records == BATCH - tombstones
