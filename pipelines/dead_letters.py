"""Looks at dead letters, and sends their records again.

python -m pipelines.dead_letters inspect out/aml/dead_letters.jsonl
python -m pipelines.dead_letters replay out/aml/dead_letters.jsonl --kafka_brokers=HOST:9092
"""

from __future__ import annotations

import contextlib
import datetime
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from pipeline_io.bigquery_errors import BigQueryError
from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_errors import KafkaConfigError, KafkaError
from pipeline_io.pubsub_errors import PubsubError
from pipeline_io.secrets import SecretError
from pipeline_io.token_bucket import TokenBucket
from pipelines import logs
from pipelines.command import quieten
from pipelines.dead_letter_filter import EQUAL, Group, LetterFilter, groups_of
from pipelines.dead_letter_place import (
    FilePlace,
    PlaceError,
    kept_place_of,
    topic_of,
)
from pipelines.dead_letter_read import Letter, LetterError, read_letters
from pipelines.dead_letter_replay import (
    BATCH,
    Destination,
    KafkaDestination,
    Ledger,
    PubsubDestination,
    Replayed,
    first,
    replay,
)
from pipelines.options import FlagError
from pipelines.source_flags import kafka_property

_STOPS = (LetterError, KafkaError, PubsubError, BigQueryError, SecretError)
_NAMES = {"statement": "STATEMENT", "topic": "TOPIC", "pipeline": "NAME"}


def _filters(command: Callable[..., Any]) -> Callable[..., Any]:
    """The flags that choose letters."""
    for name in reversed(EQUAL):
        metavar = _NAMES.get(name, "WORD")
        about = f"Only letters whose {name} is this."
        command = click.option(f"--{name}", metavar=metavar, help=about)(command)
    about = "Only letters whose message has this in it."
    command = click.option("--message", metavar="TEXT", default="", help=about)(command)
    kinds = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])
    for name, about in (
        ("--until", "Only letters that failed last before this time, UTC."),
        ("--since", "Only letters that failed last at this time or later, UTC."),
    ):
        command = click.option(name, type=kinds, help=about)(command)
    return command


def _chosen(flags: dict[str, Any]) -> LetterFilter:
    def utc(at: datetime.datetime | None) -> datetime.datetime | None:
        return at.replace(tzinfo=datetime.timezone.utc) if at is not None else None

    equal = {name: flags[name] for name in EQUAL if flags[name] is not None}
    return LetterFilter(equal, flags["message"], utc(flags["since"]), utc(flags["until"]))


@contextlib.contextmanager
def _letters(place: str, flags: dict[str, Any]) -> Iterator[Iterator[Letter]]:
    chosen = _chosen(flags)
    with read_letters(kept_place_of(place)) as letters:
        yield (letter for letter in letters if chosen.takes(letter))


_OUTPUT = click.option("--output", type=click.Choice(["table", "json"]), default="table")


