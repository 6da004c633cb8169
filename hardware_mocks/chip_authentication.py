"""Chip Authentication version 1, chip side, and the chip's static keys.

Doc 9303-11 §6.2 (protocol, MSE:Set KAT, MSE:Set AT and GENERAL AUTHENTICATE), §9.2.5 (identifiers
0.4.0.127.0.7.2.2.3.k.a). Older documents name only a public key in DG14: then
3DES is meant (TR-03110-3 A.1.1.2).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hardware_mocks.chip_access import SUITES, TDES, SecureChannel, Suite, derive_key
from hardware_mocks.chip_agreement import AGREEMENTS
from hardware_mocks.chip_apdu import SW, Refusal, objects, template, tlv

CA_ARC = bytes.fromhex("04007F0007020203")
FORMS = ("KAT", "AT")


@dataclass(frozen=True)
class ChipKey:
    """A static key pair of the chip: domain parameter id, private key, and how it may be used.

    ciphers: last arcs of the Chip Authentication identifiers (1 3DES to 4 AES-256); forms: the commands the
    chip takes. ValueError for what no chip can hold.
    """

    parameter: int
    private: int = field(repr=False)
    key_id: int | None = None
    ciphers: tuple[int, ...] = (1,)
    forms: tuple[str, ...] = FORMS

    def __post_init__(self) -> None:
        if self.parameter not in AGREEMENTS or not set(self.ciphers) <= set(SUITES):
            raise ValueError("a static key with unknown parameters or cipher")
        if type(self.private) is not int or not 1 <= self.private < AGREEMENTS[self.parameter].order:
            raise ValueError("a static key outside its group")
        if not set(self.forms) <= set(FORMS) or not (self.key_id is None or 0 <= self.key_id < 1 << 32):
            raise ValueError("a static key with unknown command form or identifier")

    @property
    def public(self) -> bytes:
        """The public key as it travels."""
        group = AGREEMENTS[self.parameter]
        return group.times(self.private, group.base)

    @property
    def protocols(self) -> tuple[bytes, ...]:
        """Chip Authentication identifiers."""
        arc = AGREEMENTS[self.parameter].oid_arc
        return tuple(CA_ARC + bytes([arc, cipher]) for cipher in self.ciphers)

    def to_mapping(self) -> dict[str, Any]:
        """For the card's image."""
        value = {"parameter": self.parameter, "private": f"{self.private:X}", "key_id": self.key_id}
        return value | {"ciphers": list(self.ciphers), "forms": list(self.forms)}

    @classmethod
    def from_mapping(cls, value: Mapping[str, Any]) -> "ChipKey":
        """The inverse of to_mapping; KeyError, TypeError or ValueError for anything else."""
        key_id = value["key_id"]
        return cls(
            int(value["parameter"]),
            int(value["private"], 16),
            None if key_id is None else int(key_id),
            tuple(int(cipher) for cipher in value["ciphers"]),
            tuple(str(form) for form in value["forms"]),
        )


def set_key_agreement(keys: Sequence[ChipKey], data: bytes) -> SecureChannel:
    """MSE:Set KAT (§6.2.4.1): 91 ephemeral public key, 84 key reference; the new session, always 3DES.

    Refusal 6A80 for a bad public key or template, 6A88 for an unknown reference.
    """
    fields = {item.tag: item.value for item in objects(data)}
    if not {0x91} <= set(fields) <= {0x91, 0x84}:
        raise Refusal(SW.WRONG_DATA)
    key = _named([key for key in keys if "KAT" in key.forms and 1 in key.ciphers], fields.get(0x84))
    return _agree(key, fields[0x91], TDES)


def set_authentication(keys: Sequence[ChipKey], data: bytes) -> tuple[ChipKey, Suite]:
    """MSE:Set AT (§6.2.4.2): 80 protocol, 84 key reference; the key and cipher chosen."""
    fields = {item.tag: item.value for item in objects(data)}
    if not {0x80} <= set(fields) <= {0x80, 0x84}:
        raise Refusal(SW.WRONG_DATA)
    fitting = [key for key in keys if "AT" in key.forms and fields[0x80] in key.protocols]
    if not fitting:
        raise Refusal(SW.WRONG_DATA)
    return _named(fitting, fields.get(0x84)), SUITES[fields[0x80][-1]]


def general_authenticate(chosen: tuple[ChipKey, Suite], data: bytes) -> tuple[bytes, SecureChannel]:
    """GENERAL AUTHENTICATE (§6.2.4.2): 80 ephemeral public key; the answer 7C00 and the new session."""
    fields = template(data, 0x7C)
    if set(fields) != {0x80}:
        raise Refusal(SW.WRONG_DATA)
    return tlv(0x7C, b""), _agree(chosen[0], fields[0x80], chosen[1])


def _named(keys: Sequence[ChipKey], reference: bytes | None) -> ChipKey:
    if reference is not None:
        keys = [key for key in keys if key.key_id == int.from_bytes(reference, "big")]
    if len(keys) != 1:
        raise Refusal(SW.REFERENCE_NOT_FOUND)
    return keys[0]


def _agree(key: ChipKey, public: bytes, suite: Suite) -> SecureChannel:
    group = AGREEMENTS[key.parameter]
    secret = group.secret(group.times(key.private, public))
    return SecureChannel(suite, derive_key(secret, 1, suite), derive_key(secret, 2, suite))
