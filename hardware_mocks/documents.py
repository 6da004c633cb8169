"""Specimen passports: the page, and the chip that says the same, from one description.

Chips carry EF.CardAccess, COM, SOD, DG1, DG2, DG11, DG12, DG14 and DG15 (Doc 9303-10), signed by
the lab document signer of the issuing state; a traveller may carry a chip of another kind.
`tamper` changes one group after signing: a swapped portrait for DG2, which is what a forger would
want. The same description, seed and lab PKI give the same bytes.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from PIL import Image

from card_io.lds import data_groups as dg
from card_io.lds import mrz
from card_io.lds.face import build_dg2
from card_io.lds.index import FILES, build_com, group_tag
from card_io.lds.security_infos import (
    ActiveAuthenticationInfo,
    PaceInfo,
    SecurityInfo,
    build_card_access,
    build_dg14,
    build_dg15,
)
from crypto.pki_lab import LabPki
from hardware_mocks.chip import CardImage, passport_image
from hardware_mocks.chip_build import build_chip
from hardware_mocks.chip_plan import load_plan
from hardware_mocks.pages import PageText, render_page
from hardware_mocks.portraits import HEIGHT, WIDTH, Look, portrait, portrait_jpeg
from hardware_mocks.scenario import Traveller

PACE_ECDH_GM_AES_128: Final = "0.4.0.127.0.7.2.2.4.2.2"
AA_HASH: Final = "sha256"  # of the default ActiveAuthenticationInfo
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


@dataclass(frozen=True)
class Specimen:
    """One passport. `key` is unique to the traveller within the scenario; it seeds face and chip."""

    traveller: Traveller
    key: str

    @property
    def lines(self) -> tuple[str, ...]:
        """The two lines of the MRZ."""
        person, passport = self.traveller.person, self.traveller.passport
        return mrz.format_td3(
            document_code=passport.document_code,
            issuer=passport.state,
            document_number=passport.number,
            birth=person.birth,
            sex=person.sex.value,
            expiry=passport.expiry,
            nationality=person.nationality,
            surname=person.surname,
            given_names=person.given_names,
            optional=person.personal_number,
        )

    @property
    def shown(self) -> Look:
        """The face on page and chip: the forger's where DG2 was tampered with."""
        look = self.holder
        return replace(look, seed=f"{look.seed}/other", hair="") if self._swapped else look

    @property
    def holder(self) -> Look:
        """The face that the issuing state signed."""
        person, passport = self.traveller.person, self.traveller.passport
        return Look(
            seed=self.key,
            sex=person.sex,
            age=passport.issued.year - person.birth.year,
            scarf=person.scarf,
            skin=person.skin,
            hair_colour=person.hair_colour,
            eyes=person.eyes,
            hair=person.hair,
            beard=person.beard,
        )

    @property
    def _swapped(self) -> bool:
        return self.traveller.passport.tamper == "DG2"

    def page(self) -> Image.Image:
        """The data page at 300 dpi."""
        return render_page(self._text(), portrait(self.shown))

    def _text(self) -> PageText:
        person, passport = self.traveller.person, self.traveller.passport
        return PageText(
            state=passport.state,
            document_code=passport.document_code,
            number=passport.number,
            surname=person.surname,
            given_names=person.given_names,
            national_name=person.national_name,
            personal_number=person.personal_number,
            birth=_worded(person.birth),
            sex=person.sex.value,
            birth_place=person.birth_place,
            issued=_worded(passport.issued),
            expiry=_worded(passport.expiry),
            authority=passport.authority,
            mrz_lines=self.lines,
        )

    def chip(self, lab: LabPki) -> CardImage:
        """The chip's memory; CryptoError when the lab cannot sign for that state."""
        return self._chip_of_kind(lab) if self.traveller.chip else self._own_chip(lab)

    def _chip_of_kind(self, lab: LabPki) -> CardImage:
        """A chip of the simulators' zoo with this traveller's data groups."""
        kind, passport = self.traveller.chip, self.traveller.passport
        plan = replace(load_plan(kind), name=f"{kind}/{self.key}", lines=self.lines)
        signer = lab.signer(passport.country, passport.signer)
        groups, _ = self._groups()
        return build_chip(plan, signer, {n: data for n, data in groups.items() if n not in (14, 15)})

    def _own_chip(self, lab: LabPki) -> CardImage:
        passport = self.traveller.passport
        groups, key = self._groups()
        moment = lab.signer(passport.country, passport.signer).certificate.not_before + timedelta(days=1)
        sod = lab.sign_sod(passport.country, groups, moment, name=passport.signer)
        if passport.tamper:
            groups |= self._tampered(groups)
        files = {_path("EF.COM"): build_com([group_tag(number) for number in groups]), _path("EF.SOD"): sod}
        files |= {_path(f"DG{number}"): content for number, content in groups.items()}
        if passport.pace:
            files[_path("EF.CardAccess")] = build_card_access(self._pace())
        return passport_image(
            files,
            mrz.parse(self.lines).access_information(),
            pace=passport.pace,
            bac=passport.bac,
            aa_private_key=key,
            aa_hash=AA_HASH if key else None,
            serial=int.from_bytes(self._digest("serial")[:4], "big"),
            rng_seed=self._digest("chip randomness"),
        )

    def _groups(self) -> tuple[dict[int, bytes], ec.EllipticCurvePrivateKey | None]:
        person, passport = self.traveller.person, self.traveller.passport
        groups = {1: dg.build_dg1(self.lines), 2: _face(self.holder)}
        if person.national_surname:
            names = (person.national_surname, person.national_given_names)
            groups[11] = dg.build_dg11(
                dg.PersonalDetails(
                    full_name=tuple(filter(None, names)),
                    personal_number=person.personal_number,
                    birth_date=f"{person.birth:%Y%m%d}",
                )
            )
        details = dg.DocumentDetails(
            issuing_authority=passport.authority, issue_date=f"{passport.issued:%Y%m%d}"
        )
        groups[12] = dg.build_dg12(details)
        key = self._chip_key() if passport.active_authentication else None
        infos: list[SecurityInfo] = [*(self._pace() if passport.pace else ())]
        if key is not None:
            infos.append(ActiveAuthenticationInfo())
            groups[15] = build_dg15(_public(key))
        if infos:
            groups[14] = build_dg14(infos)
        return dict(sorted(groups.items())), key

    def _tampered(self, groups: dict[int, bytes]) -> dict[int, bytes]:
        """The group that somebody changed after the state had signed."""
        passport = self.traveller.passport
        if self._swapped:
            return {2: _face(self.shown)}
        number = int(passport.tamper.removeprefix("DG"))
        content = groups[number]
        return {number: content[:-1] + bytes([content[-1] ^ 0x01])}

    def _pace(self) -> list[PaceInfo]:
        return [PaceInfo(PACE_ECDH_GM_AES_128, parameter_id=self.traveller.passport.pace_parameter)]

    def _chip_key(self) -> ec.EllipticCurvePrivateKey:
        secret = int.from_bytes(self._digest("chip key") + self._digest("chip key 2"), "big")
        return ec.derive_private_key(secret % (_P256_ORDER - 1) + 1, ec.SECP256R1())

    def _digest(self, purpose: str) -> bytes:
        return hashlib.sha256(f"shekara specimen/{self.key}/{purpose}".encode()).digest()


def _path(name: str) -> str:
    """Where a card image keeps that file."""
    file = FILES[name]
    return f"{'mf' if file.in_mf else 'app'}/{file.fid:04X}"


def _face(look: Look) -> bytes:
    return build_dg2(portrait_jpeg(look), WIDTH, HEIGHT, sex=look.sex.value)


def _public(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _worded(day: date) -> str:
    return f"{day.day:02} {_MONTHS[day.month - 1]} {day.year}"
