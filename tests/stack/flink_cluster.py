"""A Flink cluster in application mode as processes of this machine, kept running like pods.

ZooKeeper, a job manager with its job's jar, task managers, and the two pools of workers that stand
beside a task manager: each is a process of its own that may be killed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pipelines.flink_jar import ENTRY_CLASS
from tests.stack.beam_java import PART as BEAM_JAVA
from tests.stack.command import last_lines, run
from tests.stack.flink_configuration import (
    LOGGING,
    Ports,
    java_options,
    slots,
    write_configuration,
    write_zookeeper,
)
from tests.stack.flink_rest import FlinkRest, wait_for
from tests.stack.grpc_answers import answers_grpc
from tests.stack.home import ROOT
from tests.stack.jdk import java, small_jvm
from tests.stack.part import Command, Context, NotReady, StackError
from tests.stack.ports import free_port
from tests.stack.supervisor import Supervisor

JOB_MANAGER = "job-manager"
TASK_MANAGER = "task-manager"
PYTHON_POOL = "python-pool"
JAVA_POOL = "java-pool"
ZOOKEEPER = "zookeeper"

START_WORKER = ROOT / "templates" / "flink" / "start-worker.sh"
"""What the image starts a Python worker by; here with a stand-in of Beam's boot."""

START_SECONDS = 240
"""Some ten seconds on a quiet machine."""

_SHADED = "org.apache.flink.shaded.zookeeper3.org.apache.zookeeper"
_MAINS = {
    ZOOKEEPER: f"{_SHADED}.server.ZooKeeperServerMain",
    JOB_MANAGER: "org.apache.flink.container.entrypoint.StandaloneApplicationClusterEntryPoint",
    TASK_MANAGER: "org.apache.flink.runtime.taskexecutor.TaskManagerRunner",
}
_HEAP_MEGABYTES = {ZOOKEEPER: 128, JOB_MANAGER: 512, TASK_MANAGER: 512}


