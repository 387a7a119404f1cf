"""A job that stands still is told of once, with the likely cause."""

from __future__ import annotations

import socket

from pipelines.watchdog import Watchdog, job_ended, unreachable


class Job:
    """Counts records as the test says."""

    def __init__(self) -> None:
        self.records = 0

    def __call__(self) -> int:
        return self.records


def test_a_job_that_moves_is_not_spoken_of() -> None:
    job = Job()
    watchdog = Watchdog(job)
    for second in range(0, 600, 5):
        job.records += 1
        assert watchdog.look(second) is None


def test_silence_is_told_once_and_its_end_as_well() -> None:
    job = Job()
    watchdog = Watchdog(job, silent_seconds=60)
    assert [watchdog.look(second) for second in (0, 30, 59.9)] == [None, None, None]
    message = watchdog.look(60)
    assert message is not None
    assert "no progress for 60 s, not one record so far" in message
    assert watchdog.look(600) is None
    job.records = 1_000
    assert watchdog.look(601) == "the job moves again: 1,000 records"
    assert watchdog.look(660.9) is None
    assert "still at 1,000 records" in str(watchdog.look(661))


def test_silence_counts_from_the_last_record() -> None:
    job = Job()
    watchdog = Watchdog(job, silent_seconds=60)
    watchdog.look(0)
    job.records = 5
    watchdog.look(50)
    assert watchdog.look(109) is None
    assert watchdog.look(110) is not None


def test_the_message_names_the_server_that_is_away_and_the_next_step() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        here = f"127.0.0.1:{server.getsockname()[1]}"
        assert unreachable("the job server", here, "start it")() is None
    away = unreachable("the worker pool", here, "start it again")
    watchdog = Watchdog(Job(), [lambda: None, away], silent_seconds=1)
    watchdog.look(0)
    message = str(watchdog.look(1))
    assert f"the worker pool at {here} does not answer" in message
    assert message.endswith("; start it again")


def test_a_job_that_has_ended_is_the_cause() -> None:
    assert job_ended(lambda: "RUNNING")() is None
    assert job_ended(lambda: "FAILED")() == "the runner says that the job is FAILED"


def test_a_runner_that_does_not_answer_is_the_cause() -> None:
    def away() -> str:
        raise ConnectionError

    assert "ConnectionError" in str(job_ended(away)())


def test_without_a_cause_the_message_says_what_may_be() -> None:
    watchdog = Watchdog(Job(), [lambda: None], silent_seconds=1)
    watchdog.look(0)
    assert "either there is nothing to read" in str(watchdog.look(2))
