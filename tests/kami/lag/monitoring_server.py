"""A server of Cloud Monitoring's own messages: points by metric and subscription."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.cloud.monitoring_v3 import (
    ListTimeSeriesRequest,
    ListTimeSeriesResponse,
    MetricServiceClient,
    Point,
    TimeInterval,
    TimeSeries,
    TypedValue,
)
from google.cloud.monitoring_v3.services.metric_service.transports import (
    MetricServiceGrpcTransport,
)

FILTER = re.compile(
    r'metric\.type = "([^"]+)" AND resource\.type = "pubsub_subscription" AND '
    r"resource\.labels\.subscription_id = one_of\(([^)]*)\)"
)


class MonitoringServer:
    """Answers with the points that lie in the interval, the newest first, a series a page.

    Args:
        address: of the server.
    """

    def __init__(self) -> None:
        self.address = ""
        self.points: dict[tuple[str, str, str], dict[int, int]] = {}
        self.refusals: dict[str, grpc.StatusCode] = {}

    def measured(self, project: str, metric: str, subscription: str, at: int, value: int) -> None:
        """A point, by seconds since 1970."""
        self.points.setdefault((project, metric, subscription), {})[at] = value

    def connect(self) -> MetricServiceClient:
        """A client of this server."""
        channel = grpc.insecure_channel(self.address)
        return MetricServiceClient(transport=MetricServiceGrpcTransport(channel=channel))

    def list_time_series(
        self, request: ListTimeSeriesRequest, context: grpc.ServicerContext
    ) -> ListTimeSeriesResponse:
        project = request.name.removeprefix("projects/")
        if project in self.refusals:
            context.abort(self.refusals[project], "refused")
        match = FILTER.fullmatch(request.filter)
        assert match, request.filter
        names = [name.strip('"') for name in match[2].split(",")]
        interval: Any = request.interval
        begin, end = interval.start_time.timestamp(), interval.end_time.timestamp()
        found = []
        for name in names:
            points = self.points.get((project, match[1], name), {})
            inside = [
                Point(
                    interval=TimeInterval(end_time={"seconds": at}),
                    value=TypedValue(int64_value=value),
                )
                for at, value in sorted(points.items(), reverse=True)
                if begin < at <= end
            ]
            if inside:
                series = TimeSeries(points=inside)
                series.resource.type = "pubsub_subscription"
                series.resource.labels["subscription_id"] = name
                found.append(series)
        page = int(request.page_token or 0)
        more = str(page + 1) if page + 1 < len(found) else ""
        return ListTimeSeriesResponse(time_series=found[page : page + 1], next_page_token=more)


@contextlib.contextmanager
def monitoring_server() -> Iterator[MonitoringServer]:
    """Listens within the block."""
    served = MonitoringServer()
    server = grpc.server(ThreadPoolExecutor(2))
    handler = grpc.unary_unary_rpc_method_handler(
        served.list_time_series,
        request_deserializer=ListTimeSeriesRequest.deserialize,
        response_serializer=ListTimeSeriesResponse.serialize,
    )
    service = "google.monitoring.v3.MetricService"
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {"ListTimeSeries": handler}),)
    )
    served.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield served
    finally:
        server.stop(None)
