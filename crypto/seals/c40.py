"""Strings in C40 and dates in three bytes (Doc 9303-13 2.3.1, 2.6)."""

from datetime import date

from crypto.errors import MalformedData

# Doc 9303-13 table 2; values 0, 1 and 2 are shifts
_LETTERS = " 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FIRST = 3
_VALUES = {letter: value for value, letter in enumerate(_LETTERS, _FIRST)}
_UNLATCH = 0xFE
DATE_BYTES = 3


def encoded_length(characters: int) -> int:
    """Bytes of a string of so many characters: two for each group of three, whole or not."""
    return 2 * -(-characters // 3)


def encode_c40(text: str) -> bytes:
    """Upper-case letters, digits, space; `<` becomes a space. MalformedData for anything else."""
    plain = text.replace("<", " ")
    try:
        values = [_VALUES[letter] for letter in plain]
    except KeyError as error:
        raise MalformedData("C40: a character outside A-Z, 0-9, space and <") from error
    data = bytearray()
    for start in range(0, len(values), 3):
        group = values[start : start + 3]
        if len(group) == 1:
            data += bytes((_UNLATCH, ord(plain[start]) + 1))
        else:
            first, second, third = (*group, 0)[:3]
            data += (1600 * first + 40 * second + third + 1).to_bytes(2, "big")
    return bytes(data)


def decode_c40(data: bytes) -> str:
    """The text with spaces (restore `<` for an MRZ); MalformedData when it is no C40 of ours."""
    if len(data) % 2:
        raise MalformedData("C40: odd number of bytes")
    pieces = [_group(data[at : at + 2], last=at + 2 == len(data)) for at in range(0, len(data), 2)]
    return "".join(pieces)


def _group(pair: bytes, *, last: bool) -> str:
    if pair[0] == _UNLATCH:
        letter = chr(pair[1] - 1) if pair[1] else ""
        if not last or letter not in _VALUES:
            raise MalformedData("C40: misplaced end")
        return letter
    number = int.from_bytes(pair, "big") - 1
    values = [number // 1600, number % 1600 // 40, number % 40]
    if last and values[2] == 0:  # Doc 9303-13 2.6.3: two characters remained
        values.pop()
    if number < 0 or any(not _FIRST <= value < 40 for value in values):
        raise MalformedData("C40: a value outside the table")
    return "".join(_LETTERS[value - _FIRST] for value in values)


def encode_date(day: date | None) -> bytes:
    """The number MMDDYYYY in three bytes; three zero bytes for no date."""
    number = 0 if day is None else day.month * 1_000_000 + day.day * 10_000 + day.year
    return number.to_bytes(DATE_BYTES, "big")


def decode_date(data: bytes) -> date | None:
    """The inverse; MalformedData when there is no such day."""
    number = int.from_bytes(data, "big")
    if len(data) != DATE_BYTES:
        raise MalformedData("seal: a date has three bytes")
    if number == 0:
        return None
    try:
        return date(number % 10_000, number // 1_000_000, number // 10_000 % 100)
    except ValueError as error:
        raise MalformedData("seal: no such day") from error
