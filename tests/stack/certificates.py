"""Certificates for TLS on this machine: an authority of our own, a server's, a client's."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.stack.command import run
from tests.stack.jdk import keytool

_Key = ec.EllipticCurvePrivateKey


def write_certificates(folder: Path, truststore_password: str) -> None:
    """Writes ca.pem, server.pem and client.pem (key and chain), and truststore.p12 for Java.

    The server is 127.0.0.1 and localhost; another authority, that nothing here trusts, stands in
    stranger.pem.
    """
    folder.mkdir(parents=True, exist_ok=True)
    key, authority = _authority("kamiflow test authority")
    _, stranger = _authority("some other authority")
    (folder / "ca.pem").write_bytes(_pem(authority))
    (folder / "stranger.pem").write_bytes(_pem(stranger))
    for name in ("server", "client"):
        own_key = ec.generate_private_key(ec.SECP256R1())
        certificate = _signed(name, own_key, key, authority)
        (folder / f"{name}.pem").write_bytes(_private(own_key) + _pem(certificate, authority))
    run(
        [
            *(keytool(), "-importcert", "-noprompt", "-alias", "ca"),
            *("-file", folder / "ca.pem", "-storetype", "PKCS12"),
            *("-keystore", folder / "truststore.p12", "-storepass", truststore_password),
        ]
    )


def _authority(name: str) -> tuple[_Key, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(name, key, _name(name)).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    return key, builder.sign(key, hashes.SHA256())


def _signed(name: str, key: _Key, signer: _Key, authority: x509.Certificate) -> x509.Certificate:
    names = [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.IPv4Address("127.0.0.1")),
    ]
    builder = _builder(name, key, authority.subject).add_extension(
        x509.SubjectAlternativeName(names), critical=False
    )
    return builder.sign(signer, hashes.SHA256())


def _builder(name: str, key: _Key, issuer: x509.Name) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=3650))
    )


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(
        certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates
    )


def _private(key: _Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
