"""Data at rest: AES-256-GCM with a random nonce and a versioned header (NIST SP 800-38D).

Sealed form: "SHKV" | version 01 | nonce (12) | ciphertext | tag (16). Header and the caller's `aad` are
authenticated: a blob moved to another record does not open.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crypto.errors import KeyUnavailable, MalformedData, SignatureInvalid
from crypto.signer import read_private_file, write_private_file

RandomBytes = Callable[[int], bytes]

KEY_BYTES = 32
_HEADER = b"SHKV\x01"
_NONCE_BYTES = 12
_TAG_BYTES = 16
_KEY_FILE_HEADER = "shekara-vault-key-1:"


class Vault:
    """Seals and opens bytes with one key of 32 bytes; the key never shows in a repr."""

    def __init__(self, key: bytes, *, random: RandomBytes = secrets.token_bytes) -> None:
        if len(key) != KEY_BYTES:
            raise KeyUnavailable("a vault key has 32 bytes")
        self._cipher = AESGCM(key)
        self._random = random

    def seal(self, plain: bytes, aad: bytes = b"") -> bytes:
        """Encrypts; `aad` (such as table and record id) must be given again to open."""
        nonce = self._random(_NONCE_BYTES)
        return _HEADER + nonce + self._cipher.encrypt(nonce, plain, _HEADER + aad)

    def open(self, sealed: bytes, aad: bytes = b"") -> bytes:
        """Decrypts; MalformedData for another format, SignatureInvalid for a wrong key, blob or aad."""
        start = len(_HEADER)
        if not sealed.startswith(_HEADER) or len(sealed) < start + _NONCE_BYTES + _TAG_BYTES:
            raise MalformedData("not a sealed blob of this version")
        nonce, body = sealed[start : start + _NONCE_BYTES], sealed[start + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, body, _HEADER + aad)
        except InvalidTag as error:
            raise SignatureInvalid("sealed blob does not open") from error

    @staticmethod
    def create_key_file(path: Path, random: RandomBytes = secrets.token_bytes) -> bytes:
        """Makes a key, writes it to a new file of mode 0600 and returns it; KeyUnavailable if it exists."""
        key = random(KEY_BYTES)
        write_private_file(path, f"{_KEY_FILE_HEADER}{key.hex()}\n".encode())
        return key

    @staticmethod
    def load_key_file(path: Path) -> bytes:
        """Reads a key file that only its owner can read; KeyUnavailable otherwise."""
        text = read_private_file(path).decode("ascii", errors="replace").strip()
        if not text.startswith(_KEY_FILE_HEADER):
            raise KeyUnavailable(f"{path.name} is not a vault key file")
        try:
            key = bytes.fromhex(text.removeprefix(_KEY_FILE_HEADER))
        except ValueError as error:
            raise KeyUnavailable(f"{path.name} is not a vault key file") from error
        if len(key) != KEY_BYTES:
            raise KeyUnavailable(f"{path.name} is not a vault key file")
        return key
