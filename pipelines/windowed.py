"""Jobs with windows: where they may run, and what of them a run may commit."""

from __future__ import annotations

from pipelines.options import FlagError, JobConfig
from pipelines.runners import Runner
from transforms.sql.beam_sql_job import MixedPlan


def windows_of(plan: MixedPlan) -> list[str]:
    """The statements with windows. A run that ends cuts the windows off at its end, so that the
    next one has to begin where it began: nothing is committed for it."""
    return [branch.name for branch in plan.beam_sql if branch.window is not None]


def sources_by_time(plan: MixedPlan) -> set[str]:
    """The tables whose watermark has to follow the records' times: by the clock, a backlog would be
    late as a whole."""
    return {source.name for branch in plan.beam_sql for source in branch.sources()}


def check_windows(plan: MixedPlan, config: JobConfig, runner: Runner) -> None:
    """Refuses what would give windows that are wrong, or none. Raises FlagError."""
    if not config.follow:
        return
    for branch in plan.beam_sql:
        if branch.bounded_only is not None:
            message = f"--follow: {branch.name} gives nothing without an end: {branch.bounded_only}"
            raise FlagError(message)
    if windows_of(plan) and not runner.streams:
        message = (
            f"--follow on {runner.kind.value} is a row of runs, and each would end its windows; "
            "use --runner=PrismRunner with --kafka_reader=java, or Flink"
        )
        raise FlagError(message)
