"""A server that answers for Dataflow's FlexTemplates, with the client's own messages."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
from collections.abc import Iterator

import grpc
from google.cloud.dataflow_v1beta3 import (
    FlexTemplatesServiceClient,
    Job,
    LaunchFlexTemplateRequest,
    LaunchFlexTemplateResponse,
)
from google.cloud.dataflow_v1beta3.services.flex_templates_service.transports import (
    FlexTemplatesServiceGrpcTransport,
)

SERVICE = "google.dataflow.v1beta3.FlexTemplatesService"


@dataclasses.dataclass
class Dataflow:
    """Templates that are staged, jobs that run, and what was asked."""

    staged: set[str]
    address: str = ""
    running: dict[str, str] = dataclasses.field(default_factory=dict)
    requests: list[LaunchFlexTemplateRequest] = dataclasses.field(default_factory=list)
    refusal: tuple[grpc.StatusCode, str] | None = None

    def launch(
        self, request: LaunchFlexTemplateRequest, context: grpc.ServicerContext
    ) -> LaunchFlexTemplateResponse:
        self.requests.append(request)
        launch = request.launch_parameter
        if self.refusal is not None:
            context.abort(*self.refusal)
        if launch.container_spec_gcs_path not in self.staged:
            context.abort(grpc.StatusCode.NOT_FOUND, "the template was not found")
        if launch.update and launch.job_name not in self.running:
            context.abort(grpc.StatusCode.NOT_FOUND, "no job of this name runs")
        if not launch.update and launch.job_name in self.running:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, "a job of this name runs")
        if request.validate_only:
            return LaunchFlexTemplateResponse()
        before = self.running.get(launch.job_name, "")
        self.running[launch.job_name] = f"job-{len(self.requests)}"
        return LaunchFlexTemplateResponse(
            job=Job(
                id=self.running[launch.job_name],
                name=launch.job_name,
                project_id=request.project_id,
                location=request.location,
                replace_job_id=before,
            )
        )

    def client(self) -> FlexTemplatesServiceClient:
        transport = FlexTemplatesServiceGrpcTransport(channel=grpc.insecure_channel(self.address))
        return FlexTemplatesServiceClient(transport=transport)


@contextlib.contextmanager
def serving(dataflow: Dataflow) -> Iterator[Dataflow]:
    """The server, for as long as it is entered."""
    handler = grpc.unary_unary_rpc_method_handler(
        dataflow.launch,
        request_deserializer=LaunchFlexTemplateRequest.deserialize,
        response_serializer=LaunchFlexTemplateResponse.serialize,
    )
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE, {"LaunchFlexTemplate": handler}),)
    )
    dataflow.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield dataflow
    finally:
        server.stop(None).wait()
