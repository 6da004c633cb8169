"""Groups "integrity" and "issuing state": what was read is what was signed, by the right country (15-19)."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from crypto.certificates import Certificate, digest
from crypto.certificates.asn1 import elements, single
from crypto.countries import certificate_country
from crypto.errors import MalformedData, UnsupportedAlgorithm
from crypto.sod import SecurityObject
from crypto.trust.security_object import failed, undetermined
from crypto.trust.verdict import Check, Finding, Outcome, Reason

HASHES, MANDATORY_GROUPS, COM_LIST, SECURITY_INFOS, ISSUING_STATE = (
    "data_group_hashes",
    "mandatory_data_groups",
    "com_list",
    "security_infos",
    "issuing_state",
)
NAMES = (HASHES, MANDATORY_GROUPS, COM_LIST, SECURITY_INFOS)

_DG14_TAG = 0x6E  # Doc 9303-10, DG14

# Unread, these leave a question open: DG1 and DG2 are the document, DG14 and DG15 hold the chip's keys (a
# cloned chip would hide them). The others are read by choice, or by privilege (DG3, DG4).
_NEEDED = frozenset({1, 2, 14, 15})


def check_integrity(
    security_object: SecurityObject,
    data_groups: Mapping[int, bytes],
    *,
    listed_in_com: frozenset[int] | None,
    card_access: bytes | None,
    com_lds_version: str | None = None,
) -> tuple[Check, ...]:
    """Steps 16 to 19."""
    return (
        _hashes(security_object, data_groups),
        _mandatory(security_object),
        _com(security_object, listed_in_com, com_lds_version),
        _security_infos(security_object, data_groups.get(14), card_access),
    )


def matching_groups(
    security_object: SecurityObject, data_groups: Mapping[int, bytes]
) -> Mapping[int, bool | None]:
    """For each group read: does its hash match (None: EF.SOD does not cover it)? UnsupportedAlgorithm."""
    return {number: _matches(security_object, number, data) for number, data in sorted(data_groups.items())}


def check_issuing_state(
    signer: Certificate, csca: Certificate | None, issuing_state: str | None
) -> tuple[Check, ...]:
    """Step 15: issuing state of DG1 against the country of the document signer's issuer and of the CSCA."""
    if issuing_state is None:
        return (undetermined(ISSUING_STATE, Reason.DG_NOT_READ, "DG1"),)
    countries = {signer.issuer_country, csca.country if csca is not None else signer.issuer_country}
    state = issuing_state.rstrip("<")
    evidence = {"issuing_state": state, "certificates": " ".join(sorted(countries))}
    expected = certificate_country(issuing_state)
    if expected is None or "" in countries:
        finding = Finding(Reason.COUNTRY_UNKNOWN, state)
        return (Check(ISSUING_STATE, Outcome.UNDETERMINED, (finding,), evidence),)
    if countries != {expected}:
        finding = Finding(Reason.COUNTRY_MISMATCH, state)
        return (Check(ISSUING_STATE, Outcome.FAILED, (finding,), evidence),)
    return (Check(ISSUING_STATE, Outcome.SUCCESSFUL, evidence=evidence),)


def _matches(security_object: SecurityObject, number: int, data: bytes) -> bool | None:
    expected = security_object.hashes.get(number)
    if expected is None:
        return None
    return hmac.compare_digest(expected, digest(security_object.hash_name, data))


def _hashes(security_object: SecurityObject, data_groups: Mapping[int, bytes]) -> Check:
    try:
        matches = matching_groups(security_object, data_groups)
    except UnsupportedAlgorithm as error:
        return undetermined(HASHES, Reason.UNSUPPORTED_ALGORITHM, error.detail)
    wrong = [Finding(Reason.DG_HASH_MISMATCH, f"DG{number}") for number, ok in matches.items() if ok is False]
    extra = [Finding(Reason.DG_NOT_IN_SOD, f"DG{number}") for number, ok in matches.items() if ok is None]
    unread = sorted(set(security_object.hashes) - set(data_groups))
    open_ones = [Finding(Reason.DG_NOT_READ, f"DG{number}") for number in unread if number in _NEEDED]
    evidence = {f"DG{number}": _word(ok) for number, ok in matches.items()}
    evidence |= {f"DG{number}": "not read" for number in unread}
    findings = (*wrong, *extra, *open_ones)
    if wrong or extra:
        return Check(HASHES, Outcome.FAILED, findings, evidence)
    if open_ones or not matches:
        return Check(HASHES, Outcome.UNDETERMINED, findings or (Finding(Reason.DG_NOT_READ),), evidence)
    return Check(HASHES, Outcome.SUCCESSFUL, evidence=evidence)


def _word(ok: bool | None) -> str:
    return {True: "match", False: "mismatch", None: "not covered"}[ok]


def _mandatory(security_object: SecurityObject) -> Check:
    missing = [number for number in (1, 2) if number not in security_object.hashes]
    if missing:
        findings = tuple(Finding(Reason.DG_MANDATORY_MISSING, f"DG{number}") for number in missing)
        return Check(MANDATORY_GROUPS, Outcome.FAILED, findings)
    return Check(MANDATORY_GROUPS, Outcome.SUCCESSFUL)


def _com(security_object: SecurityObject, listed: frozenset[int] | None, version: str | None) -> Check:
    if listed is None:
        return Check(COM_LIST, Outcome.NOT_SUPPORTED, (Finding(Reason.NOT_STATED, "EF.COM"),))
    different = sorted(listed ^ set(security_object.hashes))
    if different:
        detail = " ".join(f"DG{number}" for number in different)
        return failed(COM_LIST, Reason.COM_SOD_MISMATCH, detail)
    if None not in (version, security_object.lds_version) and version != security_object.lds_version:
        return failed(COM_LIST, Reason.COM_SOD_MISMATCH, "LDS version")
    return Check(COM_LIST, Outcome.SUCCESSFUL)


def _security_infos(security_object: SecurityObject, dg14: bytes | None, card_access: bytes | None) -> Check:
    """Every SecurityInfo of the unsigned EF.CardAccess is in the signed DG14 (Doc 9303-11)."""
    if card_access is None:
        return _absent("EF.CardAccess")
    if dg14 is None:
        if 14 in security_object.hashes:
            return undetermined(SECURITY_INFOS, Reason.DG_NOT_READ, "DG14")
        return _absent("DG14")
    try:
        open_infos = _infos(card_access)
        signed_infos = _infos(single(dg14, _DG14_TAG, "DG14").content)
    except MalformedData as error:
        return failed(SECURITY_INFOS, Reason.SECINFO_MISMATCH, error.detail)
    if not open_infos <= signed_infos:
        return failed(SECURITY_INFOS, Reason.SECINFO_MISMATCH)
    return Check(SECURITY_INFOS, Outcome.SUCCESSFUL)


def _infos(data: bytes) -> frozenset[bytes]:
    """The encoded members of the one SET OF SecurityInfo in `data`."""
    outer = single(data, 0x31, "SecurityInfos")
    return frozenset(item.encoded for item in elements(outer.content, "SecurityInfos"))


def _absent(what: str) -> Check:
    return Check(SECURITY_INFOS, Outcome.NOT_SUPPORTED, (Finding(Reason.NOT_STATED, what),))
