"""Questions to a Flink cluster by its REST API."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

from tests.stack.part import StackError

_ANSWER_SECONDS = 10
_POLL_SECONDS = 0.2
_ENDED = ("FINISHED", "CANCELED", "FAILED")
_Found = TypeVar("_Found")


class NoAnswer(StackError):
    """The job manager does not answer, or not yet."""


class FlinkRest:
    """One cluster, with one job for all but `cancel`.

    Args:
        port: of this machine.
    """

    def __init__(self, port: int) -> None:
        self._port = port

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """The answer, as JSON holds it. Raises NoAnswer.

        body: of a POST; without one it is a GET.
        """
        if body is None:
            return self._send("GET", path)
        return self._send("POST", path, json.dumps(body))

    def _send(self, method: str, path: str, body: str | None = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_ANSWER_SECONDS)
        try:
            headers = {} if body is None else {"Content-Type": "application/json"}
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            text = response.read().decode()
            if response.status < http.client.BAD_REQUEST:
                return json.loads(text)
        except (OSError, http.client.HTTPException, ValueError) as error:
            message = f"the job manager does not answer {path}: {error}"
            raise NoAnswer(message) from error
        finally:
            connection.close()
        message = f"the job manager answers {path} with {response.status}: {text[:500]}"
        raise NoAnswer(message)

    def cancel(self) -> int:
        """Asks every job that has not ended to end; how many there are. Raises NoAnswer: the
        first refusal, when all were asked."""
        jobs = self.ask("/jobs/overview")["jobs"]
        running = [job["jid"] for job in jobs if job["state"] not in _ENDED]
        refusals = []
        for job in running:
            try:
                self._send("PATCH", f"/jobs/{job}?mode=cancel")
            except NoAnswer as error:
                refusals.append(error)
        if refusals:
            raise refusals[0]
        return len(running)

    def job(self) -> dict[str, Any] | None:
        """The job's overview; None where there is none, or nobody who could say."""
        try:
            jobs = self.ask("/jobs/overview")["jobs"]
        except NoAnswer:
            return None
        return dict(jobs[0]) if jobs else None

    def job_id(self) -> str:
        job = self.job()
        if job is None:
            message = "the cluster has no job"
            raise NoAnswer(message)
        return str(job["jid"])

    def works(self) -> bool:
        """Whether every task of the job runs."""
        job = self.job()
        if job is None or job["state"] != "RUNNING":
            return False
        tasks = job["tasks"]
        return int(tasks["running"]) == int(tasks["total"]) > 0

    def attempt(self) -> tuple[int, ...]:
        """When each task was started last, in milliseconds: other numbers after each restart."""
        vertices = self.ask(f"/jobs/{self.job_id()}")["vertices"]
        return tuple(int(vertex["start-time"]) for vertex in vertices)

    def parallelism(self) -> int:
        """Of the widest step."""
        vertices = self.ask(f"/jobs/{self.job_id()}")["vertices"]
        return max(int(vertex["parallelism"]) for vertex in vertices)

    def checkpoints(self) -> dict[str, Any]:
        """Counts, the latest and the one that was restored, as Flink tells them."""
        return dict(self.ask(f"/jobs/{self.job_id()}/checkpoints"))

    def restored(self) -> int:
        """The number of the checkpoint that the job went on from; 0 if it began with nothing."""
        latest = self.checkpoints()["latest"]["restored"]
        return int(latest["id"]) if latest else 0

    def completed(self) -> int:
        """The number of the newest checkpoint that is complete; 0 for none."""
        latest = self.checkpoints()["latest"]["completed"]
        return int(latest["id"]) if latest else 0

    def task_managers(self) -> list[str]:
        return [str(each["id"]) for each in self.ask("/taskmanagers")["taskmanagers"]]

    def savepoint(self, *, stop: bool, seconds: float = 120) -> str:
        """Makes a savepoint, and stops the job with it if it is to; its address."""
        job = self.job_id()
        if stop:
            asked = self.ask(f"/jobs/{job}/stop", {"drain": False})
        else:
            asked = self.ask(f"/jobs/{job}/savepoints", {"cancel-job": False})
        path = f"/jobs/{job}/savepoints/{asked['request-id']}"
        answer = wait_for(lambda: _done(self.ask(path)), seconds, "the savepoint is not complete")
        operation = answer["operation"]
        if "location" not in operation:
            message = f"no savepoint: {json.dumps(operation)[:2000]}"
            raise StackError(message)
        return str(operation["location"])


def _done(answer: dict[str, Any]) -> dict[str, Any] | None:
    return answer if answer["status"]["id"] == "COMPLETED" else None


def wait_for(ask: Callable[[], _Found | None], seconds: float, otherwise: str) -> _Found:
    """The first answer that is true; StackError with `otherwise` when time is up.

    A job manager that does not answer is asked again.
    """
    deadline = time.monotonic() + seconds
    last = ""
    while time.monotonic() < deadline:
        try:
            if found := ask():
                return found
        except NoAnswer as error:
            last = f"; {error}"
        time.sleep(_POLL_SECONDS)
    message = f"{otherwise} within {seconds:.0f} s{last}"
    raise StackError(message)
