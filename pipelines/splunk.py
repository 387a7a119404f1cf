"""Sends the messages of a Pub/Sub subscription to Splunk.

    python -m pipelines.splunk --pubsub_project=P --subscription=S \\
        --splunk_url=https://HOST:8088 --splunk_token=env://SPLUNK_TOKEN --follow

Each message is an event of the HTTP Event Collector, as pipelines/splunk.sql says. A message is
acknowledged when Splunk has confirmed its event, or when it is a dead letter. Without --follow it
reads until no more messages come.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.command import run_command
from pipelines.options import FlagError, JobConfig
from pipelines.run_job import run_job
from transforms.sql.errors import Script

SCRIPT = Path(__file__).parent / "splunk.sql"

_METADATA = ("time", "index", "source", "sourcetype", "host")

_OF_PAYLOAD = {
    "event": {**dict.fromkeys(_METADATA, "CAST(NULL AS STRING)"), "event": "payload"},
    "envelope": {
        **{name: f"JSON_VALUE(payload, '$.{name}')" for name in _METADATA},
        "event": "COALESCE(JSON_QUERY(payload, '$.event'), payload)",
    },
}
"""What each column of the sink is, by what a payload is."""

_SPLUNK_OPTIONS = {
    "splunk_index": "index",
    "splunk_source": "source",
    "splunk_sourcetype": "sourcetype",
    "splunk_host": "host",
    "splunk_max_events_per_second": "sink.max-events-per-second",
    "splunk_max_in_flight": "sink.requests-in-flight",
    "splunk_batch_events": "sink.batch.max-events",
    "splunk_ca": "tls.ca",
}
_SUBSCRIPTION_OPTIONS = {"subscription_streams": "scan.streams"}


class SplunkOptions(PipelineOptions):
    """Flags of this pipeline alone."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--subscription",
            help="The subscription to read: its id, or projects/P/subscriptions/S. Required.",
        )
        parser.add_argument(
            "--subscription_streams",
            help="How many streams pull at a time, of each worker process. Default: 4.",
        )
        parser.add_argument(
            "--payload",
            choices=list(_OF_PAYLOAD),
            default="event",
            help="What a payload is. event: the event itself, which goes on as it is. envelope: an "
            "object with event and any of time, index, source, sourcetype and host, as Splunk "
            "takes it and the AML job writes it. Default: event.",
        )
        parser.add_argument(
            "--splunk_url",
            help="https://HOST:8088 of the HTTP Event Collector; several separated by ';' take "
            "requests in turn. Required.",
        )
        parser.add_argument(
            "--splunk_token",
            default="env://SPLUNK_TOKEN",
            help="Where the token is: env://NAME, file://PATH or "
            "secret://projects/P/secrets/S/versions/V. Default: env://SPLUNK_TOKEN.",
        )
        for flag, text in {
            "splunk_index": "The index of events whose payload says none; the token's own if not.",
            "splunk_source": "The source of events, the same way.",
            "splunk_sourcetype": "The source type of events, the same way.",
            "splunk_host": "The host of events, the same way.",
            "splunk_max_events_per_second": "Events a second at most, of each worker process.",
            "splunk_max_in_flight": "Requests under way at a time, of each worker thread.",
            "splunk_batch_events": "Events of one request at most. Default: 500.",
            "splunk_ca": "The authority of Splunk's certificate as PEM: a path, "
            "gs://BUCKET/OBJECT or the reference of a secret.",
        }.items():
            parser.add_argument(f"--{flag}", help=text)


def values(options: PipelineOptions, config: JobConfig) -> dict[str, str]:
    """The values of the script's `${NAME}`s that the flags give. Raises FlagError."""
    flags = options.view_as(SplunkOptions)
    given = str(flags.subscription or "")
    *path, name = given.split("/")
    project = config.live.get("pubsub_project", "")
    if path:
        if len(path) != 3 or path[0] != "projects" or path[2] != "subscriptions":
            message = f"--subscription={given}: expected an id, or projects/P/subscriptions/S"
            raise FlagError(message)
        if project and project != path[1]:
            message = (
                f"--subscription={given} and --pubsub_project={project} are of two projects; leave "
                "out --pubsub_project"
            )
            raise FlagError(message)
        project = path[1]
    for flag, value in (
        ("subscription", name),
        ("pubsub_project", project),
        ("splunk_url", flags.splunk_url),
    ):
        if not value:
            message = f"--{flag} is missing; --help tells of the flags"
            raise FlagError(message)
    columns = {key.upper(): text for key, text in _OF_PAYLOAD[flags.payload].items()}
    return {
        **columns,
        "PUBSUB_PROJECT": project,
        "SUBSCRIPTION": name,
        "SPLUNK_URL": flags.splunk_url,
        "SPLUNK_TOKEN": flags.splunk_token,
        "SPLUNK_OPTIONS": _options(flags, _SPLUNK_OPTIONS),
        "SUBSCRIPTION_OPTIONS": _options(flags, _SUBSCRIPTION_OPTIONS),
    }


def _options(flags: PipelineOptions, names: dict[str, str]) -> str:
    """More options of a WITH clause: those whose flags are given."""
    given = {names[flag]: getattr(flags, flag) for flag in names}
    pairs = (
        (name, str(value).replace("'", "''")) for name, value in given.items() if value is not None
    )
    return "".join(f",\n  '{name}' = '{value}'" for name, value in pairs)


def run(options: PipelineOptions) -> None:
    config = JobConfig.from_options(options, "splunk")
    script = Script("splunk.sql", SCRIPT.read_text(encoding="utf-8"))
    run_job(script, config, options, values(options, config))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the pipeline for a command line; the exit code is 0 only if it went well."""
    return run_command(__doc__, SplunkOptions, run, sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())
