"""What an event sends out: messages for the registry and moves of the stock ledger.

Pure, and sealed when the event is accepted: later corrections are later messages. Message ids are
derived from the case and its parts, so that building them again gives the same ids.
"""

import base64
import hashlib
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from kiosk.domain import cases as ev
from kiosk.domain.card import CardJob
from kiosk.domain.cases import Case, DecisionOutcome, Event
from kiosk.domain.stock import BlankState, StockMove
from kiosk.ports import OutboxMessage


def stock_moves(before: Case, event: Event) -> tuple[StockMove, ...]:
    """The blank's move that goes with `event`, given the case before it."""
    if isinstance(event, ev.BlankDrawn):
        return (StockMove(event.chip_serial, BlankState.LOADED, BlankState.IN_JOB, event.job_id),)
    job = before.job
    if job is None or not job.chip_serial:
        return ()
    if isinstance(event, ev.CardHandedOver):
        return (StockMove(job.chip_serial, BlankState.IN_JOB, BlankState.ISSUED, job.id),)
    if isinstance(event, ev.CardSpoiled):
        return (StockMove(job.chip_serial, BlankState.IN_JOB, BlankState.SPOILED, job.id, event.reason),)
    return ()


def messages(
    before: Case, after: Case, event: Event, images: Mapping[str, bytes]
) -> tuple[OutboxMessage, ...]:
    """The messages that `event` causes. `images` holds the case's portrait under its id."""
    if isinstance(event, ev.CaseDecided):
        return _decided(after, event, images)
    if isinstance(event, ev.CardReserved):
        return (_credential_request(after, event),)
    if isinstance(event, ev.CardHandedOver) and after.job is not None:
        return (_credential(after, after.job, event, "ACTIVE"),)
    if isinstance(event, ev.CardSpoiled) and before.job is not None:
        return _spoiled(after, before.job, event)
    return ()


def _decided(case: Case, event: ev.CaseDecided, images: Mapping[str, bytes]) -> tuple[OutboxMessage, ...]:
    if case.document is None or case.inspection is None or case.entitlement is None:
        return ()  # withdrawn before anything was known: nothing to enrol
    enrolment = OutboxMessage(f"enrolment-{case.id}", "enrolment", case.id, _enrolment(case, event))
    out = [enrolment]
    out += [_image(case, name, data, enrolment.id) for name, data in images.items()]
    if event.outcome is DecisionOutcome.GRANTED and case.entitlement and case.entitlement.until:
        body = {
            "crossing_id": f"crossing-{case.id}",
            "station": case.station,
            "document_key": case.document.key,
            "direction": "ENTRY",
            "on": _first_day(case.entitlement.until, case.entitlement.days).isoformat(),
            "until": case.entitlement.until.isoformat(),
            "is_test": case.is_test,
        }
        out.append(OutboxMessage(f"crossing-{case.id}", "crossing", case.id, body, enrolment.id))
    return tuple(out)


def _first_day(until: date, days: int) -> date:
    """The entry's day as the entitlement counted it, in the post's own time."""
    return until - timedelta(days=days - 1)


def _enrolment(case: Case, event: ev.CaseDecided) -> dict[str, Any]:
    document, inspection, entitlement = case.document, case.inspection, case.entitlement
    if document is None or inspection is None or entitlement is None:
        raise ValueError("a decided case has a document, an inspection and an entitlement")
    declared = case.declaration
    return {
        "enrollment_id": f"enrolment-{case.id}",
        "station": case.station,
        "person": {
            "surname": document.surname,
            "given_names": document.given_names,
            "national_name": document.national_name,
            "birth": document.birth.isoformat() if document.birth else None,
            "sex": document.sex.value,
            "nationality": document.nationality,
        },
        "document": {
            "code": document.document_code,
            "issuing_state": document.issuing_state,
            "number": document.number,
            "expiry": document.expiry.isoformat() if document.expiry else None,
            "key": document.key,
        },
        "inspection": {
            "overall": inspection.overall,
            "reasons": reasons_of(inspection.report),
            "sod_sha256": str(inspection.report.get("sod_sha256", "")),
            "data_group_sha256": dict(inspection.report.get("data_group_sha256", {})),
        },
        "decision": {
            "outcome": event.outcome.value,
            "reason": event.reason,
            "by": event.by,
            "at": event.at.isoformat(),
        },
        "entitlement": {
            "rule": entitlement.rule,
            "category": entitlement.category,
            "until": entitlement.until.isoformat() if entitlement.until else None,
            "days": entitlement.days,
            "used": entitlement.used,
            "limit": entitlement.limit,
        },
        "declaration": None
        if declared is None
        else {
            "purpose": declared.purpose,
            "days": declared.days,
            "host": declared.host,
            "address": declared.address,
            "phone": declared.phone,
            "employer": declared.employer,
        },
        "is_test": case.is_test,
    }


def reasons_of(report: Mapping[str, Any]) -> list[str]:
    """All finding codes of an inspection report, in its order and each once, the detail after a colon."""
    found = (
        f"{finding['reason']}:{finding['detail']}" if finding.get("detail") else str(finding["reason"])
        for group in report.get("groups", ())
        for check in group["checks"]
        for finding in check["findings"]
    )
    return list(dict.fromkeys(found))


def _image(case: Case, name: str, data: bytes, enrolment_id: str) -> OutboxMessage:
    digest = hashlib.sha256(data).hexdigest()
    body = {
        "buffer_id": name,
        "enrollment_id": enrolment_id,
        "kind": "portrait",
        "mime": "image/jp2" if data[:4] == b"\x00\x00\x00\x0c" else "image/jpeg",
        "sha256": digest,
        "data_base64": base64.b64encode(data).decode(),
    }
    return OutboxMessage(f"image-{name}", "image", case.id, body, enrolment_id)


def _credential_request(case: Case, event: ev.CardReserved) -> OutboxMessage:
    body = {
        "credential_request_id": f"request-{event.job_id}",
        "enrollment_id": f"enrolment-{case.id}",
        "card_number": event.card.number,
        "valid_until": event.card.valid_until.isoformat(),
        "at": event.at.isoformat(),
    }
    return OutboxMessage(
        f"request-{event.job_id}", "credential_request", case.id, body, f"enrolment-{case.id}"
    )


def _credential(case: Case, job: CardJob, event: Event, status: str) -> OutboxMessage:
    body = {
        "credential_id": f"credential-{job.id}",
        "credential_request_id": f"request-{job.id}",
        "card_number": job.card.number,
        "chip_serial": job.chip_serial,
        "sod_sha256": job.sod_sha256,
        "signer_serial": job.signer_serial,
        "status": status,
        "valid_until": job.card.valid_until.isoformat(),
        "at": event.at.isoformat(),
    }
    return OutboxMessage(f"credential-{job.id}", "credential", case.id, body, f"request-{job.id}")


def _spoiled(case: Case, job: CardJob, event: ev.CardSpoiled) -> tuple[OutboxMessage, ...]:
    void = OutboxMessage(
        f"void-{job.id}",
        "void_number",
        case.id,
        {
            "card_number": job.card.number,
            "reason": event.reason,
            "station": case.station,
            "at": event.at.isoformat(),
        },
        f"request-{job.id}",
    )
    if not job.sod_sha256:
        return (void,)
    return (_credential(case, job, event, "SPOILED"), void)
