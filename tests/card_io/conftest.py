"""A specimen passport with everything real: lab CSCA, signed groups, chip keys, on the simulated chip."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from card_io.apdu import BytesLink
from card_io.emrtd.access import AccessKey
from card_io.lds.data_groups import PersonalDetails, build_dg1, build_dg11
from card_io.lds.face import build_dg2
from card_io.lds.index import FILES, build_com
from card_io.lds.mrz import Mrz, format_td3, parse
from card_io.lds.security_infos import (
    ActiveAuthenticationInfo,
    PaceInfo,
    build_card_access,
    build_dg14,
    build_dg15,
)
from crypto.pki_lab import LabPki
from crypto.trust import TrustStore
from hardware_mocks.chip import Card, passport_image

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
PACE = PaceInfo("0.4.0.127.0.7.2.2.4.2.2", 2, 12)
AA_KEY = ec.derive_private_key(0xC0FFEE, ec.SECP256R1())
AA_SPKI = AA_KEY.public_key().public_bytes(
    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
)
LINES = format_td3(
    document_code="P",
    issuer="UZB",
    document_number="FA1234567",
    birth="900214",
    sex="M",
    expiry="310213",
    nationality="UZB",
    surname="SPECIMENOV",
    given_names="TEST",
    optional="12345678901234",
)


@dataclass(frozen=True)
class Specimen:
    """Files by name as a reader returns them, and how to put them on a chip."""

    files: dict[str, bytes]
    mrz: Mrz
    can: str = "123456"
    aa_key: ec.EllipticCurvePrivateKey | None = field(default=AA_KEY, repr=False)

    @property
    def key(self) -> AccessKey:
        return AccessKey(mrz_information=self.mrz.access_information())

    def with_files(self, **changed: bytes | None) -> "Specimen":
        """Files replaced (EF_SOD for EF.SOD) or, with None, taken off the chip."""
        names = {name.replace("EF_", "EF."): data for name, data in changed.items()}
        merged: dict[str, bytes | None] = {**self.files, **names}
        kept = {name: data for name, data in merged.items() if data is not None}
        return Specimen(kept, self.mrz, self.can, self.aa_key)

    def card(self, **options: bool) -> Card:
        """The chip, powered."""
        paths = {
            f"{'mf' if FILES[name].in_mf else 'app'}/{FILES[name].fid:04X}": data
            for name, data in self.files.items()
        }
        image = passport_image(
            paths,
            self.mrz.access_information(),
            can=self.can,
            aa_private_key=self.aa_key,
            aa_hash="sha256",
            serial=7,
            rng_seed=b"specimen",
            **options,
        )
        card = Card(image)
        card.power_on()
        return card

    def link(self, **options: bool) -> BytesLink:
        return BytesLink(self.card(**options).transmit)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> LabPki:
    folder = tmp_path_factory.mktemp("lab") / "pki"
    return LabPki.create(folder, seed="card_io", now=NOW, countries=("KZ", "UZ", "UT"))


@pytest.fixture(scope="session")
def store(lab: LabPki) -> TrustStore:
    return TrustStore.from_directory(lab.trust_directory, loaded_at=NOW)


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


MakeSpecimen = Callable[..., Specimen]


@pytest.fixture(scope="session")
def make_specimen(lab: LabPki) -> MakeSpecimen:
    """make_specimen(lines=..., face=bytes, country="UZ", dg14=..., aa=True) -> Specimen."""

    def make(
        *,
        lines: tuple[str, ...] = LINES,
        face: int = 9000,
        country: str = "UZ",
        pace: tuple[PaceInfo, ...] = (PACE,),
        aa: bool = True,
    ) -> Specimen:
        picture = b"\xff\xd8\xff" + bytes(range(256)) * (face // 256 + 1)
        groups = {1: build_dg1(lines), 2: build_dg2(picture, 300, 400)}
        groups[11] = build_dg11(PersonalDetails(profession="details" * 10))
        if pace or aa:
            groups[14] = build_dg14([*pace, *([ActiveAuthenticationInfo()] if aa else [])])
        if aa:
            groups[15] = build_dg15(AA_SPKI)
        files = {f"DG{number}": bytes(data) for number, data in groups.items()}
        files["EF.COM"] = bytes(build_com(FILES[f"DG{number}"].tag or 0 for number in groups))
        files["EF.SOD"] = lab.sign_sod(country, groups, NOW)
        if pace:
            files["EF.CardAccess"] = bytes(build_card_access(pace))
        return Specimen(files, parse(lines), aa_key=AA_KEY if aa else None)

    return make


@pytest.fixture(scope="session")
def specimen(make_specimen: MakeSpecimen) -> Specimen:
    return make_specimen()


@pytest.fixture
def vectors() -> Path:
    return Path(__file__).parents[1] / "vectors"
