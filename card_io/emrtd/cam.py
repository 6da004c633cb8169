"""What chip authentication mapping proves (Doc 9303-11 section 4.4.3.3.3, 4.4.3.5).

Owns the one equation: CA_IC times the chip's key in EF.CardSecurity is the mapping key it used in PACE. That
the equation holds says nothing about the document before passive authentication vouches for EF.CardSecurity:
that is judged elsewhere, and until then nothing here counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from card_io.emrtd.domain_parameters import parse_public_key
from card_io.emrtd.pace import ChipMapping
from card_io.errors import MalformedCardData, ProtocolUnsupported
from card_io.lds.security_infos import SecurityInfos
from crypto.cms import SignedData
from crypto.domains import same_element
from crypto.errors import CryptoError
from crypto.trust import Outcome

SECURITY_OBJECT = "0.4.0.127.0.7.3.2.1"
"""id-SecurityObject, the content type of EF.CardSecurity (Doc 9303-11 section 9.2.11)."""


@dataclass(frozen=True)
class ChipAuthenticationMappingResult:
    """How chip authentication mapping ended.

    `outcome` is about the equation alone: successful, failed, or undetermined without a key to check with.
    It counts as proof only after passive authentication of `card_security`, whole as read (None: not
    read). `public_key` is the key that fitted; `chip_data` and `mapping_key` are the evidence.
    """

    protocol: str
    outcome: Outcome
    detail: str = ""
    card_security: bytes | None = field(default=None, repr=False)
    public_key: bytes = field(default=b"", repr=False)
    chip_data: bytes = field(default=b"", repr=False)
    mapping_key: bytes = field(default=b"", repr=False)


def verify_chip_mapping(mapping: ChipMapping, card_security: bytes | None) -> ChipAuthenticationMappingResult:
    """Check the equation with the keys of EF.CardSecurity; never raises for what the chip says.

    Failed: no readable CA_IC, or it fits no key of the group. Undetermined: no file, or no key of the group.
    """
    if not mapping.data:
        return _result(mapping, card_security, Outcome.FAILED, "no chip authentication data")
    if card_security is None:
        return _result(mapping, card_security, Outcome.UNDETERMINED, "EF.CardSecurity was not read")
    try:
        keys = _chip_keys(card_security, mapping)
    except (CryptoError, MalformedCardData) as error:
        return _result(mapping, card_security, Outcome.UNDETERMINED, f"EF.CardSecurity: {error.code}")
    if not keys:
        return _result(mapping, card_security, Outcome.UNDETERMINED, "EF.CardSecurity: no key of the group")
    for key in keys:
        if _fits(mapping, key):
            return _result(mapping, card_security, Outcome.SUCCESSFUL, "", key)
    return _result(mapping, card_security, Outcome.FAILED, "mapping key is not the chip's")


def same_chip(
    former: ChipAuthenticationMappingResult | None, latter: ChipAuthenticationMappingResult | None
) -> ChipAuthenticationMappingResult | None:
    """What two sessions of one read prove together: a failure of either, else the proof of both.

    Undetermined when one session went without it or proved another key of the same file; failed when the
    file was another: then it was another chip.
    """
    for result in (former, latter):
        if result is not None and result.outcome is Outcome.FAILED:
            return result
    known = latter or former
    if former is None or latter is None:
        return known and replace(
            known, outcome=Outcome.UNDETERMINED, detail="a session of this read went without the proof"
        )
    if latter.outcome is Outcome.SUCCESSFUL and former.outcome is not Outcome.SUCCESSFUL:
        return former
    if latter.outcome is not Outcome.SUCCESSFUL or _evidence_of(former) == _evidence_of(latter):
        return latter
    swapped = former.card_security != latter.card_security
    outcome = Outcome.FAILED if swapped else Outcome.UNDETERMINED
    return replace(latter, outcome=outcome, detail="sessions of this read proved different keys")


def _evidence_of(result: ChipAuthenticationMappingResult) -> tuple[bytes, bytes | None]:
    return result.public_key, result.card_security


def security_infos(card_security: bytes) -> SecurityInfos:
    """The security infos that EF.CardSecurity signs, its signature unchecked.

    MalformedData or MalformedCardData if it is no such file.
    """
    signed = SignedData.parse(card_security)
    if signed.content_type != SECURITY_OBJECT:
        raise MalformedCardData(f"EF.CardSecurity signs content of type {signed.content_type}")
    return SecurityInfos.parse(signed.content)


def _chip_keys(card_security: bytes, mapping: ChipMapping) -> list[bytes]:
    """The chip's public keys in the group of the mapping."""
    keys = []
    for info in security_infos(card_security).chip_authentication_keys:
        try:
            domain, element = parse_public_key(info.public_key)
        except ProtocolUnsupported:
            continue
        if domain.name == mapping.domain.name:
            keys.append(element)
    return keys


def _fits(mapping: ChipMapping, key: bytes) -> bool:
    try:
        return same_element(mapping.domain.power(int.from_bytes(mapping.data, "big"), key), mapping.public)
    except CryptoError:
        return False


def _result(
    mapping: ChipMapping, card_security: bytes | None, outcome: Outcome, detail: str, key: bytes = b""
) -> ChipAuthenticationMappingResult:
    return ChipAuthenticationMappingResult(
        mapping.protocol, outcome, detail, card_security, key, mapping.data, mapping.public
    )
