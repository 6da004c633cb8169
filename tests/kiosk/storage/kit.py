"""Invented cases for the storage tests; run as a script it is the process that gets killed."""

import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crypto.vault import Vault
from kiosk.domain import cases as c
from kiosk.domain.card import CardDescription
from kiosk.domain.documents import Declaration, PageReading, Sex, TravelDocument
from kiosk.domain.stay import Entitlement, EntitlementReason
from kiosk.domain.stock import BlankState, StockMove
from kiosk.ports import Commit, OutboxMessage
from kiosk.storage import SqlStore, open_store

KEY = bytes(range(32))
START = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
ENTRY = date(2026, 11, 2)
PREFIX = "K17"


def open_at(path: Path, key: bytes = KEY) -> SqlStore:
    audit_key = Ed25519PrivateKey.from_private_bytes(b"\x05" * 32)
    return open_store(path, database_key=key, vault=Vault(b"\x07" * 32), audit_key=audit_key, station="P17")


def serial(number: int) -> str:
    return f"479000{number:08X}01"


def case_id(number: int) -> str:
    return f"case-{number:04d}"


def document(number: int) -> TravelDocument:
    return TravelDocument(
        document_code="P",
        issuing_state="UZB",
        number=f"FA{number:07d}",
        nationality="UZB",
        surname="SPECIMENOV",
        given_names="AZIZ",
        birth=date(1990, 5, 17),
        sex=Sex.MALE,
        expiry=date(2031, 5, 16),
        mrz_lines=("P<UZBSPECIMENOV<<AZIZ", "FA"),
        national_name="СПЕЦИМЕНОВ АЗИЗ",
    )


def card(number: int) -> CardDescription:
    return CardDescription(
        number=f"{PREFIX}{number:06d}",
        document_code="AR",
        issuing_state="KAZ",
        surname="SPECIMENOV",
        given_names="AZIZ",
        national_name="СПЕЦИМЕНОВ АЗИЗ",
        sex=Sex.MALE,
        birth=date(1990, 5, 17),
        nationality="UZB",
        passport_number=f"FA{number:07d}",
        category="VISA_FREE",
        entry_post="LAB POST",
        entry_date=ENTRY,
        stay_until=ENTRY + timedelta(days=29),
        valid_until=ENTRY + timedelta(days=29),
        issued_on=ENTRY,
        authority="LAB",
        can="123456",
    )


def entitlement() -> Entitlement:
    until = ENTRY + timedelta(days=29)
    reasons = (EntitlementReason.WITHIN_RULE,)
    return Entitlement(True, reasons, "VF30", "VISA_FREE", until, 30, 0, 90, 180)


def message(number: int, kind: str, depends_on: str = "") -> OutboxMessage:
    body = {"id": f"{kind}-{number}", "name": "SPECIMENOV"}
    before = f"{depends_on}-{number}" if depends_on else ""
    return OutboxMessage(f"{kind}-{number}", kind, case_id(number), body, before)


def commits(number: int) -> list[Commit]:
    """The whole life of case `number` (from 1), one commit per event."""
    case, job, chip, by = case_id(number), f"job-{number}", serial(number), "guard-1"
    at = START + timedelta(minutes=number)
    inspection = c.Inspection("successful", {"overall": "successful"}, document(number), "portrait-1", True)
    page = PageReading(document(number).mrz_lines)
    steps: list[tuple[c.Event, dict[str, object]]] = [
        (c.CaseOpened(at, by, case, "P17", True), {}),
        (c.PageRead(at, by, page, document(number)), {}),
        (c.DocumentInspected(at, by, inspection), {}),
        (c.StayAssessed(at, by, entitlement()), {}),
        (c.DeclarationTaken(at, by, Declaration("WORK", 20, "Host", "Long street 5", "+7 000")), {}),
        (
            c.CaseDecided(at, by, c.DecisionOutcome.GRANTED, "STAY_WITHIN_RULE"),
            {"outbox": (message(number, "enrolment"), message(number, "crossing", "enrolment"))},
        ),
        (
            c.CardReserved(at, by, job, card(number), "portrait-1"),
            {
                "card_number": card(number).number,
                "outbox": (message(number, "credential_request", "enrolment"),),
            },
        ),
        (
            c.BlankDrawn(at, by, job, chip),
            {"stock": (StockMove(chip, BlankState.LOADED, BlankState.IN_JOB, job),)},
        ),
        (c.CardStep(at, by, job, "write:DG1", "begin", "SPECIMENOV"), {}),
        (c.CardStep(at, by, job, "write:DG1", "done"), {}),
        (c.CardPersonalised(at, by, job, "ab" * 32, "01"), {}),
        (c.PrintRequested(at, by, job, f"print-{number}"), {}),
        (c.PrintAccepted(at, by, job, "17"), {}),
        (c.CardPrinted(at, by, job), {}),
        (c.CardChecked(at, by, job, "successful"), {}),
        (
            c.CardHandedOver(at, by, job),
            {
                "stock": (StockMove(chip, BlankState.IN_JOB, BlankState.ISSUED, job),),
                "outbox": (message(number, "credential", "credential_request"),),
            },
        ),
    ]
    return [Commit(case, place, event, **rest) for place, (event, rest) in enumerate(steps)]  # type: ignore[arg-type]


def run_case(store: SqlStore, number: int, *, until: type[c.Event] = c.CardHandedOver) -> None:
    """Append the case's commits up to and with the first event of type `until`."""
    for commit in commits(number):
        store.append(commit)
        if isinstance(commit.event, until):
            return


def write_for_ever(path: Path) -> None:
    """Go on where the file stands, telling every commit that returned, until killed."""
    store = open_at(path)
    number = 0
    while True:
        number += 1
        known = {row.case_id for row in store.cases()}
        done = len(store.events(case_id(number))) if case_id(number) in known else 0
        store.receive_blanks([serial(number)], box="box-1", actor="lead-1", at=START)
        for commit in commits(number)[done:]:
            store.append(commit)
            print(commit.case_id, commit.expected, flush=True)


if __name__ == "__main__":
    write_for_ever(Path(sys.argv[1]))
