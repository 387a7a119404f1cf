"""What may be wrong with a live job that stands still, asked when it does."""

from __future__ import annotations

from collections.abc import Sequence

from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions
from apache_beam.runners.runner import PipelineResult

from pipelines.progress import total
from pipelines.runner_flags import RunnerOptions
from pipelines.sources import Source
from pipelines.watchdog import Suspect, Watchdog, job_ended, unreachable
from transforms.counters import TALLY


def watchdog_of(
    result: PipelineResult, options: PipelineOptions, sources: Sequence[Source]
) -> Watchdog:
    """The watchdog of a pipeline without an end. Its records are counted where the workers are
    threads of this process (environment LOOPBACK)."""
    found: list[Suspect] = [job_ended(lambda: str(result.state))]
    endpoint = options.view_as(PortableOptions).job_endpoint
    if endpoint:
        found.append(unreachable("the job server", endpoint, "start it and the job again"))
    service = options.view_as(RunnerOptions).expansion_service
    if service and ":" in service:
        found.append(
            unreachable("the service with Beam's Java", service, "start it and the job again")
        )
    for source in sources:
        brokers = str(source.table.options.get("properties.bootstrap.servers", ""))
        for broker in filter(None, brokers.split(",")):
            advice = f"see why; {source.table.name} is read from it"
            found.append(unreachable("the broker", broker.strip(), advice))
    return Watchdog(lambda: total(TALLY.snapshot())["records"], tuple(found))
