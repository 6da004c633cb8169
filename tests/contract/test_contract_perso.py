"""One contract between the personaliser and a card of the profile "iso7816", here the simulated chip.

The personalised card is inspected through PACE with the CAN and with the MRZ and through BAC, its files
compared, its key challenged; a card torn in the middle of a command is completed by a second run.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key

from card_io.apdu import BytesLink, Command, Link, expect
from card_io.emrtd.access import AccessKey, open_access
from card_io.emrtd.reader import read_document
from card_io.errors import CardError, CardErrorCode, CardRefused, CardRemoved, PersonalisationFailed
from card_io.lds import data_groups, mrz, security_infos
from card_io.lds.face import build_dg2
from card_io.lds.index import FILES
from card_io.perso.personaliser import (
    CardState,
    PersonalisationRequest,
    PersonalisedCard,
    Personaliser,
    Progress,
    VerificationRequest,
    VerificationResult,
    card_state,
    read_serial,
)
from card_io.perso.profile import Profile
from card_io.tlv import read_header
from crypto.pki_lab import LabPki
from crypto.signer import Signer
from crypto.trust import Outcome
from hardware_mocks.chip import Card, CardImage, SeededRandom, blank_image

NOW = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)
LINES = mrz.format_td1(
    document_code="AR",
    issuer="KAZ",
    document_number="KZA000001",
    birth="900101",
    sex="F",
    expiry="271122",
    nationality="TJK",
    surname="RAHIMOVA",
    given_names="NIGORA",
)
REQUEST = PersonalisationRequest(
    job_id="job-1",
    data_groups={
        1: data_groups.build_dg1(LINES),
        2: build_dg2(b"\xff\xd8\xff" + bytes(900), 480, 640, captured=NOW),
        11: data_groups.build_dg11(data_groups.PersonalDetails(full_name=("РАҲИМОВА", "НИГОРА"))),
        13: data_groups.build_dg13(data_groups.Permit("A1", "E-1", dt.date(2026, 12, 22))),
    },
    mrz_information=mrz.parse(LINES).access_information(),
    can="314159",
)


class MemoryJournal:
    def __init__(self) -> None:
        self.entries: list[tuple[str, str, str]] = []

    def record(self, step: str, phase: str, detail: str) -> None:
        self.entries.append((step, phase, detail))


@dataclass
class Slot:
    """The card survives as its last durable image, whatever happens to a session."""

    image: CardImage = field(default_factory=lambda: blank_image(1234))
    commands: int = 0
    pull_at: int | None = None
    torn: bool = False

    @contextmanager
    def open(self) -> Iterator[Link]:
        card = Card(self.image, SeededRandom(b"contract", 0), self._persist)
        card.power_on()

        def transmit(apdu: bytes) -> bytes:
            self.commands += 1
            pulled = self.commands == self.pull_at
            answer = card.transmit(apdu, torn=pulled and self.torn)
            if pulled:
                card.power_off()
                raise CardRemoved("pulled")
            return answer

        yield BytesLink(transmit)

    def _persist(self, image: CardImage) -> None:
        self.image = image


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    directory = tmp_path_factory.mktemp("contract") / "pki"
    return LabPki.create(
        directory, now=NOW - dt.timedelta(days=1), seed="contract", countries=("KZ",)
    ).signer("KZ")


def read(link: Link, name: str) -> bytes:
    select = Command(0x00, 0xA4, 0x02, 0x0C, FILES[name].fid.to_bytes(2, "big"))
    expect(link.send(select), select)
    content = b""
    total = 8
    while len(content) < total:
        command = Command(
            0x00, 0xB0, len(content) >> 8, len(content) & 0xFF, le=min(200, total - len(content))
        )
        content += expect(link.send(command), command).data
        total = read_header(content).total
    return content


def inspect(request: VerificationRequest, key: AccessKey, *, pace: bool = True) -> VerificationResult:
    with request.open_link() as plain:
        files = {"EF.CardAccess": read(plain, "EF.CardAccess")}
        link, access = open_access(plain, key, files["EF.CardAccess"] if pace else None, request.random)
        assert access.protocol == ("PACE-ECDH-GM-AES-128" if pace else "BAC")
        for name in ("EF.COM", "EF.SOD", *(f"DG{number}" for number in request.groups)):
            files[name] = read(link, name)
        challenge = Command(0x00, 0x88, 0x00, 0x00, request.random(8), le=0)
        signature = expect(link.send(challenge), challenge).data
    key_of_chip = load_der_public_key(security_infos.parse_dg15(files["DG15"]))
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    key_of_chip.verify(encode_dss_signature(r, s), challenge.data, ec.ECDSA(hashes.SHA256()))
    return VerificationResult(True, files)


def by_can(request: VerificationRequest) -> VerificationResult:
    return inspect(request, AccessKey(can=request.can))


def personalise(
    slot: Slot,
    signer: Signer,
    request: PersonalisationRequest = REQUEST,
    journal: MemoryJournal | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> PersonalisedCard:
    personaliser = Personaliser(
        Profile.load(),
        signer,
        journal=journal or MemoryJournal(),
        random=SeededRandom(b"terminal", 0),
        now=NOW,
        on_progress=on_progress,
    )
    return personaliser.run(slot.open, request, by_can)


def test_a_blank_becomes_a_card_that_an_inspection_accepts(signer: Signer) -> None:
    slot = Slot()
    with slot.open() as link:
        serial = read_serial(link)
        assert card_state(link) is CardState.CREATION
    card = personalise(slot, signer)
    assert card.serial == serial
    again = VerificationRequest(
        slot.open, REQUEST.mrz_information, REQUEST.can, (1, 2, 11, 13, 14, 15), SeededRandom(b"x", 0), NOW
    )
    by_mrz = AccessKey(mrz_information=REQUEST.mrz_information)
    assert inspect(again, by_mrz).files == inspect(again, by_mrz, pace=False).files == card.files
    with slot.open() as link:
        document = read_document(link, by_mrz, random=SeededRandom(b"y", 0))
    assert (document.problem, dict(document.files)) == (None, card.files)
    assert document.active_authentication is not None
    assert document.active_authentication.outcome is Outcome.SUCCESSFUL
    with slot.open() as link:
        assert card_state(link) is CardState.OPERATIONAL
        assert read_serial(link) == serial


def test_a_second_run_over_the_locked_card_changes_nothing(signer: Signer) -> None:
    slot = Slot()
    first = personalise(slot, signer)
    image, journal = slot.image, MemoryJournal()
    second = personalise(slot, signer, journal=journal)
    assert (second.resumed, second.files) == (True, first.files)
    assert slot.image == image
    begun = [step for step, phase, _ in journal.entries if phase == "begin"]
    assert begun == ["identify", "prove-lock", "final-verify"]


def test_another_blank_than_the_drawn_one_is_refused(signer: Signer) -> None:
    slot = Slot()
    other = PersonalisationRequest(
        "job-2", REQUEST.data_groups, REQUEST.mrz_information, REQUEST.can, expected_serial="0" * 16
    )
    with pytest.raises(CardRefused) as caught:
        personalise(slot, signer, other)
    assert caught.value.code is CardErrorCode.CARD_SERIAL_UNEXPECTED
    assert slot.image == Slot().image


@pytest.mark.parametrize("torn", [True, False])
@pytest.mark.parametrize("phase", range(6))
def test_a_torn_card_is_completed(signer: Signer, phase: int, torn: bool) -> None:
    whole = Slot()
    personalise(whole, signer)
    for pull_at in range(1 + phase, whole.commands + 1, 18):
        slot = Slot(pull_at=pull_at, torn=torn)
        with pytest.raises(CardRemoved):
            personalise(slot, signer)
        card = personalise(slot, signer)
        assert slot.image.life_cycle == "operational"
        assert {number: card.files[f"DG{number}"] for number in REQUEST.data_groups} == REQUEST.data_groups


def refused(
    slot: Slot, signer: Signer, request: PersonalisationRequest
) -> tuple[type[CardError], CardErrorCode]:
    """How the card is refused; a locked card stays as it is, a blank is not locked."""
    before = slot.image
    with pytest.raises((CardRefused, PersonalisationFailed)) as caught:
        personalise(slot, signer, request)
    assert slot.image.life_cycle == before.life_cycle
    assert before.life_cycle == "creation" or slot.image == before
    assert "RAHIMOVA" not in str(caught.value)
    return type(caught.value), caught.value.code


def test_a_card_locked_for_someone_else(signer: Signer) -> None:
    slot = Slot()
    personalise(slot, signer)
    other_keys = replace(REQUEST, can="000000")
    assert refused(slot, signer, other_keys) == (CardRefused, CardErrorCode.CARD_LOCKED)
    lines = ("ARKAZKZA0000027<<<<<<<<<<<<<<<", *LINES[1:])
    other_holder = replace(
        REQUEST,
        data_groups={**REQUEST.data_groups, 1: data_groups.build_dg1(lines)},
        mrz_information=mrz.parse(lines).access_information(),
    )
    assert refused(slot, signer, other_holder) == (PersonalisationFailed, CardErrorCode.CARD_LOCKED)
    other_picture = replace(REQUEST, data_groups={**REQUEST.data_groups, 2: build_dg2(b"\xff\xd8\xff", 1, 1)})
    assert refused(slot, signer, other_picture)[1] is CardErrorCode.CARD_VERIFICATION_FAILED


def test_a_terminated_card_is_refused(signer: Signer) -> None:
    slot = Slot(replace(blank_image(1234), life_cycle="terminated"))
    assert refused(slot, signer, REQUEST) == (CardRefused, CardErrorCode.CARD_LOCKED)


def test_what_an_earlier_job_left_behind_is_wiped(signer: Signer) -> None:
    slot = Slot(replace(blank_image(1234), files={"app/0102": b"\x75" + b"someone else" * 500}))
    card = personalise(slot, signer)
    assert slot.image.files["app/0102"].rstrip(b"\0") == card.files["DG2"].rstrip(b"\0")


@pytest.mark.parametrize(
    ("change", "step"),
    [
        ({"files": {"app/010C": b"\x6c\x00"}}, "create-files"),  # DG12 of another job, not in this request
        ({"files": {"app/0102": bytes(100)}}, "write:DG2"),  # too small
        ({"capacity": 1500}, "create-files"),
    ],
)
def test_a_blank_that_cannot_take_the_request_fails(
    signer: Signer, change: dict[str, object], step: str
) -> None:
    journal = MemoryJournal()
    with pytest.raises(PersonalisationFailed) as caught:
        personalise(Slot(replace(blank_image(1234), **change)), signer, journal=journal)
    assert caught.value.code is CardErrorCode.CARD_PERSONALISATION_FAILED
    assert journal.entries[-1][:2] == (step, "begin")


def test_groups_that_do_not_fit_fail_before_any_file_is_made(signer: Signer) -> None:
    slot = Slot()
    for extra in ({2: build_dg2(b"\xff\xd8\xff" + bytes(33000), 1, 1)}, {7: b"\x67\x00"}):
        refused(slot, signer, replace(REQUEST, data_groups={**REQUEST.data_groups, **extra}))
    assert slot.image.files == {}
