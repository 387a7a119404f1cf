"""Shows the AML job live: rows change in MySQL and PostgreSQL, events come out of Pub/Sub.

    python -m tests.demo.live_demo [--seconds 60] [--runner auto|prism|direct]

Starts real servers on this machine, changes rows a few times a second, follows the topics with the
AML job, and prints each event as it comes. Ctrl-C ends it; nothing is left running.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from tests.pipelines.live.bank import Bank, opened_bank
from tests.pipelines.live.job_process import JobProcess
from tests.pipelines.live.received import Received, percentiles
from tests.stack import servers
from tests.stack.part import Missing, StackError
from tests.stack.session import Session, session
from tests.stack.topics import PubSubTopic, fresh_pubsub_topic

SECONDS = 60
PAUSE_SECONDS = 0.7
"""Between two transactions: a person can read along."""
NEEDED = ("kafka", "registry", "mysql", "postgres", "connect", "pubsub")

_COLOURS = {
    "standard": "",
    "declined": "yellow",
    "reversal": "yellow",
    "just below the reporting limit": "bold magenta",
    "risky card payment": "bold magenta",
    "above the reporting limit": "bold red",
    "sanctions list": "bold red",
}


class Demonstration:
    """One showing: the bank, the job that follows it, and what a person sees."""

    def __init__(self, bank: Bank, topic: PubSubTopic, console: Console) -> None:
        self._bank = bank
        self._received = Received(topic)
        self._console = console
        self._committed: dict[str, float] = {}
        self._shown: set[str] = set()
        self._ended = threading.Event()

    def work(self) -> None:
        """Changes rows until the showing ends."""
        tables = (self._bank.transfers, self._bank.cards)
        turn = 0
        while not self._ended.wait(PAUSE_SECONDS):
            table = tables[turn % 2]
            before = len(table.changes)
            turn += 1
            if turn % 20 == 0:
                table.roll_back()
            else:
                table.step()
            for change in table.changes[before:]:
                if change.event is not None:
                    self._committed[change.event] = change.committed_at

    def wait_for_job(self, job: JobProcess) -> None:
        """Changes some rows and returns when their events come: the job has started."""
        for table in (self._bank.transfers, self._bank.cards):
            for _ in range(3):
                table.step()
        job.wait_until(lambda: self._received.pull(0.3) > 0)
        self._print_new()

    def show(self, job: JobProcess, seconds: float) -> None:
        """Prints events as they come, for so long; StackError if the job ends."""
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            working = pool.submit(self.work)
            try:
                deadline = time.monotonic() + seconds
                while time.monotonic() < deadline and not working.done():
                    self._print_new()
                    if not job.is_running:
                        message = f"the job has ended: {job.said[-2000:]}"
                        raise StackError(message)
            finally:
                self._ended.set()
            working.result()

    def _print_new(self) -> None:
        self._received.pull(0.2)
        for event_id, event in self._received.events.items():
            if event_id not in self._shown:
                self._shown.add(event_id)
                line = self._line(event_id, event)
                if self._console.is_terminal:
                    self._console.print(line, no_wrap=True, overflow="ellipsis")
                else:
                    self._console.print(line, soft_wrap=True)

    def _line(self, event_id: str, event: dict[str, Any]) -> Text:
        body, customer = event["event"], event["event"]["customer"]
        committed = self._committed.get(self._received.texts[event_id])
        late = self._received.published[event_id] - committed if committed else None
        amount = "" if body["amount"] is None else f"{body['amount']:,.2f} {body['currency']}"
        name = customer["name"] or ("" if customer["id"] is None else f"no. {customer['id']}?")
        return Text.assemble(
            (time.strftime("%H:%M:%S "), "dim"),
            ("        " if late is None else f"{late:5.2f} s ", "dim"),
            f"{body['event_name']:<21} {(body['id'] or '')[:8]:<8} {name:<19} {amount:>18}  ",
            (body["screening"], _COLOURS.get(body["screening"], "")),
        )

    def tell(self) -> None:
        """What was seen: how many events, how late."""
        self._received.drain()
        late = sorted(
            self._received.published[event_id] - self._committed[text]
            for event_id, text in self._received.texts.items()
            if text in self._committed
        )
        self._console.print(f"{self._received.messages:,} events came", highlight=False)
        if late:
            self._console.print(f"from commit to Pub/Sub: {percentiles(late)}", highlight=False)


def _say(console: Console, text: str) -> None:
    """What the stack says of a part, without its addresses."""
    console.print(f"   {text.partition('  ')[0]}", style="dim", highlight=False, markup=False)


def runner_flags(opened: Session, wanted: str, console: Console) -> list[str]:
    """The flags of the runner: Prism where it can be had, else DirectRunner."""
    if wanted != "direct":
        try:
            binary = opened.server("prism", servers.Prism).binary
        except Missing as error:
            if wanted == "prism":
                raise
            console.print(f"Prism cannot be had ({error}); taking DirectRunner")
        else:
            return ["--runner=PrismRunner", f"--prism_location={binary}"]
    return ["--runner=DirectRunner"]


@contextlib.contextmanager
def following(arguments: Sequence[str], folder: Path, emulator: str) -> Iterator[JobProcess]:
    """A job that is asked to end after the block, and is gone then."""
    job = JobProcess(arguments, folder, {"PUBSUB_EMULATOR_HOST": emulator})
    try:
        yield job
        job.stop(30)
    finally:
        job.kill()


def demonstrate(console: Console, seconds: float, runner: str) -> None:
    """The whole showing. Raises StackError and Missing."""
    with contextlib.ExitStack() as stack:
        console.print("1. Starting Kafka, a schema registry, MySQL, PostgreSQL, Kafka Connect with")
        console.print("   Debezium and the Pub/Sub emulator; the first time this downloads them.")
        opened = stack.enter_context(session(lambda text: _say(console, text)))
        opened.begin([*NEEDED, *(["prism"] if runner != "direct" else [])])
        kafka = opened.server("kafka", servers.Kafka)
        registry = opened.server("registry", servers.Registry)
        mysql = opened.server("mysql", servers.MySql)
        postgres = opened.server("postgres", servers.Postgres)
        connect = opened.server("connect", servers.Connect)
        pubsub = opened.server("pubsub", servers.PubSub)

        console.print(
            "2. Making bank.transfers in MySQL, card_payments in PostgreSQL, customers to"
        )
        console.print("   look up, and a Debezium connector for each table.")
        bank = stack.enter_context(opened_bank(kafka, connect, mysql, postgres))
        bank.transfers.add_sanction_hit()
        mark = bank.from_now_on()
        topic = stack.enter_context(fresh_pubsub_topic(pubsub))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        arguments = [
            "pipelines.aml",
            *runner_flags(opened, runner, console),
            f"--kafka_brokers={kafka.brokers}",
            f"--kafka_group={mark.group}",
            f"--schema_registry={registry.url}",
            f"--lookup_url={bank.lookups['postgresql'].url}",
            f"--pubsub_project={topic.project}",
            f"--pubsub_topic={topic.name}",
            f"--output_dir={folder}",
            "--follow",
        ]
        console.print("3. Following the topics with the AML job:")
        shown = [part for part in arguments if not part.startswith("--lookup_url")]
        command = " ".join(["python -m", *shown, "--lookup_url=..."])
        console.print(f"   {command}", style="dim", highlight=False, soft_wrap=True)
        with following(arguments, folder, topic.address) as job:
            demonstration = Demonstration(bank, topic, console)
            try:
                demonstration.wait_for_job(job)
                console.print(
                    f"4. Changing rows for {seconds:.0f} s, some of it rolled back; Ctrl-C"
                )
                console.print("   ends it. The second column is the time from commit to Pub/Sub.")
                demonstration.show(job, seconds)
            except KeyboardInterrupt:
                console.print("Ending.")
            demonstration.tell()
        console.print("5. Stopping everything.")


NEXT = """What to try next:
  python -m tests.demo.live_demo --seconds 600, and pipelines/aml.sql meanwhile: the whole job
  python -m tests.stack up: the same servers, left running for a job of your own
  docs/live.md: the flags of a live job, where it starts, what its messages mean"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the showing; the exit code is 0 if it could be shown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long to show events")
    parser.add_argument("--runner", choices=["auto", "prism", "direct"], default="auto")
    flags = parser.parse_args(argv)
    # Both end what was started; in the background of a shell, Ctrl-C's signal is ignored otherwise.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    console = Console()
    try:
        demonstrate(console, flags.seconds, flags.runner)
    except (AssertionError, Missing, StackError) as error:
        console.print(f"error: {error}", style="red", markup=False, highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print("Ended before the first event.")
        return 130
    console.print(NEXT, highlight=False, markup=False, soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
