"""The same statement on the same topic by Flink SQL and by this project, side by side.

    python -m tests.benchmarks.flink_speed [--records 1000000] [--repeats 3]
        [--workloads json,flat,lookup,changes] [--engines flink-sql,direct]
        [--page docs/benchmarks.md]

tests/benchmarks/README.md says what is measured and how.
"""

from __future__ import annotations

import argparse
import functools
import os
import tempfile
from pathlib import Path

from tests.benchmarks.flink_engines import ENGINES, REFERENCE
from tests.benchmarks.flink_plot import bars, draw
from tests.benchmarks.flink_results import Results
from tests.benchmarks.flink_runs import CHANGES, Comparison, Plan
from tests.benchmarks.flink_scripts import PASSWORD, Workload
from tests.benchmarks.flink_sql import flink_sql
from tests.benchmarks.flink_tables import page_section
from tests.benchmarks.live_speed import chosen, say
from tests.benchmarks.page import machine, write_section
from tests.stack.servers import Postgres
from tests.stack.session import session

NAMES = {engine.name: engine.told for engine in ENGINES}
WORKLOADS = (*(workload.value for workload in Workload), CHANGES)
PLOT = "benchmarks-flink.svg"


def measure(plan: Plan, settings: dict[str, str]) -> Results:
    """Runs the plan. Raises StackError, OtherRows, JobFailed."""
    described = machine()
    needs = {"kafka", "registry"}
    needs |= {need for one in ENGINES if one.name in plan.engines for need in one.needs}
    if Workload.LOOKUP.value in plan.workloads:
        needs.add("postgres")
    with session(say) as stack, tempfile.TemporaryDirectory() as folder:
        stack.begin(needs)
        if "postgres" in needs:
            # The jobs, which are started from here, read it where they need it.
            os.environ[PASSWORD] = stack.server("postgres", Postgres).password
        with flink_sql(Path(folder) / "flink-sql.log", settings) as driver:
            comparison = Comparison(stack, plan, Path(folder), driver, say)
            comparison.results.machine = described
            try:
                comparison.run()
            finally:
                comparison.topics.close()
            return comparison.results


def publish(results: Results, page: Path | None) -> None:
    """Prints the tables; writes them, with the picture, to the page."""
    section = page_section(results, NAMES, REFERENCE, PLOT)
    say(f"\n{section}")
    if page is not None:
        draw(bars(results, NAMES, REFERENCE), NAMES[REFERENCE], page.parent / PLOT)
        write_section("flink", section, page)


def settings_of(texts: list[str]) -> dict[str, str]:
    """Settings of Flink from NAME=VALUE. Raises argparse.ArgumentTypeError."""
    found = {}
    for text in texts:
        name, is_there, value = text.partition("=")
        if not is_there:
            message = f"--flink_setting={text!r}; expected NAME=VALUE"
            raise argparse.ArgumentTypeError(message)
        found[name] = value
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    names = tuple(NAMES)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--workloads", type=functools.partial(chosen, among=WORKLOADS), default=WORKLOADS
    )
    parser.add_argument("--engines", type=functools.partial(chosen, among=names), default=names)
    parser.add_argument("--live_seconds", type=float, default=30.0, help="0 leaves it out")
    parser.add_argument("--flink_setting", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--results", type=Path, default=Path("out/benchmarks/flink.json"))
    parser.add_argument("--page", type=Path, help="write the tables to this page")
    parser.add_argument("--only_page", action="store_true", help="of results that are there")
    flags = parser.parse_args()
    if REFERENCE not in flags.engines:
        parser.error(f"--engines: {REFERENCE} is what the others are compared with; add it")
    if flags.only_page:
        publish(Results.read(flags.results), flags.page)
        return
    try:
        settings = settings_of(flags.flink_setting)
    except argparse.ArgumentTypeError as error:
        parser.error(str(error))
    plan = Plan(
        *(flags.records, flags.repeats, flags.workloads, flags.engines),
        *(flags.results, flags.live_seconds),
    )
    publish(measure(plan, settings), flags.page)


if __name__ == "__main__":
    main()
