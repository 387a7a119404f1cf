"""How many cores a rate takes, from what a million records cost."""

from __future__ import annotations

import dataclasses

import pytest

from tests.benchmarks.capacity import PAGE, cores, found, sizes, workers
from tests.benchmarks.flink_results import Results, Run
from tests.benchmarks.live_processes import Usage
from tests.benchmarks.page import replaced

RESULTS = Results(
    starts=[Run("json", "flink", 2_000, 9.0, 0.1, {"python": Usage(2.0, 100.0)}, 0.0)],
    runs=[Run("json", "flink", 1_000_000, 30.0, 20.0, {"python": Usage(14.0, 500.0)}, 0.0)],
)


@pytest.mark.parametrize(
    ("per_second", "cpu", "expected"),
    [(10_000, 12.0, 1), (50_000, 12.0, 1), (50_001, 12.0, 2), (1_000_000, 12.0, 20)],
)
def test_cores_are_whole_ones_of_which_some_is_left(
    per_second: int, cpu: float, expected: int
) -> None:
    assert cores(per_second, cpu) == expected


def test_a_job_that_was_measured_has_a_row_and_others_have_none() -> None:
    (row,) = workers(found(RESULTS))[2:]
    cells = [cell.strip() for cell in row.split("|")[1:-1]]
    assert cells == [
        *("Kafka to JSON, Flink with KafkaIO", "12.0", "83,333", "50,000", "50,000", "500")
    ]


def test_partitions_are_no_fewer_than_what_one_did_allows() -> None:
    last = sizes(found(RESULTS))[-1]
    cells = [cell.strip() for cell in last.split("|")[1:-1]]
    # 50,000/s of one partition, of which 60 % are planned: 34 and not the 20 of the cores.
    assert cells == [
        *("1,000,000", "Kafka to JSON, Flink with KafkaIO", "20", "34", "10", "5"),
    ]


def test_a_runner_of_one_process_is_not_said_to_use_more_cores_than_it_can() -> None:
    runs = [dataclasses.replace(one, engine="direct") for one in (*RESULTS.starts, *RESULTS.runs)]
    direct = Results(starts=runs[:1], runs=runs[1:])
    ten, hundred, million = (row.split("|")[3].strip() for row in sizes(found(direct))[2:])
    assert ten == "1"
    assert hundred == million == "more than its one process does"


@pytest.mark.parametrize("section", ["workers", "sizes"])
def test_the_page_has_the_sections(section: str) -> None:
    assert "something new" in replaced(PAGE.read_text(encoding="utf-8"), section, "something new")