class FlinkCluster:
    """A cluster with one job.

    Args:
        home: of Flink (flink_home.py).
        beam_java: where Beam's Java transforms are installed (beam_java.py).
        folder: for data, configuration and logs; its name is the cluster's.
        mark: of what is started (processes.py).
        environment: of the Python workers, beside this process's.
    """

    def __init__(
        self, home: Path, beam_java: Path, folder: Path, mark: Path, environment: Mapping[str, str]
    ) -> None:
        self.folder = folder
        self.ports = Ports(
            zookeeper=free_port(),
            rest=free_port(),
            rpc=free_port(),
            blob=free_port(),
            python=free_port(),
            java=free_port(),
            metrics={JOB_MANAGER: free_port(), TASK_MANAGER: free_port()},
        )
        self.rest = FlinkRest(self.ports.rest)
        self._home = home
        self._beam_java = beam_java
        self._environment = environment
        self._generation = 1
        self.processes = Supervisor(folder, mark)

    @property
    def java_address(self) -> str:
        """Of the Java pool, which is the expansion service as well."""
        return f"127.0.0.1:{self.ports.java}"

    @property
    def python_address(self) -> str:
        return f"127.0.0.1:{self.ports.python}"

    def start(self) -> None:
        """Starts all but the job manager, and waits for nothing."""
        zookeeper = str(write_zookeeper(self.folder, self.ports))
        self.processes.start(ZOOKEEPER, self._java(ZOOKEEPER, (zookeeper,)))
        self.processes.start(JAVA_POOL, self._java_pool())
        self.processes.start(PYTHON_POOL, self._python_pool())
        self.processes.start(TASK_MANAGER, self._flink(TASK_MANAGER))

    def make_jar(self, arguments: Sequence[str], environment: Mapping[str, str]) -> Path:
        """The jar of a job, made by its own command line. Raises StackError.

        arguments: of `python -m`; the flags that a jar needs are added.
        """
        wait_for(self._java_answers, START_SECONDS, f"the Java pool does not answer: {self.told()}")
        jar = self.folder / "job.jar"
        flags = (
            "--runner=FlinkRunner",
            "--follow",
            f"--output_executable_path={jar}",
            f"--expansion_service={self.java_address}",
            f"--java_worker_pool={self.java_address}",
            f"--environment_config={self.python_address}",
            f"--sdk_worker_parallelism={slots()}",
            "--java_batches",
        )
        run([sys.executable, "-m", *arguments, *flags], environment=environment, folder=ROOT)
        return jar

    def start_job(self, jar: Path, settings: Mapping[str, str] | None = None) -> None:
        """Starts the job manager with the jar; returns at once.

        settings: of Flink, such as a savepoint to go on from.
        """
        options = ("--job-classname", ENTRY_CLASS, "--jars", f"local://{jar}")
        self.processes.start(JOB_MANAGER, self._flink(JOB_MANAGER, options, settings or {}))

    def replace_job(self, jar: Path, savepoint: str) -> None:
        """A new generation with another jar goes on from a savepoint; returns at once.

        What high availability knows of the old one, that its job has ended, is not asked.
        """
        for name in (JOB_MANAGER, TASK_MANAGER):
            self.processes.remove(name)
        self._generation += 1
        self.start_job(jar, {"execution.savepoint.path": savepoint})
        self.processes.start(TASK_MANAGER, self._flink(TASK_MANAGER))

    def add_task_manager(self, name: str) -> None:
        """One more, which shares the pools of the first: they have one loopback interface."""
        command = self._flink(TASK_MANAGER, (f"-Dtaskmanager.resource-id={name}",), {}, name)
        self.processes.start(name, command)

    def wait_until_it_works(self, seconds: float = START_SECONDS) -> None:
        """Returns when all tasks of the job run; StackError with the logs if they never do."""
        self.wait_until(self.rest.works, seconds, "not all tasks run")

    def wait_until(self, reached: Callable[[], bool], seconds: float, otherwise: str) -> None:
        """Returns when `reached`; StackError with the logs' ends when time is up."""
        try:
            wait_for(reached, seconds, otherwise)
        except StackError as error:
            message = f"{error}\n{self.told()}"
            raise StackError(message) from error

    def told(self) -> str:
        """The ends of all logs."""
        logs = [self.processes.log(name) for name in self.processes.names()]
        return "\n".join(
            f"  the end of {log}:\n{last_lines(log.read_text(errors='replace'), 12)}"
            for log in logs
            if log.exists()
        )

    def close(self) -> None:
        self.processes.close()

    def _java_answers(self) -> bool:
        try:
            answers_grpc(self.java_address)
        except NotReady:
            return False
        return True

    def _java_pool(self) -> Command:
        folder = self.folder / JAVA_POOL
        folder.mkdir()
        context = Context(
            installed=self._beam_java,
            folder=folder,
            endpoints={},
            installed_of=lambda _: self._beam_java,
            free_port=lambda: self.ports.java,
        )
        (command,) = BEAM_JAVA.plan(context).processes.values()
        return command

    def _python_pool(self) -> Command:
        boot = self.folder / "python-worker"
        boot.write_text(f'#!/bin/sh\nexec {sys.executable} -m tests.stack.python_worker "$@"\n')
        boot.chmod(0o755)
        arguments = (sys.executable, "-m", "tests.stack.python_pool", str(self.ports.python))
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        return Command(
            (*arguments, str(START_WORKER)),
            environment={"PYTHONPATH": path, "KAMIFLOW_BOOT": str(boot), **self._environment},
        )

    def _flink(
        self,
        kind: str,
        options: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
        name: str | None = None,
    ) -> Command:
        cluster = f"{self.folder.name}-{self._generation}"
        configuration = write_configuration(
            self.folder, self.ports, name or kind, cluster, settings or {}
        )
        environment = {
            "FLINK_HOME": str(self._home),
            "FLINK_LIB_DIR": str(self._home / "lib"),
            "FLINK_PLUGINS_DIR": str(self._home / "plugins"),
            "FLINK_CONF_DIR": str(configuration),
        }
        command = self._java(kind, ("--configDir", str(configuration), *options))
        return Command(command.arguments, environment)

    def _java(self, kind: str, options: Sequence[str]) -> Command:
        arguments = (
            str(java(17)),
            *small_jvm(_HEAP_MEGABYTES[kind]),
            *java_options(),
            f"-Dlog4j.configurationFile={LOGGING}",
            "-Dzookeeper.admin.enableServer=false",
            "-cp",
            f"{self._home}/lib/*",
            _MAINS[kind],
            *options,
        )
        return Command(arguments)
