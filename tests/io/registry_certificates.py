"""Certificates for a schema registry on this machine: an authority, a server, a client."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

KEY_PASSWORD = "hunter2"  # noqa: S105


def write_certificates(folder: Path) -> None:
    """Writes ca.pem, stranger.pem (another authority), server.pem and client.pem with its key.

    client.pem's key is locked with KEY_PASSWORD; bare.pem and bare.key are the same unlocked.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("authority", key, key, None)
    stranger_key = ec.generate_private_key(ec.SECP256R1())
    stranger = _certificate("stranger", stranger_key, stranger_key, None)
    (folder / "ca.pem").write_bytes(_pem(authority))
    (folder / "stranger.pem").write_bytes(_pem(stranger))
    for name in ("server", "client"):
        own_key = ec.generate_private_key(ec.SECP256R1())
        certificate = _pem(_certificate(name, own_key, key, authority))
        locked = name == "client"
        (folder / f"{name}.pem").write_bytes(_private(own_key, locked=locked) + certificate)
        if locked:
            (folder / "bare.pem").write_bytes(certificate)
            (folder / "bare.key").write_bytes(_private(own_key, locked=False))


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer is not None:
        address = x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    return builder.sign(signer, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private(key: ec.EllipticCurvePrivateKey, *, locked: bool) -> bytes:
    lock: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if locked:
        lock = serialization.BestAvailableEncryption(KEY_PASSWORD.encode())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