@click.group(help=__doc__, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    quieten(pipeline="dead_letters")


@main.command()
@click.argument("letters")
@_filters
@_OUTPUT
def inspect(letters: str, output: str, **flags: Any) -> None:
    """Counts the dead letters of LETTERS by what went wrong.

    LETTERS is a path or gs:// of a file or a pattern, a subscription of Pub/Sub or a table of
    BigQuery. Nothing is changed there.
    """
    with _letters(letters, flags) as found:
        groups = groups_of(found)
    if output == "json":
        for group in groups:
            click.echo(json.dumps(group._asdict()))
        return
    _show(groups)


def _show(groups: list[Group]) -> None:
    console = Console()
    table = Table("letters", "stage", "error class", "statement", "topic", "the first's message")
    for group in groups:
        table.add_row(
            f"{group.letters:,}",
            group.stage,
            group.error_class,
            group.statement or "all",
            group.topic,
            group.message,
        )
    console.print(table)
    console.print(f"{sum(group.letters for group in groups):,} dead letters", highlight=False)


@main.command("replay")
@click.argument("letters")
@_filters
@click.option("--kafka_brokers", metavar="HOST:PORT,...", help="Send the records to this Kafka.")
@click.option(
    "--kafka_property",
    metavar="NAME=VALUE",
    multiple=True,
    help="A property of Kafka's clients, as security.protocol; may be repeated. Secrets are "
    "references, as in a script.",
)
@click.option(
    "--kafka_topic", metavar="TOPIC", help="Send all to this topic. Default: the record's own."
)
@click.option(
    "--pubsub_topic",
    metavar="projects/P/topics/T",
    help="Send the messages of subscriptions to this topic.",
)
@click.option("--limit", type=click.IntRange(1), help="Letters at most.")
@click.option("--per_second", type=click.FloatRange(0, min_open=True), help="Records at most.")
@click.option("--dry_run", is_flag=True, help="Say what would be sent, and send nothing.")
@click.option(
    "--ledger",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File that notes what was sent, so that no record is sent by a second replay. Default for "
    "a file of letters: its name and .replayed.",
)
@click.option("--again", is_flag=True, help="Send also what the ledger has.")
@_OUTPUT
def replay_command(
    letters: str,
    kafka_brokers: str | None,
    kafka_property: tuple[str, ...],
    kafka_topic: str | None,
    pubsub_topic: str | None,
    limit: int | None,
    per_second: float | None,
    dry_run: bool,
    ledger: Path | None,
    again: bool,
    output: str,
    **flags: Any,
) -> None:
    """Sends the records of LETTERS again to where they were read from, byte for byte.

    A record is sent once, however many letters it has, and not again by a second replay. Its events
    have the ids that they would have had: a receiver drops what it has.
    """
    noted = Ledger(_ledger_path(letters, ledger))
    if (kafka_brokers is None) == (pubsub_topic is None):
        message = "give --kafka_brokers or --pubsub_topic: where the records are sent to"
        raise click.UsageError(message)
    bucket = None
    if per_second is not None:
        bucket = TokenBucket(per_second, max(1, int(per_second)), time.monotonic, time.sleep)
    wait = bucket.take if bucket is not None and not dry_run else lambda: None
    destination = None
    if not dry_run:
        destination = _destination(kafka_brokers, kafka_property, kafka_topic, pubsub_topic)
    try:
        # A batch of a second, where there is a limit: what was sent is noted soon.
        batch = BATCH if per_second is None else max(1, min(BATCH, int(per_second)))
        with _letters(letters, flags) as found:
            done = replay(first(found, limit), destination, noted, wait, again=again, batch=batch)
    finally:
        if destination is not None:
            destination.close()
    _tell(done, noted.path, dry_run=dry_run, as_json=output == "json")
    if done.refused:
        sys.exit(1)


def _ledger_path(letters: str, given: Path | None) -> Path:
    if given is not None:
        return given
    place = kept_place_of(letters)
    if isinstance(place, FilePlace) and "://" not in place.path and "*" not in place.path:
        return Path(f"{place.path}.replayed")
    message = (
        "--ledger is missing: a file that notes what was sent, so that a second replay of "
        f"{letters} sends nothing twice"
    )
    raise click.UsageError(message)


def _destination(
    brokers: str | None, properties: tuple[str, ...], topic: str | None, pubsub: str | None
) -> Destination:
    if pubsub is not None:
        return PubsubDestination(topic_of(pubsub).config)
    try:
        given = dict(kafka_property(text) for text in properties)
    except FlagError as error:
        raise click.UsageError(str(error)) from error
    return KafkaDestination(KafkaCluster(brokers or "", given), topic)


def _tell(done: Replayed, ledger: Path, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**done._asdict(), "dry_run": dry_run, "ledger": str(ledger)}))
        return
    sent = "would be sent" if dry_run else "sent"
    click.echo(f"{done.letters:,} letters: {done.records:,} records {sent}")
    if done.repeated:
        click.echo(f"{done.repeated:,} letters were about a record that another letter has")
    if done.noted:
        click.echo(f"{done.noted:,} were sent before, says {ledger}; --again sends them again")
    for why in done.refused:
        click.echo(f"not sent: {why}", err=True)


def run(argv: list[str] | None = None) -> int:
    """Runs the command; its exit code: 0 well, 1 failed or something was refused, 2 misused."""
    try:
        main.main(args=argv, prog_name="python -m pipelines.dead_letters", standalone_mode=False)
    except click.ClickException as error:
        if logs.is_json():
            logs.tell_error(error.format_message())
        else:
            error.show()
        return 2
    except click.Abort:
        return 1
    except (PlaceError, KafkaConfigError, logs.FormatError) as error:
        logs.tell_error(str(error))
        return 2
    except _STOPS as error:
        logs.tell_error(str(error))
        return 1
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


if __name__ == "__main__":
    sys.exit(run())
