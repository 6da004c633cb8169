"""The error family of `card_io`: one exception type with a code per kind of trouble an operator can meet.

`detail` is English for logs and bug reports: it never holds personal data or secrets. The kiosk shows its own
text and advice for every code. A lifted document is `CardRemoved` and means "aborted", never "failed".
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class CardErrorCode(StrEnum):
    """Stable codes; the kiosk has a text and an advice for each."""

    CARD_DATA_MALFORMED = "CARD_DATA_MALFORMED"
    """Bytes from a chip or an MRZ do not follow their standard."""

    CARD_REMOVED = "CARD_REMOVED"
    """The document or card was lifted off the reader before the work was done."""

    CARD_SILENT = "CARD_SILENT"
    """The chip did not answer before the deadline; the connection is given up."""

    CARD_READER_UNAVAILABLE = "CARD_READER_UNAVAILABLE"
    """No smart card service, no such reader, or another program holds it."""

    CARD_STATUS_UNEXPECTED = "CARD_STATUS_UNEXPECTED"
    """The chip answered a command with a status word that ends the work."""

    CARD_ACCESS_DENIED = "CARD_ACCESS_DENIED"
    """The chip did not accept the MRZ or CAN as its key: read it again or type it."""

    CARD_PROTOCOL_UNSUPPORTED = "CARD_PROTOCOL_UNSUPPORTED"
    """The chip offers only protocols or parameters this version does not speak."""

    CARD_SECURE_MESSAGING = "CARD_SECURE_MESSAGING"
    """The protected channel broke: wrong MAC, missing object, or the session has ended."""

    CARD_FILE_MISSING = "CARD_FILE_MISSING"
    """The chip has no such file."""

    CARD_FOREIGN = "CARD_FOREIGN"
    """The card on the issuing reader is not one of our blanks."""

    CARD_LOCKED = "CARD_LOCKED"
    """The card is personalised and locked already, or terminated: it cannot be written."""

    CARD_SERIAL_UNEXPECTED = "CARD_SERIAL_UNEXPECTED"
    """The card is a blank, but not the one that was drawn for this job."""

    CARD_PERSONALISATION_FAILED = "CARD_PERSONALISATION_FAILED"
    """A write or the lock went wrong: the card may be torn and must not be handed out."""

    CARD_VERIFICATION_FAILED = "CARD_VERIFICATION_FAILED"
    """The written card did not pass the read-back check: it must not be handed out."""

    CARD_CANCELLED = "CARD_CANCELLED"
    """The operator or the program stopped the work."""


class CardError(Exception):
    """Base of all errors of `card_io`; raise a subclass."""

    default_code: ClassVar[CardErrorCode] = CardErrorCode.CARD_DATA_MALFORMED

    def __init__(self, detail: str, *, code: CardErrorCode | None = None) -> None:
        self.code: CardErrorCode = code or self.default_code
        self.detail: str = detail
        super().__init__(f"{self.code}: {detail}")


class MalformedCardData(CardError):
    """Outside bytes break their format."""

    default_code = CardErrorCode.CARD_DATA_MALFORMED


class CardRemoved(CardError):
    """The document left the reader."""

    default_code = CardErrorCode.CARD_REMOVED


class CardSilent(CardError):
    """No answer before the deadline."""

    default_code = CardErrorCode.CARD_SILENT


class ReaderUnavailable(CardError):
    """No reader, no service, or the reader is held by another program."""

    default_code = CardErrorCode.CARD_READER_UNAVAILABLE


class StatusError(CardError):
    """A status word that ends the work: `sw` as answered to the command `ins`."""

    default_code = CardErrorCode.CARD_STATUS_UNEXPECTED

    def __init__(self, sw: int, ins: int, *, code: CardErrorCode | None = None) -> None:
        self.sw = sw
        self.ins = ins
        super().__init__(f"status {sw:04X} to command {ins:02X}", code=code)


class AccessDenied(CardError):
    """The chip refused the password derived from the MRZ or the CAN.

    `tries_left` is what it said about further tries (0: blocked), None if it does not count.
    """

    default_code = CardErrorCode.CARD_ACCESS_DENIED

    def __init__(
        self, detail: str, *, code: CardErrorCode | None = None, tries_left: int | None = None
    ) -> None:
        self.tries_left = tries_left
        super().__init__(detail, code=code)


class ProtocolUnsupported(CardError):
    """The chip asks for a protocol or parameters that are not built."""

    default_code = CardErrorCode.CARD_PROTOCOL_UNSUPPORTED


class SecureMessagingError(CardError):
    """The protected channel is broken or over."""

    default_code = CardErrorCode.CARD_SECURE_MESSAGING


class FileMissing(CardError):
    """A file is not on the chip."""

    default_code = CardErrorCode.CARD_FILE_MISSING


class CardRefused(CardError):
    """The card must not be written: foreign (default), locked, or not the drawn blank (give `code`)."""

    default_code = CardErrorCode.CARD_FOREIGN


class PersonalisationFailed(CardError):
    """Writing, locking or verifying (give `code`) a card failed."""

    default_code = CardErrorCode.CARD_PERSONALISATION_FAILED


class Cancelled(CardError):
    """The cancel event was set."""

    default_code = CardErrorCode.CARD_CANCELLED
