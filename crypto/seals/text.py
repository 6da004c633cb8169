"""A seal as the text of a QR symbol: our prefix and Base45. Readers of phones alter binary payloads."""

from crypto.errors import MalformedData
from crypto.seals.base45 import decode_base45, encode_base45
from crypto.seals.structure import MAGIC

PREFIX = "KZS1:"


def seal_text(seal: bytes) -> str:
    """Text for the alphanumeric mode of a QR symbol."""
    return PREFIX + encode_base45(seal)


def seal_bytes(payload: bytes | str) -> bytes:
    """The seal in a symbol's payload: prefixed text, or the binary seal itself (Doc 9303-13 2.1).

    MalformedData when it is neither. The seal is not parsed.
    """
    if isinstance(payload, bytes) and payload[:1] == bytes((MAGIC,)):
        return payload
    try:
        text = payload if isinstance(payload, str) else payload.decode("ascii")
    except UnicodeDecodeError as error:
        raise MalformedData("no seal: neither text nor its first byte") from error
    text = text.strip("\r\n\t ") if not text.startswith(PREFIX) else text.strip("\r\n\t")
    if not text.startswith(PREFIX):
        raise MalformedData("no seal: another text")
    return decode_base45(text.removeprefix(PREFIX))
