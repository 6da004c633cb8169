"""Chip Authentication version 1: a key agreement with the static key of DG14 (Doc 9303-11 section 6.2, BSI
TR-03110-3 sections A.4, B.2).

Owns the choice among what DG14 offers, both command forms (MSE:Set KAT; MSE:Set AT with GENERAL
AUTHENTICATE) and the change of session keys. The chip proves its key by the first answer under the new keys:
until then a result is only a promise, and it says nothing about the document before passive authentication
binds DG14, which is judged in `card_io.emrtd.report` alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

from card_io.apdu import CHAINED, MAX_SHORT, SW, Command, Ins, Link, Response
from card_io.emrtd.key_agreement import AgreementKey, load_agreement_key
from card_io.errors import MalformedCardData, ProtocolUnsupported
from card_io.lds.security_infos import (
    ID_CHIP_AUTHENTICATION,
    ID_PUBLIC_KEY,
    ChipAuthenticationPublicKey,
    SecurityInfos,
    oid_der,
    parse_dg14,
)
from card_io.secure_messaging import SecureMessaging
from card_io.tlv import Tlv
from crypto.primitives import COUNTER_ENCRYPTION, COUNTER_MAC, Cipher, RandomBytes, kdf
from crypto.trust import Outcome

_CIPHERS = {1: Cipher.TDES, 2: Cipher.AES128, 3: Cipher.AES192, 4: Cipher.AES256}
_DH, _ECDH = 1, 2
_KINDS = {_DH: "DH", _ECDH: "ECDH"}
_OID, _KEY_ID, _EPHEMERAL, _DYNAMIC, _KAT_KEY = 0x80, 0x84, 0x80, 0x7C, 0x91
_COMPUTE_AGREE = 0x41  # P1 of MSE:Set for chip authentication (TR-03110-3 B.11.1)
_SET_AT, _SET_KAT = 0xA4, 0xA6
_NO_EXTENDED = (SW.WRONG_LENGTH, SW.INSTRUCTION_NOT_SUPPORTED, SW.CLASS_NOT_SUPPORTED)
_CHAIN = 0xC0  # bytes of a link of a chain that still fit a protected short command


class Form(StrEnum):
    """The two ways to hand over the terminal's key."""

    AUTHENTICATE = "MSE:Set AT, GENERAL AUTHENTICATE"
    KEY_AGREEMENT = "MSE:Set KAT"


@dataclass(frozen=True)
class Offer:
    """One protocol the chip offers: its key, cipher and key identifier (None: not stated).

    `oid` is "" when DG14 holds a key without a protocol, as older chips do: 3DES by MSE:Set KAT then.
    """

    key: AgreementKey = field(repr=False)
    cipher: Cipher
    key_id: int | None
    oid: str = ""

    @property
    def name(self) -> str:
        """For instance CA-ECDH-AES-128."""
        return f"CA-{self.key.kind}-{self.cipher.label}"

    @property
    def forms(self) -> tuple[Form, ...]:
        """The command forms to try, in order; only 3DES has both (TR-03110-3 B.2)."""
        if not self.oid:
            return (Form.KEY_AGREEMENT,)
        both = self.cipher is Cipher.TDES
        return (Form.AUTHENTICATE, Form.KEY_AGREEMENT) if both else (Form.AUTHENTICATE,)


@dataclass(frozen=True)
class ChipAuthenticationResult:
    """How the protocol ended: successful, failed, or undetermined with keys this version cannot use.

    `form` is the command form, `terminal_key` our ephemeral public key, `parameters` the curve or group:
    the evidence, as no signature is left behind.
    """

    protocol: str
    outcome: Outcome
    detail: str = ""
    parameters: str = ""
    form: str = ""
    key_id: int | None = None
    terminal_key: bytes = field(default=b"", repr=False)


def offers(dg14: bytes) -> tuple[Offer, ...]:
    """What DG14 offers and this terminal can do, AES before 3DES, else in the order of DG14.

    Raises MalformedCardData; ProtocolUnsupported when there are offers, but none that can be used.
    """
    infos = parse_dg14(dg14)
    found: list[Offer] = []
    problem: ProtocolUnsupported | MalformedCardData | None = None
    for public in infos.chip_authentication_keys:
        try:
            found += _offers_of(public, infos)
        except (ProtocolUnsupported, MalformedCardData) as error:
            problem = error
    if not found and (problem is not None or infos.chip_authentication):
        raise problem or ProtocolUnsupported("DG14 names chip authentication, but holds no key for it")
    return tuple(sorted(found, key=lambda offer: offer.cipher is Cipher.TDES))


