"""HTTP requests to collectors, one at a time of each thread, over connections that are kept."""

from __future__ import annotations

import logging
import ssl
import uuid
import zlib
from collections.abc import Sequence
from types import TracebackType

import httpx
import orjson
from apache_beam.io.filesystem import BeamIOError
from apache_beam.io.filesystems import FileSystems

from pipeline_io.schema_registry_tls import is_refusal
from pipeline_io.secrets import SecretError, is_reference, read_secret
from pipeline_io.splunk_answers import Answer, Next, read_answer
from pipeline_io.splunk_config import SplunkConfig
from pipeline_io.splunk_errors import SplunkAccessError, certificate_error, token_error
from pipeline_io.splunk_token import Token

EVENTS = "/services/collector/event"
HEALTH = "/services/collector/health"
ACKS = "/services/collector/ack"

_CONNECT_SECONDS = 10.0
_GZIP = 31
"""zlib's window for gzip's own head and end."""

# One line a request, with its URL: a log of thousands an hour.
logging.getLogger("httpx").setLevel(logging.WARNING)


class Client:
    """Speaks to the collectors of a configuration. For several threads.

    Raises SplunkAccessError: a token or a certificate that no waiting mends.
    """

    def __init__(self, config: SplunkConfig) -> None:
        self.config = config
        self.channel = str(uuid.uuid4())
        self._token = Token(config.token)
        self._http = httpx.Client(
            verify=tls_context(config.ca) if _is_https(config) else True,
            timeout=httpx.Timeout(config.request_seconds, connect=_CONNECT_SECONDS),
            limits=httpx.Limits(
                max_connections=None, max_keepalive_connections=config.max_in_flight + 2
            ),
            follow_redirects=False,
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connections, those in use as well."""
        self._http.close()

    def compressed(self, body: bytes) -> bytes:
        """A request's body as it is sent."""
        level = self.config.gzip_level
        if not level or not body:
            return body
        packer = zlib.compressobj(level, zlib.DEFLATED, _GZIP)
        return packer.compress(body) + packer.flush()

    def send(self, url: str, body: bytes) -> Answer:
        """The answer to events, `compressed` already."""
        headers = {"Content-Type": "application/json"}
        if self.config.gzip_level and body:
            headers["Content-Encoding"] = "gzip"
        return self._ask("POST", url, EVENTS, headers, body)

    def health(self, url: str) -> Answer:
        """Whether a collector can take events at all; it asks for no token."""
        return self._ask("GET", url, HEALTH, {}, b"")

    def acknowledged(self, url: str, ids: Sequence[int]) -> tuple[Answer, set[int]]:
        """The answer, and which of these ids of requests an indexer has acknowledged."""
        body = orjson.dumps({"acks": list(ids)})
        headers = {"Content-Type": "application/json"}
        raw = self._ask_raw("POST", url, ACKS, headers, body)
        if isinstance(raw, Answer):
            return raw, set()
        answer = self._read(url, raw)
        if raw.status_code != 200:
            return answer, set()
        try:
            found = orjson.loads(raw.content)["acks"]
            done = {int(one) for one, is_done in found.items() if is_done is True}
        except (ValueError, TypeError, KeyError, AttributeError):
            return answer, set()
        return answer._replace(next=Next.DONE), done

    def _ask(
        self, method: str, url: str, path: str, headers: dict[str, str], body: bytes
    ) -> Answer:
        raw = self._ask_raw(method, url, path, headers, body)
        return raw if isinstance(raw, Answer) else self._read(url, raw)

    def _ask_raw(
        self, method: str, url: str, path: str, headers: dict[str, str], body: bytes
    ) -> httpx.Response | Answer:
        """The response; an Answer where there was none."""
        while True:
            token = self._token.value()
            headers = {**headers, "Authorization": f"Splunk {token}"}
            if self.config.ack:
                headers["X-Splunk-Request-Channel"] = self.channel
            try:
                response = self._http.request(method, url + path, headers=headers, content=body)
            except httpx.RequestError as error:
                if is_refusal(error):
                    # Without the chain: OpenSSL's own text is in the message.
                    raise certificate_error(url, _reason(error)) from None
                return Answer(Next.RETRY, _reason(error))
            except RuntimeError as error:
                # Closed under way, as the writer was.
                return Answer(Next.RETRY, type(error).__name__)
            if response.status_code not in (401, 403):
                return response
            if not self._token.changed(token):
                raise token_error(self.config, url, self._read(url, response).said)

    def _read(self, url: str, response: httpx.Response) -> Answer:
        return read_answer(response.status_code, response.content, response.headers)


def tls_context(ca: str) -> ssl.SSLContext:
    """Trusts the public authorities, or only those of `ca`. Raises SplunkAccessError."""
    if not ca:
        return httpx.create_ssl_context()
    try:
        return ssl.create_default_context(cadata=_pem(ca))
    except (OSError, ValueError, BeamIOError, SecretError) as error:
        message = (
            f"the authority {ca!r} of Splunk cannot be used ({type(error).__name__}: {error}); "
            "expected PEM, as a path, gs://BUCKET/OBJECT or the reference of a secret"
        )
        raise SplunkAccessError(message) from error


def _pem(ca: str) -> str:
    if is_reference(ca):
        return read_secret(ca)
    with FileSystems.open(ca) as file:
        text: bytes = file.read()
    return text.decode("ascii")


def _is_https(config: SplunkConfig) -> bool:
    return any(url.startswith("https:") for url in config.urls)


def _reason(error: BaseException) -> str:
    if isinstance(error, httpx.LocalProtocolError):
        # Its text may show a header.
        return type(error).__name__
    return f"{type(error).__name__}: {error}"
