"""A comparison's ratios, verdicts, tables and picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.flink_plot import Bar, bars, draw
from tests.benchmarks.flink_results import Latency, Results, Run, costs, verdicts
from tests.benchmarks.flink_tables import page_section
from tests.benchmarks.live_processes import Usage

NAMES = {"flink-sql": "Flink SQL", "direct": "kamiflow"}
FLINK, PYTHON = "flink-sql (java)", "python"


def _run(engine: str, process: str, cpu: float, *, records: int = 1_000_000) -> Run:
    return Run("json", engine, records, 12.0, 10.0, {process: Usage(cpu, 400.0)}, 1.0)


def _results() -> Results:
    return Results(
        machine={"processor": "2 cores of Test"},
        same=["json: the same 2,000 rows by flink-sql, direct"],
        starts=[
            _run("flink-sql", FLINK, 1.0, records=2_000),
            _run("direct", PYTHON, 3.0, records=2_000),
        ],
        runs=[
            *(_run("flink-sql", FLINK, cpu) for cpu in (13.0, 17.0, 12.0)),
            *(_run("direct", PYTHON, cpu) for cpu in (9.0, 8.0, 30.0)),
        ],
        latencies={
            "flink-sql": Latency(0.01, 0.02, 0.03, 100),
            "direct": Latency(0.3, 0.6, 0.9, 100),
        },
        failures={"json/prism": "the job has ended"},
    )


def test_a_cost_is_the_median_run_without_the_start() -> None:
    flink, direct = costs(_results(), "json")
    assert flink.cpu == {FLINK: 12.0}
    assert direct.cpu_a_million == 6.0
    assert direct.per_second == 100_000
    assert direct.start == 3.0


def test_where_nothing_is_written_the_start_is_no_part_of_the_speed() -> None:
    starts = [Run("changes", "direct", 2_000, 4.0, 0.0, {}, 0.0)]
    runs = [Run("changes", "direct", 1_000_000, 14.0, 0.0, {PYTHON: Usage(1.0, 1.0)}, 0.0)]
    (direct,) = costs(Results(starts=starts, runs=runs), "changes")
    assert direct.per_second == 100_000


def test_a_process_of_some_runs_only_counts_as_nothing_in_the_others() -> None:
    results = _results()
    with_prism = {PYTHON: Usage(9.0, 1.0), "prism": Usage(6.0, 1.0)}
    results.runs.append(Run("json", "direct", 1_000_000, 12.0, 10.0, with_prism, 1.0))
    _, direct = costs(results, "json")
    assert direct.cpu["prism"] == 0.0


def test_a_target_is_met_up_to_its_ratio_and_missed_above() -> None:
    results = _results()
    by_name = {one.what: one for one in verdicts(results, "flink-sql")}
    first = by_name["CPU, Kafka to Kafka, DirectRunner"]
    assert (first.ratio, first.told) == (0.5, "met")
    assert by_name["live p99, direct"].told == "missed by 2900%"
    assert by_name["CPU, with the lookup join, DirectRunner"].told == "not measured"


def test_results_come_back_from_their_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "results.json"
    _results().write(path)
    assert Results.read(path) == _results()


def test_a_run_of_some_workloads_keeps_the_figures_of_others() -> None:
    results = _results()
    assert results.without(("lookup",), live=False) == results
    assert results.without(("json",), live=True) == Results(machine=results.machine)


def test_the_page_has_ratios_failures_and_the_machine() -> None:
    text = page_section(_results(), NAMES, "flink-sql", "plot.svg")
    assert "| kamiflow | 100,000 | 1.00 | 6.0 | **0.50** |" in text
    assert "- prism: the job has ended" in text
    assert "processor: 2 cores of Test" in text
    assert "| kamiflow | 0.300 | 0.600 | **30.00** |" in text


def test_without_the_reference_there_are_figures_and_no_ratios() -> None:
    results = _results()
    results.runs = [run for run in results.runs if run.engine == "direct"]
    assert "| kamiflow | 100,000 | - | 6.0 | **-** |" in page_section(
        results, NAMES, "flink-sql", "plot.svg"
    )


def test_bars_are_the_cheapest_first_with_their_ratios() -> None:
    (found,) = bars(_results(), NAMES, "flink-sql").values()
    assert found == [Bar("kamiflow", 6.0, 0.5), Bar("Flink SQL", 12.0, 1.0)]


def test_the_picture_of_the_same_figures_is_the_same_file(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    by_title = bars(_results(), NAMES, "flink-sql")
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"
    for path in (first, second):
        draw(by_title, "Flink SQL", path)
    assert first.read_bytes() == second.read_bytes()
    assert "6.0 (0.50)" in first.read_text()
