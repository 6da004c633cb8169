"""The signing service over mutual TLS: a hash goes, a signature comes; without it a policy decides."""

import datetime as dt
import ipaddress
import json
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from crypto.certificates import verify_signature
from crypto.errors import CryptoError, CryptoErrorCode, KeyUnavailable, PolicyRefused
from crypto.pki_lab import LabPki
from crypto.seals import sign_seal
from crypto.signer import FileSigner
from kiosk.errors import KioskError
from kiosk.sync import OfflinePolicy, RemoteSigner, open_session
from registry.app import build_app
from registry.config import Config, digest
from registry.errors import RegistryError
from registry.signing import PeerProtocol, open_signers
from registry.storage import Database

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
STATION, TOKEN = "KZ-LAB-01", "token-of-the-station"


class Authority:
    """A small TLS authority for this test."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "LAB TLS")])
        self.file = directory / "ca.pem"
        made = self._builder(
            self.name, self.key.public_key(), x509.BasicConstraints(ca=True, path_length=None)
        )
        self.file.write_bytes(made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def _builder(
        self, name: x509.Name, key: Any, constraints: x509.BasicConstraints
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - dt.timedelta(days=1))
            .not_valid_after(NOW + dt.timedelta(days=1))
            .add_extension(constraints, critical=True)
        )

    def certify(self, name: str) -> tuple[str, str]:
        """Certificate and key files of a server on this machine, or of a client."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        builder = self._builder(subject, key.public_key(), x509.BasicConstraints(ca=False, path_length=None))
        made = builder.add_extension(address, critical=False).sign(self.key, hashes.SHA256())
        certificate, secret = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return str(certificate), str(secret)


@dataclass
class Service:
    """A running registry with one key, and what a station needs to use it."""

    url: str
    signer: FileSigner
    authority: Authority
    clock: list[dt.datetime]
    database: Path
    stop: Callable[[], None]

    def remote(
        self, *, name: str = STATION, token: str = TOKEN, key: FileSigner | None = None, **others: Any
    ) -> RemoteSigner:
        signer = key or self.signer
        session = open_session(ca_file=str(self.authority.file), certificate=self.authority.certify(name))
        assert signer.authority is not None
        return RemoteSigner(
            others.get("url", self.url), token, STATION, signer.certificate, signer.authority,
            session=session, now=lambda: NOW, timeout=10.0,
        )  # fmt: skip


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> LabPki:
    return LabPki.create(tmp_path_factory.mktemp("pki") / "pki", now=NOW, seed="remote", countries=["KZ"])


def write_signers(directory: Path, lab: LabPki) -> None:
    sources = [lab.directory / "KZ" / name for name in ("ds-default-01", "ds-seal-01")]
    entries = [{"certificate": f"{source}.cer", "key": f"{source}.key"} for source in sources]
    path = directory / "signers.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps({"signers": entries}))


@pytest.fixture
def service(lab: LabPki, tmp_path: Path) -> Iterator[Service]:
    write_signers(tmp_path, lab)
    authority, clock, ready = Authority(tmp_path), [NOW], threading.Event()
    certificate, key = authority.certify("server")
    database = Database(tmp_path / "registry.db")
    app = build_app(
        database, Config("lab", {STATION: digest(TOKEN)}), clock=lambda: clock[0], on_ready=ready.set,
        signers=open_signers(tmp_path, "lab"),
    )  # fmt: skip
    server = uvicorn.Server(
        uvicorn.Config(
            app, log_level="error", ws="none", http=PeerProtocol, ssl_certfile=certificate, ssl_keyfile=key,
            ssl_ca_certs=str(authority.file), ssl_cert_reqs=1,
        )
    )  # fmt: skip
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    assert ready.wait(60)

    def stop() -> None:
        server.should_exit = True
        thread.join(60)

    url = f"https://127.0.0.1:{listener.getsockname()[1]}"
    yield Service(url, lab.signer("KZ"), authority, clock, tmp_path / "registry.db", stop)
    stop()
    listener.close()
    database.close()


def refused(code: CryptoErrorCode, work: Callable[[], object]) -> None:
    with pytest.raises(CryptoError) as told:
        work()
    assert told.value.code is code


