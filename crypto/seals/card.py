"""What the seal of our card says: the profile "migrant-card" in plain values (docs/protocols/seal.md)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from crypto.errors import MalformedData
from crypto.seals import profiles
from crypto.seals.c40 import decode_c40, decode_date, encode_c40, encode_date
from crypto.seals.structure import Seal


@dataclass(frozen=True)
class CardSeal:
    """The features as values. `chip` is the start of the SHA-256 of EF.SOD, b"" where it is left out."""

    mrz_lines: tuple[str, ...]
    passport_number: str
    stay_until: date | None
    category: str
    post: str
    chip: bytes = b""


def card_seal(
    mrz_lines: Sequence[str], passport_number: str, stay_until: date, category: str, post: str, sod: bytes
) -> CardSeal:
    """The values as the seal can say them; `sod` is the whole EF.SOD or b""."""
    chip = hashlib.sha256(sod).digest()[: profiles.CHIP_BYTES] if sod else b""
    number = passport_number.replace("<", "").upper()
    return CardSeal(tuple(mrz_lines), number, stay_until, category, _cut(post), chip)


def card_features(values: CardSeal) -> tuple[tuple[int, bytes], ...]:
    """The message zone; MalformedData for a value that the profile cannot hold."""
    features = [
        (profiles.MRZ, encode_c40("".join(values.mrz_lines))),
        (profiles.PASSPORT, encode_c40(values.passport_number)),
        (profiles.STAY_UNTIL, encode_date(values.stay_until)),
        (profiles.CATEGORY, encode_c40(values.category.replace("_", " "))),
        (profiles.POST, values.post.encode()),
    ]
    if values.chip:
        features.append((profiles.CHIP, values.chip))
    for tag, value in features:
        rule = profiles.PROFILES[(profiles.CARD_DEFINITION, profiles.CARD_CATEGORY)].rules[tag]
        if not rule.least <= len(value) <= rule.most:
            raise MalformedData(f"seal: {rule.name} of {len(value)} bytes")
    return tuple(features)


def read_card_seal(seal: Seal) -> CardSeal:
    """The values of a seal of our profile; MalformedData for another or a broken one."""
    if (seal.header.definition, seal.header.category) != (profiles.CARD_DEFINITION, profiles.CARD_CATEGORY):
        raise MalformedData("seal: not of the card's profile")
    profiles.describe(seal)  # every rule of the profile
    values = dict(seal.features)
    return CardSeal(
        profiles.mrz_lines(seal),
        decode_c40(values[profiles.PASSPORT]),
        decode_date(values[profiles.STAY_UNTIL]),
        decode_c40(values[profiles.CATEGORY]).replace(" ", "_"),
        values[profiles.POST].decode(),
        values.get(profiles.CHIP, b""),
    )


def _cut(text: str) -> str:
    """As many whole characters as the feature holds."""
    return text.encode()[: profiles.POST_BYTES].decode("utf-8", "ignore")
