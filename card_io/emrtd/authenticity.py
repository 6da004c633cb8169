"""The checks whether a chip is the one that was issued: E4 of BSI TR-03135-1 section 5.6.

Owns the binding: a protocol that ran well counts only with keys that passive authentication vouches for.
Active authentication, chip authentication and chip authentication mapping prove the same: one of them is
enough, and one that fails is a failure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from card_io.emrtd.authentication import AuthenticationResult
from card_io.emrtd.card_security import (
    CARD_SECURITY,
    CHIP_AUTHENTICATION_MAPPING,
    card_security_check,
    chip_mapping_check,
)
from card_io.emrtd.checks import (
    ACTIVE_AUTHENTICATION,
    CHIP_AUTHENTICATION,
    ReportReason,
    check,
    problem_code,
)
from card_io.emrtd.chip_authentication import ChipAuthenticationResult
from card_io.emrtd.contents import KEY_COMPROMISED
from card_io.emrtd.result import ReadResult
from card_io.errors import MalformedCardData
from card_io.lds.mrz import Mrz
from card_io.lds.security_infos import ID_PACE, PaceInfo, SecurityInfos, parse_dg14
from crypto.trust import Check, Finding, Outcome, Reason, TrustStore, combine_checks
from crypto.trust.deviations import Deviation

_MAPPING_ARC: Final = f"{ID_PACE}.6."


def active_authentication(read: ReadResult | None, signed: Collection[int], *, trusted: bool) -> Check:
    """E4: counts only with keys (DG15, and the hash in DG14) that passive authentication vouches for."""
    name = ACTIVE_AUTHENTICATION
    if read is None:
        return check(name, Outcome.NOT_SUPPORTED, ReportReason.NO_CHIP)
    result = read.active_authentication
    if result is None:
        return _no_proof(read, name, "DG15")
    told = {
        "protocol": result.protocol,
        "detail": result.detail,
        "challenge": result.challenge.hex(),
        "signature": result.signature.hex(),
    }
    evidence = {key: value for key, value in told.items() if value}
    return _judge(read, name, result, evidence, "DG15", bound=trusted and key_is_signed(read, signed))


def key_is_signed(read: ReadResult, signed: Collection[int]) -> bool:
    """DG15 is covered by the signed hashes, and so is DG14 if it was read (it names the hash)."""
    return 15 in signed and ("DG14" not in read.files or 14 in signed)


def chip_authentication(read: ReadResult | None, signed: Collection[int], *, trusted: bool) -> Check:
    """E4: counts only with a key of DG14 that passive authentication vouches for.

    The chip leaves no signature behind: the evidence is the key, our ephemeral key and the command form.
    """
    name = CHIP_AUTHENTICATION
    if read is None:
        return check(name, Outcome.NOT_SUPPORTED, ReportReason.NO_CHIP)
    result = read.chip_authentication
    if result is None:
        return _no_proof(read, name, "DG14", promised=_offers_chip_authentication(read))
    told = {
        "protocol": result.protocol,
        "detail": result.detail,
        "parameters": result.parameters,
        "form": result.form,
        "key_id": "" if result.key_id is None else str(result.key_id),
        "terminal_key": result.terminal_key.hex(),
    }
    evidence = {key: value for key, value in told.items() if value}
    return _judge(read, name, result, evidence, "DG14", bound=trusted and 14 in signed)


def card_security(read: ReadResult | None, store: TrustStore, now: datetime, chip: Mrz | None) -> Check:
    """E5 for EF.CardSecurity: who signed it; not supported where it was not asked for."""
    name = CARD_SECURITY
    if read is None:
        return check(name, Outcome.NOT_SUPPORTED, ReportReason.NO_CHIP)
    content = read.files.get("EF.CardSecurity")
    mapping = read.access.chip_mapping if read.access is not None else None
    if content is None and mapping is None:
        return check(name, Outcome.NOT_SUPPORTED, Reason.NOT_STATED, "EF.CardSecurity")
    state = chip.lines[0][2:5] if chip is not None else None
    code = chip.lines[0][:2] if chip is not None else None
    found = card_security_check(content, store, now=now, issuing_state=state, document_code=code)
    return _aborted(read, found)


def chip_mapping(read: ReadResult | None, signed_file: Check, *, trusted: bool) -> Check:
    """E4 by PACE: counts only with `signed_file`, the check of EF.CardSecurity, and a trusted EF.SOD."""
    name = CHIP_AUTHENTICATION_MAPPING
    if read is None:
        return check(name, Outcome.NOT_SUPPORTED, ReportReason.NO_CHIP)
    result = read.access.chip_mapping if read.access is not None else None
    if result is None:
        return _no_proof(read, name, "EF.CardSecurity", promised=_offers_mapping(read))
    found = chip_mapping_check(result, signed_file)
    if found.outcome is Outcome.SUCCESSFUL and not trusted:
        reason = ReportReason.CHIP_KEY_NOT_SIGNED
        found = check(name, Outcome.UNDETERMINED, reason, "EF.SOD", found.evidence)
    return _aborted(read, found)


def together(proofs: Sequence[Check], files: Sequence[Check] = ()) -> tuple[Check, ...]:
    """One success is enough: beside it, a protocol that stayed open is no more than not supported.

    `files` are checks of files that the proofs stand on: they are judged likewise, and are no proofs.
    """
    proven = any(proof.outcome is Outcome.SUCCESSFUL for proof in proofs)
    return tuple(
        replace(item, outcome=Outcome.NOT_SUPPORTED)
        if proven and item.outcome is Outcome.UNDETERMINED
        else item
        for item in (*proofs, *files)
    )


def compromised(proof: Check, defects: Iterable[tuple[str, Deviation]]) -> Check:
    """A success with a key that its own state lists as compromised says nothing (Doc 9303-12 section 10)."""
    lists = [name for name, entry in defects if any(kind == KEY_COMPROMISED for kind, _ in entry.kinds)]
    if proof.outcome is not Outcome.SUCCESSFUL or not lists:
        return proof
    finding = Finding(ReportReason.CHIP_KEY_COMPROMISED, lists[0])
    return replace(proof, outcome=Outcome.UNDETERMINED, findings=(*proof.findings, finding))


def is_proven(proofs: Sequence[Check]) -> bool:
    """Whether the chip proved itself: at least one proof, and nothing of the group failed."""
    names = (ACTIVE_AUTHENTICATION, CHIP_AUTHENTICATION, CHIP_AUTHENTICATION_MAPPING)
    done = any(item.outcome is Outcome.SUCCESSFUL for item in proofs if item.name in names)
    return done and combine_checks(proofs) is Outcome.SUCCESSFUL


def _aborted(read: ReadResult, item: Check) -> Check:
    """In an aborted read a check that stayed open is aborted."""
    if not read.aborted or item.outcome is not Outcome.UNDETERMINED:
        return item
    return check(item.name, Outcome.ABORTED, ReportReason.READ_ABORTED, problem_code(read), item.evidence)


def _judge(
    read: ReadResult,
    name: str,
    result: AuthenticationResult | ChipAuthenticationResult,
    evidence: Mapping[str, str],
    source: str,
    *,
    bound: bool,
) -> Check:
    if result.outcome is Outcome.FAILED:
        return check(name, Outcome.FAILED, ReportReason.CHIP_AUTHENTICATION_FAILED, "", evidence)
    settled = result.outcome is Outcome.SUCCESSFUL and bound
    if read.aborted and not settled:
        why = problem_code(read)
        return check(name, Outcome.ABORTED, ReportReason.READ_ABORTED, why, evidence)
    if result.outcome is not Outcome.SUCCESSFUL:
        return check(name, Outcome.UNDETERMINED, ReportReason.CHIP_AUTHENTICATION_OPEN, "", evidence)
    if not bound:
        return check(name, Outcome.UNDETERMINED, ReportReason.CHIP_KEY_NOT_SIGNED, source, evidence)
    return Check(name, Outcome.SUCCESSFUL, (), evidence)


def _no_proof(read: ReadResult, name: str, source: str, *, promised: bool = False) -> Check:
    """The protocol did not run: for want of a key, or because the read ended before."""
    reason = ReportReason.CHIP_NOT_AUTHENTICATED
    if read.aborted:
        return check(name, Outcome.ABORTED, ReportReason.READ_ABORTED, problem_code(read))
    if read.problem is not None or source in read.file_problems or promised:
        return check(name, Outcome.UNDETERMINED, reason, source)
    return check(name, Outcome.NOT_SUPPORTED, reason, source)


def _offers_mapping(read: ReadResult) -> bool:
    """Whether the chip offers the mapping, by its signed word or by the open one."""
    infos: list[PaceInfo] = []
    try:
        if "DG14" in read.files:
            infos += parse_dg14(read.files["DG14"]).pace
        if "EF.CardAccess" in read.files:
            infos += SecurityInfos.parse(read.files["EF.CardAccess"]).pace
    except MalformedCardData:
        pass  # judged elsewhere: what could be read counts
    return any(info.oid.startswith(_MAPPING_ARC) for info in infos)


def _offers_chip_authentication(read: ReadResult) -> bool:
    try:
        infos = parse_dg14(read.files["DG14"]) if "DG14" in read.files else None
    except MalformedCardData:
        return False
    return infos is not None and bool(infos.chip_authentication or infos.chip_authentication_keys)
