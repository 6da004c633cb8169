"""Base45 (RFC 9285): bytes as the 45 characters of a QR symbol's alphanumeric mode."""

from crypto.errors import MalformedData

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"  # RFC 9285 table 1
_VALUES = {letter: value for value, letter in enumerate(ALPHABET)}


def encode_base45(data: bytes) -> str:
    """Two bytes give three characters, a last single byte gives two (RFC 9285 4.1)."""
    text = []
    for start in range(0, len(data), 2):
        pair = data[start : start + 2]
        number = int.from_bytes(pair, "big")
        for _ in range(len(pair) + 1):
            number, rest = divmod(number, 45)
            text.append(ALPHABET[rest])
    return "".join(text)


def decode_base45(text: str) -> bytes:
    """The inverse; MalformedData for other characters, lengths and numbers (RFC 9285 4.2, 6)."""
    if len(text) % 3 == 1:
        raise MalformedData("base45: a character is missing")
    data = bytearray()
    for start in range(0, len(text), 3):
        group = text[start : start + 3]
        try:
            number = sum(_VALUES[letter] * 45**place for place, letter in enumerate(group))
            data += number.to_bytes(len(group) - 1, "big")
        except (KeyError, OverflowError) as error:
            raise MalformedData(f"base45: group {start // 3}") from error
    return bytes(data)
