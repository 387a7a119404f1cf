"""The backlog of Pub/Sub subscriptions, as Cloud Monitoring knows it: minutes late."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from kami.errors import ConfigurationError, KamiError, RefusedError, UnreachableError

if TYPE_CHECKING:
    from google.cloud.monitoring_v3 import MetricServiceClient

MESSAGES = "pubsub.googleapis.com/subscription/num_undelivered_messages"
AGE = "pubsub.googleapis.com/subscription/oldest_unacked_message_age"
_SUBSCRIPTION = re.compile(r"projects/([a-z0-9.:-]+)/subscriptions/([A-Za-z][\w.~+%-]{2,254})")
_WINDOW_SECONDS = 600
"""A point a minute, visible after up to four: older ones are of a subscription that is gone."""


class Subscription(NamedTuple):
    project: str
    name: str


class Backlog(NamedTuple):
    """What waits in a subscription.

    Args:
        messages: that were not acknowledged; None: Cloud Monitoring has no point of it.
        seconds: the age of the oldest of them, 0 without one; None as above.
        at: the time of the older of both points, in seconds since 1970.
    """

    subscription: Subscription
    messages: int | None = None
    seconds: float | None = None
    at: float | None = None


class BacklogReading(NamedTuple):
    """
    Args:
        failures: what could not be read, a project each.
    """

    backlogs: tuple[Backlog, ...]
    failures: tuple[KamiError, ...] = ()


def subscription(name: str) -> Subscription:
    """A subscription by its full name. Raises ConfigurationError."""
    match = _SUBSCRIPTION.fullmatch(name)
    if not match:
        message = f"the subscription is {name!r}; expected projects/PROJECT/subscriptions/NAME"
        raise ConfigurationError(message)
    return Subscription(match[1], match[2])


class PubSubLag:
    """
    Args:
        seconds: how long a question may take; there are two a project.
        connect: gives the client of Cloud Monitoring.
        now: seconds since 1970.
    """

    def __init__(
        self,
        subscriptions: Sequence[Subscription],
        seconds: float,
        connect: Callable[[], MetricServiceClient] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._subscriptions = sorted(set(subscriptions))
        self._seconds = seconds
        self._connect = connect or _client
        self._now = now
        self._client: MetricServiceClient | None = None

    def read(self) -> BacklogReading:
        """The newest points.

        Raises:
            KamiError: there are no credentials, or no project answers.
        """
        found: list[Backlog] = []
        failures: list[KamiError] = []
        projects = sorted({one.project for one in self._subscriptions})
        for project in projects:
            ours = [one for one in self._subscriptions if one.project == project]
            try:
                messages = self._points(project, MESSAGES, ours)
                ages = self._points(project, AGE, ours)
            except KamiError as error:
                failures.append(error)
                continue
            found += [_backlog(one, messages.get(one.name), ages.get(one.name)) for one in ours]
        if len(failures) == len(projects):
            raise failures[0]
        return BacklogReading(tuple(found), tuple(failures))

    def close(self) -> None:
        if self._client:
            self._client.transport.close()  # type: ignore[no-untyped-call]
            self._client = None

    def _points(
        self, project: str, metric: str, subscriptions: Sequence[Subscription]
    ) -> dict[str, tuple[float, float]]:
        """subscription -> (seconds since 1970, value) of its newest point."""
        from google.api_core import exceptions
        from google.auth.exceptions import GoogleAuthError
        from google.cloud.monitoring_v3 import ListTimeSeriesRequest, TimeInterval

        now = int(self._now())
        names = ",".join(f'"{one.name}"' for one in subscriptions)
        request = ListTimeSeriesRequest(
            name=f"projects/{project}",
            filter=(
                f'metric.type = "{metric}" AND resource.type = "pubsub_subscription" AND '
                f"resource.labels.subscription_id = one_of({names})"
            ),
            interval=TimeInterval(
                start_time={"seconds": now - _WINDOW_SECONDS}, end_time={"seconds": now}
            ),
            view=ListTimeSeriesRequest.TimeSeriesView.FULL,
        )
        what = f"reading {metric} of the project {project!r}"
        try:
            if self._client is None:
                self._client = self._connect()
            answer = self._client.list_time_series(request, timeout=self._seconds, retry=None)
            # The newest point comes first.
            return {
                series.resource.labels["subscription_id"]: (
                    _seconds(series.points[0].interval.end_time),
                    series.points[0].value.int64_value,
                )
                for series in answer
                if series.points
            }
        except (exceptions.PermissionDenied, exceptions.Unauthenticated) as error:
            message = (
                f"{what}: not allowed ({error.message}); the account needs roles/monitoring.viewer"
            )
            raise RefusedError(message) from error
        except (
            exceptions.ServiceUnavailable,
            exceptions.DeadlineExceeded,
            exceptions.TooManyRequests,
            exceptions.InternalServerError,
        ) as error:
            message = f"{what}: Cloud Monitoring does not answer ({error.message}); run it again"
            raise UnreachableError(message) from error
        except exceptions.GoogleAPICallError as error:
            message = f"{what}: {error.message}"
            raise RefusedError(message) from error
        except GoogleAuthError as error:
            message = (
                f"{what}: no credentials of Google Cloud are usable here ({error}); run as a "
                "service account, or gcloud auth application-default login"
            )
            raise ConfigurationError(message) from error


def _seconds(at: Any) -> float:
    """The message library gives a datetime where its types say a message."""
    return float(at.timestamp())


def _backlog(
    of: Subscription, messages: tuple[float, float] | None, age: tuple[float, float] | None
) -> Backlog:
    return Backlog(
        of,
        None if messages is None else int(messages[1]),
        None if age is None else float(age[1]),
        min((point[0] for point in (messages, age) if point), default=None),
    )


def _client() -> MetricServiceClient:
    from google.cloud.monitoring_v3 import MetricServiceClient

    return MetricServiceClient()
