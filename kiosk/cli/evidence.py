"""What a rehearsal leaves behind: card pictures, chip files, reports, prints, the logs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kiosk.bootstrap.kiosk import Kiosk
from kiosk.cli.rehearse import Outcome
from kiosk.domain.card import JobState
from kiosk.domain.cases import event_to_json
from kiosk.errors import KioskError
from kiosk.workflow.flow import replay

CARD_FILES = ("EF.CardAccess", "EF.COM", "EF.SOD", "DG1", "DG2", "DG11", "DG12", "DG13", "DG14", "DG15")


def write_evidence(kiosk: Kiosk, outcomes: list[Outcome], target: Path, summary: Mapping[str, Any]) -> None:
    """Write everything below `target`; existing files of the same names are replaced."""
    for outcome in outcomes:
        if outcome.case_id:
            _write_traveller(kiosk, outcome, target / f"traveller-{outcome.number:02}")
    _write_json(target / "summary.json", summary)
    lines = [
        json.dumps(
            {
                "sequence": entry.sequence,
                "at": entry.at.isoformat(),
                "station": entry.station,
                "actor": entry.actor,
                "action": entry.action,
                "case_id": entry.case_id,
                "details": dict(entry.details),
                "previous": entry.previous,
                "hash": entry.hash,
                "signature": entry.signature,
            },
            ensure_ascii=False,
        )
        for entry in kiosk.store.audit_entries()
    ]
    (target / "audit.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_traveller(kiosk: Kiosk, outcome: Outcome, place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    events = kiosk.store.events(outcome.case_id)
    log = "\n".join(json.dumps(event_to_json(event), ensure_ascii=False) for event in events)
    (place / "case.jsonl").write_text(log + "\n", encoding="utf-8")
    case = replay(events)
    if case.inspection is not None:
        _write_json(place / "inspection.json", case.inspection.report)
    for name, image_id in _pictures(case):
        (place / name).write_bytes(kiosk.store.image(image_id))
    job = case.job
    if job is None or not job.sod_sha256:
        return
    card = place / "card"
    card.mkdir(exist_ok=True)
    if outcome.faces is not None:
        (card / "front.png").write_bytes(outcome.faces.front_png)
        (card / "back.png").write_bytes(outcome.faces.back_png)
    _write_files(kiosk, job.id, card)
    if job.state in (JobState.CHECKED, JobState.ACTIVE):
        report = kiosk.store.image(f"card-{job.id}-report")
        _write_json(card / "inspection.json", json.loads(report))
    _write_printed(kiosk, job.print_name, place / "printed")


def _pictures(case: Any) -> list[tuple[str, str]]:
    pictures = []
    if case.page is not None and case.page.page_image:
        pictures.append(("page.jpg", case.page.page_image))
    if case.inspection is not None and case.inspection.portrait_image:
        pictures.append(("portrait.jpg", case.inspection.portrait_image))
    return pictures


def _write_files(kiosk: Kiosk, job_id: str, card: Path) -> None:
    files = card / "files"
    files.mkdir(exist_ok=True)
    for name in CARD_FILES:
        try:
            content = kiosk.store.image(f"card-{job_id}-{name}")
        except KioskError:
            continue  # the profile does not write this file
        (files / f"{name}.bin").write_bytes(content)
        if name == "EF.SOD":
            (files / "EF.SOD.cms.der").write_bytes(_without_tag(content))


def _without_tag(ef_sod: bytes) -> bytes:
    """The CMS inside tag 77, as other tools want it."""
    first = ef_sod[1]
    return ef_sod[2 + (first & 0x7F if first & 0x80 else 0) :]


def _write_printed(kiosk: Kiosk, name: str, place: Path) -> None:
    if kiosk.desk is None:
        return
    for job in kiosk.desk.printed():
        if job.name == name:
            place.mkdir(exist_ok=True)
            (place / "document.pwg").write_bytes(job.document)
            (place / "front.png").write_bytes(job.front_png)
            (place / "back.png").write_bytes(job.back_png)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n", encoding="utf-8")
