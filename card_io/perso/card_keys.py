"""Secrets that open a personalised card: the password of the MRZ and the card access number (Doc 9303-11
9.7).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

RandomBytes = Callable[[int], bytes]

CAN_DIGITS: Final = 6  # Doc 9303-5 section 3.2.3
_CANS: Final = 10**CAN_DIGITS
_DRAWN_BYTES: Final = 3
_USABLE: Final = (1 << 8 * _DRAWN_BYTES) // _CANS * _CANS  # draws from here on would favour low numbers
_MAX_DRAWS: Final = 200  # a sound source needs a second draw in 1 of 22 cases


def mrz_password(mrz_information: bytes) -> bytes:
    """K of the MRZ: all 20 bytes of SHA-1 for PACE, of which BAC takes the first 16 (TR-03110-3 A.2.3)."""
    return hashlib.sha1(mrz_information, usedforsecurity=False).digest()


def new_can(random: RandomBytes) -> str:
    """Six random digits, every number equally likely; ValueError if `random` is stuck."""
    for _ in range(_MAX_DRAWS):
        drawn = int.from_bytes(random(_DRAWN_BYTES), "big")
        if drawn < _USABLE:
            return f"{drawn % _CANS:0{CAN_DIGITS}d}"
    raise ValueError("the random source repeats itself")


def is_can(text: str) -> bool:
    """Whether `text` is a card access number of ours."""
    return len(text) == CAN_DIGITS and text.isascii() and text.isdecimal()
