"""Reads that are interrupted at every command and at every step: aborted, never failed, nothing lost.

A removed, silent or cancelled document says nothing about itself (BSI TR-03135-1 section 3.5).
"""

import itertools
import threading
from dataclasses import replace
from typing import Any

import pytest

from card_io.emrtd.reader import Progress, ReadStep, StepOutcome
from card_io.errors import CardErrorCode
from crypto.pki_lab import LabPki
from crypto.trust import GROUPS, Outcome, TrustStore
from hardware_mocks.chip import CardImage
from hardware_mocks.chip_plan import ActiveAuthentication, ChipAuthentication, ChipPlan, PaceOffer
from tests.card_io.chip_bench import DEADLINE, Reading, made, news, read_image

MODERN = ChipPlan(
    "modern",
    pace=(PaceOffer("GM", "AES-128", 12),),
    chip_authentication=(ChipAuthentication(("AES-128",), 12),),
    active_authentication=ActiveAuthentication(),
    groups=(1, 2, 11),
)
MAPPED = replace(MODERN, name="mapped", pace=(PaceOffer("CAM", "AES-128", 12),))
OLD = ChipPlan("old", groups=(1, 2, 11))
PLANS = pytest.mark.parametrize("plan", [MODERN, MAPPED, OLD], ids=lambda plan: plan.name)
_FINISHED = frozenset({Outcome.SUCCESSFUL, Outcome.NOT_SUPPORTED})


@pytest.fixture(scope="module")
def images(lab: LabPki) -> dict[str, CardImage]:
    return {plan.name: made(plan, lab) for plan in (MODERN, MAPPED, OLD)}


def behaving(image: CardImage, **habits: Any) -> CardImage:
    return replace(image, behaviour=replace(image.behaviour, **habits))


def check_aborted(reading: Reading, code: CardErrorCode, store: TrustStore, kept: int) -> int:
    """Aborted in every word of result and report; how many files were kept, no fewer than before."""
    result = reading.result
    assert result.aborted
    assert result.problem is not None
    assert result.problem.code is code
    assert result.steps[-1].outcome is StepOutcome.ABORTED
    assert all(step.outcome in (StepOutcome.DONE, StepOutcome.SKIPPED) for step in result.steps[:-1])
    for name, content in result.files.items():
        assert content == reading.held(name)
    report = reading.report(store)
    assert report.overall is Outcome.ABORTED
    assert report.outcome("chip_access") is Outcome.ABORTED
    assert not report.chip_is_genuine or {"DG1", "DG2", "DG14", "DG15"} <= set(result.files)
    assert {item.outcome for item in report.checks} <= {Outcome.ABORTED, *_FINISHED}
    assert news(report) <= {"READ_ABORTED", "DG_NOT_READ"}
    if "EF.SOD" not in result.files:
        assert {report.outcome(group) for group in GROUPS} == {Outcome.ABORTED}
    if "DG1" not in result.files:
        assert report.outcome("combined") is Outcome.ABORTED
    assert len(result.files) >= kept
    return len(result.files)


@PLANS
@pytest.mark.parametrize("way", ["removed", "silent"])
def test_end_at_every_command(
    plan: ChipPlan, way: str, images: dict[str, CardImage], store: TrustStore
) -> None:
    image, kept = images[plan.name], 0
    whole = read_image(plan, image)
    for number in itertools.count(1):
        habits = {"remove_at": number} if way == "removed" else {"silent_at": number}
        reading = read_image(plan, behaving(image, **habits))
        if reading.result.problem is None:
            break
        assert reading.apdus == number
        code = CardErrorCode.CARD_REMOVED if way == "removed" else CardErrorCode.CARD_SILENT
        kept = check_aborted(reading, code, store, kept)
        assert reading.waits == ([] if way == "removed" else [DEADLINE])  # waited once, and not longer
    assert number == whole.apdus + 1
    assert dict(reading.result.files) == dict(whole.result.files)
    assert whole.report(store).overall is Outcome.SUCCESSFUL


@PLANS
def test_cancelled_at_every_progress(plan: ChipPlan, images: dict[str, CardImage], store: TrustStore) -> None:
    """A read that is stopped sends no further block and tells no further progress."""
    image, kept, seen = images[plan.name], 0, set()
    for number in itertools.count(0):
        cancel = threading.Event()
        told: list[Progress] = []

        def watch(progress: Progress, n: int = number, c: threading.Event = cancel, t: Any = told) -> None:
            t.append(progress)
            if len(t) > n:
                c.set()

        reading = read_image(plan, image, cancel=cancel, on_progress=watch)
        if reading.result.problem is None:
            break
        assert len(told) == number + 1  # nothing is told after the stop
        seen.add(told[-1].phase)
        kept = check_aborted(reading, CardErrorCode.CARD_CANCELLED, store, kept)
    assert seen >= set(ReadStep) - {ReadStep.DETAILS}
    assert number > 20
