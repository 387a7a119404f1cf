"""Tells of accounts that send many transfers, or much money, within a short time.

    python -m pipelines.aml_velocity --runner=DirectRunner

Transfers of a MySQL database, as Debezium wrote them, are counted and summed up by account in
sliding windows, by pipelines/aml_velocity.sql: an event for each account and window that reaches a
limit. Windows run on Beam SQL, which needs Java. Without flags it reads the recording that is
shipped and writes events.jsonl, dead_letters.jsonl and summary.json to out/aml_velocity.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.command import run_command
from pipelines.live_flags import with_shipped_recording
from pipelines.options import FlagError, JobConfig
from pipelines.run_job import run_job
from pipelines.script_flags import add_kafka_flags, kafka_values
from transforms.sql.errors import Script

HERE = Path(__file__).parent
SCRIPT = HERE / "aml_velocity.sql"
RECORDING = HERE / "recordings" / "aml"


class AmlVelocityOptions(PipelineOptions):
    """Flags of this pipeline alone."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--velocity_window_minutes",
            type=int,
            default=60,
            help="Length of a window. Default: 60.",
        )
        parser.add_argument(
            "--velocity_slide_minutes",
            type=int,
            default=5,
            help="Minutes from one window's start to the next; the length is a multiple of it. "
            "Default: 5.",
        )
        parser.add_argument(
            "--velocity_late_minutes",
            type=int,
            default=5,
            help="Minutes by which a transfer may come after later ones and still be counted. "
            "Default: 5.",
        )
        parser.add_argument(
            "--velocity_min_transfers",
            type=int,
            default=5,
            help="Transfers of an account in a window that make an event. Default: 5.",
        )
        parser.add_argument(
            "--velocity_min_total",
            default="10000.00",
            help="Sum of an account's transfers in a window that makes an event, in the currency "
            "of the account. Default: 10000.00.",
        )
        add_kafka_flags(parser)


def values(options: PipelineOptions) -> dict[str, str]:
    """The values of the script's `${NAME}`s that the flags give. Raises FlagError."""
    flags = options.view_as(AmlVelocityOptions)
    size, slide = flags.velocity_window_minutes, flags.velocity_slide_minutes
    if slide < 1 or size < 1 or size % slide:
        message = (
            f"--velocity_window_minutes={size} --velocity_slide_minutes={slide}: expected minutes "
            "above 0, the first a multiple of the second"
        )
        raise FlagError(message)
    if flags.velocity_late_minutes < 0:
        message = f"--velocity_late_minutes={flags.velocity_late_minutes}: expected 0 or more"
        raise FlagError(message)
    if flags.velocity_min_transfers < 1:
        message = f"--velocity_min_transfers={flags.velocity_min_transfers}: expected 1 or more"
        raise FlagError(message)
    whole, _, cents = flags.velocity_min_total.partition(".")
    if not whole.isdecimal() or not (cents or "0").isdecimal() or len(whole) > 30:
        message = f"--velocity_min_total={flags.velocity_min_total}: expected a sum as 10000.00"
        raise FlagError(message)
    return {
        "WINDOW_MINUTES": str(size),
        "SLIDE_MINUTES": str(slide),
        "LATE_MINUTES": str(flags.velocity_late_minutes),
        "MIN_TRANSFERS": str(flags.velocity_min_transfers),
        "MIN_TOTAL": flags.velocity_min_total,
    }


def run(options: PipelineOptions) -> None:
    config = with_shipped_recording(JobConfig.from_options(options, "aml_velocity"), RECORDING)
    script = Script("aml_velocity.sql", SCRIPT.read_text(encoding="utf-8"))
    run_job(script, config, options, {**values(options), **kafka_values(options, config)})


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the pipeline for a command line; the exit code is 0 only if it went well."""
    return run_command(__doc__, AmlVelocityOptions, run, sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())
