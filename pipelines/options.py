"""Flags that pipelines share, and their checks."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import itertools
import os
from collections.abc import Iterable, Mapping, Sequence

from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

from pipeline_io.files import is_remote
from pipelines.dead_letter_place import PLACES, Place, PlaceError, file_of, place_of
from transforms.avro import DECODERS, choose_decoder
from transforms.sql.beam_sql_job import Engine
from transforms.sql.connectors_bigquery import EVOLUTIONS
from transforms.sql.errors import Script, nearest

BATCH_SIZE = 5_000
"""Records a batch. From 1,000 to 10,000 the cost a record hardly falls any more, and a batch of
5,000 records of a kilobyte is 5 MB."""
LARGEST_BATCH = 1_000_000


class FlagError(ValueError):
    """A flag whose value does not fit; the message speaks in flags."""


class JobOptions(PipelineOptions):
    """Flags of every pipeline that runs an SQL job."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--output_dir",
            help="Folder, here or gs://BUCKET/PATH, for dead_letters.jsonl, summary.json and, as "
            "${OUTPUT_DIR}, the files that the script writes. Default: out/ and the job's name.",
        )
        parser.add_argument(
            "--dead_letters",
            help=f"Where dead letters go: {PLACES}. Default: dead_letters.jsonl in --output_dir.",
        )
        parser.add_argument(
            "--variable",
            action="append",
            metavar="NAME=VALUE",
            help="Value of ${NAME} in the script; may be repeated. The environment is asked next.",
        )
        parser.add_argument(
            "--explain",
            action="store_true",
            help="Print the plan and stop: sources, steps, the lookups' queries, sinks.",
        )
        parser.add_argument(
            "--batch_size",
            type=int,
            default=BATCH_SIZE,
            help=f"Records that are worked on at a time. Default: {BATCH_SIZE}.",
        )
        parser.add_argument(
            "--decoder",
            default="auto",
            help=f"Avro decoder: {', '.join(DECODERS)}. auto takes the native one if it is built.",
        )
        parser.add_argument(
            "--sql_engine",
            choices=[engine.value for engine in Engine],
            default=Engine.AUTO.value,
            help="Who runs the statements. auto: this process, and Beam SQL what looks at several "
            "rows (windows, aggregates, joins of streams). Default: auto.",
        )
        parser.add_argument(
            "--recording",
            help="Folder of a recording (records.jsonl, schemas.json) that is read in place of "
            "Kafka's topics; messages are then written to files in --output_dir.",
        )
        parser.add_argument(
            "--follow",
            action="store_true",
            help="Go on with what comes, until Ctrl-C or SIGTERM. Without it a job reads up to "
            "the end that the topics have when it starts.",
        )
        for flag, text in LIVE_FLAGS.items():
            parser.add_argument(f"--{flag}", help=f"{text}: ${{{flag.upper()}}} in the script.")
        parser.add_argument(
            "--kafka_start",
            help="Where to start, whatever the script says: earliest, latest, committed or "
            "timestamp:MILLISECONDS.",
        )
        parser.add_argument(
            "--lag_group",
            help="Group for which a job that reads by KafkaIO (Flink, Dataflow) commits what it "
            "has handled, for monitoring alone: nobody reads by it or starts from it.",
        )
        parser.add_argument(
            "--schema_evolution",
            choices=EVOLUTIONS,
            help="What is done for columns that BigQuery's tables lack, whatever the script says: "
            "add them, ignore them (rows are stored without), or fail before a record is read.",
        )


LIVE_FLAGS = {
    "kafka_brokers": "Kafka's brokers, HOST:PORT[,HOST:PORT]",
    "kafka_group": "The group that offsets are committed for",
    "schema_registry": "The schema registry's address",
    "pubsub_project": "The project of Pub/Sub's topics",
    "pubsub_topic": "The Pub/Sub topic that is written to",
}
"""Flags that are values of a script's variables, and what they are."""


