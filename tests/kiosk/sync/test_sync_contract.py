"""What the desk writes is what the registry's contract takes: every kind, for every ending."""

import json
from dataclasses import replace
from types import ModuleType

import pytest

from kiosk.domain import cases as c
from kiosk.domain.card import CardJob
from kiosk.domain.cases import Case, DecisionOutcome
from kiosk.domain.stay import EntitlementReason
from kiosk.ports import OutboxMessage
from kiosk.workflow import outgoing
from registry.contract import KINDS, target

REPORT = {
    "groups": [
        {
            "name": "integrity",
            "outcome": "failed",
            "checks": [
                {
                    "name": "hashes",
                    "outcome": "failed",
                    "findings": [
                        {"reason": "DG_HASH_MISMATCH", "detail": "DG2"},
                        {
                            "reason": "READ_INCOMPLETE",
                            "detail": "DG2: CARD_SILENT: nothing, 5 s (deadline)",
                        },
                        {"reason": "COUNTRY_MISMATCH", "detail": "Ü/С=KZ"},
                        {"reason": "CSCA_NOT_TRUSTED", "detail": ""},
                    ],
                }
            ],
        }
    ],
    "sod_sha256": "ab" * 32,
    "data_group_sha256": {"DG1": "ab" * 32, "DG2": "cd" * 32},
}


@pytest.fixture
def case(kit: ModuleType) -> Case:
    document = kit.document(1)
    return Case(
        id="5f" * 16,
        station="KZ-LAB-01",
        operator="guard-1",
        is_test=True,
        opened_at=kit.START,
        document=document,
        inspection=c.Inspection("failed", REPORT, document, "portrait-1", True),
        entitlement=kit.entitlement(),
    )


def _fits(messages: tuple[OutboxMessage, ...]) -> list[str]:
    for message in messages:
        KINDS[message.kind].model.model_validate_json(json.dumps(message.body))
        assert target(message.kind, message.body)
    return [message.kind for message in messages]


def test_a_granted_case(kit: ModuleType, case: Case) -> None:
    declared = replace(case, declaration=kit.commits(1)[4].event.declaration)
    event = c.CaseDecided(kit.START, "guard-1", DecisionOutcome.GRANTED, "STAY_WITHIN_RULE")
    images = {"portrait-00ff": b"\xff\xd8picture", "portrait-01": b"\x00\x00\x00\x0cjP  "}
    sent = outgoing.messages(case, declared, event, images)
    assert _fits(sent) == ["enrolment", "image", "image", "crossing"]


def test_a_refused_case_with_a_misread_document(kit: ModuleType, case: Case) -> None:
    reasons = (EntitlementReason.VISA_REQUIRED,)
    nothing = replace(
        kit.entitlement(), allowed=False, reasons=reasons, until=None, rule="", category="", days=0
    )
    misread = replace(
        kit.document(1),
        issuing_state="U2B",
        number="",
        nationality="",
        birth=None,
        expiry=None,
        document_code="",
    )
    refused = replace(case, document=misread, entitlement=nothing)
    event = c.CaseDecided(kit.START, "guard-1", DecisionOutcome.REFUSED, "STAY_VISA_REQUIRED")
    assert _fits(outgoing.messages(refused, refused, event, {})) == ["enrolment"]


def test_the_cards_way(kit: ModuleType, case: Case) -> None:
    reserved = c.CardReserved(kit.START, "op-1", "job-1", kit.card(1), "portrait-1")
    job = CardJob("job-1", kit.card(1), chip_serial=kit.serial(1), sod_sha256="ab" * 32, signer_serial="0a1b")
    made = replace(case, jobs=(job,))
    blank = replace(case, jobs=(replace(job, sod_sha256="", signer_serial="", chip_serial=""),))
    spoiled = c.CardSpoiled(kit.START, "op-1", "job-1", "CARD_SILENT")
    assert _fits(outgoing.messages(case, made, reserved, {})) == ["credential_request"]
    handed = c.CardHandedOver(kit.START, "guard-1", "job-1")
    assert _fits(outgoing.messages(made, made, handed, {})) == ["credential"]
    assert _fits(outgoing.messages(made, made, spoiled, {})) == ["credential", "void_number"]
    assert _fits(outgoing.messages(blank, blank, spoiled, {})) == ["void_number"]
