"""Addresses of a schema registry's replicas; never one that holds a password."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

import httpx

EXPECTED = (
    "http://HOST:PORT or https://HOST:PORT, with the path of the registry's Confluent API if it "
    "has one (Apicurio: /apis/ccompat/v7), several replicas separated by commas"
)


def parse_urls(text: str) -> tuple[str, ...]:
    """The replicas of a comma-separated text, in its order, each once."""
    return checked_urls(part.strip() for part in text.split(",") if part.strip())


def checked_urls(urls: Iterable[str]) -> tuple[str, ...]:
    """The addresses without a trailing slash, each once.

    Raises ValueError for one that is no address, or that holds credentials; they are not shown.
    """
    checked = dict.fromkeys(_checked(url) for url in urls)
    if not checked:
        message = f"the schema registry has no address; expected {EXPECTED}"
        raise ValueError(message)
    return tuple(checked)


def is_loopback(url: str) -> bool:
    """True where a request does not leave the machine."""
    host = httpx.URL(url).host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _checked(url: str) -> str:
    # By the last @, wherever the rest of it is: a password may hold anything.
    masked = f"***@{url.rpartition('@')[2]}" if "@" in url else url
    masked = masked.partition("?")[0].partition("#")[0]
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        # The cause would show the address with all that is in it.
        raise _refused(masked, "it is no address") from None
    # By the text as well: a password with a slash in it is parsed as a part of the path.
    if parsed.userinfo or "@" in url:
        raise _refused(
            masked, "it holds a user or a password: give username, and password as a reference"
        )
    if parsed.query or parsed.fragment or "?" in url or "#" in url:
        raise _refused(masked, "it goes on behind its path with ? or #")
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise _refused(masked, "it does not start with http://HOST or https://HOST")
    return url.rstrip("/")


def _refused(masked: str, why: str) -> ValueError:
    return ValueError(f"schema registry address {masked!r}: {why}; expected {EXPECTED}")
