"""One Python worker of a pool, started as Beam's boot starts it in its image.

    python -m tests.stack.python_worker --id=... --control_endpoint=... --logging_endpoint=...
        --provision_endpoint=... --artifact_endpoint=...

Boot also brings the artifacts of the job, and writes down the versions of all packages before each
start, for seconds; a job of this project has no artifacts of its own.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

import grpc
from apache_beam.portability.api import (
    beam_provision_api_pb2,
    beam_provision_api_pb2_grpc,
    endpoints_pb2,
)
from apache_beam.runners.worker import sdk_worker_main
from google.protobuf import json_format, text_format

_ANSWER_SECONDS = 60


def _described(address: str) -> str:
    return text_format.MessageToString(endpoints_pb2.ApiServiceDescriptor(url=address))


def work(argv: Sequence[str] | None = None) -> None:
    """Works until the runner ends the worker."""
    parser = argparse.ArgumentParser()
    for name in ("id", "control", "logging", "provision", "artifact"):
        parser.add_argument("--id" if name == "id" else f"--{name}_endpoint", required=True)
    flags = parser.parse_args(argv)
    with grpc.insecure_channel(flags.provision_endpoint) as channel:
        answer = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel).GetProvisionInfo(
            beam_provision_api_pb2.GetProvisionInfoRequest(),
            metadata=(("worker_id", flags.id),),
            timeout=_ANSWER_SECONDS,
        )
    os.environ |= {
        "WORKER_ID": flags.id,
        "PIPELINE_OPTIONS": json_format.MessageToJson(answer.info.pipeline_options),
        "LOGGING_API_SERVICE_DESCRIPTOR": _described(flags.logging_endpoint),
        "CONTROL_API_SERVICE_DESCRIPTOR": _described(flags.control_endpoint),
        "RUNNER_CAPABILITIES": " ".join(answer.info.runner_capabilities),
    }
    sdk_worker_main.main([])


if __name__ == "__main__":
    work()
