"""PACE: the four steps of the protocol (Doc 9303-11 section 4.4, BSI TR-03110-3 A.3, B.1).

Owns generic, integrated and chip authentication mapping in any group of `crypto.domains`. What to speak is
chosen by `card_io.emrtd.pace_offers`; what the chip authentication data prove is judged by
`card_io.emrtd.cam`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from card_io.apdu import CHAINED, SW, Command, Ins, Link, Response, expect
from card_io.emrtd.bac import is_refusal, tries_left
from card_io.emrtd.pace_offers import MappingKind, Suite, choose
from card_io.errors import (
    AccessDenied,
    MalformedCardData,
    ProtocolUnsupported,
    SecureMessagingError,
)
from card_io.lds.security_infos import oid_der
from card_io.secure_messaging import SecureMessaging
from card_io.tlv import Tlv
from crypto.domains import Domain, pseudo_random, same_element
from crypto.errors import CryptoError, MalformedData
from crypto.primitives import (
    COUNTER_ENCRYPTION,
    COUNTER_MAC,
    COUNTER_PASSWORD,
    Cipher,
    RandomBytes,
    decrypt_cbc,
    encrypt_block,
    kdf,
    mac8,
    pad,
    unpad,
)

__all__ = ["ChipMapping", "PaceSession", "Password", "Suite", "choose", "establish", "pace"]

_DYNAMIC = 0x7C  # dynamic authentication data
_PUBLIC_KEY = 0x7F49
_ELEMENT_TAGS = {"ECDH": 0x86, "DH": 0x84}
_NONCE, _MAPPING, _AGREEMENT, _TOKEN, _CHIP_DATA = 0x80, 0x81, 0x83, 0x85, 0x8A
_MAX_NONCE = 64
_MAX_ANSWER = 1024  # a number of 256 bytes, or token, chip data of a 521-bit curve and two CARs
Multiple = Callable[[int], bytes]
# MSE:Set AT refused for its form, not for the password
_FORM_REFUSED = frozenset(
    {
        SW.WRONG_LENGTH,
        SW.WRONG_DATA,
        SW.WRONG_P1_P2,
        0x6A87,
        SW.REFERENCED_DATA_NOT_FOUND,
    }
)


@dataclass(frozen=True)
class Password:
    """A PACE password: its reference (1 MRZ, 2 CAN; TR-03110-3 table 14) and f(pi), the input of the KDF."""

    reference: int
    secret: bytes = field(repr=False)

    @classmethod
    def mrz(cls, mrz_information: bytes) -> Password:
        """All twenty bytes of SHA-1 over MRZ_information."""
        return cls(1, hashlib.sha1(mrz_information, usedforsecurity=False).digest())

    @classmethod
    def can(cls, can: str) -> Password:
        """The digits themselves."""
        return cls(2, can.encode("ascii"))


@dataclass(frozen=True)
class ChipMapping:
    """What a chip left behind in chip authentication mapping (Doc 9303-11 section 4.4.3.3.3).

    `public` is its mapping key, `data` the decrypted CA_IC, empty if the chip sent none that can be read.
    Neither proves anything before EF.CardSecurity is checked.
    """

    protocol: str
    domain: Domain
    public: bytes = field(repr=False)
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class PaceSession:
    """The protected channel, counter zero, and the chip's mapping data if the mapping was CAM."""

    channel: SecureMessaging
    suite: Suite
    chip_mapping: ChipMapping | None = None


def pace(link: Link, suite: Suite, password: Password, random: RandomBytes) -> SecureMessaging:
    """The channel of `establish`."""
    return establish(link, suite, password, random).channel


def establish(link: Link, suite: Suite, password: Password, random: RandomBytes) -> PaceSession:
    """The session after PACE.

    Raises AccessDenied (wrong or blocked password), ProtocolUnsupported (the chip refuses the parameters),
    SecureMessagingError (the chip does not know the password), MalformedCardData, StatusError.
    """
    dialogue = _Dialogue(link)
    try:
        _select_protocol(link, suite, password)
        nonce = _nonce(dialogue, suite, password)
        multiple, chip_key = _map(dialogue, suite, nonce, random)
        own, other, secret = _agree(dialogue, suite.domain, multiple, random)
        encryption = kdf(secret, COUNTER_ENCRYPTION, suite.cipher)
        mac = kdf(secret, COUNTER_MAC, suite.cipher)
        answer = _exchange_tokens(dialogue, suite, mac, own, other)
    except CryptoError as error:
        raise MalformedCardData(f"PACE: {error.detail}") from error
    mapping = None
    if suite.mapping is MappingKind.CHIP_AUTHENTICATION:
        data = _chip_data(suite.cipher, encryption, answer)
        mapping = ChipMapping(suite.name, suite.domain, chip_key, data)
    return PaceSession(SecureMessaging(link, suite.cipher, encryption, mac), suite, mapping)


