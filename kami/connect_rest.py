"""Kafka Connect's REST API."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx

from kami.connectors import ConnectAddress
from kami.errors import ConfigurationError, RefusedError, UnreachableError

TIMEOUT_SECONDS = 90
"""Debezium asks the database while a configuration is looked at."""
PATIENCE_SECONDS = 60
_PAUSE_SECONDS = 0.5
_LONGEST_TEXT = 2000


class Task(NamedTuple):
    """A task, or the connector itself (`number` None)."""

    number: int | None
    state: str
    worker: str
    trace: str


class ConnectorStatus(NamedTuple):
    """How a connector is: its own part first, then its tasks."""

    connector: Task
    tasks: tuple[Task, ...]


class ConnectRest:
    """Asks Connect, and waits while its workers share out their work (409).

    Raises (each method):
        UnreachableError: nothing answers, or with an error of the server's.
        ConfigurationError: Connect does not take who asks.
        RefusedError: Connect does not take what is asked.
    """

    def __init__(
        self, address: ConnectAddress, *, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self.address = address
        self._patience = patience_seconds
        login = None
        if address.username is not None and address.password is not None:
            login = (address.username, address.password.resolved())
        self._client = httpx.Client(
            base_url=address.url,
            auth=login,
            verify=_trust(address),
            timeout=httpx.Timeout(TIMEOUT_SECONDS, connect=15),
        )

    def __enter__(self) -> ConnectRest:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def names(self) -> list[str]:
        """The names of all connectors, sorted."""
        names: list[str] = self._ask("GET", "/connectors").json()
        return sorted(names)

    def config(self, name: str) -> dict[str, str] | None:
        """A connector's settings; None for one that is not there."""
        response = self._ask("GET", f"{_path(name)}/config", missing=True)
        return None if response.status_code == httpx.codes.NOT_FOUND else dict(response.json())

    def errors_of(self, config: Mapping[str, str]) -> dict[str, list[str]]:
        """What the plug-in says against settings, by their names.

        Raises:
            RefusedError: Connect does not have the plug-in.
        """
        kind = config["connector.class"]
        plugins = [one["class"] for one in self._ask("GET", "/connector-plugins").json()]
        # Connect takes a class by its last name too.
        if kind not in plugins and kind not in {one.rpartition(".")[2] for one in plugins}:
            message = (
                f"Connect has no plug-in {kind!r}; it has: {', '.join(sorted(plugins))}; put the "
                "plug-in's folder on the workers' plugin.path and start them again"
            )
            raise RefusedError(message)
        path = f"/connector-plugins/{quote(kind, safe='')}/config/validate"
        response = self._ask("PUT", path, config)
        return {
            field["value"]["name"]: field["value"]["errors"]
            for field in response.json()["configs"]
            if field["value"]["errors"]
        }

    def put(self, name: str, config: Mapping[str, str]) -> None:
        """Makes a connector, or gives it other settings."""
        self._ask("PUT", f"{_path(name)}/config", config)

    def delete(self, name: str) -> None:
        """Takes a connector away; its topics and offsets stay."""
        self._ask("DELETE", _path(name), missing=True)

    def task_configs(self, name: str) -> list[dict[str, str]]:
        """The settings with which the tasks run, or are to run."""
        response = self._ask("GET", f"{_path(name)}/tasks", missing=True)
        if response.status_code == httpx.codes.NOT_FOUND:
            return []
        return [dict(task["config"]) for task in response.json()]

    def status(self, name: str) -> ConnectorStatus | None:
        """How a connector is; None for one that is not there, or whose state is not known yet."""
        response = self._ask("GET", f"{_path(name)}/status", missing=True)
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        found = response.json()
        return ConnectorStatus(
            _task(found["connector"]),
            tuple(sorted((_task(task) for task in found["tasks"]), key=lambda task: task[0] or 0)),
        )

    def restart_failed(self, name: str) -> None:
        """Starts again what has failed of a connector and its tasks."""
        self._ask("POST", f"{_path(name)}/restart?includeTasks=true&onlyFailed=true")

    def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, str] | None = None,
        *,
        missing: bool = False,
    ) -> httpx.Response:
        """The answer.

        Args:
            missing: 404 is an answer.
        """
        deadline = time.monotonic() + self._patience
        while True:
            try:
                response = self._client.request(
                    method, path, json=None if body is None else dict(body)
                )
            except httpx.HTTPError as error:
                message = (
                    f"Connect at {self.address.url} does not answer: "
                    f"{str(error) or type(error).__name__}; check `url` of `connect`, and that "
                    "the worker runs"
                )
                raise UnreachableError(message) from error
            if (
                response.status_code not in (httpx.codes.CONFLICT, httpx.codes.SERVICE_UNAVAILABLE)
                or time.monotonic() > deadline
            ):
                break
            # The workers are sharing out connectors and tasks, or one is just starting.
            time.sleep(_PAUSE_SECONDS)
        code = response.status_code
        if response.is_success or (missing and code == httpx.codes.NOT_FOUND):
            return response
        raise self._error(method, path, response)

    def _error(
        self, method: str, path: str, response: httpx.Response
    ) -> ConfigurationError | RefusedError | UnreachableError:
        code, where = response.status_code, f"Connect at {self.address.url}"
        if code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            who = f"user {self.address.username!r}" if self.address.username else "anybody"
            return ConfigurationError(
                f"{where} does not take {who} ({code}); check `username` and `password` of "
                "`connect`"
            )
        if code == httpx.codes.CONFLICT:
            return UnreachableError(
                f"{where} is still sharing out its work after {self._patience:g} s (409); see "
                "whether a worker comes and goes, and try again"
            )
        if code == httpx.codes.NOT_FOUND:
            return ConfigurationError(
                f"{where} knows no {path!r} (404: {_told(response)}); is `url` the address of a "
                "Connect worker, with its path?"
            )
        if code >= httpx.codes.INTERNAL_SERVER_ERROR:
            return UnreachableError(
                f"{where} has an error ({code}) at {method} {path}: {_told(response)}; see the "
                "worker's log"
            )
        return RefusedError(f"{where} refuses {method} {path} ({code}): {_told(response)}")


def _trust(address: ConnectAddress) -> ssl.SSLContext | bool:
    if not address.url.startswith("https:"):
        # Nothing is verified; to load the system's authorities takes a while.
        return False
    if address.ca is None and address.certificate is None:
        return True
    try:
        context = ssl.create_default_context(cafile=address.ca)
        if address.certificate is not None:
            context.load_cert_chain(address.certificate, address.key)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(
            repr(str(file)) for file in (address.ca, address.certificate, address.key) if file
        )
        message = (
            f"the certificates of `connect` cannot be used: {error}; expected PEM files in {files}"
        )
        raise ConfigurationError(message) from error
    return context


def _path(name: str) -> str:
    return f"/connectors/{quote(name, safe='')}"


def _task(found: Mapping[str, Any]) -> Task:
    return Task(found.get("id"), found["state"], found["worker_id"], found.get("trace", ""))


def _told(response: httpx.Response) -> str:
    try:
        text = str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        text = response.text
    return " ".join(text.split())[:_LONGEST_TEXT]
