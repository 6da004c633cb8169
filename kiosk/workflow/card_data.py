"""From a decided case to a card: its description, its data groups, and its digital seal."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from card_io.lds import data_groups, face
from card_io.lds.mrz import Mrz, format_td1
from crypto.seals import CardSeal, card_features, sign_seal
from crypto.seals.card import card_seal
from crypto.seals.profiles import CARD_CATEGORY, CARD_DEFINITION
from crypto.signer import Signer
from kiosk.domain.card import CardDescription, valid_until
from kiosk.domain.cases import Case
from kiosk.domain.documents import Sex
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import Portrait
from kiosk.workflow.desk import Station


def describe(case: Case, station: Station, number: str, can: str, now: datetime) -> CardDescription:
    """The card of a granted case, its three MRZ lines included."""
    document, entitlement = case.document, case.entitlement
    if document is None or entitlement is None or entitlement.until is None:
        raise KioskError(ErrorCode.EVENT_REFUSED, "only a granted case has a card")
    today = station.local(now).date()
    card = CardDescription(
        number=number,
        document_code=station.document_code,
        issuing_state=station.issuing_state,
        surname=document.surname,
        given_names=document.given_names,
        national_name=document.national_name,
        sex=document.sex,
        birth=document.birth,
        nationality=document.nationality,
        passport_number=document.number,
        category=entitlement.category,
        entry_post=station.name,
        entry_date=today,
        stay_until=entitlement.until,
        valid_until=valid_until(document.expiry, entitlement.until, today),
        issued_on=today,
        authority=station.authority,
        can=can,
        specimen=station.lab,
    )
    return replace(card, mrz_lines=_mrz_lines(card))


def _mrz_lines(card: CardDescription) -> tuple[str, ...]:
    return format_td1(
        document_code=card.document_code,
        issuer=card.issuing_state,
        document_number=card.number,
        birth=card.birth.strftime("%y%m%d") if card.birth else "<<<<<<",
        sex=card.sex.value,
        expiry=card.valid_until.strftime("%y%m%d"),
        nationality=card.nationality,
        surname=card.surname,
        given_names=card.given_names,
    )


def build_data_groups(card: CardDescription, portrait: Portrait, issued: datetime) -> Mapping[int, bytes]:
    """DG1, DG2, DG11, DG12 and DG13 as they go onto the chip (14, 15 and the SOD follow there)."""
    return {
        1: data_groups.build_dg1(card.mrz_lines),
        2: face.build_dg2(
            portrait.image,
            portrait.width,
            portrait.height,
            sex="" if card.sex is Sex.UNSPECIFIED else card.sex.value,
            mime=portrait.mime,
            captured=issued,
        ),
        11: data_groups.build_dg11(
            data_groups.PersonalDetails(
                full_name=_full_name(card),
                birth_date=card.birth.strftime("%Y%m%d") if card.birth else "",
            )
        ),
        12: data_groups.build_dg12(
            data_groups.DocumentDetails(
                issuing_authority=card.authority, issue_date=card.issued_on.strftime("%Y%m%d")
            )
        ),
        13: data_groups.build_dg13(
            data_groups.Permit(category=card.category, entry_number=card.number, stay_until=card.stay_until)
        ),
    }


def _full_name(card: CardDescription) -> tuple[str, ...]:
    """(primary, secondary) in national characters; the Latin spelling where no other is known."""
    primary, _, secondary = card.national_name.partition(", ")
    if not primary:
        primary, secondary = card.surname, card.given_names
    return (primary, secondary) if secondary else (primary,)


def seal_values(card: CardDescription, sod: bytes) -> CardSeal:
    """What the card's digital seal must say (docs/protocols/seal.md)."""
    return card_seal(
        card.mrz_lines, card.passport_number, card.stay_until, card.category, card.entry_post, sod
    )


def sign_card_seal(card: CardDescription, sod: bytes, signer: Signer, now: datetime) -> bytes:
    """The seal of the card, signed now. CryptoError when the signer refuses or a value does not fit."""
    seal = sign_seal(
        signer,
        card_features(seal_values(card, sod)),
        issuer=card.issuing_state,
        issued=card.issued_on,
        now=now,
        definition=CARD_DEFINITION,
        category=CARD_CATEGORY,
    )
    return seal.encode()


def read_mrz(lines: tuple[str, ...]) -> Mrz:
    """Parse MRZ lines; MRZ_INVALID in the kiosk's own words when they are none."""
    from card_io.errors import MalformedCardData
    from card_io.lds.mrz import parse

    try:
        return parse(lines)
    except MalformedCardData as error:
        raise KioskError(ErrorCode.MRZ_INVALID, error.detail) from error