class _Dialogue:
    """GENERAL AUTHENTICATE with its chain; remembers that a chip wants no Le."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._le: int | None = 0

    def ask(self, data: bytes, tag: int | None, *, last: bool = False) -> Tlv:
        """The dynamic authentication data of the answer; MalformedCardData unless object `tag` is in it."""
        response = self._send(data, last)
        if response.sw == SW.WRONG_LENGTH and not data and self._le is not None:
            self._le = None  # at the first step only: nothing is lost by asking again
            response = self._send(data, last)
        if response.sw >> 8 == SW.AUTHENTICATION_FAILED >> 8 or (last and is_refusal(response.sw)):
            raise AccessDenied(
                f"PACE password refused with status {response.sw:04X}", tries_left=tries_left(response.sw)
            )
        expect(response, self._command(data, last))
        if len(response.data) > _MAX_ANSWER:
            raise MalformedCardData(f"PACE answer of {len(response.data)} bytes")
        answer = Tlv(response.data)
        if answer.tag != _DYNAMIC:
            raise MalformedCardData("PACE answer is not dynamic authentication data")
        if tag is not None:
            answer.require(tag)
        return answer

    def _command(self, data: bytes, last: bool) -> Command:
        cla = 0x00 if last else CHAINED
        return Command(cla, Ins.GENERAL_AUTHENTICATE, 0, 0, Tlv.of(_DYNAMIC, data), self._le)

    def _send(self, data: bytes, last: bool) -> Response:
        return self._link.send(self._command(data, last))


def _select_protocol(link: Link, suite: Suite, password: Password) -> None:
    """MSE:Set AT, without Le (German documents refuse it).

    The parameter id is sent wherever there is one: older Ukrainian chips insist on it, and German and Polish
    cards with several groups take the wrong one without it. A chip that refuses the form and has one group
    only is asked again without.
    """
    protocol = Tlv.of(0x80, Tlv(oid_der(suite.oid)).value) + Tlv.of(0x83, bytes([password.reference]))
    response = _set_at(link, protocol + _parameter(suite.parameter_id))
    if response.sw in _FORM_REFUSED and suite.parameter_id is not None and suite.alone:
        response = _set_at(link, protocol)
    if response.ok or response.sw >> 4 == 0x63C:  # tries left, for passwords that count them
        return
    if response.sw in (SW.AUTHENTICATION_BLOCKED, SW.REFERENCE_DATA_UNUSABLE, 0x6283):
        raise AccessDenied(f"PACE password is blocked, status {response.sw:04X}", tries_left=0)
    raise ProtocolUnsupported(f"chip refuses its own PACE parameters with status {response.sw:04X}")


def _set_at(link: Link, data: bytes) -> Response:
    return link.send(Command(0x00, Ins.MANAGE_SECURITY_ENVIRONMENT, 0xC1, 0xA4, data))


def _parameter(number: int | None) -> bytes:
    """Object 84: one byte for every standardised id."""
    if number is None:
        return b""
    return Tlv.of(0x84, number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big"))


def _nonce(dialogue: _Dialogue, suite: Suite, password: Password) -> bytes:
    """Step 1: the nonce s, decrypted with the password key."""
    encrypted = dialogue.ask(b"", _NONCE).require(_NONCE).value
    if not encrypted or len(encrypted) > _MAX_NONCE or len(encrypted) % suite.cipher.block_size:
        raise MalformedCardData("PACE nonce is not made of cipher blocks")
    key = kdf(password.secret, COUNTER_PASSWORD, suite.cipher)
    return decrypt_cbc(suite.cipher, key, bytes(suite.cipher.block_size), encrypted)


def _map(dialogue: _Dialogue, suite: Suite, nonce: bytes, random: RandomBytes) -> tuple[Multiple, bytes]:
    """Step 2: what multiplies the mapped generator, and the chip's mapping key (empty if integrated)."""
    domain = suite.domain
    if suite.mapping is MappingKind.INTEGRATED:  # the answer 82 is empty; some chips leave it out
        own = random(suite.cipher.key_length)
        value = pseudo_random(suite.cipher, nonce, own, domain.modulus)
        dialogue.ask(Tlv.of(_MAPPING, own), None)
        mapped = domain.integrated(value)
        return lambda scalar: domain.power(scalar, mapped), b""
    private = domain.private_key(random)
    public = domain.power(private, domain.generator)
    chip_key = dialogue.ask(Tlv.of(_MAPPING, public), _MAPPING + 1).require(_MAPPING + 1).value
    return domain.generic(int.from_bytes(nonce, "big"), private, chip_key), chip_key


def _agree(
    dialogue: _Dialogue, domain: Domain, multiple: Multiple, random: RandomBytes
) -> tuple[bytes, bytes, bytes]:
    """Step 3 on the mapped generator: our public key, the chip's, and the shared secret."""
    private = domain.private_key(random)
    own = multiple(private)
    other = dialogue.ask(Tlv.of(_AGREEMENT, own), _AGREEMENT + 1).require(_AGREEMENT + 1).value
    if same_element(own, other):
        raise SecureMessagingError("chip sent our own PACE key back")
    return own, other, domain.secret(private, other)


def _exchange_tokens(dialogue: _Dialogue, suite: Suite, mac: bytes, own: bytes, other: bytes) -> Tlv:
    """Step 4: each side MACs the other's public key; the whole answer of the chip."""
    answer = dialogue.ask(Tlv.of(_TOKEN, _token(suite, mac, other)), _TOKEN + 1, last=True)
    if not hmac.compare_digest(_token(suite, mac, own), answer.require(_TOKEN + 1).value):
        raise SecureMessagingError("chip does not prove that it knows the PACE password")
    return answer


def _token(suite: Suite, mac: bytes, public: bytes) -> bytes:
    """MAC over the public key data object (Doc 9303-11 sections 4.4.3.4, 9.4)."""
    content = Tlv.of(_PUBLIC_KEY, [oid_der(suite.oid), Tlv.of(_ELEMENT_TAGS[suite.domain.kind], public)])
    return mac8(suite.cipher, mac, pad(content, 8) if suite.cipher is Cipher.TDES else content)


def _chip_data(cipher: Cipher, key: bytes, answer: Tlv) -> bytes:
    """CA_IC out of object 8A, empty if it is missing or no padded cryptogram (section 4.4.3.5)."""
    encrypted = answer.child(_CHIP_DATA)
    if encrypted is None:
        return b""
    iv = encrypt_block(cipher, key, b"\xff" * cipher.block_size)  # counter -1
    try:
        return unpad(decrypt_cbc(cipher, key, iv, encrypted.value))
    except MalformedData:
        return b""
