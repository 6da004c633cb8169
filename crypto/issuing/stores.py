"""Where an authority keeps its private keys: files in the lab, a token in production."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from crypto.certificates import Certificate, PublicKey
from crypto.errors import CryptoErrorCode, PolicyRefused
from crypto.issuing.certificates import generate_ec_key
from crypto.signer import AnyKey, SigningKey, World, load_private_key, save_private_key

RandomBytes = Callable[[int], bytes]


class KeyStore(Protocol):
    """A place for private keys, by label."""

    @property
    def kind(self) -> str:
        """How the protocol calls it."""

    @property
    def in_files(self) -> bool:
        """Could a copy be taken?"""

    def generate(self, curve: str, label: str) -> AnyKey:
        """A new key under a new label."""

    def load(self, certificate: Certificate, label: str) -> AnyKey:
        """The key of a certificate; KeyUnavailable."""


class KeyToken(Protocol):
    """What is needed of `crypto.hsm.Token`."""

    def generate_ec(self, curve: str, label: str, random: RandomBytes) -> SigningKey: ...

    def key(self, public_key: PublicKey) -> SigningKey: ...


class FileKeys:
    """PKCS#8 files of mode 0600 in the authority's directory."""

    kind, in_files = "in files of this machine", True

    def __init__(self, directory: Path, random: RandomBytes) -> None:
        self._directory, self._random = directory, random

    def generate(self, curve: str, label: str) -> AnyKey:
        """As in `KeyStore`; KeyUnavailable when the label is taken."""
        key = generate_ec_key(curve, self._random)
        save_private_key(self._path(label), key)
        return key

    def load(self, certificate: Certificate, label: str) -> AnyKey:
        """As in `KeyStore`."""
        del certificate  # the caller's signer compares
        return load_private_key(self._path(label))

    def _path(self, label: str) -> Path:
        return self._directory / f"{label.replace(' ', '-')}.key"


class TokenKeys:
    """Keys made on a token; they never leave it."""

    in_files = False

    def __init__(self, token: KeyToken, name: str, random: RandomBytes) -> None:
        self._token, self._random = token, random
        self.kind = f'on the token "{name}", not extractable'

    def generate(self, curve: str, label: str) -> AnyKey:
        """As in `KeyStore`."""
        return self._token.generate_ec(curve, label, self._random)

    def load(self, certificate: Certificate, label: str) -> AnyKey:
        """As in `KeyStore`; a token finds a key by its public half."""
        del label
        return self._token.key(certificate.public_key)


def require_store(world: World, keys: KeyStore) -> None:
    """Raises PolicyRefused (CRYPTO_WORLD_REFUSED) for production keys in files."""
    if world == "production" and keys.in_files:
        raise PolicyRefused(
            "production keys are made on a token, never in files", code=CryptoErrorCode.CRYPTO_WORLD_REFUSED
        )
