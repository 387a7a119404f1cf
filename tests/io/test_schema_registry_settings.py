"""Addresses and settings that are taken, refused or described; never with a secret."""

import traceback
from typing import Any

import pytest

from pipeline_io.schema_registry import SchemaRegistry

URL = "https://registry.example:8081"


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("http://a:8081", ("http://a:8081",)),
        (
            " http://a:8081/ ,https://b/apis/ccompat/v7/,",
            ("http://a:8081", "https://b/apis/ccompat/v7"),
        ),
        ("http://[::1]:8081", ("http://[::1]:8081",)),
        ("http://a,http://a/", ("http://a",)),
    ],
)
def test_replicas_are_separated_by_commas(text: str, urls: tuple[str, ...]) -> None:
    assert SchemaRegistry.from_text(text).urls == urls


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no address"),
        (" , ", "no address"),
        ("a:8081", "does not start with http://HOST"),
        ("ftp://a", "does not start with http://HOST"),
        ("http://", "does not start with http://HOST"),
        ("http://a:port", "is no address"),
        ("http://a:8081?x=1", "goes on behind its path"),
        ("http://a#", "goes on behind its path"),
    ],
)
def test_an_address_that_is_none_is_refused_with_what_was_expected(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told) as caught:
        SchemaRegistry.from_text(text)

    assert "expected http://HOST:PORT" in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter2@host",
        "https://user:hunter2/x@host",
        "https://user:80/hunter2@host",
        "https://user:hunter2@x@host:port",
        "https://hunter2@host",
        "https://host/?token=hunter2",
        "https://host/#hunter2",
        "user:hunter2@host",
        "https://user:hunter2 @host",
    ],
)
def test_an_address_with_a_secret_in_it_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValueError, match="schema registry address") as caught:
        SchemaRegistry((url,))

    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"username": "u"}, "username and password go together"),
        ({"password": "env://P"}, "username and password go together"),
        ({"bearer_token": "env://T", "google_token": True}, "more than one login"),
        ({"username": "u", "password": "env://P", "bearer_token": "env://T"}, "more than one"),
        ({"username": "u", "password": "hunter2"}, "password is no reference"),
        ({"bearer_token": "hunter2"}, "bearer_token is no reference"),
        ({"certificate": "c", "key_password": "hunter2"}, "key_password is no reference"),
        ({"key": "k"}, "key is given without certificate"),
        ({"timeout_seconds": 0}, "timeout_seconds is 0; expected more than 0"),
        ({"connect_timeout_seconds": float("nan")}, "expected more than 0"),
        ({"retry_seconds": -1}, "retry_seconds is -1; expected at least 0"),
        ({"unknown_id_tries": 0}, "unknown_id_tries is 0; expected at least 1"),
        ({"cached_schemas": 0}, "cached_schemas is 0; expected more than 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused_without_showing_a_secret(
    settings: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValueError, match=told) as caught:
        SchemaRegistry((URL,), **settings)

    assert "hunter2" not in str(caught.value)


def test_tls_settings_without_an_address_of_https_are_refused() -> None:
    with pytest.raises(ValueError, match="no https:// address"):
        SchemaRegistry(("http://a",), ca="ca.pem")


def test_googles_token_is_never_sent_unencrypted() -> None:
    with pytest.raises(ValueError, match="Google's token is sent over https:// alone"):
        SchemaRegistry((URL, "http://registry.example"), google_token=True)

    assert SchemaRegistry(("http://localhost:8081",), google_token=True).google_token


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "without a login"),
        ({"username": "u", "password": "env://P"}, "as user 'u' with the password of env://P"),
        ({"bearer_token": "env://T"}, "with the token of env://T"),
        ({"google_token": True}, "with Google's token"),
        ({"ca": "ca.pem", "certificate": "c.pem"}, "trusts ca.pem, shows certificate c.pem"),
        ({"normalize": True}, "normalizes schemas"),
    ],
)
def test_a_registry_is_described_in_a_line(settings: dict[str, Any], told: str) -> None:
    described = SchemaRegistry((URL, "https://b"), **settings).describe()

    assert described.startswith(f"schema registry {URL}, https://b, ")
    assert told in described
    assert "\n" not in described
