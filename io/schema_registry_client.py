"""Asks a schema registry's replicas until one answers, or for as long as is worth waiting."""

from __future__ import annotations

import datetime
import json
import logging
import ssl
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import httpx
import tenacity

from pipeline_io.schema_registry_errors import (
    Away,
    RegistryError,
    RegistryUnavailable,
    UnexpectedAnswer,
    shown,
)
from pipeline_io.schema_registry_login import Login
from pipeline_io.schema_registry_replicas import Replicas
from pipeline_io.schema_registry_requests import (
    CONTENT_TYPE,
    Answer,
    Request,
    is_own_error,
    retry_after_seconds,
)
from pipeline_io.schema_registry_tls import is_refusal

_LOGGER = logging.getLogger(__name__)

# Worth another attempt: too slow, too early, too many, or a server that is starting or broken.
_AWAY = frozenset({408, 425, 429})
_FIRST_DELAY_SECONDS = 0.5
_LONGEST_DELAY_SECONDS = 20.0
# The last attempt begins when the time is up.
_SHORTEST_REQUEST_SECONDS = 1.0


class Patience(NamedTuple):
    """How long an answer is waited for: in all, for a connection, for the answer to a request.

    forgiving: whether a page that is no registry's is waited out where a registry has answered
        before: proxies show one while what is behind them is away.
    """

    total_seconds: float
    connect_seconds: float
    request_seconds: float
    forgiving: bool = False


