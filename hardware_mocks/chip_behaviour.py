"""How a simulated chip differs from the standard's ideal: habits of real documents, hostility, slowness.

A Behaviour is part of the card's image. Habits come from public threads on real documents (answers to reads
past the end, refused forms of SELECT, refused Le, short reads); the hostile part is what a forger's chip
could do to a reader.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

# Forms of SELECT that a chip may answer with 6A86.
SELECT_FORMS = ("mf", "mf-empty", "application", "file", "fci")
LE_COMMANDS = ("select", "mse")
PAST_END = ("6B00", "6282", "6A86", "6700", "9000")
WRONG_PASSWORD = ("6300", "6985", "6988", "63C2")
LONG_ANSWER = ("6700", "61")
AA_ENCODINGS = ("plain", "der")
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "past_end": PAST_END,
    "across_end": PAST_END,
    "refuses_select": SELECT_FORMS,
    "refuses_le": LE_COMMANDS,
    "wrong_password": WRONG_PASSWORD,
    "long_answer": LONG_ANSWER,
    "aa_encoding": AA_ENCODINGS,
}
# Commands with asymmetric work: MSE, EXTERNAL, GENERAL and INTERNAL AUTHENTICATE.
_SLOW_INSTRUCTIONS = (0x22, 0x82, 0x86, 0x88)


@dataclass(frozen=True)
class Behaviour:
    """Habits, hostility and timing of one chip; the defaults are a chip without any.

    ValueError for values outside the choices above, and for negative numbers.
    """

    # READ BINARY for more than this many octets: 6700. 0: no limit.
    read_limit: int = 0
    # False: extended length gets 6700, in plain, which ends the session.
    extended_length: bool = True
    # Whether the ATR says that extended length is understood; a chip may say so and refuse it.
    announces_extended_length: bool = True
    # False: READ BINARY with a short file identifier gets 6A86.
    short_ids: bool = True
    # False: READ BINARY with the odd instruction gets 6D00.
    odd_read: bool = True
    # A read that begins at or after the end; a read that only ends there (6282 and 9000 carry the rest).
    past_end: str = "6B00"
    across_end: str = "6282"
    refuses_select: tuple[str, ...] = ()
    # Le on these commands: 6700 (German documents).
    refuses_le: tuple[str, ...] = ()
    # MSE:Set AT without object 84: 6A87 (older Ukrainian documents).
    needs_parameter: bool = False
    # False: EXTERNAL AUTHENTICATE with Le 28 gets 6700; Le 00 is understood.
    bac_le_28: bool = True
    wrong_password: str = "6300"
    # An answer longer than Le or the message can hold: 6700, or its first part and 61xx.
    long_answer: str = "6700"
    aa_encoding: str = "plain"
    # Sends n minus the ISO/IEC 9796-2 signature where that is smaller.
    aa_complement: bool = False

    # Files ('app/0101') that never end.
    endless: tuple[str, ...] = ()
    # PACE nonces of this many octets. 0: the right ones.
    nonce_length: int = 0
    # The n-th protected answer since power-on has a wrong MAC. 0: none.
    bad_mac_at: int = 0
    # PACE ends with a wrong token of the chip.
    bad_token: bool = False
    # PACE sends the terminal's own ephemeral key back.
    reflects_key: bool = False
    # No answer from the n-th command after power-on; away at the n-th command. 0: never.
    silent_at: int = 0
    remove_at: int = 0

    # Time an answer takes: for every command, for every octet on the line, for asymmetric work.
    command_ms: float = 0.0
    octet_us: float = 0.0
    crypto_ms: float = 0.0

    def __post_init__(self) -> None:
        for item in fields(self):
            _check(item.name, getattr(self, item.name), item.default)

    def seconds(self, apdu: bytes, answer: bytes) -> float:
        """How long this chip takes for the command."""
        total = self.command_ms / 1e3 + self.octet_us * (len(apdu) + len(answer)) / 1e6
        return total + (self.crypto_ms / 1e3 if apdu[1:2] and apdu[1] in _SLOW_INSTRUCTIONS else 0.0)

    def to_mapping(self) -> dict[str, Any]:
        """What differs from the ideal chip, for JSON."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        changed = {item.name: values[item.name] for item in fields(self) if values[item.name] != item.default}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in changed.items()}

    @classmethod
    def from_mapping(cls, value: Mapping[str, Any]) -> "Behaviour":
        """The inverse of to_mapping; ValueError or TypeError for unknown names and wrong values."""
        values: dict[str, Any] = {
            name: tuple(item) if isinstance(item, list) else item for name, item in value.items()
        }
        return cls(**values)


def _check(name: str, value: Any, default: Any) -> None:
    kinds = (int, float) if type(default) is float else (type(default),)
    if type(value) not in kinds:
        raise ValueError(f"{name}: not a {type(default).__name__}")
    words = value if isinstance(value, tuple) else (value,)
    if name in _CHOICES and not set(_CHOICES[name]).issuperset(words):
        raise ValueError(f"{name}: choose from {', '.join(_CHOICES[name])}")
    if isinstance(value, tuple) and not all(isinstance(word, str) for word in value):
        raise ValueError(f"{name}: not a list of texts")
    if isinstance(value, (int, float)) and not 0 <= value <= 1_000_000:
        raise ValueError(f"{name}: 0 to 1000000")


IDEAL = Behaviour()