@dataclasses.dataclass(frozen=True)
class JobConfig:
    """The flags of JobOptions, checked. Raises FlagError.

    sinks_are_files: whether files of --output_dir stand in for sinks of messages. keeps_files:
    whether what a worker writes to its own disk is still there after it.
    """

    output_dir: str
    variables: Mapping[str, str]
    explain: bool
    batch_size: int
    decoder: str
    recording: str | None = None
    sinks_are_files: bool = False
    sql_engine: Engine = Engine.AUTO
    follow: bool = False
    kafka_start: str | None = None
    live: Mapping[str, str] = dataclasses.field(default_factory=dict)
    dead_letters: str | None = None
    schema_evolution: str | None = None
    keeps_files: bool = True
    lag_group: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.batch_size <= LARGEST_BATCH:
            message = f"--batch_size={self.batch_size}: expected 1 to {LARGEST_BATCH}"
            raise FlagError(message)
        try:
            choose_decoder(self.decoder)
        except (ValueError, ImportError) as error:
            message = f"--decoder={self.decoder}: {error}"
            raise FlagError(message) from error
        try:
            _ = self.dead_letter_place
        except PlaceError as error:
            message = f"--dead_letters={error}"
            raise FlagError(message) from error

    @property
    def dead_letter_place(self) -> Place:
        """Where dead letters go."""
        return place_of(self.dead_letters or file_of(self.output_dir))

    @property
    def refused_letters(self) -> str | None:
        """The file for dead letters that their place refuses; None where no file would stay."""
        kept = self.keeps_files or is_remote(self.output_dir)
        return file_of(self.output_dir) if kept else None

    @classmethod
    def from_options(cls, options: PipelineOptions, name: str) -> JobConfig:
        flags = options.view_as(JobOptions)
        return cls(
            output_dir=flags.output_dir or f"out/{name}",
            variables=_variables(flags.variable or ()),
            explain=flags.explain,
            batch_size=flags.batch_size,
            decoder=flags.decoder,
            recording=flags.recording,
            sinks_are_files=flags.recording is not None,
            sql_engine=Engine(flags.sql_engine),
            follow=flags.follow,
            kafka_start=flags.kafka_start,
            dead_letters=flags.dead_letters,
            schema_evolution=flags.schema_evolution,
            lag_group=flags.lag_group,
            live={
                flag: str(getattr(flags, flag))
                for flag in LIVE_FLAGS
                if getattr(flags, flag) is not None
            },
        )

    def values(self, **more: str) -> dict[str, str]:
        """The values of a script's `${NAME}`s: flags first, then `more`, then the environment."""
        live = {flag.upper(): value for flag, value in self.live.items()}
        return {**os.environ, **more, "OUTPUT_DIR": self.output_dir, **live, **self.variables}


def check_script_flags(script: Script, config: JobConfig) -> None:
    """FlagError for a flag that no variable of the script takes: it would be passed over."""
    for flag, value in config.live.items():
        if f"${{{flag.upper()}" not in script.text:
            message = (
                f"--{flag}={value}: {script.name} has no ${{{flag.upper()}}}; use it in the WITH "
                "clause that it is for, or leave the flag out"
            )
            raise FlagError(message)


def _variables(given: Sequence[str]) -> dict[str, str]:
    variables = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            message = f"--variable={text}: expected NAME=VALUE"
            raise FlagError(message)
        variables[name] = value
    return variables


def parse_options(argv: Sequence[str]) -> PipelineOptions:
    """Beam's options of a command line. Raises FlagError for flags that nobody knows: Beam alone
    drops them with a warning, and a misspelt --output_dir would write elsewhere."""
    told = io.StringIO()
    try:
        with contextlib.redirect_stderr(told):
            options = PipelineOptions(list(argv))
            known = options.get_all_options()
            everything = options.get_all_options(retain_unknown_options=True)
    except SystemExit as stop:
        # argparse shows the usage of all flags, some hundred, before it says what is wrong.
        message = told.getvalue().rpartition("error: ")[2].strip().removeprefix("argument ")
        msg = f"{message}; --help tells of the flags"
        raise FlagError(msg) from stop
    for name in everything:
        if name not in known:
            message = f"unknown flag --{name}; {_near_flag(name, known)}"
            raise FlagError(message)
    for before, text in itertools.pairwise(["=", *argv]):
        takes_it = (
            before.startswith("-") and "=" not in before and known.get(before[2:]) is not True
        )
        if not text.startswith("-") and not takes_it:
            message = f"{text!r} belongs to no flag; expected --flag=value"
            raise FlagError(message)
    runner = options.view_as(StandardOptions).runner
    if runner is None or runner.lower() in ("direct", "directrunner"):
        # DirectRunner looks for a Prism binary to download first; a local run needs none.
        options.view_as(StandardOptions).runner = LOCAL_RUNNER
    return options


def _near_flag(name: str, known: Iterable[str]) -> str:
    near = nearest(name, known).replace("'", "").split(" or ")
    return (
        f"did you mean {' or '.join(f'--{flag}' for flag in near)}?"
        if near != [""]
        else ("--help tells of the flags")
    )


LOCAL_RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"


def is_local(options: PipelineOptions) -> bool:
    """True where the pipeline runs in this process."""
    return str(options.view_as(StandardOptions).runner) == LOCAL_RUNNER
