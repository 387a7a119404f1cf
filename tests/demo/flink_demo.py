"""Kills the processes of a Flink cluster one after the other, and shows that nothing is lost.

    python -m tests.demo.flink_demo

Starts real servers and a Flink cluster on this machine, runs the AML job from its jar, changes rows
all the time, and kills the task manager, the Python workers, the Java workers and the job manager
with kill -9. Exit code 0: every change arrived. Ctrl-C ends it; nothing is left running.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.deploy.deployment import Deployment, Recovery, Servers, deploy, new_cluster
from tests.deploy.steady_load import SteadyLoad
from tests.pipelines.live.bank import Bank, Mark, opened_bank
from tests.pipelines.live.received import percentiles
from tests.stack import servers
from tests.stack.flink_cluster import JAVA_POOL, JOB_MANAGER, PYTHON_POOL, TASK_MANAGER
from tests.stack.home import home
from tests.stack.part import StackError
from tests.stack.session import Session, session
from tests.stack.topics import fresh_pubsub_topic

NEEDED = ("kafka", "registry", "mysql", "postgres", "connect", "pubsub", "flink_home")
LATENCY_SECONDS = 8
"""How long rows change before the latency is told."""

KILLS = {
    TASK_MANAGER: "runs the steps; the pools of workers stand beside it",
    PYTHON_POOL: "runs the Python steps, with all workers that it has started",
    JAVA_POOL: "reads Kafka",
    JOB_MANAGER: "keeps the job going; a new one takes over from what ZooKeeper knows",
}


class Demonstration:
    """One showing on a deployment that runs."""

    def __init__(self, deployment: Deployment, console: Console) -> None:
        self._deployment = deployment
        self._console = console
        self._recoveries: list[tuple[Recovery, str]] = []

    def say(self, text: str, style: str = "") -> None:
        self._console.print(text, style=style, highlight=False, soft_wrap=True)

    def show_latency(self) -> str:
        """How long changes of the last seconds took to arrive."""
        since = time.time()
        self._deployment.wait_for_changes_after(since)
        while time.time() < since + LATENCY_SECONDS:
            self._deployment.received.pull(0.5)
        fresh = [each for each in self._deployment.changes() if each.committed_at > since]
        return percentiles(self._deployment.received.latencies(fresh))

    def kill(self, name: str) -> None:
        """Kills one process under load and tells what came of it."""
        before = self.show_latency()
        self.say(f"   from commit to Pub/Sub: {before}", "dim")
        self.say(f"[bold red]kill -9[/] of the {name}: it {KILLS[name]}")
        recovery = self._deployment.kill(name)
        self.say(
            f"   back after [bold green]{recovery.seconds:.1f} s[/] by itself, from checkpoint "
            f"{recovery.checkpoint[1]}; {recovery.while_dead} changes were committed while it was "
            f"dead; {recovery.repeats} events came once more"
        )
        self._recoveries.append((recovery, before))

    def tell(self) -> bool:
        """A table of all; whether nothing is missing."""
        deployment = self._deployment
        missing = ""
        try:
            deployment.settle()
        except AssertionError as error:
            missing = str(error)
        table = Table(title="Each process was killed with kill -9 under load")
        for heading in ("process", "latency before", "back after", "repeats"):
            table.add_column(heading)
        for recovery, before in self._recoveries:
            seconds = f"{recovery.seconds:.1f} s"
            table.add_row(recovery.name, before, seconds, str(recovery.repeats))
        self._console.print(table)
        events = len(deployment.received.events)
        if missing:
            self._console.print(missing, style="bold red", highlight=False, markup=False)
        else:
            self.say(f"[bold green]{events:,} events arrived, none is missing.[/]")
        return not missing


def demonstrate(console: Console) -> bool:
    """The whole showing; whether nothing was lost. Raises StackError and Missing."""
    started = time.monotonic()

    def say(text: str) -> None:
        told = f"[dim]{time.monotonic() - started:5.0f} s[/]  {text}"
        console.print(told, highlight=False, soft_wrap=True)

    with contextlib.ExitStack() as stack:
        say("Starting Kafka, a schema registry, MySQL, PostgreSQL, Kafka Connect and the Pub/Sub")
        say("emulator; the first time this downloads them, and Flink.")
        opened = stack.enter_context(session())
        bank = stack.enter_context(_bank(opened))
        mark = bank.from_now_on()
        say("Starting a Flink cluster in application mode: ZooKeeper, job manager, task manager,")
        say("Python workers and Java workers, each a process of its own; making the job's jar.")
        deployment = _deployed(stack, opened, bank, mark)
        say("All tasks run. Rows change in MySQL and PostgreSQL from now on.")
        showing = Demonstration(deployment, console)
        with SteadyLoad(bank):
            # The first events wait for classes to be loaded.
            deployment.wait_for_changes_after(time.time())
            for name in KILLS:
                showing.kill(name)
        say("No more changes; waiting for the last events.")
        return showing.tell()


def _bank(opened: Session) -> contextlib.AbstractContextManager[Bank]:
    opened.begin(NEEDED)
    kafka = opened.server("kafka", servers.Kafka)
    connect = opened.server("connect", servers.Connect)
    mysql = opened.server("mysql", servers.MySql)
    postgres = opened.server("postgres", servers.Postgres)
    return opened_bank(kafka, connect, mysql, postgres)


def _deployed(stack: contextlib.ExitStack, opened: Session, bank: Bank, mark: Mark) -> Deployment:
    kafka = opened.server("kafka", servers.Kafka)
    registry = opened.server("registry", servers.Registry)
    pubsub = opened.server("pubsub", servers.PubSub)
    flink = opened.server("flink_home", servers.FlinkHome)
    topic = stack.enter_context(fresh_pubsub_topic(pubsub))
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "aml"
    folder.mkdir()
    # What is taken down with the servers, whatever becomes of this process.
    run = home() / "run" / f"session-{os.getpid()}"
    used = Servers(kafka, registry, bank, topic)
    cluster = stack.enter_context(new_cluster(flink, used.environment, folder, run))
    return deploy(cluster, used, mark)


def main() -> int:
    """0 if nothing is missing, 1 if something is, or a part cannot be had; 130 after Ctrl-C."""
    console = Console()

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        return 0 if demonstrate(console) else 1
    except StackError as error:
        console.print(str(error), markup=False, highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print("stopped")
        return 130


if __name__ == "__main__":
    sys.exit(main())
