"""Keys, padding, block ciphers and MACs of the travel document protocols (Doc 9303-11 sections 9.7, 9.8).

Owns the cipher suites that BAC, PACE, chip authentication and secure messaging share; knows no protocol.
Two-key 3DES lives on in documents in the field only: new cards use AES.
"""

import enum
import hashlib
from collections.abc import Callable

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher as _Cipher
from cryptography.hazmat.primitives.ciphers import algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from crypto.errors import MalformedData

RandomBytes = Callable[[int], bytes]

COUNTER_ENCRYPTION = 1  # Doc 9303-11 section 9.7.1: KDF counters
COUNTER_MAC = 2
COUNTER_PASSWORD = 3
MAC_LENGTH = 8  # Doc 9303-11 section 9.8.6: MACs and tokens are cut to eight bytes


class Cipher(enum.Enum):
    """A cipher suite: key length, block length and the hash of its key derivation (Doc 9303-11 9.7.1)."""

    TDES = ("3DES", 16, 8, "sha1")
    AES128 = ("AES-128", 16, 16, "sha1")
    AES192 = ("AES-192", 24, 16, "sha256")
    AES256 = ("AES-256", 32, 16, "sha256")

    def __init__(self, label: str, key_length: int, block_size: int, hash_name: str) -> None:
        self.label = label
        self.key_length = key_length
        self.block_size = block_size
        self.hash = hash_name


def odd_parity(key: bytes) -> bytes:
    """Each byte with its last bit set so that the number of ones is odd (DES keys)."""
    return bytes((byte & 0xFE) | (1 - (byte >> 1).bit_count() % 2) for byte in key)


def kdf(secret: bytes, counter: int, cipher: Cipher) -> bytes:
    """Key of `cipher.key_length` bytes from a shared secret; 3DES parity adjusted (Doc 9303-11 9.7.1)."""
    digest = hashlib.new(cipher.hash, secret + counter.to_bytes(4, "big"), usedforsecurity=False).digest()
    key = digest[: cipher.key_length]
    return odd_parity(key) if cipher is Cipher.TDES else key


def pad(data: bytes, block_size: int) -> bytes:
    """ISO/IEC 9797-1 padding method 2: 80 and zeros, always at least one byte."""
    return data + b"\x80" + bytes(-(len(data) + 1) % block_size)


def unpad(data: bytes) -> bytes:
    """Undo `pad`; MalformedData when the marker is missing."""
    stripped = data.rstrip(b"\x00")
    if not stripped.endswith(b"\x80"):
        raise MalformedData("padding marker missing")
    return stripped[:-1]


def encrypt_cbc(cipher: Cipher, key: bytes, iv: bytes, data: bytes) -> bytes:
    """CBC over whole blocks; MalformedData for part blocks."""
    context = _cbc(cipher, key, iv, data).encryptor()
    return context.update(data) + context.finalize()


def decrypt_cbc(cipher: Cipher, key: bytes, iv: bytes, data: bytes) -> bytes:
    """Inverse of `encrypt_cbc`; padding is left in place."""
    context = _cbc(cipher, key, iv, data).decryptor()
    return context.update(data) + context.finalize()


def encrypt_block(cipher: Cipher, key: bytes, block: bytes) -> bytes:
    """One block, as the AES secure messaging needs for its IV (Doc 9303-11 section 9.8.6.1)."""
    return encrypt_cbc(cipher, key, bytes(cipher.block_size), block)


def mac8(cipher: Cipher, key: bytes, data: bytes) -> bytes:
    """Eight MAC bytes: retail MAC for 3DES (`data` already padded to blocks of eight), CMAC for AES."""
    if cipher is Cipher.TDES:
        return _retail_mac(key, data)
    context = CMAC(algorithms.AES(_checked(cipher, key)))
    context.update(data)
    return context.finalize()[:MAC_LENGTH]


class SessionCipher:
    """A pair of session keys with everything that can be made once: the same results as the functions above.

    A document takes a hundred protected commands; key schedules and library objects would cost more than the
    encryption. AES in CBC is decrypted block by block with one context (ISO/IEC 10116 section 7.3) because
    the library makes a new one for every initial value.
    """

    def __init__(self, cipher: Cipher, encryption_key: bytes, mac_key: bytes) -> None:
        """MalformedData for keys of another length."""
        self.cipher = cipher
        self._encryption_key = _checked(cipher, encryption_key)
        self._mac_key = _checked(cipher, mac_key)
        if cipher is not Cipher.TDES:
            codebook = _Cipher(algorithms.AES(encryption_key), modes.ECB())  # noqa: S305 - single blocks, chained by hand below
            self._encrypt_blocks, self._decrypt_blocks = (
                codebook.encryptor().update,
                codebook.decryptor().update,
            )
            self._cmac = CMAC(algorithms.AES(mac_key))

    def iv(self, counter: bytes) -> bytes:
        """The initial value that goes with a send sequence counter (Doc 9303-11 section 9.8.6.1, 9.8.7.1)."""
        return bytes(8) if self.cipher is Cipher.TDES else self._encrypt_blocks(counter)

    def mac(self, data: bytes) -> bytes:
        """As `mac8`."""
        if self.cipher is Cipher.TDES:
            return _retail_mac(self._mac_key, data)
        context = self._cmac.copy()
        context.update(data)
        return context.finalize()[:MAC_LENGTH]

    def encrypt(self, iv: bytes, data: bytes) -> bytes:
        """As `encrypt_cbc`."""
        return encrypt_cbc(self.cipher, self._encryption_key, iv, data)

    def decrypt(self, iv: bytes, data: bytes) -> bytes:
        """As `decrypt_cbc`."""
        if self.cipher is Cipher.TDES:
            return decrypt_cbc(self.cipher, self._encryption_key, iv, data)
        if len(iv) != self.cipher.block_size or len(data) % self.cipher.block_size:
            raise MalformedData("not a whole number of cipher blocks")
        chain = int.from_bytes((iv + data)[: len(data)], "big")
        plain = int.from_bytes(self._decrypt_blocks(data), "big") ^ chain
        return plain.to_bytes(len(data), "big")


def _retail_mac(key: bytes, data: bytes) -> bytes:
    """ISO/IEC 9797-1 algorithm 3: single DES chain, last block decrypted with K2 and encrypted with K1."""
    _checked(Cipher.TDES, key)
    if not data or len(data) % 8:
        raise MalformedData("retail MAC input must be padded")
    first, second = key[:8], key[8:]
    chained = _des(first).encryptor().update(data)[-8:]
    return _des(first).encryptor().update(_des(second).decryptor().update(chained))


def _des(key: bytes) -> _Cipher[modes.CBC]:
    return _Cipher(TripleDES(key * 3), modes.CBC(bytes(8)))  # three equal keys make 3DES single DES


def _cbc(cipher: Cipher, key: bytes, iv: bytes, data: bytes) -> _Cipher[modes.CBC]:
    _checked(cipher, key)
    if len(iv) != cipher.block_size or len(data) % cipher.block_size:
        raise MalformedData("not a whole number of cipher blocks")
    if cipher is Cipher.TDES:
        return _Cipher(TripleDES(key + key[:8]), modes.CBC(iv))
    return _Cipher(algorithms.AES(key), modes.CBC(iv))


def _checked(cipher: Cipher, key: bytes) -> bytes:
    if len(key) != cipher.key_length:
        raise MalformedData(f"{cipher.label} key must have {cipher.key_length} bytes")
    return key
