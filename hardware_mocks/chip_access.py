"""The chip's side of BAC, secure messaging and Active Authentication.

Doc 9303-11 §4.3 (BAC), §6.1 (Active Authentication), §9.7 (key derivation), §9.8 (secure messaging). Written
from the card's column of the standard and sharing nothing with the terminal's code; it is pinned to the same
published worked examples.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from hardware_mocks.chip_apdu import (
    SW,
    ChipCommand,
    DataObject,
    Refusal,
    expected_length,
    objects,
    tlv,
)
from hardware_mocks.chip_behaviour import IDEAL, Behaviour

RandomBytes = Callable[[int], bytes]
MRZ_PASSWORD, CAN_PASSWORD = 1, 2


@dataclass(frozen=True)
class Suite:
    """Cipher of a session: name, key octets, block octets, hash of its key derivation (§9.7.1)."""

    name: str
    key_length: int
    block: int
    hash_name: str


TDES = Suite("3DES", 16, 8, "sha1")
# Last octet of the PACE object identifier.
SUITES = {
    1: TDES,
    2: Suite("AES-128", 16, 16, "sha1"),
    3: Suite("AES-192", 24, 16, "sha256"),
    4: Suite("AES-256", 32, 16, "sha256"),
}


def derive_key(secret: bytes, counter: int, suite: Suite) -> bytes:
    """KDF(K, c) of §9.7.1; counter 1 encryption, 2 authentication, 3 password."""
    key = hashlib.new(suite.hash_name, secret + counter.to_bytes(4, "big")).digest()[: suite.key_length]
    if suite is not TDES:
        return key
    return bytes(octet & 0xFE | (bin(octet >> 1).count("1") + 1) % 2 for octet in key)


def pad(data: bytes, block: int) -> bytes:
    """ISO/IEC 9797-1 padding method 2."""
    return data + b"\x80" + bytes(-(len(data) + 1) % block)


def unpad(data: bytes) -> bytes:
    body = data.rstrip(b"\x00")
    if not body.endswith(b"\x80"):
        raise Refusal(SW.SM_OBJECT_WRONG)
    return body[:-1]


def _cipher(suite: Suite, key: bytes, iv: bytes) -> Cipher[modes.CBC]:
    algorithm = TripleDES(key + key[:8]) if suite is TDES else AES(key)
    return Cipher(algorithm, modes.CBC(iv))


def encrypt(suite: Suite, key: bytes, data: bytes, iv: bytes | None = None) -> bytes:
    encryptor = _cipher(suite, key, iv or bytes(suite.block)).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def decrypt(suite: Suite, key: bytes, data: bytes, iv: bytes | None = None) -> bytes:
    decryptor = _cipher(suite, key, iv or bytes(suite.block)).decryptor()
    return decryptor.update(data) + decryptor.finalize()


def authenticate(suite: Suite, key: bytes, padded: bytes) -> bytes:
    """8-octet MAC of padded data: ISO/IEC 9797-1 algorithm 3 for 3DES, truncated CMAC for AES (§9.8.6)."""
    if suite is not TDES:
        mac = CMAC(AES(key))
        mac.update(padded)
        return mac.finalize()[:8]
    left, right = key[:8], key[8:]
    chained = encrypt(TDES, left + left, padded)[-8:]
    return encrypt(TDES, left + left, decrypt(TDES, right + right, chained))


class SecureChannel:
    """Secure messaging as the chip runs it (§9.8): session keys and the send sequence counter."""

    def __init__(self, suite: Suite, ks_enc: bytes, ks_mac: bytes, ssc: int = 0) -> None:
        self.suite = suite
        self.ssc = ssc
        self._enc = ks_enc
        self._mac = ks_mac

    def unwrap(self, command: ChipCommand) -> ChipCommand:
        """The plain command inside; Refusal 6987 (object missing) or 6988 (object wrong) ends the session."""
        self._step()
        found = self._objects(command)
        mac = found.pop(0x8E, None)
        if mac is None:
            raise Refusal(SW.SM_OBJECT_MISSING)
        header = bytes([command.cla, command.ins, command.p1, command.p2])
        body = b"".join(item.raw for item in found.values())
        if not hmac.compare_digest(mac.value, self._checksum(header, body)):
            raise Refusal(SW.SM_OBJECT_WRONG)
        le, any_length = self._le(found.get(0x97))
        data = self._plain(found.get(0x85 if command.ins & 1 else 0x87), odd=bool(command.ins & 1))
        return replace(command, cla=command.cla & ~0x0C, data=data, le=le, any_length=any_length)

    def _objects(self, command: ChipCommand) -> dict[int, DataObject]:
        allowed = {0x85 if command.ins & 1 else 0x87, 0x97, 0x8E}
        try:
            found = {item.tag: item for item in objects(command.data)}
        except Refusal as error:
            raise Refusal(SW.SM_OBJECT_WRONG) from error
        if not found:
            raise Refusal(SW.SM_OBJECT_MISSING)
        if not allowed.issuperset(found):
            raise Refusal(SW.SM_OBJECT_WRONG)
        return found

    @staticmethod
    def _le(item: DataObject | None) -> tuple[int | None, bool]:
        if item is not None and len(item.value) not in (1, 2):
            raise Refusal(SW.SM_OBJECT_WRONG)
        return expected_length(item.value if item else b"")

    def _plain(self, item: DataObject | None, *, odd: bool) -> bytes:
        if item is None:
            return b""
        cryptogram = item.value if odd else item.value[1:]
        if not cryptogram or len(cryptogram) % self.suite.block or (not odd and item.value[0] != 1):
            raise Refusal(SW.SM_OBJECT_WRONG)
        return unpad(decrypt(self.suite, self._enc, cryptogram, self._iv()))

    def capacity(self, limit: int) -> int:
        """Most plain octets an answer of at most `limit` octets (without its status word) can carry."""
        room = limit - 14  # DO 99 and DO 8E
        header = 3 if room <= 0x82 else 4 if room <= 0x103 else 5  # DO 87: tag, length, padding indicator
        return max(0, (room - header) // self.suite.block * self.suite.block - 1)

    def wrap(self, ins: int, data: bytes, sw: int) -> bytes:
        """The protected answer APDU."""
        self._step()
        body = b""
        if data:
            cryptogram = encrypt(self.suite, self._enc, pad(data, self.suite.block), self._iv())
            body = tlv(0x85, cryptogram) if ins & 1 else tlv(0x87, b"\x01" + cryptogram)
        status = sw.to_bytes(2, "big")
        body += tlv(0x99, status)
        return body + tlv(0x8E, self._checksum(b"", body)) + status

    def _step(self) -> None:
        self.ssc = (self.ssc + 1) % (1 << 8 * self.suite.block)

    def _ssc(self) -> bytes:
        return self.ssc.to_bytes(self.suite.block, "big")

    def _iv(self) -> bytes:
        # §9.8.6.1: AES-CBC with IV = E(KSenc, SSC); 3DES with IV 0.
        return bytes(8) if self.suite is TDES else encrypt(self.suite, self._enc, self._ssc())

    def _checksum(self, header: bytes, body: bytes) -> bytes:
        block = self.suite.block
        head = pad(header, block) if header else b""
        return authenticate(self.suite, self._mac, self._ssc() + head + (pad(body, block) if body else b""))


def basic_access(
    mrz_password: bytes, challenge: bytes, data: bytes, random: RandomBytes
) -> tuple[bytes, SecureChannel]:
    """EXTERNAL AUTHENTICATE of BAC (§4.3.4.2): the chip's 40-octet answer and the session.

    mrz_password is SHA-1(MRZ_information), whose first 16 octets seed the document keys. Refusal 6700 for a
    wrong length, 6300 for a wrong key or challenge.
    """
    if len(data) != 40:
        raise Refusal(SW.WRONG_LENGTH)
    enc, mac = (derive_key(mrz_password[:16], counter, TDES) for counter in (1, 2))
    if not hmac.compare_digest(authenticate(TDES, mac, pad(data[:32], 8)), data[32:]):
        raise Refusal(SW.AUTHENTICATION_FAILED)
    plain = decrypt(TDES, enc, data[:32])
    terminal_random, echoed, terminal_key = plain[:8], plain[8:16], plain[16:]
    if not hmac.compare_digest(echoed, challenge):
        raise Refusal(SW.AUTHENTICATION_FAILED)
    chip_key = random(16)
    answer = encrypt(TDES, enc, challenge + terminal_random + chip_key)
    answer += authenticate(TDES, mac, pad(answer, 8))
    seed = bytes(a ^ b for a, b in zip(terminal_key, chip_key, strict=True))
    ssc = int.from_bytes(challenge[4:] + terminal_random[4:], "big")
    return answer, SecureChannel(TDES, derive_key(seed, 1, TDES), derive_key(seed, 2, TDES), ssc)


# ISO/IEC 9796-2 trailers: implicit SHA-1, else hash identifier and CC (Doc 9303-11 §6.1).
_TRAILERS = {"sha1": "BC", "sha224": "38CC", "sha256": "34CC", "sha384": "36CC", "sha512": "35CC"}
_HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "sha1": hashes.SHA1,
    "sha224": hashes.SHA224,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}


def active_authentication(
    key: bytes,
    hash_name: str | None,
    challenge: bytes,
    random: RandomBytes,
    behaviour: Behaviour = IDEAL,
) -> bytes:
    """Signature over RND.IFD: plain r‖s for an EC key, ISO/IEC 9796-2 scheme 1 for an RSA key (§6.1).

    key is PKCS#8 DER. hash_name None means SHA-256, SHA-384 or SHA-512 by curve size, and SHA-1 for RSA.
    ECDSA is deterministic (RFC 6979), so a seeded card repeats itself. Refusal 6A88 for an unusable key.
    """
    try:
        private = serialization.load_der_private_key(key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Refusal(SW.REFERENCE_NOT_FOUND) from error
    if isinstance(private, rsa.RSAPrivateKey):
        signature = _sign_recoverable(private, hash_name or "sha1", challenge, random)
        return _smaller(private, signature) if behaviour.aa_complement else signature
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise Refusal(SW.REFERENCE_NOT_FOUND)
    bits = private.curve.key_size
    name = hash_name or ("sha256" if bits <= 256 else "sha384" if bits <= 384 else "sha512")
    signature = private.sign(challenge, ec.ECDSA(_HASHES[name](), deterministic_signing=True))
    if behaviour.aa_encoding == "der":
        return signature
    size = (bits + 7) // 8
    return b"".join(number.to_bytes(size, "big") for number in decode_dss_signature(signature))


def _smaller(key: rsa.RSAPrivateKey, signature: bytes) -> bytes:
    """The signature or the modulus less the signature, whichever is smaller."""
    number = int.from_bytes(signature, "big")
    return min(number, key.public_key().public_numbers().n - number).to_bytes(len(signature), "big")


def recoverable_frame(hash_name: str, recoverable: bytes, challenge: bytes) -> bytes:
    """What an RSA key signs: 6A, the recoverable part, the hash over it and RND.IFD, the trailer."""
    digest = hashlib.new(hash_name, recoverable + challenge).digest()
    return b"\x6a" + recoverable + digest + bytes.fromhex(_TRAILERS[hash_name])


def _sign_recoverable(key: rsa.RSAPrivateKey, hash_name: str, challenge: bytes, random: RandomBytes) -> bytes:
    numbers = key.private_numbers()
    modulus = numbers.public_numbers.n
    size = (modulus.bit_length() + 7) // 8
    trailer = bytes.fromhex(_TRAILERS[hash_name])
    room = size - 1 - hashlib.new(hash_name).digest_size - len(trailer)
    if room < 8:
        raise Refusal(SW.REFERENCE_NOT_FOUND)
    frame = recoverable_frame(hash_name, random(room), challenge)
    return pow(int.from_bytes(frame, "big"), numbers.d, modulus).to_bytes(size, "big")
