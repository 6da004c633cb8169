"""The ports of signing, and what is true of every signer: its period, its chain, its algorithm.

A key is refused outside its certificate's validity and usage period (Doc 9303-12 table 1): tokens do not
enforce that.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Protocol

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from crypto.certificates import Certificate, PublicKey, SignatureAlgorithm
from crypto.certificates.certificate import SEAL_SIGNER
from crypto.certificates.keys import hash_object, rsa_padding
from crypto.cms import ContentSigner
from crypto.errors import PolicyRefused, UnsupportedAlgorithm

SEAL_KEY_LIFE = timedelta(days=2 * 365)  # Doc 9303-12 table 1: the most for a bar code signer
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Signer(ContentSigner, Protocol):
    """The port: a private key with its certificate, which judges itself whether it may sign now."""

    def check(self, now: datetime) -> None:
        """Raises PolicyRefused unless the key may sign at `now`."""


class SigningKey(Protocol):
    """A private key that cannot be looked at: on a token, or behind a service."""

    @property
    def public_key(self) -> PublicKey:
        """Its public half."""

    def sign(self, algorithm: SignatureAlgorithm, data: bytes) -> bytes:
        """DER ECDSA or RSA signature over `data`, hashed on this side."""

    def sign_digest(self, algorithm: SignatureAlgorithm, hashed: bytes) -> bytes:
        """As `sign`, over a hash that was made elsewhere."""


AnyKey = PrivateKey | SigningKey


def public_key_of(key: AnyKey) -> PublicKey:
    """The public half of a key in memory or elsewhere."""
    return key.public_key() if isinstance(key, PrivateKey) else key.public_key


def default_algorithm(key: AnyKey) -> SignatureAlgorithm:
    """ECDSA with the hash of the curve's strength, RSA with PKCS#1 v1.5 and SHA-256 (Doc 9303-12 4.1.6)."""
    return algorithm_of(public_key_of(key))


def algorithm_of(public: PublicKey) -> SignatureAlgorithm:
    """As `default_algorithm`, from the public half."""
    if isinstance(public, ec.EllipticCurvePublicKey):
        size = public.curve.key_size
        return SignatureAlgorithm("ecdsa", "sha256" if size <= 256 else "sha384" if size <= 384 else "sha512")
    if isinstance(public, rsa.RSAPublicKey):
        return SignatureAlgorithm("rsa", "sha256")
    raise UnsupportedAlgorithm("key type for signing")


def sign_with(key: AnyKey, algorithm: SignatureAlgorithm, data: bytes) -> bytes:
    """Signs `data`; UnsupportedAlgorithm when the algorithm does not fit the key."""
    hasher = hash_object(algorithm.hash_name)
    if not isinstance(key, PrivateKey):
        return key.sign(algorithm, data)
    if isinstance(key, ec.EllipticCurvePrivateKey) and algorithm.scheme == "ecdsa":
        return key.sign(data, ec.ECDSA(hasher, deterministic_signing=True))
    if isinstance(key, rsa.RSAPrivateKey) and algorithm.scheme in ("rsa", "rsa_pss"):
        return key.sign(data, rsa_padding(algorithm), hasher)
    raise UnsupportedAlgorithm(f"{algorithm.scheme} does not fit the type of the key")


def sign_digest_with(key: AnyKey, algorithm: SignatureAlgorithm, hashed: bytes) -> bytes:
    """As `sign_with`, over a hash of `algorithm` that was made elsewhere."""
    hasher = Prehashed(hash_object(algorithm.hash_name))
    if not isinstance(key, PrivateKey):
        return key.sign_digest(algorithm, hashed)
    if isinstance(key, ec.EllipticCurvePrivateKey) and algorithm.scheme == "ecdsa":
        return key.sign(hashed, ec.ECDSA(hasher))
    if isinstance(key, rsa.RSAPrivateKey) and algorithm.scheme in ("rsa", "rsa_pss"):
        return key.sign(hashed, rsa_padding(algorithm), hasher)
    raise UnsupportedAlgorithm(f"{algorithm.scheme} does not fit the type of the key")


def same_key(one: object, other: object) -> bool:
    """Two public keys are the same; UnsupportedAlgorithm for keys that we do not sign with."""
    return _public_bytes(one) == _public_bytes(other)


def check_period(certificate: Certificate, now: datetime) -> None:
    """Raises PolicyRefused when `now` is outside the validity or the private key usage period."""
    if not certificate.not_before <= now <= certificate.not_after:
        raise PolicyRefused("the signer's certificate is not valid at the time of signing")
    first, last = certificate.private_key_usage or (None, None)
    if last is None and SEAL_SIGNER in (certificate.extended_key_usage or ()):
        last = certificate.not_before + SEAL_KEY_LIFE  # its profile has no such period (7.1.3)
    if (first and now < first) or (last and now > last):
        raise PolicyRefused("the signer's private key usage period does not cover the time of signing")


def check_chain(certificate: Certificate, authority: Certificate) -> None:
    """Raises unless `authority` is a CA of the same country and signed `certificate`; proved once a pair.

    PolicyRefused for what the authority may not do, SignatureInvalid for a signature that does not fit.
    """
    _proved(certificate, authority)


@lru_cache(maxsize=64)
def _proved(certificate: Certificate, authority: Certificate) -> None:
    if not authority.is_ca or authority.country != certificate.issuer_country:
        raise PolicyRefused("the signer's authority is no CSCA of its country")
    if authority.key_usage is not None and "key_cert_sign" not in authority.key_usage:
        raise PolicyRefused("the signer's authority may not sign certificates")
    if not authority.not_before <= certificate.not_before <= authority.not_after:
        raise PolicyRefused("the signer's certificate was not issued within the validity of its authority")
    certificate.verify_signed_by(authority)


def _public_bytes(key: object) -> bytes:
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise UnsupportedAlgorithm("key type for signing")
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
