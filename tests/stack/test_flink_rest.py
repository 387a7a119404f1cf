"""A Flink that refuses to cancel one job is asked to cancel the others."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator

import pytest

from tests.stack.flink_rest import FlinkRest, NoAnswer

STATES = {"a": "FINISHED", "b": "RUNNING", "c": "RUNNING"}


class Flink(http.server.ThreadingHTTPServer):
    """Knows the jobs of STATES."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.asked: list[str] = []
        self.refuses: set[str] = set()


class Answers(http.server.BaseHTTPRequestHandler):
    server: Flink

    def do_GET(self) -> None:
        self._answer(200, {"jobs": [{"jid": job, "state": STATES[job]} for job in STATES]})

    def do_PATCH(self) -> None:
        job = self.path.split("/")[2].partition("?")[0]
        self.server.asked.append(job)
        self._answer(409 if job in self.server.refuses else 202, {})

    def _answer(self, status: int, found: object) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(found).encode())

    def log_message(self, *_: object) -> None:
        """Nothing: pytest shows what fails."""


@pytest.fixture
def jobs() -> Iterator[Flink]:
    with Flink() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_jobs_that_have_not_ended_are_cancelled(jobs: Flink) -> None:
    assert FlinkRest(jobs.server_port).cancel() == 2
    assert jobs.asked == ["b", "c"]


def test_a_job_that_refuses_is_told_of_when_all_were_asked(jobs: Flink) -> None:
    jobs.refuses = {"b"}
    with pytest.raises(NoAnswer, match=r"/jobs/b\?mode=cancel with 409"):
        FlinkRest(jobs.server_port).cancel()
    assert jobs.asked == ["b", "c"]
