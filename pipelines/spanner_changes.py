"""Reads a change stream of Spanner: every insert, update and delete, as change events.

    python -m pipelines.spanner_changes --source_name=shop --change_stream=Everything \\
        --database=spanner:PROJECT/INSTANCE/DATABASE --state=sqlite:///state.db \\
        --output=duckdb:warehouse.duckdb --follow

Changes are Debezium's change events, in topics of Kafka, messages of Pub/Sub, or right in the
change log of a warehouse, of which kami makes the god view. Without --follow changes are read up
to the time when it starts.

Exit codes: 0 well, 1 it stopped, 2 a flag is wrong.
"""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Sequence

from apache_beam.options.pipeline_options import PipelineOptions
from rich.console import Console

from pipeline_io.spanner_stream_description import describe_stream
from pipeline_io.spanner_stream_session import ChangeStreamSession
from pipeline_io.spanner_stream_state import StreamState
from pipelines import logs
from pipelines.change_log_step import RUNS
from pipelines.change_outputs import check_output, open_output
from pipelines.command import run_command
from pipelines.dead_letter_sinks import check_place
from pipelines.follow import stop_requests
from pipelines.options import FlagError
from pipelines.output_folder import make_output_folder
from pipelines.runners import Kind, Runner, choose_runner
from pipelines.spanner_changes_options import SpannerChangesConfig, SpannerChangesOptions
from pipelines.spanner_changes_run import Reading, first_or_stored
from pipelines.spanner_changes_summary import lag_text, tell, write_summary


def run(options: PipelineOptions) -> None:
    config = SpannerChangesConfig.from_options(options)
    runner = choose_runner(options)
    check_runner(runner)
    make_output_folder(config.job)
    check_place(config.job.dead_letter_place)
    console = Console()
    session = ChangeStreamSession(config.database)
    token = uuid.uuid4().hex
    try:
        _read(config, options, runner, session, token, console)
    finally:
        session.close()
        RUNS.drop(token)


def _read(
    config: SpannerChangesConfig,
    options: PipelineOptions,
    runner: Runner,
    session: ChangeStreamSession,
    token: str,
    console: Console,
) -> None:
    def say(line: str) -> None:
        logs.say(console, line)

    stream = describe_stream(session.read, config.database, config.change_stream)
    topics = sorted(f"{config.source_name}.{table.name}" for table in stream.tables)
    for line in [*check_output(config.output, topics), *stream.warnings]:
        say(line)
    state = StreamState(config.state, config.stream_key, token)
    output = open_output(config.output, token)
    started = time.monotonic()
    try:
        partitions, goes_on = first_or_stored(config, session, state)
        if goes_on and config.start_us is not None:
            say(f"--start is of the first run; this one goes on from {config.state}")
        follows = config.job.follow
        end_us = None if follows else config.end_us or session.now_us()
        reading = Reading(
            config, stream, session, state, partitions, output, options, runner, end_us
        )
        with stop_requests() as stopped:
            reading.to_end(stopped, lambda reading: say(lag_text(reading)))
    finally:
        output.close()
        state.close()
    seconds = time.monotonic() - started
    write_summary(reading, seconds)
    tell(console, reading, seconds)


def check_runner(runner: Runner) -> None:
    """Raises FlagError for a runner whose workers would each read the whole stream."""
    if runner.kind is not Kind.LOCAL:
        message = (
            f"--runner={runner.kind.value}: a change stream is read by the threads of one process, "
            "which keeps the order of its partitions in --state; leave out --runner, and run it "
            "where it is started again when it ends (Kubernetes, Cloud Run worker pools). On "
            "Dataflow take Google's template Spanner_Change_Streams_to_PubSub, whose messages have "
            "another form"
        )
        raise FlagError(message)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the pipeline for a command line; the exit code is 0 only if it went well."""
    return run_command(__doc__, SpannerChangesOptions, run, sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())