class RegistryClient:
    """Serves several threads.

    Args:
        urls: of the replicas.
        clock: seconds that only grow.
        sleep: waits that many seconds.
    """

    def __init__(
        self,
        urls: Sequence[str],
        login: Login,
        tls: ssl.SSLContext,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = ", ".join(urls)
        self._login = login
        self._clock = clock
        self._sleep = sleep
        self._replicas = Replicas(urls, clock)
        self._has_answered = False
        self._http = httpx.Client(
            auth=login,
            verify=tls,
            headers={"Accept": f"{CONTENT_TYPE}, application/json", "User-Agent": "kamiflow"},
        )

    def close(self) -> None:
        """Ends the connections."""
        self._http.close()

    def ask(self, request: Request, patience: Patience, known: Request | None = None) -> Answer:
        """The registry's own answer, be it 200 or an error of its own (404, 409, 422).

        A replica that does not know what is asked for is no answer while another one may.

        Args:
            known: asks for what the registry has had. If it has neither, it runs without its
                schemas, and is waited for as one that is away.

        Raises RegistryUnavailable when the time is up, RegistryError for what no time mends.
        """
        started = self._clock()
        deadline = started + patience.total_seconds
        began = datetime.datetime.now(datetime.timezone.utc)

        def wait(state: tenacity.RetryCallState) -> float:
            jitter = tenacity.wait_random_exponential(
                multiplier=_FIRST_DELAY_SECONDS, max=_LONGEST_DELAY_SECONDS
            )
            # A server that said when to come back would refuse anyone who comes earlier.
            delay = max(jitter(state), self._replicas.rest_seconds())
            return max(0.0, min(delay, deadline - self._clock()))

        def tell(state: tenacity.RetryCallState) -> None:
            _LOGGER.warning(
                "schema registry: waiting for %s since %s, attempt %d: %s; next attempt in "
                "%.1f s, the job stops in %.0f s",
                request.what,
                f"{began:%H:%M:%S} UTC",
                state.attempt_number,
                state.outcome.exception() if state.outcome else None,
                state.next_action.sleep if state.next_action else 0,
                max(0.0, deadline - self._clock()),
            )

        retrying = tenacity.Retrying(
            stop=lambda _: self._clock() >= deadline,
            wait=wait,
            retry=tenacity.retry_if_exception_type(Away),
            sleep=self._sleep,
            before_sleep=tell,
            reraise=True,
        )
        try:
            return retrying(self._round, request, patience, deadline, known)
        except Away as error:
            message = (
                f"schema registry {self.name}: no answer for {request.what} in "
                f"{self._clock() - started:.0f} s: {error}; check that it runs and can be reached "
                "from here (address, port, firewall), then start the job again"
            )
            raise RegistryUnavailable(message) from None

    def told(self, text: str) -> str:
        """What a server said, without credentials that it may have repeated."""
        return self._login.hidden(text)

    def _round(
        self, request: Request, patience: Patience, deadline: float, known: Request | None = None
    ) -> Answer:
        missing: Answer | None = None
        unexpected: UnexpectedAnswer | None = None
        reasons: list[str] = []
        for url in self._replicas.in_order():
            if reasons and self._clock() >= deadline:
                break
            try:
                answer = self._send(url, request, self._timeout(patience, deadline))
            except Away as error:
                self._replicas.failed(url, error.rest_seconds)
                reasons.append(f"{url}: {error}")
            except UnexpectedAnswer as error:
                self._replicas.failed(url)
                unexpected = error
            else:
                self._replicas.works(url)
                self._has_answered = True
                if answer.status != httpx.codes.NOT_FOUND:
                    return answer
                missing = answer
        if missing is not None:
            if known is not None:
                self._check_has(known, patience, deadline)
            return missing
        if unexpected is not None:
            # A replica that is away may be the one that answers as a registry does.
            forgiven = patience.forgiving and self._has_answered and _is_page(unexpected)
            if not reasons and not forgiven:
                raise unexpected
            reasons.append(str(unexpected))
        message = "; ".join(reasons)
        if not message:
            message = f"asked to be left alone for {self._replicas.rest_seconds():.0f} s more"
        raise Away(message)

    def _check_has(self, known: Request, patience: Patience, deadline: float) -> None:
        answer = self._round(known, patience, deadline)
        if answer.status == httpx.codes.NOT_FOUND:
            message = (
                f"{answer.url}: it does not have {known.what} either, which it has had: it runs "
                "without its schemas, or is another registry"
            )
            raise Away(message)

    def _timeout(self, patience: Patience, deadline: float) -> httpx.Timeout:
        left = max(_SHORTEST_REQUEST_SECONDS, deadline - self._clock())
        return httpx.Timeout(
            min(left, patience.request_seconds), connect=min(left, patience.connect_seconds)
        )

    def _send(self, url: str, request: Request, timeout: httpx.Timeout) -> Answer:
        body = None if request.body is None else json.dumps(request.body).encode()
        try:
            response = self._http.request(
                request.method,
                url + request.path,
                params=request.parameters,
                content=body,
                headers={} if body is None else {"Content-Type": CONTENT_TYPE},
                timeout=timeout,
            )
        except httpx.HTTPError as error:
            raise self._not_sent(url, error) from None
        return self._read(url, request, response)

    def _read(self, url: str, request: Request, response: httpx.Response) -> Answer:
        status = response.status_code
        try:
            parsed: object = response.json()
        except (ValueError, RecursionError):
            parsed = None
        if response.is_success and parsed is not None:
            return Answer(url, status, parsed)
        if status in (404, 409, 422) and is_own_error(status, parsed):
            return Answer(url, status, parsed)
        told = shown(self._login.hidden(response.text)) or "no text"
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            message = f"schema registry {url} refuses {request.what}: HTTP {status} {told!r}; "
            raise RegistryError(message + _ADVICE[status])
        if status in _AWAY or status >= 500:
            message = f"HTTP {status} {told!r}"
            raise Away(message, retry_after_seconds(response.headers.get("Retry-After")))
        moved = response.headers.get("Location")
        where = f" (to {shown(self._login.hidden(moved))!r})" if moved else ""
        message = (
            f"schema registry {url}{request.path}: HTTP {status}{where} {told!r} is no answer for "
            f"{request.what}; check the address and its path (Apicurio: /apis/ccompat/v7), and "
            "that no proxy stands before it"
        )
        raise UnexpectedAnswer(message, status)

    def _not_sent(self, url: str, error: httpx.HTTPError) -> Exception:
        kind = type(error).__name__
        if isinstance(error, httpx.LocalProtocolError):
            # Its text may hold the header that could not be sent.
            return RegistryError(f"schema registry {url}: the request cannot be sent ({kind})")
        told = shown(self._login.hidden(str(error)))
        if is_refusal(error):
            message = (
                f"schema registry {url}: no TLS connection: {told}; check the CA that the job "
                "trusts, the client certificate if the registry wants one, and http or https"
            )
            return RegistryError(message)
        if isinstance(error, httpx.DecodingError):
            message = f"schema registry {url}: an answer that cannot be unpacked: {told}"
            return UnexpectedAnswer(message)
        return Away(f"{kind} {told}".strip())


def _is_page(error: UnexpectedAnswer) -> bool:
    """True for what a proxy says of a server that is gone: not found, moved, a page of its own."""
    return error.status is not None and (error.status < 400 or error.status == 404)


_ADVICE = {
    401: "check the user and the password, or the token, and where the job reads them",
    403: "give the account of the job the right to read schemas, and to register them for a sink",
}
