"""Invented people of all scripts, their cards with signed seals, and what print and camera do to them."""

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np

from card_io.lds.mrz import format_td1
from card_io.lds.transliteration import cyrillic_to_latin
from crypto.pki_lab import LabPki, LabSpec
from crypto.pki_lab.spec import AuthoritySpec, SignerSpec
from crypto.seals import seal_text, verify_seal
from crypto.trust import TrustStore
from hardware_mocks.portraits import Look, portrait_jpeg
from kiosk.capture.proof import PixelProof
from kiosk.domain.card import CardDescription
from kiosk.domain.documents import Sex
from kiosk.ports import Image
from kiosk.printing.press import CardPainter
from kiosk.workflow.card_data import seal_values, sign_card_seal

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LOOKS = 8  # frames a person would wait for
# fmt: off
_CYRILLIC = (
    "ҚҰРМАНҒАЛИЕВА",
    "ӘБДІҒАЛИҚЫЗЫ",
    "ЩЕРБАКОВ-ЮЖНЫЙ",
    "ТУРСУНОВ",
    "РАҲМОНЗОДА",
    "ЖҮСІПБЕК",
    "ЁЛКИНА",
    "ЇЖАК",
)
_LATIN = (
    "O'CONNOR",
    "GARCÍA MÁRQUEZ",
    "STRAẞE",
    "ŁUKASZEWICZ",
    "NGUYỄN",
    "ØSTERGÅRD",
    "O‘G‘LI",
    "D'ALMEIDA-SÁ",
)
_OTHER = (
    ("张伟丽", "ZHANG WEILI"),
    ("محمد عبدالرحمن", "MUHAMMAD ABDURRAHMAN"),
    ("김민준", "KIM MINJUN"),
    ("გიორგი", "GIORGI"),
)
_LONG = (
    "WOLFESCHLEGELSTEINHAUSENBERGERDORFF",
    "PAPANDROPOULOUS CHRISTODOULOPOULOS",
    "ABDURRAHMONJON BOBOMURODOVICH",
)
# fmt: on
_STATES = ("UZB", "KGZ", "TJK", "CHN", "RUS", "TUR", "D", "GBR", "IND", "VNM", "XXA", "UNO")
_POSTS = ("Korday", "Қорғас", "Жібек жолы", "Khorgos International Checkpoint", "B. Konysbayev")
_CATEGORIES = ("VISA_FREE", "EAEU")


@dataclass(frozen=True)
class Person:
    """A card's description and the text of its seal."""

    card: CardDescription
    text: str
    sod: bytes


def lab(folder: Path) -> LabPki:
    """A small lab PKI with a seal signer."""
    spec = LabSpec((AuthoritySpec("KZ"),), (SignerSpec.seal("KZ"),))
    return LabPki.create(folder, now=NOW, seed="people", spec=spec)


def trust(pki: LabPki) -> TrustStore:
    return TrustStore.from_directory(pki.trust_directory, loaded_at=NOW)


def person(number: int, pki: LabPki) -> Person:
    """The same number, the same person."""
    dice = random.Random(f"person/{number}")
    national, surname, given = _names(dice)
    birth = None if dice.random() < 0.15 else date(1930, 1, 1) + timedelta(days=dice.randrange(34_000))
    until = date(2026, 11, 24) + timedelta(days=dice.randrange(360))
    state = dice.choice(_STATES)
    card_number = f"L{dice.randrange(100):02}{dice.randrange(1, 10**6):06}"
    sex = dice.choice(tuple(Sex))
    lines = format_td1(
        document_code="AR",
        issuer="KAZ",
        document_number=card_number,
        birth=birth.strftime("%y%m%d") if birth else "<<<<<<",
        sex=sex.value,
        expiry=until.strftime("%y%m%d"),
        nationality=state,
        surname=surname,
        given_names=given,
    )
    passport = "".join(dice.choices("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", k=dice.choice((6, 8, 9, 9, 12))))
    card = CardDescription(
        number=card_number,
        document_code="AR",
        issuing_state="KAZ",
        surname=surname,
        given_names=given,
        national_name=national,
        sex=sex,
        birth=birth,
        nationality=state,
        passport_number=passport,
        category=dice.choice(_CATEGORIES),
        entry_post=dice.choice(_POSTS),
        entry_date=NOW.date(),
        stay_until=until,
        valid_until=until,
        issued_on=NOW.date(),
        authority="BORDER SERVICE (LAB)",
        can=f"{dice.randrange(10**6):06}",
        mrz_lines=lines,
        iin=f"{dice.randrange(10**12):012}" if dice.random() < 0.3 else "",
        specimen=dice.random() < 0.8,
    )
    sod = dice.randbytes(64)
    return Person(card, seal_text(sign_card_seal(card, sod, pki.signer("KZ", "seal"), NOW)), sod)


