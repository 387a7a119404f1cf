"""Whom a job trusts as its schema registry, and the certificate that it shows there."""

from __future__ import annotations

import contextlib
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx

from pipeline_io.schema_registry_errors import RegistryError
from pipeline_io.secrets import SecretError, is_reference, read_secret

# The connection broke; every other error of TLS is one of certificates or settings.
_OF_THE_NETWORK = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


def tls_context(
    ca: str | None, certificate: str | None, key: str | None, key_password: str | None
) -> ssl.SSLContext:
    """Trusts the public authorities, or only those of `ca`.

    Args:
        ca: PEM, as a path or as the reference of a secret that holds it; so are certificate and
            key. The key may stand in the certificate's file.
        key_password: reference of a secret.

    Raises RegistryError.
    """
    try:
        if ca is None:
            context = httpx.create_ssl_context()
        else:
            with _file(ca) as path:
                context = ssl.create_default_context(cafile=str(path))
    except (OSError, SecretError) as error:
        raise _unreadable(ca, error) from error
    if certificate is not None:
        _show_certificate(context, certificate, key, key_password)
    return context


def is_refusal(error: BaseException) -> bool:
    """True where another attempt over TLS fails as this one did."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLError) and not isinstance(seen, _OF_THE_NETWORK):
            return "EOF" not in str(seen)
        seen = seen.__cause__ or seen.__context__
    return False


def _show_certificate(
    context: ssl.SSLContext, certificate: str, key: str | None, key_password: str | None
) -> None:
    try:
        # An empty password is wrong for a locked key; without one OpenSSL asks the terminal.
        password = read_secret(key_password) if key_password else ""
        with _file(certificate) as certificate_path, _file(key or certificate) as key_path:
            context.load_cert_chain(certificate_path, key_path, password)
    except (OSError, SecretError) as error:
        raise _unreadable(certificate, error) from error


@contextlib.contextmanager
def _file(source: str) -> Iterator[Path]:
    if not is_reference(source):
        yield Path(source)
        return
    text = read_secret(source)
    # OpenSSL takes certificates and keys from files alone; the folder is the user's own (0700).
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pem"
        path.write_text(text, encoding="utf-8")
        yield path


def _unreadable(source: str | None, error: Exception) -> RegistryError:
    return RegistryError(
        f"schema registry: certificate {source!r} cannot be used ({type(error).__name__}: "
        f"{error}); expected PEM, as the path of a file or as a reference of a secret, and the "
        "key's password if it has one"
    )