def test_a_hash_goes_and_a_signature_comes(service: Service) -> None:
    remote = service.remote()
    remote.check(NOW)
    for data in (b"one", b"two"):
        signature = remote.sign(data)
        verify_signature(service.signer.certificate.public_key, remote.algorithm, signature, data)
    # who shows another certificate, or none of ours, gets nothing
    stranger = service.remote(name="KZ-LAB-02")
    refused(CryptoErrorCode.CRYPTO_SIGNER_REFUSED, lambda: stranger.sign(b"x"))
    wrong_token = service.remote(token="another")
    refused(CryptoErrorCode.CRYPTO_SIGNER_REFUSED, lambda: wrong_token.sign(b"x"))
    unknown = service.remote()
    unknown.certificate = replace(unknown.certificate, der=b"other")
    refused(CryptoErrorCode.CRYPTO_SIGNER_REFUSED, lambda: unknown.sign(b"x"))
    # a signature asked for twice by the same id is not made again
    fixed = service.remote()
    fixed._random = lambda count: b"\x01" * count
    fixed.sign(b"x")
    refused(CryptoErrorCode.CRYPTO_SIGNER_REFUSED, lambda: fixed.sign(b"y"))
    # out of the key's period, and with another clock than ours
    service.clock[0] = NOW + dt.timedelta(minutes=6)
    refused(CryptoErrorCode.CRYPTO_CLOCK_WRONG, lambda: remote.check(NOW))
    refused(CryptoErrorCode.CRYPTO_CLOCK_WRONG, lambda: remote.sign(b"late"))
    service.clock[0] = NOW + dt.timedelta(days=200)
    refused(CryptoErrorCode.CRYPTO_SIGNER_REFUSED, lambda: remote.sign(b"late"))
    service.stop()
    refused(CryptoErrorCode.CRYPTO_SIGNER_UNREACHABLE, lambda: remote.check(NOW))
    refused(CryptoErrorCode.CRYPTO_SIGNER_UNREACHABLE, lambda: remote.sign(b"x"))


def test_the_service_signs_seals_with_a_key_of_their_own(service: Service, lab: LabPki) -> None:
    remote = service.remote(key=lab.signer("KZ", "seal"))
    made = sign_seal(remote, [(1, b"x")], issuer="KAZ", issued=None, now=NOW, definition=1, category=0x4A)
    assert made.header.signer == "KZLB"
    refused(
        CryptoErrorCode.CRYPTO_SIGNER_REFUSED,
        lambda: service.remote(key=lab.signer("KZ", "seal"), token="x").sign(b""),
    )


class Switch:
    """A signer that answers or not."""

    def __init__(self, signer: FileSigner) -> None:
        self.signer, self.there = signer, True
        self.certificate, self.authority = signer.certificate, signer.authority
        self.algorithm, self.hash_name = signer.algorithm, signer.hash_name

    def check(self, now: dt.datetime) -> None:
        if not self.there:
            raise KeyUnavailable("away", code=CryptoErrorCode.CRYPTO_SIGNER_UNREACHABLE)
        self.signer.check(now)

    def sign(self, data: bytes) -> bytes:
        return self.signer.sign(data)


def test_without_the_service_a_token_signs_so_many_or_cards_wait(lab: LabPki) -> None:
    remote, local = Switch(lab.signer("KZ")), lab.signer("KZ")
    policy = OfflinePolicy(remote, local, limit=2)
    remote.there = False
    for _ in range(2):
        policy.check(NOW)
        assert policy.offline
        policy.sign(b"data")
    refused(CryptoErrorCode.CRYPTO_SIGNER_UNREACHABLE, lambda: policy.sign(b"data"))
    refused(CryptoErrorCode.CRYPTO_SIGNER_UNREACHABLE, lambda: policy.check(NOW))
    remote.there = True
    policy.check(NOW)
    assert not policy.offline
    remote.there = False
    policy.check(NOW)  # the service answered in between: the token may sign again
    assert policy.offline
    waiting = OfflinePolicy(remote, None, limit=2)
    refused(CryptoErrorCode.CRYPTO_SIGNER_UNREACHABLE, lambda: waiting.check(NOW))
    with pytest.raises(PolicyRefused):
        policy.check(NOW + dt.timedelta(days=200))


def test_only_https_and_only_this_world(lab: LabPki, tmp_path: Path) -> None:
    signer = lab.signer("KZ")
    assert signer.authority is not None
    with pytest.raises(KioskError):
        RemoteSigner(
            "http://127.0.0.1:1", "t", STATION, signer.certificate, signer.authority,
            session=open_session(), now=lambda: NOW, timeout=1.0,
        )  # fmt: skip
    assert open_signers(tmp_path, "lab") == {}
    write_signers(tmp_path, lab)
    seal = lab.signer("KZ", "seal").certificate.fingerprint
    assert set(open_signers(tmp_path, "lab")) == {signer.certificate.fingerprint, seal}
    with pytest.raises(RegistryError):
        open_signers(tmp_path, "production")
    (tmp_path / "signers.json").write_text(secrets.token_hex(4) + "[")
    with pytest.raises(RegistryError):
        open_signers(tmp_path, "lab")
