"""Whether events can be sent, asked before any record is read."""

from __future__ import annotations

import threading

import tenacity

from pipeline_io.splunk_answers import Answer, Next, is_empty_request
from pipeline_io.splunk_client import Client
from pipeline_io.splunk_config import SplunkConfig
from pipeline_io.splunk_errors import SplunkUnavailable, stop_error
from pipeline_io.splunk_outage import Outage

_NO_ACKS = "the token has no acknowledgements; set 'sink.ack' = 'false', or turn them on for it"


def check(
    config: SplunkConfig,
    patience_seconds: float = 30.0,
    stopped: threading.Event | None = None,
) -> None:
    """Returns when one collector at least is there and takes the token. Sends no event.

    patience_seconds: how long collectors that do not answer are asked again, with a warning.
    stopped: ends the waiting.

    Raises SplunkUnavailable, SplunkAccessError and other SplunkErrors, with the next step.
    """
    outage = Outage(config, limit_seconds=patience_seconds)
    stopped = stopped or threading.Event()
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda answer: answer.next is Next.RETRY),
        wait=tenacity.wait_random_exponential(multiplier=0.25, max=5),
        stop=tenacity.stop_after_delay(patience_seconds) | tenacity.stop_when_event_set(stopped),
        sleep=tenacity.sleep_using_event(stopped),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )
    with Client(config) as client:
        answer: Answer = retrying(_ask_all, client, config, outage)
    if answer.next is Next.RETRY:
        message = (
            f"{config} does not answer as it should for {patience_seconds:.0f} s "
            f"({answer.said}); check that the name is right and HEC is on, and that the workers "
            "can reach it (DNS, firewall, proxy)"
        )
        raise SplunkUnavailable(message)


def _ask_all(client: Client, config: SplunkConfig, outage: Outage) -> Answer:
    """The first good answer; the last where there is none."""
    answer = Answer(Next.RETRY, "not asked")
    for url in config.urls:
        answer = _ask(client, config, url)
        if answer.next is Next.DONE:
            outage.ended()
            return answer
        outage.goes_on(f"{url}: {answer.said}")
    return answer


def _ask(client: Client, config: SplunkConfig, url: str) -> Answer:
    # A request without events: HEC looks at the token first, and at the events then.
    answer = client.send(url, b"")
    if answer.next is Next.RETRY:
        return answer
    if not is_empty_request(answer):
        raise stop_error(url, answer.said)
    if config.ack:
        found, _ = client.acknowledged(url, [0])
        if found.next is Next.RETRY:
            return found
        if found.next is not Next.DONE:
            said = f"{found.said}; {_NO_ACKS}" if found.code != 14 else found.said
            raise stop_error(url, said)
    return answer._replace(next=Next.DONE)
