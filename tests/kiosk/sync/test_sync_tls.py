"""TLS: the private authority and the right name are needed; a stalled handshake ends in time."""

import datetime as dt
import ipaddress
import json
import ssl
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kiosk.sync import RegistryClient, open_session

Connect = Callable[..., RegistryClient]
HEALTH = json.dumps({"status": "ok", "world": "lab", "time": "2026-11-02T06:00:00Z"}).encode()


def _certificate(directory: Path, host: str) -> tuple[Path, Path]:
    """A self-signed server certificate for an address on this machine, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "LAB registry")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = directory / f"{host}.pem", directory / f"{host}.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate, secret


def _tls(faults: ModuleType, certificate: Path, key: Path, answer: bytes) -> Any:
    """A server that speaks TLS and gives one answer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    class TlsServer(faults.Server):  # type: ignore[name-defined,misc]
        def prepare(self, connection: Any) -> Any:
            return context.wrap_socket(connection, server_side=True)

    return TlsServer(faults.http(200, answer))


@pytest.mark.parametrize(
    ("named", "trusted", "reached"),
    [("127.0.0.1", True, True), ("127.0.0.1", False, False), ("127.0.0.2", True, False)],
)
def test_only_the_right_server_is_spoken_to(
    faults: ModuleType, connect: Connect, tmp_path: Path, named: str, trusted: bool, reached: bool
) -> None:
    certificate, key = _certificate(tmp_path, named)
    session = open_session(ca_file=str(certificate) if trusted else None)
    with _tls(faults, certificate, key, HEALTH) as server:
        url = server.url.replace("http:", "https:")
        assert connect(url, session=session).reachable() is reached
        assert len(server.requests) == (1 if reached else 0)


def test_a_stalled_handshake_ends_with_the_deadline(
    faults: ModuleType, connect: Connect, tmp_path: Path
) -> None:
    # A handshake record that is announced as long and then arrives byte by byte.
    drip = faults.Drip(b"\x16\x03\x03\x3f\x00")

    class Silent(faults.Server):  # type: ignore[name-defined,misc]
        def read(self, connection: Any) -> bytes:
            return bytes(connection.recv(65536))

    with Silent(drip) as server:
        assert not connect(server.url.replace("http:", "https:"), timeout=0.3).reachable()
        assert drip.left.wait(10)