def chip_authentication(
    link: Link, offer: Offer, random: RandomBytes, form: Form | None = None
) -> tuple[Link, ChipAuthenticationResult]:
    """Agree on new session keys; the link to go on with: under new keys if the result is successful.

    `form` forces a command form. A refusal is a failed result, the old keys stay then. Raises only what the
    link raises: CardRemoved, CardSilent, SecureMessagingError.
    """
    private, public = offer.key.ephemeral(random)
    result = ChipAuthenticationResult(
        offer.name, Outcome.SUCCESSFUL, "", offer.key.parameters, "", offer.key_id, public
    )
    refused = 0
    for tried in (form,) if form else offer.forms:
        result = replace(result, form=str(tried))
        refused = _hand_over(link, offer, tried, public)
        if not refused:
            return _new_session(link, offer, offer.key.agree(private)), result
    return link, replace(result, outcome=Outcome.FAILED, detail=f"chip refused with {refused:04X}")


def _offers_of(public: ChipAuthenticationPublicKey, infos: SecurityInfos) -> Iterator[Offer]:
    """One offer for every protocol that fits the key by kind and identifier; 3DES if there is none."""
    kind = int(public.oid.removeprefix(f"{ID_PUBLIC_KEY}.").split(".")[0])
    key = load_agreement_key(public.public_key)
    if key.kind != _KINDS.get(kind):
        raise MalformedCardData("a chip authentication key of another kind than its info says")
    protocols = [info for info in infos.chip_authentication if _protocol(info.oid)[0] == kind]
    ids = {info.key_id for info in protocols}
    matching = [info for info in protocols if info.key_id == public.key_id or len(ids) == 1]
    for info in matching:
        cipher = _CIPHERS.get(_protocol(info.oid)[1])
        if cipher is not None:
            key_id = public.key_id if info.key_id is None else info.key_id
            yield Offer(key, cipher, key_id, info.oid)
    if not infos.chip_authentication:
        yield Offer(key, Cipher.TDES, public.key_id)


def _protocol(oid: str) -> tuple[int, int]:
    """Kind (1 DH, 2 ECDH) and cipher number of a chip authentication OID, zeros for others."""
    arcs = oid.removeprefix(f"{ID_CHIP_AUTHENTICATION}.").split(".")
    return (int(arcs[0]), int(arcs[1])) if len(arcs) == 2 else (0, 0)


def _hand_over(link: Link, offer: Offer, form: Form, public: bytes) -> int:
    """Send our public key; the status word of a refusal, 0 if the chip took it."""
    key_id = b"" if offer.key_id is None else Tlv.of(_KEY_ID, _number(offer.key_id))
    if form is Form.KEY_AGREEMENT:
        return _refusal(_send(link, _mse(_SET_KAT, Tlv.of(_KAT_KEY, public) + key_id)))
    protocol = Tlv.of(_OID, Tlv(oid_der(offer.oid)).value)
    response = link.send(_mse(_SET_AT, protocol + key_id))
    if _refusal(response):
        return response.sw
    data = Tlv.of(_DYNAMIC, Tlv.of(_EPHEMERAL, public))
    return _refusal(_send(link, Command(0x00, Ins.GENERAL_AUTHENTICATE, 0, 0, data, 0)))


def _mse(p2: int, data: bytes) -> Command:
    return Command(0x00, Ins.MANAGE_SECURITY_ENVIRONMENT, _COMPUTE_AGREE, p2, data)


def _refusal(response: Response) -> int:
    return 0 if response.ok else response.sw


def _send(link: Link, command: Command) -> Response:
    """A long key goes out with extended length, and as a chain to a chip that does not take that."""
    response = link.send(command)
    if response.sw not in _NO_EXTENDED or len(command.data) + 32 < MAX_SHORT:
        return response
    parts = [command.data[start : start + _CHAIN] for start in range(0, len(command.data), _CHAIN)]
    for part in parts[:-1]:
        chained = replace(command, cla=command.cla | CHAINED, data=part, le=None)
        response = link.send(chained)
        if not response.ok:
            return response
    return link.send(replace(command, data=parts[-1]))


def _new_session(link: Link, offer: Offer, secret: bytes) -> SecureMessaging:
    encryption = kdf(secret, COUNTER_ENCRYPTION, offer.cipher)
    mac = kdf(secret, COUNTER_MAC, offer.cipher)
    if isinstance(link, SecureMessaging):
        return link.renewed(offer.cipher, encryption, mac)
    return SecureMessaging(link, offer.cipher, encryption, mac)


def _number(number: int) -> bytes:
    """As in DG14: shortest form, and two's complement for issuers who forget the leading zero."""
    if number < 0:
        return number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")
