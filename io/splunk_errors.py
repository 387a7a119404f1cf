"""What went wrong with Splunk, sorted by what can be done about it."""

from __future__ import annotations

from pipeline_io.splunk_config import SplunkConfig


class SplunkError(Exception):
    """Events cannot be sent: the pipeline stops. The message holds no payload and no token."""


class SplunkUnavailable(SplunkError):
    """Splunk took no request for as long as was allowed."""


class SplunkAccessError(SplunkError):
    """Splunk does not accept the token, or its certificate is not trusted."""


def token_error(config: SplunkConfig, url: str, said: str) -> SplunkAccessError:
    """The error of a token that was refused and has not changed since."""
    return SplunkAccessError(
        f"{url} does not accept the token of {config.token} ({said}), and the secret still holds "
        "the same one; enable the token in Splunk (Settings, Data inputs, HTTP Event Collector), "
        "or put a new one into the secret, and start again: what was not confirmed is sent again"
    )


def certificate_error(url: str, said: str) -> SplunkAccessError:
    """The error of a certificate that no waiting mends."""
    return SplunkAccessError(
        f"{url} cannot be spoken to over TLS ({said}); renew its certificate, or name the "
        "authority that signed it ('tls.ca')"
    )


def stop_error(url: str, said: str) -> SplunkError:
    """The error of an answer that no waiting mends."""
    return SplunkError(f"{url} refuses requests as a whole: {said}")


def unavailable_text(config: SplunkConfig, seconds: float, said: str) -> str:
    """What is said of events after `seconds` of trying."""
    return f"{config} did not take the event for {seconds:.0f} s, the last answer is {said}"