def _names(dice: random.Random) -> tuple[str, str, str]:
    """National spelling, surname and given names; one name only for some."""
    kind = dice.randrange(5)
    if kind == 0:
        family, first = dice.choice(_CYRILLIC), dice.choice(_CYRILLIC)
        latin = [cyrillic_to_latin(word, "kk").upper() for word in (family, first)]
        return f"{family}, {first}", latin[0], latin[1] if dice.random() < 0.8 else ""
    if kind == 1:
        return "", dice.choice(_LATIN), dice.choice(_LATIN)
    if kind == 2:
        national, latin_name = dice.choice(_OTHER)
        surname, _, given = latin_name.partition(" ")
        return national, surname, given
    if kind == 3:
        return "", dice.choice(_LONG), dice.choice(_LONG)
    return "", dice.choice(("SUKARNO", "X", "LI")), ""


_PORTRAIT = portrait_jpeg(Look(seed="campaign", sex=Sex.FEMALE, age=30))


def printed(someone: Person, dpi: int = 300) -> Image:
    """The back as drawn, RGB."""
    return CardPainter(dpi).render(someone.card, _PORTRAIT, someone.text).back


def photographed(back: Image, seed: str) -> Image:
    """A dye-sublimation print in a camera's picture, BGR: ink spreads, black is grey, the card lies askew."""
    rng = np.random.default_rng([*seed.encode()])
    ink = cv2.GaussianBlur(cv2.cvtColor(back, cv2.COLOR_RGB2BGR), (0, 0), rng.uniform(0.5, 1.1))
    rows = rng.normal(0, 3.0, (back.shape[0], 1, 1))  # the head's bands
    faded = ink * rng.uniform(0.72, 0.9) + rng.uniform(14, 34) + rows
    width, height = 1280, 960
    scale = rng.uniform(8.2, 9.2) / (back.shape[1] / 85.6)
    turn = cv2.getRotationMatrix2D((back.shape[1] / 2, back.shape[0] / 2), rng.uniform(-3, 3), scale)
    turn[:, 2] += np.array([width - back.shape[1], height - back.shape[0]]) / 2 + rng.uniform(-20, 20, 2)
    desk = (52, 58, 64)
    frame = cv2.warpAffine(
        faded.clip(0, 255).astype(np.uint8), turn, (width, height), flags=cv2.INTER_AREA, borderValue=desk
    )
    frame = cv2.GaussianBlur(frame, (0, 0), rng.uniform(0.4, 0.7))
    noisy = (frame + rng.normal(0, 2.5, frame.shape)).clip(0, 255).astype(np.uint8)
    data = cv2.imencode(".jpg", noisy, (cv2.IMWRITE_JPEG_QUALITY, 88))[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


class Camera:
    """Reads a print as the final check does: frame after frame until zone and symbol are there."""

    def __init__(self) -> None:
        self.proof = PixelProof()

    def read(self, back: Image, seed: str) -> tuple[tuple[str, ...], str]:
        lines, text = (), ""
        for look in range(LOOKS):
            frame = photographed(back, f"{seed}/{look}")
            text = text or self.proof.read_symbol(frame)
            lines = lines or self.proof.read_zone(frame)
            if lines and text:
                break
        return lines, text


def problem(someone: Person, store: TrustStore, read: tuple[tuple[str, ...], str]) -> str:
    """What did not come back exactly, "" when all did."""
    from crypto.seals import parse_seal, read_card_seal, seal_bytes

    lines, text = read
    if text != someone.text:
        return "seal not read" if not text else "seal altered"
    data = seal_bytes(text)
    if not verify_seal(data, store, now=NOW).valid:
        return "seal not valid"
    if read_card_seal(parse_seal(data)) != seal_values(someone.card, someone.sod):
        return "seal says something else"
    if lines != someone.card.mrz_lines:
        return "zone not read" if not lines else "zone misread"
    return ""
