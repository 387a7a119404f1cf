"""What a writer to Splunk is told, and what is refused at once."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline_io.splunk_config import SplunkConfig, template_parts

TOKEN = "env://HEC_TOKEN"  # noqa: S105


def config(**options: Any) -> SplunkConfig:
    return SplunkConfig(**{"urls": ("https://hec.example.com:8088",), "token": TOKEN, **options})


def test_urls_are_kept_without_their_end() -> None:
    found = config(urls=(" https://a:8088/", "http://b"))
    assert found.urls == ("https://a:8088", "http://b")
    assert str(found) == "Splunk at https://a:8088, http://b"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"urls": ()}, "no URL of Splunk is given"),
        ({"urls": ("hec.example.com:8088",)}, "expected https://HOST:8088"),
        ({"urls": ("https://hec/services/collector",)}, "without path"),
        ({"urls": ("https://hec:8088?token=x",)}, "without path"),
        ({"urls": ("https://hec:port",)}, "cannot be read"),
        ({"token": "12345678-1234"}, "given as plain text; give a reference: env://NAME"),
        ({"host": "db-{server}"}, r"host is 'db-\{server\}', which names \{server\}"),
        ({"max_events": 0}, "max_events is 0; expected 1 or more"),
        ({"max_bytes": 0}, "max_bytes is 0"),
        ({"max_in_flight": -1}, "max_in_flight is -1"),
        ({"linger_seconds": -1}, "linger_seconds is -1; expected 0 or more"),
        ({"request_seconds": 0}, "request_seconds is 0; expected more than 0"),
        ({"max_events_per_second": -1}, "max_events_per_second is -1"),
        ({"gzip_level": 10}, "gzip_level is 10; expected 0 to 9"),
    ],
)
def test_what_does_not_fit_is_named(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told) as caught:
        config(**options)
    assert "12345678" not in str(caught.value)


def test_a_password_in_a_url_is_not_shown() -> None:
    with pytest.raises(ValueError, match="user name or password") as caught:
        config(urls=("https://user:hunter2@hec:8088",))
    assert "hunter2" not in str(caught.value)


def test_requests_in_flight_are_four_at_least() -> None:
    assert config().max_in_flight >= 4
    assert config(max_in_flight=1).max_in_flight == 1


def test_a_template_is_taken_apart() -> None:
    assert template_parts("cdc:{topic}/{op}!") == [("cdc:", "topic"), ("/", "op"), ("!", "")]
    assert template_parts("plain") == [("plain", "")]
