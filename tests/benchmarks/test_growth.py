"""Growth is judged by its steps, and a run goes on where the last one ended."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import pytest

from kami.warehouse import open_warehouse, table_sql
from tests.benchmarks.growth import Part, left, millions, why_not
from tests.benchmarks.growth_figures import Growth, Measured, bend, page_section, trends
from tests.benchmarks.growth_pace import Pace
from tests.benchmarks.growth_warehouse import view_and_compaction
from tests.benchmarks.view_speed import FLAVOURS
from tests.benchmarks.view_speed_log import OURS, dataset_of, make_file
from tests.proof.source_log import Flavour

SIZES = [1_000_000, 10_000_000, 100_000_000]


def _series(costs: list[float], peaks: list[float]) -> list[Measured]:
    return [
        Measured("job", size, cost, cost, peak, pace=0.02)
        for size, cost, peak in zip(SIZES, costs, peaks, strict=True)
    ]


def test_a_start_up_does_not_bend_a_line() -> None:
    assert bend(SIZES, [50 + size / 1e6 for size in SIZES]) == pytest.approx(0.0)


def test_what_grows_faster_than_its_size_bends_upwards() -> None:
    (trend,) = trends(_series([1.0, 10.0, 110.0], [300.0, 310.0, 320.0]))
    assert trend.cpu == pytest.approx(100 / 90 * 9 / 9 - 1, abs=0.01)
    assert trend.is_linear is False
    assert trend.is_flat is True


def test_what_grows_slower_than_its_size_is_no_fault() -> None:
    (trend,) = trends(_series([1.0, 10.0, 60.0], [300.0] * 3))
    assert trend.is_linear is True


def test_memory_that_grows_is_told() -> None:
    (trend,) = trends(_series([1.0, 10.0, 100.0], [300.0, 310.0, 900.0]))
    assert trend.is_linear is True
    assert trend.is_flat is False


def test_two_sizes_say_nothing_about_a_line() -> None:
    (trend,) = trends(_series([1.0, 10.0, 100.0], [1.0, 1.0, 1.0])[:2])
    assert (trend.is_linear, trend.is_flat) == (None, True)


def test_a_part_measured_again_takes_the_place_of_the_older_figures() -> None:
    growth = Growth()
    growth.add("job 1", 60.0, [Measured("job", 1_000_000, 1.0, 1.0, 1.0, 1.0)])
    growth.add("job 10", 60.0, [Measured("job", 10_000_000, 1.0, 1.0, 1.0, 1.0)])
    growth.add("job 1", 30.0, [Measured("job", 1_000_000, 2.0, 2.0, 2.0, 1.0)])
    assert [(one.size, one.seconds) for one in growth.measured] == [
        (10_000_000, 1.0),
        (1_000_000, 2.0),
    ]
    assert growth.done == {"job 1": 30.0, "job 10": 60.0}


def test_figures_come_back_from_their_file(tmp_path: Path) -> None:
    path = tmp_path / "growth.json"
    assert Growth.read(path) == Growth()
    growth = Growth({"processor": "x"})
    growth.add("job 1", 60.0, _series([1.0, 2.0, 3.0], [1.0, 1.0, 1.0]))
    growth.write(path)
    assert Growth.read(path) == growth


def test_parts_that_are_done_are_left_out_and_sizes_grow() -> None:
    parts = [Part("view", 10), Part("job", 10_000_000), Part("job", 1_000_000), Part("job", 5)]
    assert left(parts, {"job 1": 3.0}) == [parts[3], parts[1], parts[0]]


def test_a_part_that_would_take_too_long_is_not_started() -> None:
    part, done = Part("job", 100_000_000), {"job 1": 60.0, "job 10": 120.0}
    assert part.minutes(done) == 20.0
    assert why_not(part, 21.0, done, free=100.0) is None
    assert "some 20 minutes, 19 are left" in str(why_not(part, 19.0, done, free=100.0))


def test_a_part_that_the_disk_cannot_hold_is_not_started() -> None:
    told = why_not(Part("view", 50_000_000), 1_000.0, {}, free=10.0)
    assert "GiB of disk, 10 are free" in str(told)


def test_sizes_are_millions() -> None:
    assert millions("0.02,1") == (20_000, 1_000_000)
    assert millions("") == ()
    for text in ("1,x", "0"):
        with pytest.raises(argparse.ArgumentTypeError):
            millions(text)


def test_the_page_says_what_holds() -> None:
    growth = Growth({"processor": "x"}, {}, _series([1.0, 10.0, 100.0], [300.0, 300.0, 310.0]))
    text = page_section(growth)
    assert "| job | 100 | 100.0 | 100.0 | 1.00 | 310 | 20.0 |" in text
    assert "| job | +0.0% | +0.0% | yes | +3.3% | yes |" in text


def test_a_view_is_asked_and_its_log_compacted(tmp_path: Path) -> None:
    with Pace() as pace:
        found = view_and_compaction(20_000, tmp_path, "1GB", pace)
    assert {one.size for one in found} == {20_000}
    assert {"god view: count", "compaction"} <= {one.series for one in found}
    assert all(one.pace > 0 for one in found)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_view_of_more_rows_than_its_memory_holds_is_all_there(
    flavour: Flavour, tmp_path: Path
) -> None:
    rows, snapshot_rows = 300_000, 30_000
    path = tmp_path / "warehouse.duckdb"
    make_file(path, flavour, [rows], snapshot_rows)
    view = table_sql(dataset_of(rows), OURS)
    with open_warehouse(f"duckdb:{path}", read_only=True) as warehouse:
        # Each thread has buffers of its own. With the log in memory PostgreSQL's takes 200 MB.
        warehouse.run("SET threads = 2")
        warehouse.run("SET memory_limit = '160MB'")
        warehouse.run(f"SET temp_directory = '{path}.spilled'")
        found = sum(batch.num_rows for batch in warehouse.stream(f"SELECT * FROM {view}"))  # noqa: S608
        warehouse.run("SET memory_limit = '4GB'")
        (expected,) = warehouse.query(f"SELECT COUNT(*) AS n FROM {view}").to_pylist()  # noqa: S608
    assert found == expected["n"] > snapshot_rows


def test_the_pace_is_the_median_of_what_a_measurement_met() -> None:
    clock = iter(range(100))
    with Pace(lambda: None, 0.01, lambda: float(next(clock))) as pace:
        time.sleep(0.1)
        assert pace.over(0.1) == 1.0
