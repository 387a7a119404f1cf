"""The flags that choose a runner for a live job."""

from __future__ import annotations

import dataclasses

import pytest

from tests.stack.servers import BeamJava, Flink, Prism


@dataclasses.dataclass(frozen=True)
class RunnerFlags:
    """A runner.

    keeps_offsets: whether the consumer group tells a job that was killed where to go on.
    """

    name: str
    flags: tuple[str, ...] = ()
    keeps_offsets: bool = True


def runner_flags(request: pytest.FixtureRequest, name: str) -> RunnerFlags:
    """A runner by its name; starts the servers that it needs, or skips the test."""
    if name == "direct":
        return RunnerFlags(name)
    if name == "prism":
        prism: Prism = request.getfixturevalue("prism")
        return RunnerFlags(name, ("--runner=PrismRunner", f"--prism_location={prism.binary}"))
    beam_java: BeamJava = request.getfixturevalue("beam_java")
    # Beam's job server does not cancel its jobs: one of another test would run on beside ours.
    flink: Flink = request.getfixturevalue("fresh_flink")
    flags = (
        "--runner=PortableRunner",
        f"--job_endpoint={flink.job_endpoint}",
        f"--expansion_service={beam_java.expansion_address}",
        "--java_batches",
        "--parallelism=2",
        "--checkpointing_interval=2000",
    )
    return RunnerFlags(name, flags, keeps_offsets=False)
