"""Keys in files, for the lab: PKCS#8 PEM that nobody but its owner can read.

ECDSA of the file signer is deterministic (RFC 6979), so a scenario repeats bit-exactly.
"""

from __future__ import annotations

import os
import stat
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from crypto.certificates import Certificate, SignatureAlgorithm
from crypto.errors import KeyUnavailable
from crypto.signer.port import (
    AnyKey,
    PrivateKey,
    check_period,
    default_algorithm,
    public_key_of,
    same_key,
    sign_with,
)


class KeySigner:
    """A signer around one private key, in memory or on a token."""

    def __init__(
        self,
        key: AnyKey,
        certificate: Certificate,
        algorithm: SignatureAlgorithm | None = None,
        *,
        authority: Certificate | None = None,
    ) -> None:
        if not same_key(public_key_of(key), certificate.public_key):
            raise KeyUnavailable("the private key does not belong to the certificate")
        self._key = key
        self.certificate = certificate
        self.authority = authority
        self.algorithm = algorithm or default_algorithm(key)

    @property
    def hash_name(self) -> str:
        """The hash of the signature, such as "sha256"."""
        return self.algorithm.hash_name

    def sign(self, data: bytes) -> bytes:
        """DER ECDSA (deterministic for a key in memory) or RSA signature over `data`."""
        return sign_with(self._key, self.algorithm, data)

    def check(self, now: datetime) -> None:
        """Raises PolicyRefused unless this key may sign at `now`."""
        check_period(self.certificate, now)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.certificate.subject!r})"


class FileSigner(KeySigner):
    """A signer whose key lies in a PKCS#8 PEM file that nobody but its owner can read."""

    @classmethod
    def load(
        cls,
        key_path: Path,
        certificate_path: Path,
        algorithm: SignatureAlgorithm | None = None,
        *,
        authority: Certificate | None = None,
    ) -> FileSigner:
        """Raises KeyUnavailable (missing, readable by others, wrong pair) or MalformedData."""
        key = load_private_key(key_path)
        try:
            der = certificate_path.read_bytes()
        except OSError as error:
            raise KeyUnavailable(f"certificate file {certificate_path.name}") from error
        return cls(key, Certificate.parse(der), algorithm, authority=authority)


def load_private_key(path: Path) -> PrivateKey:
    """An unencrypted PKCS#8 PEM key; raises KeyUnavailable."""
    data = read_private_file(path)
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError) as error:
        raise KeyUnavailable(f"{path.name} is not a PKCS#8 key") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise KeyUnavailable(f"{path.name} holds a key of another type")
    return key


def save_private_key(path: Path, key: PrivateKey) -> None:
    """Writes an unencrypted PKCS#8 PEM file of mode 0600; never over an existing file."""
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private_file(path, pem)


def read_private_file(path: Path) -> bytes:
    """Content of a file that only its owner can read; KeyUnavailable otherwise."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise KeyUnavailable(f"{path.name} is accessible to others than its owner")
            return file.read()
    except OSError as error:
        raise KeyUnavailable(f"{path.name} cannot be read") from error


def write_private_file(path: Path, data: bytes) -> None:
    """Creates a file of mode 0600, flushed to disk; KeyUnavailable when it exists or cannot be written."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise KeyUnavailable(f"{path.name} cannot be written") from error
