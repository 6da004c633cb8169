"""The checks whether a chip is the one that was issued: E4 of BSI TR-03135-1 section 5.6.

Owns the binding: a protocol that ran well counts only with keys that passive authentication vouches for.
Active and chip authentication prove the same, one of them is enough, and one that fails is a failure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from card_io.emrtd.authentication import AuthenticationResult
from card_io.emrtd.checks import (
    ACTIVE_AUTHENTICATION,
    CHIP_AUTHENTICATION,
    ReportReason,
    check,
    problem_code,
)
from card_io.emrtd.chip_authentication import ChipAuthenticationResult
from card_io.emrtd.result import ReadResult
from card_io.errors import MalformedCardData
from card_io.lds.security_infos import parse_dg14
from crypto.trust import Check, Outcome


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


def together(proofs: Sequence[Check]) -> tuple[Check, ...]:
    """One success is enough: beside it, a protocol that stayed open is no more than not supported."""
    if all(proof.outcome is not Outcome.SUCCESSFUL for proof in proofs):
        return tuple(proofs)
    return tuple(
        Check(proof.name, Outcome.NOT_SUPPORTED, proof.findings, proof.evidence)
        if proof.outcome is Outcome.UNDETERMINED
        else proof
        for proof in proofs
    )


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


def _offers_chip_authentication(read: ReadResult) -> bool:
    try:
        infos = parse_dg14(read.files["DG14"]) if "DG14" in read.files else None
    except MalformedCardData:
        return False
    return infos is not None and bool(infos.chip_authentication or infos.chip_authentication_keys)
