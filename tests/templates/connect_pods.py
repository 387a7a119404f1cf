"""Runs the containers of templates/connect as processes of this machine: workers, and kami.

A container's files and environment are those of its manifest; its paths lie below a folder, its
ports are free ones, and addresses are those that the caller puts in their places.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.stack.jdk import java
from tests.stack.kafka import JAVA
from tests.stack.ports import free_port
from tests.templates.container_view import environment, files
from tests.templates.dockerfile import FOLDER, stages_of
from tests.templates.workloads import Pod

DOCKERFILE = FOLDER / "connect" / "Dockerfile"
IMAGE, CONFIG, KAMI = "/opt/connect", "/etc/connect", "/etc/kami"
SECRETS = f"{CONFIG}/secrets"
REST_PORT, METRICS_PORT = 8083, 9404
_SMALL = "-Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"


@dataclasses.dataclass(frozen=True)
class Place:
    """What the cluster would give: rendered objects, and what stands for their addresses.

    Args:
        image: a folder with the image's /opt/connect.
        variables: over those of the manifest.
        secrets: values by the keys of secrets.
        texts: replacements in kami's files.
    """

    documents: Sequence[Mapping[str, Any]]
    image: Path
    folder: Path
    variables: Mapping[str, str]
    secrets: Mapping[str, str]
    texts: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def secrets_folder(self) -> Path:
        """Where all workers have their mounted secret: connectors name files of it."""
        return self.folder / "secrets"

    def of(self, pod: Pod, container: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
        """Environment and files of a container."""
        variables = environment(self.documents, pod, container, self.secrets)
        return {**variables, **self.variables}, files(self.documents, pod, container, self.secrets)


def entry_point() -> list[str]:
    """What the image starts."""
    last = stages_of(DOCKERFILE)[-1]
    words: list[str] = []
    for instruction in ("ENTRYPOINT", "CMD"):
        (line,) = last.of(instruction)
        words += json.loads(line)
    return words


class Worker:
    """A worker of Connect, started as its pod would be.

    Args:
        number: names its folder; two workers of one place are one cluster.
    """

    def __init__(self, place: Place, pod: Pod, number: int = 0) -> None:
        container = pod.container("connect")
        variables, mounted = place.of(pod, container)
        root = place.folder / f"worker-{number}"
        rest, metrics = free_port(), free_port()
        self.url = f"http://127.0.0.1:{rest}"
        self.metrics_url = f"http://127.0.0.1:{metrics}/metrics"
        self.log = place.folder / f"worker-{number}.log"

        def here(text: str) -> str:
            text = text.replace(IMAGE, str(place.image))
            text = text.replace(SECRETS, str(place.secrets_folder))
            text = text.replace(f"{CONFIG}/", f"{root}/")
            text = text.replace(f"=http://0.0.0.0:{REST_PORT}", f"={self.url}")
            text = text.replace(f"advertised.port={REST_PORT}", f"advertised.port={rest}")
            return text.replace(f"={METRICS_PORT}:", f"=127.0.0.1:{metrics}:")

        for path, text in mounted.items():
            target = Path(here(path))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(here(text), encoding="utf-8")
        command = [str(java(JAVA)), *(here(word) for word in entry_point()[1:])]
        # Nothing of this process: a pod has what its manifest says.
        own = {"PATH": os.environ["PATH"], "JDK_JAVA_OPTIONS": _SMALL}
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=place.folder,
                env={**own, **variables},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self, seconds: float = 300) -> float:
        """Waits until its readiness probe answers 200; the seconds that it took."""
        begun = time.monotonic()
        while time.monotonic() < begun + seconds:
            assert self.process.poll() is None, self.log.read_text()[-5000:]
            try:
                if httpx.get(f"{self.url}/health", timeout=10).status_code == httpx.codes.OK:
                    return time.monotonic() - begun
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        message = f"not ready after {seconds} s:\n{self.log.read_text()[-5000:]}"
        raise AssertionError(message)

    def metrics(self) -> dict[str, float]:
        """What the agent shows, by name and labels."""
        text = httpx.get(self.metrics_url, timeout=20).text
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}

    def lines(self) -> list[dict[str, Any]]:
        """Its log, but for what Java itself says of its options."""
        text = self.log.read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines() if not line.startswith("NOTE:")]

    def kill(self) -> None:
        """As when its node is gone."""
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """As Kubernetes ends a pod; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def kami(place: Place, pod: Pod, name: str, url: str) -> subprocess.CompletedProcess[str]:
    """Runs a container of the image kami to its end; `url` is the workers'."""
    container = pod.container(name)
    variables, mounted = place.of(pod, container)
    root = place.folder / f"kami-{name}"
    for path, text in mounted.items():
        for old, new in {
            **place.texts,
            f"http://connect-${{DATABASE}}:{REST_PORT}": url,
            SECRETS: str(place.secrets_folder),
        }.items():
            text = text.replace(old, new)
        (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        (root / path[1:]).write_text(text, encoding="utf-8")
    words = [word.replace(KAMI, f"{root}{KAMI}") for word in container["args"]]
    return subprocess.run(
        [sys.executable, "-c", "from kami.cli import main; main()", *words],
        cwd=Path(__file__).parents[2],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
    )
