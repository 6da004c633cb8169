"""The kiosk's own error family, and `Problem`: what the workflow's edge makes of every error.

Each code has a text and an advice in every language (`kiosk.messages`; a test proves it).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class ErrorCode(StrEnum):
    """Codes of the kiosk itself; libraries below have their own (`CRYPTO_…`, `CARD_…`)."""

    HOME_MISSING = "HOME_MISSING"
    HOME_EXISTS = "HOME_EXISTS"
    HOME_LOCKED = "HOME_LOCKED"
    HOME_DAMAGED = "HOME_DAMAGED"
    WORLD_REFUSED = "WORLD_REFUSED"  # a simulated device or lab key in a production home
    SETTINGS_INVALID = "SETTINGS_INVALID"
    SIGNING_NOT_SET_UP = "SIGNING_NOT_SET_UP"  # a production home without a token or service to sign with
    SPELLINGS_INVALID = "SPELLINGS_INVALID"
    SCENARIO_INVALID = "SCENARIO_INVALID"
    USAGE = "USAGE"
    DISPLAY_MISSING = "DISPLAY_MISSING"
    DEPENDENCY_MISSING = "DEPENDENCY_MISSING"
    DEVICE_UNKNOWN = "DEVICE_UNKNOWN"
    STACK_UNAVAILABLE = "STACK_UNAVAILABLE"
    SIM_CARD_IMAGE = "SIM_CARD_IMAGE"
    SIM_COMMAND_NOT_FOUND = "SIM_COMMAND_NOT_FOUND"
    CAMERA_UNAVAILABLE = "CAMERA_UNAVAILABLE"
    CAMERA_SILENT = "CAMERA_SILENT"
    IMAGE_UNREADABLE = "IMAGE_UNREADABLE"
    IMAGE_TOO_LARGE = "IMAGE_TOO_LARGE"
    MRZ_NOT_FOUND = "MRZ_NOT_FOUND"
    MRZ_INVALID = "MRZ_INVALID"
    DOCUMENT_NUMBER_DIFFERS = "DOCUMENT_NUMBER_DIFFERS"  # DG1 names another document than was asked for
    DOCUMENT_ABSENT = "DOCUMENT_ABSENT"
    BLANK_ABSENT = "BLANK_ABSENT"
    BLANK_UNKNOWN = "BLANK_UNKNOWN"
    BLANK_NOT_LOADED = "BLANK_NOT_LOADED"
    WRONG_CARD = "WRONG_CARD"
    NUMBERS_USED_UP = "NUMBERS_USED_UP"
    CASE_UNKNOWN = "CASE_UNKNOWN"
    EVENT_REFUSED = "EVENT_REFUSED"  # the event does not fit the case's stage
    EVENT_CONFLICT = "EVENT_CONFLICT"  # somebody else moved the case meanwhile
    GRANT_VERDICT_FAILED = "GRANT_VERDICT_FAILED"
    GRANT_VERDICT_UNCERTAIN = "GRANT_VERDICT_UNCERTAIN"
    GRANT_NO_STAY = "GRANT_NO_STAY"
    GRANT_NO_DECLARATION = "GRANT_NO_DECLARATION"
    GRANT_NOT_INSPECTED = "GRANT_NOT_INSPECTED"
    ROLE_NOT_ALLOWED = "ROLE_NOT_ALLOWED"
    CARD_NOT_VERIFIED = "CARD_NOT_VERIFIED"
    FINAL_CHECK_UNREADABLE = "FINAL_CHECK_UNREADABLE"
    FINAL_CHECK_DIFFERENT = "FINAL_CHECK_DIFFERENT"  # the card is spoiled already
    PRINT_MISMATCH = "PRINT_MISMATCH"
    PRINTER_UNAVAILABLE = "PRINTER_UNAVAILABLE"
    PRINTER_REFUSED = "PRINTER_REFUSED"
    PRINTER_STOPPED = "PRINTER_STOPPED"  # media, ribbon, jam, cover: waits for a person
    PRINT_ABORTED = "PRINT_ABORTED"
    STORAGE_FAILED = "STORAGE_FAILED"
    STORAGE_KEY_WRONG = "STORAGE_KEY_WRONG"
    DISK_FULL = "DISK_FULL"
    AUDIT_BROKEN = "AUDIT_BROKEN"
    REGISTRY_UNREACHABLE = "REGISTRY_UNREACHABLE"
    REGISTRY_REFUSED = "REGISTRY_REFUSED"
    REGISTRY_CONFLICT = "REGISTRY_CONFLICT"
    LANE_TIMEOUT = "LANE_TIMEOUT"
    CANCELLED = "CANCELLED"
    INTERNAL = "INTERNAL"


class KioskError(Exception):
    """An error with a code. `detail` is for the log: English, no personal data, no secrets."""

    def __init__(self, code: ErrorCode, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else str(code))
        self.code = code
        self.detail = detail


@dataclass(frozen=True)
class Problem:
    """What a person is told: a code with text and advice elsewhere, and details by allow-list."""

    code: str
    details: Mapping[str, str] = field(default_factory=dict)
    cause: str = ""
