"""A Splunk HTTP Event Collector (HEC) to send events to, and how."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from pipeline_io.secrets import SCHEMES, is_reference

TEMPLATE_FIELDS = ("topic", "table", "op")
"""What a template of index, source, sourcetype or host may name in braces."""

EVENTS_A_REQUEST = 500
BYTES_A_REQUEST = 1_000_000
"""Of a request before it is compressed: what every HEC takes, whatever its limit."""
LINGER_SECONDS = 2.0
RETRY_SECONDS = 900.0
REQUEST_SECONDS = 60.0
ACK_SECONDS = 300.0
"""Splunk confirms the last events of a burst after up to two minutes."""
# Bytes go down to a sixth; level 9 takes five times as long for a tenth less.
GZIP_LEVEL = 1

# A request waits for the network most of its time.
_FEWEST_IN_FLIGHT = 4

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclasses.dataclass(frozen=True)
class SplunkConfig:
    """Where events go, and how. Its text names the place for messages; it holds no secret.

    Args:
        urls: `https://HOST:PORT` of one or more collectors; requests go to them in turn.
        token: reference of a secret.
        index, source, sourcetype, host: of events whose row says none; "" leaves it to the token.
            A template: `{topic}`, `{table}` and `{op}` are those of the record.
        fields: whether events have indexed fields: event_id and the record's coordinates.
        max_events, max_bytes: of one request, the bytes before compression.
        linger_seconds: how long the first event of a request waits for more.
        max_in_flight: requests under way at a time, of one worker thread; 0 is one a CPU, and 4 at
            least.
        max_events_per_second: of one worker process; 0 is no limit.
        retry_seconds: how long a request is tried again; its events are refused then.
        request_seconds: how long one answer is waited for.
        gzip_level: 1 to 9, 0 sends requests as they are.
        ca: certificates to trust, as PEM: a path, gs://BUCKET/OBJECT, or reference of a secret.
        ack: whether an event counts as sent only when an indexer has acknowledged it.
        ack_seconds: how long that is waited for before the events are sent again.
        outstanding_bytes: taken and not confirmed yet, of one worker thread.

    Raises ValueError.
    """

    urls: tuple[str, ...]
    token: str
    index: str = ""
    source: str = ""
    sourcetype: str = ""
    host: str = ""
    fields: bool = True
    max_events: int = EVENTS_A_REQUEST
    max_bytes: int = BYTES_A_REQUEST
    linger_seconds: float = LINGER_SECONDS
    max_in_flight: int = 0
    max_events_per_second: float = 0.0
    retry_seconds: float = RETRY_SECONDS
    request_seconds: float = REQUEST_SECONDS
    gzip_level: int = GZIP_LEVEL
    ca: str = ""
    ack: bool = False
    ack_seconds: float = ACK_SECONDS
    outstanding_bytes: int = 64_000_000

    def __post_init__(self) -> None:
        if not self.urls:
            message = "no URL of Splunk is given; expected one or more, as https://HOST:8088"
            raise ValueError(message)
        object.__setattr__(self, "urls", tuple(checked_url(url) for url in self.urls))
        if not is_reference(self.token):
            message = (
                "the token of Splunk is given as plain text; give a reference: "
                f"{' or '.join(SCHEMES)}"
            )
            raise ValueError(message)
        for name in ("index", "source", "sourcetype", "host"):
            check_template(name, getattr(self, name))
        if self.max_in_flight == 0:
            many = max(_FEWEST_IN_FLIGHT, os.cpu_count() or 1)
            object.__setattr__(self, "max_in_flight", many)
        for name in ("max_events", "max_bytes", "max_in_flight", "outstanding_bytes"):
            self._check(name, getattr(self, name) >= 1, "1 or more")
        for name in ("linger_seconds", "retry_seconds", "max_events_per_second"):
            self._check(name, getattr(self, name) >= 0, "0 or more")
        for name in ("request_seconds", "ack_seconds"):
            self._check(name, getattr(self, name) > 0, "more than 0")
        self._check("gzip_level", 0 <= self.gzip_level <= 9, "0 to 9")

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> SplunkConfig:
        """Of the options of a table with the connector 'splunk-hec'."""
        return cls(
            urls=tuple(str(options["url"]).split(";")),
            token=str(options["token"]),
            index=str(options.get("index", "")),
            source=str(options.get("source", "")),
            sourcetype=str(options.get("sourcetype", "")),
            host=str(options.get("host", "")),
            fields=bool(options["sink.attributes"]),
            max_events=int(str(options["sink.batch.max-events"])),
            max_bytes=int(str(options["sink.batch.max-bytes"])),
            linger_seconds=float(str(options["sink.linger"])),
            max_in_flight=int(str(options.get("sink.requests-in-flight", 0))),
            max_events_per_second=float(str(options.get("sink.max-events-per-second", 0))),
            retry_seconds=float(str(options["sink.retry-timeout"])),
            request_seconds=float(str(options["sink.request-timeout"])),
            gzip_level=int(str(options["sink.gzip"])),
            ca=str(options.get("tls.ca", "")),
            ack=bool(options["sink.ack"]),
            ack_seconds=float(str(options["sink.ack.timeout"])),
        )

    def __str__(self) -> str:
        return f"Splunk at {', '.join(self.urls)}"

    def _check(self, name: str, is_right: bool, expected: str) -> None:
        if not is_right:
            message = f"{name} is {getattr(self, name)!r}; expected {expected}"
            raise ValueError(message)


def checked_url(url: str) -> str:
    """`scheme://host:port` of a collector. Raises ValueError."""
    example = "expected https://HOST:8088, without path"
    try:
        parts = urlsplit(url.strip())
        is_right = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError as error:
        message = f"a URL of Splunk cannot be read: {error}; {example}"
        raise ValueError(message) from error
    if "@" in parts.netloc:
        # Not shown: what stands there is a secret.
        message = f"a URL of Splunk has a user name or password in it; {example}"
        raise ValueError(message)
    if not is_right or parts.path not in ("", "/") or parts.query or parts.fragment:
        message = f"the URL of Splunk is {url!r}; {example}"
        raise ValueError(message)
    return f"{parts.scheme}://{parts.netloc}"


def check_template(name: str, template: str) -> None:
    """Raises ValueError where a template names something else than TEMPLATE_FIELDS."""
    for field in _PLACEHOLDER.findall(template):
        if field not in TEMPLATE_FIELDS:
            known = ", ".join(f"{{{one}}}" for one in TEMPLATE_FIELDS)
            message = f"{name} is {template!r}, which names {{{field}}}; expected any of {known}"
            raise ValueError(message)


def template_parts(template: str) -> list[tuple[str, str]]:
    """A template as (text, the field behind it), the field "" at its end."""
    found = _PLACEHOLDER.split(template)
    return list(zip(found[::2], [*found[1::2], ""], strict=True))
