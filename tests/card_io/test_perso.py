"""The personaliser against a small card operating system written for this test, torn at every command."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from card_io.apdu import Command, Link, Response
from card_io.errors import (
    AccessDenied,
    Cancelled,
    CardError,
    CardErrorCode,
    CardRefused,
    CardRemoved,
    PersonalisationFailed,
)
from card_io.lds import data_groups, index, mrz, security_infos
from card_io.lds.face import build_dg2
from card_io.perso.personaliser import (
    PersonalisationRequest,
    PersonalisedCard,
    Personaliser,
    VerificationRequest,
    VerificationResult,
)
from card_io.perso.profile import Profile
from card_io.tlv import Tlv, read_header
from crypto.pki_lab import LabPki
from crypto.signer import Signer
from crypto.sod import SecurityObject

NOW = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)
AID = bytes.fromhex("A0000002471001")
CPLC = bytes.fromhex("4790516847910123380061990012ABCD1234") + bytes(24)
SERIAL = "47900012ABCD1234"
PROFILE = Profile.load()
SURNAME = "KARIMOV"


def request_for(number: str = "KZA000001", picture: int = 700, **change: object) -> PersonalisationRequest:
    lines = mrz.format_td1(
        document_code="AR",
        issuer="KAZ",
        document_number=number,
        birth="900101",
        sex="M",
        expiry="271122",
        nationality="UZB",
        surname=SURNAME,
        given_names="AZIZ",
    )
    groups = {
        1: data_groups.build_dg1(lines),
        2: build_dg2(b"\xff\xd8\xff" + bytes(picture), 480, 640, captured=NOW),
        13: data_groups.build_dg13(data_groups.Permit("A1", "E-1", dt.date(2026, 12, 22))),
    }
    fields = {
        "job_id": "job-1",
        "data_groups": groups,
        "mrz_information": mrz.parse(lines).access_information(),
        "can": "271828",
        "expected_serial": SERIAL,
        **change,
    }
    return PersonalisationRequest(**fields)


@dataclass
class FakeCard:
    """ISO/IEC 7816 commands of the profile over a dictionary, with a plug to pull."""

    files: dict[str, bytearray] = field(default_factory=dict)
    objects: dict[int, bytes] = field(default_factory=dict)
    state: int = 1
    keys: int = 0
    point: bytes = b""
    serial: bytes = CPLC
    unplug_at: int | None = None  # number of the command at which the card leaves
    answer_lost: bool = True  # whether that command is carried out before
    commands: int = 0
    ignore_lock: frozenset[int] = frozenset()  # instructions that a broken card takes when locked
    spoil: Callable[[int, bytes], bytes] | None = None
    directory: str = "mf"
    current: str = ""

    def send(self, command: Command) -> Response:
        self.commands += 1
        leaving = self.commands == self.unplug_at
        if leaving and not self.answer_lost:
            raise CardRemoved("pulled")
        response = self._answer(Command.parse(command.encode()))
        if leaving:
            raise CardRemoved("pulled")
        return response

    @contextmanager
    def open(self) -> Iterator[Link]:
        self.directory, self.current = "mf", ""
        yield self

    def _answer(self, command: Command) -> Response:
        writing = command.ins in {0xE0, 0xD6, 0x46, 0xDA, 0x44} - self.ignore_lock
        if writing and self.state != 1:
            return Response(b"", 0x6985)
        handler = {
            0xA4: self._select, 0xCA: self._get_data, 0xE0: self._create, 0xD6: self._update,
            0xB0: self._read, 0x46: self._generate, 0xDA: self._put, 0x44: self._activate,
        }[command.ins]  # fmt: skip
        return handler(command, command.p1 << 8 | command.p2)

    def _select(self, command: Command, place: int) -> Response:
        self.current = ""
        if (place, command.data) == (0x000C, b"\x3f\x00"):
            self.directory = "mf"
        elif place in (0x040C, 0x0404) and command.data == AID:
            self.directory = "app"
        elif place == 0x020C:
            name = f"{self.directory}/{command.data.hex().upper()}"
            if self.state != 1 and self.directory == "app":
                return Response(b"", 0x6982)
            if name not in self.files:
                return Response(b"", 0x6A82)
            self.current = name
        else:
            return Response(b"", 0x6A82)
        fcp = Tlv.of(0x62, [Tlv.of(0x84, AID), Tlv.of(0x8A, bytes([self.state]))])
        return Response(fcp if place == 0x0404 else b"", 0x9000)

    def _get_data(self, command: Command, place: int) -> Response:
        return Response(Tlv.of(0x9F7F, self.serial), 0x9000) if place == 0x9F7F else Response(b"", 0x6A88)

    def _create(self, command: Command, place: int) -> Response:
        fcp = Tlv(command.data)
        assert (fcp.tag, fcp.require(0x82).value) == (0x62, b"\x01")
        name = f"{self.directory}/{fcp.require(0x83).value.hex().upper()}"
        size = int.from_bytes(fcp.require(0x80).value, "big")
        if name in self.files:
            return Response(b"", 0x6A89)
        self.files[name] = bytearray(size)
        return Response(b"", 0x9000)

    def _update(self, command: Command, place: int) -> Response:
        if not self.current:
            return Response(b"", 0x6986)
        content = self.files[self.current]
        if place + len(command.data) > len(content):
            return Response(b"", 0x6B00)
        content[place : place + len(command.data)] = (
            self.spoil(place, command.data) if self.spoil else command.data
        )
        return Response(b"", 0x9000)

    def _read(self, command: Command, place: int) -> Response:
        content = self.files[self.current]
        if place >= len(content):
            return Response(b"", 0x6B00)
        data = bytes(content[place : place + (command.le or 256)])
        return Response(data, 0x9000 if len(data) == command.le else 0x6282)

    def _generate(self, command: Command, place: int) -> Response:
        assert (place, command.data.hex()) == (0x8000, "ac0680010c840101")
        self.keys += 1
        public = ec.derive_private_key(1000 + self.keys, ec.SECP256R1()).public_key()
        self.point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return Response(Tlv.of(0x7F49, Tlv.of(0x86, self.point)), 0x9000)

    def _put(self, command: Command, place: int) -> Response:
        assert len(command.data) == {0x101: 20, 0x102: 6, 0x103: 1}[place]
        self.objects[place] = command.data
        return Response(b"", 0x9000)

    def _activate(self, command: Command, place: int) -> Response:
        required = {"mf/011C", "app/011E", "app/011D", "app/0101", "app/0102"}
        if not required <= set(self.files) or 0x101 not in self.objects:
            return Response(b"", 0x6985)
        self.state = 5
        return Response(b"", 0x9000)

    def read_all(self) -> dict[str, bytes]:
        """Every file up to the end of its outer object, by name."""
        names = {
            ("mf" if file.in_mf else "app") + f"/{file.fid:04X}": name for name, file in index.FILES.items()
        }
        return {
            names[path]: bytes(content[: read_header(content).total]) for path, content in self.files.items()
        }


@dataclass
class MemoryJournal:
    entries: list[tuple[str, str, str]] = field(default_factory=list)

    def record(self, step: str, phase: str, detail: str) -> None:
        self.entries.append((step, phase, detail))


@dataclass
class Desk:
    """One card and what is needed to personalise it."""

    signer: Signer
    card: FakeCard = field(default_factory=FakeCard)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    cancel: threading.Event = field(default_factory=threading.Event)
    findings: tuple[str, ...] = ()

    def verify(self, request: VerificationRequest) -> VerificationResult:
        assert self.card.state == 5
        with request.open_link():
            can = self.card.objects[0x102]
        if not hmac.compare_digest(can, request.can.encode()):
            raise AccessDenied("wrong password")
        return VerificationResult(not self.findings, self.card.read_all(), self.findings)

    def run(self, request: PersonalisationRequest | None = None) -> PersonalisedCard:
        personaliser = Personaliser(
            PROFILE,
            self.signer,
            journal=self.journal,
            random=lambda count: bytes(count),
            now=NOW,
            cancel=self.cancel,
        )
        return personaliser.run(self.card.open, request or request_for(), self.verify)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    lab: Path = tmp_path_factory.mktemp("lab") / "pki"
    return LabPki.create(lab, now=NOW - dt.timedelta(days=1), seed="perso", countries=("KZ",)).signer("KZ")


@pytest.fixture
def desk(signer: Signer) -> Desk:
    return Desk(signer)


def assert_complete(desk: Desk, issued: PersonalisedCard, request: PersonalisationRequest) -> None:
    files, card = desk.card.read_all(), desk.card
    assert card.state == 5
    assert dict(issued.files) == files
    assert issued.serial == SERIAL
    assert issued.sod == files["EF.SOD"]
    assert issued.document_signer_serial == f"{desk.signer.certificate.serial:X}"
    groups = {number: files[f"DG{number}"] for number in (*request.data_groups, 14, 15)}
    signed = SecurityObject.parse(files["EF.SOD"])
    assert dict(signed.hashes) == {n: hashlib.sha256(content).digest() for n, content in groups.items()}
    assert {number: groups[number] for number in request.data_groups} == dict(request.data_groups)
    assert index.parse_com(files["EF.COM"]).groups == set(groups)
    key = load_der_public_key(security_infos.parse_dg15(files["DG15"]))
    assert key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint) == card.point
    infos = security_infos.parse_dg14(files["DG14"])
    assert infos.pace == security_infos.SecurityInfos.parse(files["EF.CardAccess"]).pace == PROFILE.pace
    assert infos.active_authentication_hash == "sha256"
    assert card.objects[0x101] == hashlib.sha1(request.mrz_information).digest()
    assert (card.objects[0x102], card.objects[0x103]) == (request.can.encode(), b"\x03")


def test_a_blank_becomes_a_card(desk: Desk) -> None:
    request = request_for()
    issued = desk.run(request)
    assert_complete(desk, issued, request)
    assert not issued.resumed
    begun = [step for step, phase, _ in desk.journal.entries if phase == "begin"]
    assert begun == [
        "identify", "generate-key", "build", "create-files", "write:EF.CardAccess", "write:EF.COM",
        "write:DG1", "write:DG2", "write:DG13", "write:DG14", "write:DG15", "write:EF.SOD", "secrets",
        "verify", "lock",
        "prove-lock", "final-verify",
    ]  # fmt: skip
    done = [step for step, phase, _ in desk.journal.entries if phase == "done"]
    assert done == begun
    assert desk.card.keys == 1


@pytest.mark.parametrize("answer_lost", [True, False])
def test_a_card_torn_at_any_command_is_completed_by_a_second_run(signer: Signer, answer_lost: bool) -> None:
    request = request_for(picture=300)
    whole = Desk(signer)
    whole.run(request)
    for unplug_at in range(1, whole.card.commands + 1):
        desk = Desk(signer, FakeCard(unplug_at=unplug_at, answer_lost=answer_lost))
        with pytest.raises(CardRemoved):
            desk.run(request)
        locked = desk.card.state == 5
        written = bytes(desk.card.files.get("app/011D", b""))
        issued = desk.run(request)
        assert_complete(desk, issued, request)
        assert issued.resumed == locked
        if locked:
            assert bytes(desk.card.files["app/011D"]) == written


def refused(desk: Desk, request: PersonalisationRequest | None = None) -> CardError:
    before = (desk.card.state, {name: bytes(content) for name, content in desk.card.files.items()})
    with pytest.raises((CardRefused, PersonalisationFailed)) as caught:
        desk.run(request)
    assert (desk.card.state, {name: bytes(content) for name, content in desk.card.files.items()}) == before
    return caught.value


def test_cards_that_must_not_be_written(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    error = refused(desk, request_for(expected_serial="0" * 16))
    assert (type(error), error.code) == (CardRefused, CardErrorCode.CARD_SERIAL_UNEXPECTED)
    desk.card.state = 15
    assert refused(desk).code is CardErrorCode.CARD_LOCKED
    desk.card.state = 7
    assert refused(desk).code is CardErrorCode.CARD_FOREIGN
    desk.card.state, desk.card.serial = 1, CPLC[:-1]
    assert refused(desk).code is CardErrorCode.CARD_FOREIGN
    desk.card.serial = CPLC
    for answer in (Response(b"", 0x6A82), Response(b"", 0x9000), Response(b"\x62\x05\x84", 0x9000)):
        monkeypatch.setattr(desk.card, "_select", lambda *_, answer=answer: answer)
        assert refused(desk).code is CardErrorCode.CARD_FOREIGN


@pytest.mark.parametrize("place", range(14))
def test_cancelling_before_any_step_up_to_the_lock(desk: Desk, place: int) -> None:
    begun = 0

    def count(step: str, phase: str, detail: str) -> None:
        nonlocal begun
        begun += phase == "done"
        if begun == place:
            desk.cancel.set()

    desk.journal.record = count
    if place == 0:
        desk.cancel.set()
    with pytest.raises(Cancelled):
        desk.run()
    assert desk.card.state == 1
    desk.cancel.clear()
    desk.journal.record = lambda *_: None
    assert_complete(desk, desk.run(), request_for())


def test_cancelling_after_the_lock_is_too_late(desk: Desk) -> None:
    desk.journal.record = lambda step, *_: desk.cancel.set() if step == "lock" else None
    assert desk.run().serial == SERIAL


@pytest.mark.parametrize("ins", [0xD6, 0xDA])
def test_a_lock_that_does_not_hold_is_found(desk: Desk, ins: int) -> None:
    desk.card.ignore_lock = frozenset({ins})
    with pytest.raises(PersonalisationFailed) as caught:
        desk.run()
    assert "still takes" in caught.value.detail


def test_a_lock_that_is_not_there_is_found(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.card, "_activate", lambda *_: Response(b"", 0x9000))
    with pytest.raises(PersonalisationFailed, match="is locked"):
        desk.run()


def test_a_bad_write_is_found_before_the_lock(desk: Desk) -> None:
    desk.card.spoil = lambda place, data: bytes(len(data)) if place == 223 else data
    with pytest.raises(PersonalisationFailed) as caught:
        desk.run()
    assert caught.value.code is CardErrorCode.CARD_VERIFICATION_FAILED
    assert desk.card.state == 1
    assert desk.journal.entries[-1][:2] == ("verify", "begin")


def test_a_card_swapped_between_two_sessions_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    other = FakeCard(serial=CPLC[:12] + bytes(4) + CPLC[16:])
    cards = iter((desk.card, other))
    monkeypatch.setattr(desk.card, "open", lambda take=FakeCard.open: take(next(cards)))
    with pytest.raises(CardRefused) as caught:
        desk.run()
    assert caught.value.code is CardErrorCode.CARD_SERIAL_UNEXPECTED
    assert (desk.card.state, other.state) == (1, 1)


def test_findings_of_the_verifier_fail_the_card(desk: Desk) -> None:
    desk.findings = ("CHIP_NOT_AUTHENTICATED",)
    with pytest.raises(PersonalisationFailed) as caught:
        desk.run()
    assert caught.value.code is CardErrorCode.CARD_VERIFICATION_FAILED
    assert caught.value.detail == "CHIP_NOT_AUTHENTICATED"


@pytest.mark.parametrize("answer", [b"", b"\x7f\x49\x02\x86\x00", b"\x7f\x49\x00", b"\x30\x00"])
def test_a_bad_public_key_fails(desk: Desk, answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.card, "_generate", lambda *_: Response(answer, 0x9000))
    with pytest.raises(PersonalisationFailed):
        desk.run()
