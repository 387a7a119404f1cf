"""`kami lag`: how far consumer groups and subscriptions are behind, once or for Prometheus."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kami.context import Context
from kami.errors import ConfigurationError, DifferencesError, KamiError
from kami.topics_file import read_connection, read_wanted
from kami.topics_wanted import Wanted

if TYPE_CHECKING:
    from kami.lag_kafka import KafkaLag
    from kami.lag_pubsub import PubSubLag

EXIT_CODES = """Exit codes: 0 printed, and no limit is passed; 1 one is, or may be; 2 a group or a
topic is not there, or the broker refused; 3 something did not answer."""
DEFAULT_FILE = Path("topics.yaml")


@click.command("lag", epilog=EXIT_CODES)
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file of `kami topics`: its `brokers` and `client` say where the cluster is, its "
    f"`groups` which groups unless --group does.  [default: {DEFAULT_FILE}]",
)
@click.option("--brokers", metavar="HOST:PORT,...", help="Instead of the file.")
@click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="PATTERN",
    help="Of these groups; may be given again.  [default: *]",
)
@click.option(
    "--topic",
    "topics",
    multiple=True,
    metavar="PATTERN",
    default=["*"],
    show_default="*",
    help="In these topics.",
)
@click.option(
    "--isolation",
    type=click.Choice(["read_committed", "read_uncommitted"]),
    default="read_committed",
    show_default=True,
    help="How the groups read: whether records of aborted and open transactions are theirs.",
)
@click.option(
    "--reset",
    type=click.Choice(["unknown", "earliest", "latest"]),
    default="unknown",
    show_default=True,
    help="Where the groups begin in partitions without a commit (their auto.offset.reset).",
)
@click.option(
    "--subscription",
    "subscriptions",
    multiple=True,
    metavar="projects/P/subscriptions/S",
    help="Also the backlog of this subscription of Pub/Sub; alone, no cluster is asked.",
)
@click.option(
    "--max-records",
    type=click.IntRange(min=0),
    help="Exit with 1 if a group has more to read, or a subscription more messages.",
)
@click.option(
    "--max-seconds",
    type=click.FloatRange(min=0),
    help="Exit with 1 if the oldest of them is older.",
)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    help="Serve /metrics for Prometheus, and /healthz, until SIGTERM.",
)
@click.option(
    "--timeout-seconds",
    type=click.FloatRange(min=0.1),
    default=8.0,
    show_default=True,
    help="How long what is away or busy is asked again; below Prometheus' scrape_timeout.",
)
@click.pass_obj
def command(
    context: Context,
    /,
    path: Path | None,
    brokers: str | None,
    subscriptions: tuple[str, ...],
    max_records: int | None,
    max_seconds: float | None,
    listen: str | None,
    timeout_seconds: float,
    **asked: Any,
) -> None:
    """How far consumer groups are behind, in records and in seconds, and Pub/Sub's backlog.

    Seconds are the age of the oldest record that a group has still to read, by the record's own
    time: 0 at the end.
    """
    if path and brokers:
        message = "--file and --brokers both say where the cluster is; give one of them"
        raise ConfigurationError(message)
    if listen and (max_records is not None or max_seconds is not None):
        message = (
            "--max-records and --max-seconds are not of --listen: Prometheus' rules are limits"
        )
        raise ConfigurationError(message)
    with contextlib.ExitStack() as stack:
        kafka = pubsub = None
        if path or brokers or not subscriptions:
            kafka = _kafka(path or DEFAULT_FILE, brokers, timeout_seconds, **asked)
            stack.callback(kafka.close)
        if subscriptions:
            pubsub = _pubsub(subscriptions, timeout_seconds)
            stack.callback(pubsub.close)
        if listen:
            _serve(listen, kafka, pubsub)
        else:
            _print(context, kafka, pubsub, max_records, max_seconds)


def _kafka(
    path: Path,
    brokers: str | None,
    seconds: float,
    *,
    groups: tuple[str, ...],
    topics: tuple[str, ...],
    isolation: str,
    reset: Any,
) -> KafkaLag:
    # Loaded where it is used: every command of kami loads this module.
    from kami.lag_kafka import KafkaLag
    from kami.lag_question import Question

    if not all((*groups, *topics)):
        message = "--group and --topic take a name or a pattern; one of them is empty"
        raise ConfigurationError(message)
    for address in brokers.split(",") if brokers else ():
        host, _, port = address.strip().rpartition(":")
        if not host or not port.isdecimal():
            message = f"--brokers has {address!r}; expected HOST:PORT[,HOST:PORT]"
            raise ConfigurationError(message)

    def connection() -> Wanted:
        return Wanted(brokers=brokers) if brokers else read_connection(path).wanted

    if not groups and not brokers:
        groups = tuple(group.name for group in read_wanted(path).groups)
    elif not brokers:
        # A mistake in the file is told before anything is served.
        read_connection(path)
    question = Question(groups or ("*",), topics, isolation, reset)
    return KafkaLag(connection, question, seconds)


def _pubsub(names: tuple[str, ...], seconds: float) -> PubSubLag:
    from kami.lag_pubsub import PubSubLag, subscription

    return PubSubLag([subscription(name) for name in names], seconds)


def _print(
    context: Context,
    kafka: KafkaLag | None,
    pubsub: PubSubLag | None,
    max_records: int | None,
    max_seconds: float | None,
) -> None:
    from kami.lag_rows import backlog_rows, check_groups, lag_rows
    from kami.lag_sums import Limits, passed, sums_of

    failures: list[KamiError] = []
    over: list[str] = []
    limits = Limits(max_records, max_seconds)
    if kafka:
        reading = kafka.read()
        context.print_rows(lag_rows(reading))
        failures += reading.failures
        over += passed(limits, sums_of(reading))
        failures += check_groups(kafka.question, reading)
    if pubsub:
        answer = pubsub.read()
        context.print_rows(backlog_rows(answer.backlogs))
        failures += answer.failures
        over += passed(limits, [], answer.backlogs)
    for text in over:
        click.echo(f"kami: {text}", err=True)
    for failure in failures[1:]:
        click.echo(f"kami: {failure}", err=True)
    if failures:
        raise failures[0]
    if over:
        message = f"{len(over)} {'limit is' if len(over) == 1 else 'limits are'} passed"
        raise DifferencesError(message)


def _serve(listen: str, kafka: KafkaLag | None, pubsub: PubSubLag | None) -> None:
    from kami.lag_exporter import LagCollector, Source, server
    from kami.lag_metrics import kafka_answer, pubsub_answer

    host, port = _address(listen)
    sources = []
    if kafka:
        read_kafka = kafka.read
        sources.append(Source("kafka", lambda: kafka_answer(read_kafka())))
    if pubsub:
        read_pubsub = pubsub.read
        sources.append(Source("pubsub", lambda: pubsub_answer(read_pubsub())))
    collector = LagCollector(sources, lambda text: click.echo(f"kami: {text}", err=True))
    with server(host, port, collector) as opened, _until_told(opened.shutdown):
        address = f"{opened.server_address[0]!s}:{opened.server_port}"
        click.echo(f"kami: metrics at http://{address}/metrics", err=True)
        opened.serve_forever(poll_interval=0.1)


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        message = f"--listen is {listen!r}; expected HOST:PORT such as 0.0.0.0:9308"
        raise ConfigurationError(message)
    return host.strip("[]"), int(port)


@contextlib.contextmanager
def _until_told(stop: Any) -> Iterator[None]:
    """Ends the block in good order at SIGTERM and SIGINT."""

    def handle(*_: object) -> None:
        # `shutdown` waits for the loop, which this thread runs.
        threading.Thread(target=stop, daemon=True).start()

    before = {one: signal.signal(one, handle) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
