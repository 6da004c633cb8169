"""Visible digital seals (Doc 9303-13): bytes, our card's profile, signing, offline verification, QR text."""

from crypto.seals.base45 import decode_base45, encode_base45
from crypto.seals.c40 import decode_c40, decode_date, encode_c40, encode_date
from crypto.seals.card import CardSeal, card_features, read_card_seal
from crypto.seals.profiles import PROFILES, Field, Profile, describe, profile_of
from crypto.seals.signing import sign_seal, signer_reference
from crypto.seals.structure import Header, Seal, parse_seal
from crypto.seals.text import PREFIX, seal_bytes, seal_text
from crypto.seals.verify import Status, SubIndication, Verdict, verify_seal

__all__ = [
    "PREFIX",
    "PROFILES",
    "CardSeal",
    "Field",
    "Header",
    "Profile",
    "Seal",
    "Status",
    "SubIndication",
    "Verdict",
    "card_features",
    "decode_base45",
    "decode_c40",
    "decode_date",
    "describe",
    "encode_base45",
    "encode_c40",
    "encode_date",
    "parse_seal",
    "profile_of",
    "read_card_seal",
    "seal_bytes",
    "seal_text",
    "sign_seal",
    "signer_reference",
    "verify_seal",
]
