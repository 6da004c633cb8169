"""The terminal against the independent simulated chip: every mapping, group and cipher there is.

Every run takes a part in which each group meets each mapping once; the whole is a campaign (`make chips`).
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pytest

from card_io.emrtd.cam import ChipAuthenticationMappingResult
from card_io.emrtd.card_security import card_security_check, chip_mapping_check
from crypto.pki_lab import LabPki
from crypto.trust import Outcome, TrustStore
from hardware_mocks.chip_agreement import AGREEMENTS
from hardware_mocks.chip_plan import (
    CIPHERS,
    HASHES,
    ActiveAuthentication,
    ChipAuthentication,
    ChipPlan,
    PaceOffer,
)
from tests.card_io.chip_bench import NOW, made, news, read_image

T = TypeVar("T")
CURVES: tuple[str, ...] = ("secp192r1", "secp224r1", "secp256r1", "secp384r1", "secp521r1")
CURVES += ("brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1")
STANDARD = (0, 1, 2, *range(8, 19))  # Doc 9303-11 table 6


def offers(mapping: str) -> list[PaceOffer]:
    """All there are of a mapping: no integrated mapping on P-224, chip authentication mapping on curves with
    AES only."""
    found = []
    for parameter in STANDARD:
        for cipher in CIPHERS:
            try:
                found.append(PaceOffer(mapping, cipher, parameter))
            except ValueError:
                assert (mapping, parameter) == ("IM", 10) or mapping == "CAM"
    return found


PACE = [offer for mapping in ("GM", "IM", "CAM") for offer in offers(mapping)]
KEYS = [
    ChipAuthentication((cipher,), parameter, key_form=form, forms=("KAT",) if cipher == "3DES" else ("AT",))
    for parameter in STANDARD
    for cipher in CIPHERS
    for form in ("explicit", "named", "standard")
    if form != "named" or parameter > 2
]
SIGNERS = [ActiveAuthentication("ECDSA", curve, hash=name) for curve in CURVES for name in HASHES]
SIGNERS += [
    ActiveAuthentication("RSA", bits=bits, hash=name) for bits in (1024, 1280, 2048, 4096) for name in HASHES
]


def rotating(cases: Sequence[T], group: Callable[[T], object]) -> list[Any]:
    """One case of every group, each time the next of its members; the others are a campaign."""
    groups: dict[object, list[T]] = {}
    for case in cases:
        groups.setdefault(group(case), []).append(case)
    kept = [members[turn % len(members)] for turn, members in enumerate(groups.values())]
    campaign = [pytest.param(case, marks=pytest.mark.campaign) for case in cases if case not in kept]
    return [*kept, *campaign]


PACE_PART = rotating(PACE, lambda offer: (offer.mapping, offer.parameter))
KEY_PART = rotating(KEYS, lambda key: key.parameter)
SIGNER_PART = rotating(SIGNERS, lambda signer: (signer.kind, signer.curve, signer.bits))


def test_there_is_every_suite() -> None:
    assert len(PACE) == 14 * 4 + 13 * 4 + 11 * 3
    assert {offer.parameter for offer in PACE} == set(STANDARD) == set(AGREEMENTS)


def test_the_part_has_all_groups_and_ciphers() -> None:
    part = [case for case in PACE_PART if isinstance(case, PaceOffer)]
    for mapping, groups, ciphers in (("GM", 14, 4), ("IM", 13, 4), ("CAM", 11, 3)):
        assert len({offer.parameter for offer in part if offer.mapping == mapping}) == groups
        assert len({offer.cipher for offer in part if offer.mapping == mapping}) == ciphers
    keys = [case for case in KEY_PART if isinstance(case, ChipAuthentication)]
    assert {key.parameter for key in keys} == set(STANDARD)
    assert {cipher for key in keys for cipher in key.ciphers} == set(CIPHERS)
    assert {key.key_form for key in keys} == {"explicit", "named", "standard"}
    signers = [case for case in SIGNER_PART if isinstance(case, ActiveAuthentication)]
    assert {signer.hash for signer in signers} == set(HASHES)


@pytest.mark.parametrize("offer", PACE_PART, ids=lambda o: f"{o.mapping}-{o.cipher}-{o.parameter}")
def test_every_pace(offer: PaceOffer, lab: LabPki, store: TrustStore) -> None:
    plan = ChipPlan("suite", bac=False, pace=(offer,))
    reading = read_image(plan, made(plan, lab))
    access, report = reading.result.access, reading.report(store)
    arc = "DH" if offer.parameter < 3 else "ECDH"
    assert access is not None
    assert access.protocol == f"PACE-{arc}-{offer.mapping}-{offer.cipher}"
    assert reading.result.files["DG2"] == reading.held("DG2")
    assert report.overall is Outcome.SUCCESSFUL
    assert not news(report)
    if offer.mapping == "CAM":
        check_mapping(access.chip_mapping, store)


def check_mapping(proof: ChipAuthenticationMappingResult | None, store: TrustStore) -> None:
    assert proof is not None
    signed = card_security_check(proof.card_security, store, now=NOW, issuing_state="UTO", document_code="P<")
    assert chip_mapping_check(proof, signed).outcome is Outcome.SUCCESSFUL


@pytest.mark.parametrize("key", KEY_PART, ids=lambda k: f"{k.ciphers[0]}-{k.parameter}-{k.key_form}")
def test_every_chip_authentication(key: ChipAuthentication, lab: LabPki, store: TrustStore) -> None:
    plan = ChipPlan("key", chip_authentication=(key,))
    reading = read_image(plan, made(plan, lab))
    proof = reading.result.chip_authentication
    assert proof is not None
    arc = "DH" if key.parameter < 3 else "ECDH"
    assert (proof.protocol, proof.outcome) == (f"CA-{arc}-{key.ciphers[0]}", Outcome.SUCCESSFUL)
    assert reading.report(store).chip_is_genuine


@pytest.mark.parametrize("signer", SIGNER_PART, ids=lambda s: f"{s.kind}-{s.curve}-{s.bits}-{s.hash}")
def test_every_active_authentication(signer: ActiveAuthentication, lab: LabPki, store: TrustStore) -> None:
    plan = ChipPlan("signer", active_authentication=signer)
    reading = read_image(plan, made(plan, lab))
    assert reading.result.active_authentication is not None
    assert reading.result.active_authentication.outcome is Outcome.SUCCESSFUL
    assert reading.report(store).chip_is_genuine
