"""Who signs: the port that a key file, a token or a remote service fills, and the key file behind it.

ECDSA of the file signer is deterministic (RFC 6979), so a scenario repeats bit-exactly. A key is refused
outside its certificate's validity and usage period (Doc 9303-12 table 1): tokens do not enforce that.
"""

from __future__ import annotations

import os
import stat
from datetime import datetime
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from crypto.certificates import Certificate, SignatureAlgorithm
from crypto.certificates.keys import hash_object, rsa_padding
from crypto.cms import ContentSigner
from crypto.errors import KeyUnavailable, PolicyRefused, UnsupportedAlgorithm

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Signer(ContentSigner, Protocol):
    """The port: a private key with its certificate, which judges itself whether it may sign now."""

    def check(self, now: datetime) -> None:
        """Raises PolicyRefused unless the key may sign at `now`."""


class KeySigner:
    """A signer around a private key in memory."""

    def __init__(
        self, key: PrivateKey, certificate: Certificate, algorithm: SignatureAlgorithm | None = None
    ) -> None:
        if _public_bytes(key.public_key()) != _public_bytes(certificate.public_key):
            raise KeyUnavailable("the private key does not belong to the certificate")
        self._key = key
        self.certificate = certificate
        self.algorithm = algorithm or default_algorithm(key)

    @property
    def hash_name(self) -> str:
        """The hash of the signature, such as "sha256"."""
        return self.algorithm.hash_name

    def sign(self, data: bytes) -> bytes:
        """DER ECDSA (deterministic) or RSA signature over `data`."""
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
        cls, key_path: Path, certificate_path: Path, algorithm: SignatureAlgorithm | None = None
    ) -> FileSigner:
        """Raises KeyUnavailable (missing, readable by others, wrong pair) or MalformedData."""
        key = load_private_key(key_path)
        try:
            der = certificate_path.read_bytes()
        except OSError as error:
            raise KeyUnavailable(f"certificate file {certificate_path.name}") from error
        return cls(key, Certificate.parse(der), algorithm)


def check_period(certificate: Certificate, now: datetime) -> None:
    """Raises PolicyRefused when `now` is outside the validity or the private key usage period."""
    if not certificate.not_before <= now <= certificate.not_after:
        raise PolicyRefused("the signer's certificate is not valid at the time of signing")
    first, last = certificate.private_key_usage or (None, None)
    if (first and now < first) or (last and now > last):
        raise PolicyRefused("the signer's private key usage period does not cover the time of signing")


def default_algorithm(key: PrivateKey) -> SignatureAlgorithm:
    """ECDSA with the hash of the curve's strength, RSA with PKCS#1 v1.5 and SHA-256 (Doc 9303-12 4.1.6)."""
    if isinstance(key, rsa.RSAPrivateKey):
        return SignatureAlgorithm("rsa", "sha256")
    size = key.curve.key_size
    return SignatureAlgorithm("ecdsa", "sha256" if size <= 256 else "sha384" if size <= 384 else "sha512")


def sign_with(key: PrivateKey, algorithm: SignatureAlgorithm, data: bytes) -> bytes:
    """Signs `data`; UnsupportedAlgorithm when the algorithm does not fit the key."""
    hasher = hash_object(algorithm.hash_name)
    if isinstance(key, ec.EllipticCurvePrivateKey) and algorithm.scheme == "ecdsa":
        return key.sign(data, ec.ECDSA(hasher, deterministic_signing=True))
    if isinstance(key, rsa.RSAPrivateKey) and algorithm.scheme in ("rsa", "rsa_pss"):
        return key.sign(data, rsa_padding(algorithm), hasher)
    raise UnsupportedAlgorithm(f"{algorithm.scheme} does not fit the type of the key")


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


def _public_bytes(key: object) -> bytes:
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise UnsupportedAlgorithm("key type for signing")
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
