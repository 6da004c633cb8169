"""Passive authentication: every defect ends in its own reason, and nothing but the whole chain is green."""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto.certificates import Certificate, CertificateRevocationList
from crypto.certificates.asn1 import encode
from crypto.cms import build_signed_data
from crypto.errors import UnsupportedAlgorithm
from crypto.issuing import (
    Period,
    Subject,
    build_crl,
    build_csca,
    build_document_signer,
    build_link,
    generate_ec_key,
    random_serial,
)
from crypto.pki_lab import LabPki
from crypto.signer import KeySigner
from crypto.sod import SecurityObject, build_sod
from crypto.trust import (
    GROUPS,
    Outcome,
    PassiveAuthentication,
    Reason,
    Standing,
    TrustStore,
    certificate_country,
    combine,
    mrz_code,
    passive_authentication,
)

O = Outcome  # noqa: E741


def judge(
    sod: bytes | None, data_groups: dict[int, bytes], store: TrustStore, now: datetime, **change: Any
) -> PassiveAuthentication:
    arguments: dict[str, Any] = {
        "sod": sod,
        "data_groups": data_groups,
        "listed_in_com": frozenset(data_groups),
        "store": store,
        "now": now,
        "document_code": "P<",
        "issuing_state": "KAZ",
    } | change
    result = passive_authentication(**arguments)
    assert tuple(result.groups) == GROUPS
    for check in result.checks:  # every outcome other than successful says why
        assert (check.outcome is O.SUCCESSFUL) == (not check.findings), check
    return result


def found(result: PassiveAuthentication) -> dict[Reason, Outcome]:
    """Reasons with the worst outcome they came with, the optional and unstated left out."""
    reasons: dict[Reason, Outcome] = {}
    for check in result.checks:
        for finding in check.findings if check.outcome is not O.NOT_SUPPORTED else ():
            reason = Reason(finding.reason)
            reasons[reason] = combine([check.outcome, reasons.get(reason, check.outcome)])
    return reasons


@pytest.mark.parametrize(
    ("country", "name", "state", "reasons"),
    [
        ("KZ", "default", "KAZ", {}),
        ("KZ", "pss", "KAZ", {}),
        ("KZ", "p521", "KAZ", {}),
        ("UT", "default", "UTO", {}),
        ("KZ", "expired", "KAZ", {Reason.DS_EXPIRED: O.FAILED}),
        ("KZ", "future", "KAZ", {Reason.DS_NOT_YET_VALID: O.FAILED}),
        ("KZ", "revoked", "KAZ", {Reason.DS_REVOKED: O.FAILED}),
        ("KZ", "visa", "KAZ", {Reason.DOCTYPE_NOT_ALLOWED: O.FAILED}),
        ("KZ", "default", "UZB", {Reason.COUNTRY_MISMATCH: O.FAILED}),
        ("KZ", "default", "QQQ", {Reason.COUNTRY_UNKNOWN: O.UNDETERMINED}),
        ("UZ", "default", "UZB", {Reason.REVOCATION_UNKNOWN: O.UNDETERMINED}),
        ("KG", "default", "KGZ", {Reason.REVOCATION_UNKNOWN: O.UNDETERMINED}),
        (
            "TJ",
            "default",
            "TJK",
            {Reason.CSCA_UNKNOWN: O.UNDETERMINED, Reason.REVOCATION_UNKNOWN: O.UNDETERMINED},
        ),
    ],
)
def test_each_signer_of_the_zoo_has_its_reason(
    zoo: LabPki,
    store: TrustStore,
    data_groups: dict[int, bytes],
    now: datetime,
    country: str,
    name: str,
    state: str,
    reasons: dict[Reason, Outcome],
) -> None:
    sod = zoo.sign_sod(country, data_groups, name=name)
    result = judge(sod, data_groups, store, now, issuing_state=state)
    assert found(result) == reasons
    worst = combine(reasons.values()) if reasons else O.SUCCESSFUL
    assert result.outcome is worst
    assert result.signed_data_groups == {1, 2, 11}


def test_tampered_group_is_named(zoo: LabPki, store: TrustStore, data_groups, now) -> None:
    sod = zoo.sign_sod("KZ", data_groups, now)
    result = judge(sod, data_groups | {2: data_groups[2][:-1] + b"!"}, store, now)
    check = next(item for item in result.checks if item.name == "data_group_hashes")
    assert [(item.reason, item.detail) for item in check.findings] == [(Reason.DG_HASH_MISMATCH, "DG2")]
    assert check.evidence["DG2"] == "mismatch"
    assert result.outcome is O.FAILED
    assert result.group_outcome("issuer_certificates") is O.SUCCESSFUL
    assert result.signed_data_groups == {1, 11}


def test_injected_group_fails(zoo: LabPki, store: TrustStore, data_groups, now) -> None:
    sod = zoo.sign_sod("KZ", data_groups, now)
    injected = data_groups | {15: b"\x6f\x03key"}
    result = judge(sod, injected, store, now, listed_in_com=frozenset(data_groups))
    assert found(result) == {Reason.DG_NOT_IN_SOD: O.FAILED}
    assert 15 not in result.signed_data_groups


@pytest.mark.parametrize("hidden", [1, 2, 14, 15])
def test_hiding_a_needed_group_is_never_green(zoo: LabPki, store: TrustStore, now, hidden: int) -> None:
    groups = {1: b"a", 2: b"b", 14: b"c", 15: b"d"}
    sod = zoo.sign_sod("KZ", groups, now)
    read = {number: data for number, data in groups.items() if number != hidden}
    result = judge(sod, read, store, now, listed_in_com=frozenset(groups))
    assert found(result) == {Reason.DG_NOT_READ: O.UNDETERMINED}


def test_unread_optional_groups_do_not_matter(zoo: LabPki, store: TrustStore, now) -> None:
    groups = {1: b"a", 2: b"b", 3: b"fingers", 7: b"signature"}
    result = judge(
        zoo.sign_sod("KZ", groups, now), {1: b"a", 2: b"b"}, store, now, listed_in_com=frozenset(groups)
    )
    assert result.outcome is O.SUCCESSFUL
    assert result.groups["integrity"][0].evidence["DG3"] == "not read"


def test_mandatory_groups_must_be_covered(zoo: LabPki, store: TrustStore, now) -> None:
    groups = {1: b"a", 11: b"b"}
    assert found(judge(zoo.sign_sod("KZ", groups, now), groups, store, now)) == {
        Reason.DG_MANDATORY_MISSING: O.FAILED
    }


def test_com_differs(zoo: LabPki, store: TrustStore, data_groups, now) -> None:
    sod = zoo.sign_sod("KZ", data_groups, now)
    assert found(judge(sod, data_groups, store, now, listed_in_com=frozenset({1, 2}))) == {
        Reason.COM_SOD_MISMATCH: O.FAILED
    }
    assert judge(sod, data_groups, store, now, listed_in_com=None).outcome is O.SUCCESSFUL


def test_card_access_must_stand_in_dg14(zoo: LabPki, store: TrustStore, now) -> None:
    pace, other = encode(0x30, b"\x02\x01\x0c"), encode(0x30, b"\x02\x01\x0d")
    groups = {1: b"a", 2: b"b", 14: encode(0x6E, encode(0x31, pace))}
    sod = zoo.sign_sod("KZ", groups, now)
    good = judge(sod, groups, store, now, card_access=encode(0x31, pace))
    assert good.outcome is O.SUCCESSFUL
    assert all(check.outcome is O.SUCCESSFUL for check in good.checks)
    for wrong in (encode(0x31, other), encode(0x31, pace + other), b"\x31\x05\x30", b""):
        assert found(judge(sod, groups, store, now, card_access=wrong)) == {Reason.SECINFO_MISMATCH: O.FAILED}


@pytest.mark.parametrize(
    ("sod", "reason"),
    [
        (None, Reason.SOD_MISSING),
        (b"", Reason.SOD_MISSING),
        (b"\x77\x03abc", Reason.SOD_MALFORMED),
        (b"\x60\x00", Reason.SOD_MALFORMED),
    ],
)
def test_no_usable_security_object(store: TrustStore, data_groups, now, sod, reason: Reason) -> None:
    result = judge(sod, data_groups, store, now)
    assert result.outcome is O.FAILED
    assert {finding.reason for check in result.checks for finding in check.findings} == {reason}
    assert result.signed_data_groups == frozenset()


def test_wrong_content_type(zoo: LabPki, store: TrustStore, data_groups, now) -> None:
    signed = build_signed_data("1.2.3.4", b"\x30\x00", zoo.signer("KZ"))
    result = judge(encode(0x77, signed), data_groups, store, now)
    assert result.checks[0].findings[0].reason is Reason.SOD_WRONG_CONTENT_TYPE


def test_forged_contents_and_signatures(zoo: LabPki, store: TrustStore, data_groups, now) -> None:
    sod = zoo.sign_sod("KZ", data_groups, now)
    parsed = judge(sod, data_groups, store, now).security_object
    assert parsed is not None
    forged = sod.replace(parsed.hashes[2], bytes(32))
    result = judge(forged, data_groups, store, now)
    assert found(result)[Reason.SOD_DIGEST_MISMATCH] is O.FAILED
    assert result.signed_data_groups == frozenset()
    mended = forged.replace(parsed.signed_data.signer.message_digest, _digest_of(forged))
    assert found(judge(mended, data_groups, store, now)) == {
        Reason.DG_HASH_MISMATCH: O.FAILED,
        Reason.SOD_SIGNATURE_INVALID: O.FAILED,
    }


def _digest_of(ef_sod: bytes) -> bytes:
    from crypto.certificates import digest

    return digest("sha256", SecurityObject.parse(ef_sod).signed_data.content)


def test_signer_not_embedded(zoo: LabPki, store: TrustStore, data_groups, now) -> None:
    signer = zoo.signer("KZ")
    sod = zoo.sign_sod("KZ", data_groups, now)
    bare = _without_certificates(sod, signer.certificate)
    assert found(judge(bare, data_groups, store, now)) == {Reason.DS_NOT_FOUND: O.UNDETERMINED}
    store.add(signer.certificate)
    assert judge(bare, data_groups, store, now).outcome is O.SUCCESSFUL


def test_embedded_certificate_of_another(zoo: LabPki, store: TrustStore, data_groups, now) -> None:
    sod = zoo.sign_sod("KZ", data_groups, now)
    signer, other = zoo.signer("KZ").certificate, zoo.signer("KZ", "visa").certificate
    result = judge(_without_certificates(sod, signer, other.der), data_groups, store, now)
    assert found(result)[Reason.DS_SID_MISMATCH] is O.FAILED


def _without_certificates(ef_sod: bytes, certificate: Certificate, instead: bytes = b"") -> bytes:
    """Rebuilds EF.SOD around its unchanged parts with other embedded certificates."""
    from crypto.certificates.asn1 import elements, sequence, single

    oid, wrapped = sequence(single(ef_sod, 0x77, "sod").content, "sod")
    parts = sequence(wrapped.content, "sod")
    assert parts[3].encoded == encode(0xA0, certificate.der)
    middle = encode(0xA0, instead) if instead else b""
    inner = encode(0x30, b"".join(part.encoded for part in parts[:3]) + middle + parts[4].encoded)
    assert elements(inner, "sod")
    return encode(0x77, encode(0x30, oid.encoded + encode(0xA0, inner)))


def test_self_made_signer_under_a_trusted_name(zoo: LabPki, store: TrustStore, data_groups, now) -> None:
    """Same names, same key identifiers, own keys: the signature tells."""
    random = seeded()
    key, csca = generate_ec_key("secp256r1", random), zoo.csca("KZ")
    subject = Subject("KZ", "LAB CSCA KAZ 01", "KAZ", "Shekara LAB")
    period = Period(now - timedelta(days=9), now + timedelta(days=90), now + timedelta(days=90))
    rogue = build_csca(key, subject, period, serial=random_serial(random))
    assert rogue.subject_name == csca.subject_name
    sod = encode(
        0x77, build_signed_data("2.23.136.1.1.1", _content(zoo, data_groups, now), KeySigner(key, rogue))
    )
    result = judge(sod, data_groups, store, now)
    assert found(result)[Reason.CSCA_UNKNOWN] is O.UNDETERMINED
    assert result.outcome is O.FAILED  # a CA certificate may not sign documents either
    assert found(result)[Reason.DS_USAGE_WRONG] is O.FAILED


def _content(zoo: LabPki, data_groups: dict[int, bytes], now: datetime) -> bytes:
    return SecurityObject.parse(zoo.sign_sod("KZ", data_groups, now)).signed_data.content


def test_signature_of_the_certificate_is_checked_with_the_right_key(
    zoo: LabPki, store: TrustStore, data_groups, now
) -> None:
    sod = zoo.sign_sod("KZ", data_groups, now)
    signature = zoo.signer("KZ").certificate.signature
    broken = sod.replace(signature, signature[:-1] + bytes([signature[-1] ^ 1]))
    assert found(judge(broken, data_groups, store, now)) == {
        Reason.DS_SIGNATURE_INVALID: O.FAILED,
        Reason.REVOCATION_UNKNOWN: O.UNDETERMINED,
    }


@pytest.mark.parametrize("rename", [False, True])
def test_new_authority_is_trusted_through_its_link(zoo: LabPki, data_groups, now, rename: bool) -> None:
    """Rollover: only the old CSCA is trusted by decision; the link carries trust to the new key."""
    random = seeded()
    old, old_key = zoo.csca("KZ"), zoo._authority("KZ").key
    period = Period(now - timedelta(days=5), now + timedelta(days=900), now + timedelta(days=90))
    new_key, signer_key = generate_ec_key("secp384r1", random), generate_ec_key("secp256r1", random)
    subject = Subject("KZ", f"LAB CSCA KAZ 0{2 if rename else 1}", "KAZ", "Shekara LAB")
    new = build_csca(new_key, subject, period, serial=random_serial(random))
    link = build_link(old, old_key, new, subject, period, serial=random_serial(random))
    assert (b"\x67\x81\x08\x01\x01\x06\x01" in link.der) is rename  # NameChange
    name = Subject("KZ", "LAB DS", "KAZ")
    signer = build_document_signer(
        new, new_key, signer_key.public_key(), name, period, serial=7, document_types=["P"]
    )
    sod = build_sod(data_groups, KeySigner(signer_key, signer), signing_time=now)

    store = TrustStore(loaded_at=now)
    store.add(old)
    for item in (new, link) if rename else (link, new):
        store.add(item, Standing.KNOWN)
    end = now + timedelta(days=90)
    store.add_crl(build_crl(KeySigner(new_key, new), number=1, this_update=now, next_update=end))
    result = judge(sod, data_groups, store, now)
    assert result.outcome is O.SUCCESSFUL, found(result)
    assert result.csca in (new, link)
    assert store.standing(new) is store.standing(link) is Standing.TRUSTED  # one key, carried by the link

    store.add(old, Standing.DISTRUSTED)
    assert found(judge(sod, data_groups, store, now))[Reason.CSCA_NOT_TRUSTED] is O.UNDETERMINED


def seeded() -> Callable[[int], bytes]:
    counter = iter(range(1, 1000))
    return lambda count: hashlib.shake_256(bytes([next(counter)])).digest(count)


def test_authority_must_be_valid_at_issue_not_today(zoo: LabPki, data_groups, now) -> None:
    """Chain model; of two certificates of one CSCA key the one valid at issue is taken."""
    late = Period(now + timedelta(days=1), now + timedelta(days=9), now + timedelta(days=9))
    subject = Subject("KZ", "LAB CSCA KAZ 01", "KAZ", "Shekara LAB")
    store = TrustStore.from_directory(zoo.trust_directory, loaded_at=now)
    only_late = TrustStore(loaded_at=now)
    for target in (store, only_late):
        target.add(build_csca(zoo._authority("KZ").key, subject, late, serial=5))
    only_late.add_crl(_crl(zoo, now, number=1))
    sod = zoo.sign_sod("KZ", data_groups, now)
    assert judge(sod, data_groups, store, now).csca == zoo.csca("KZ")
    assert found(judge(sod, data_groups, only_late, now)) == {Reason.CSCA_NOT_VALID_AT_ISSUE: O.UNDETERMINED}
    expired = zoo.csca("KZ").not_after + timedelta(days=1)
    check = judge(sod, data_groups, store, expired).groups["issuer_certificates"][2]
    assert check.name == "ds_validity"
    assert "csca_expired" in check.evidence


@pytest.mark.parametrize(
    ("standing", "outcome"), [(Standing.KNOWN, O.UNDETERMINED), (Standing.DISTRUSTED, O.FAILED)]
)
def test_untrusted_authority(zoo: LabPki, data_groups, now, standing: Standing, outcome: Outcome) -> None:
    store = TrustStore(loaded_at=now)
    store.add(zoo.csca("KZ"), standing)
    result = judge(zoo.sign_sod("KZ", data_groups, now), data_groups, store, now)
    assert found(result)[Reason.CSCA_NOT_TRUSTED] is outcome
    assert result.outcome is outcome


def test_signing_time_outside_the_key_period(zoo: LabPki, store: TrustStore, data_groups, now) -> None:
    content, late = _content(zoo, data_groups, now), now + timedelta(days=100)
    signed = build_signed_data("2.23.136.1.1.1", content, zoo.signer("KZ"), signing_time=late)
    assert found(judge(encode(0x77, signed), data_groups, store, now)) == {
        Reason.SIGNED_OUTSIDE_KEY_PERIOD: O.UNDETERMINED
    }


def test_crl_turns_stale_and_is_replaced(zoo: LabPki, data_groups, now) -> None:
    store = TrustStore.from_directory(zoo.trust_directory, loaded_at=now)
    sod = zoo.sign_sod("KZ", data_groups, now)
    later = now + timedelta(days=91)
    assert found(judge(sod, data_groups, store, later)) == {Reason.REVOCATION_UNKNOWN: O.UNDETERMINED}
    store.add_crl(_crl(zoo, now + timedelta(days=90), number=2))
    assert judge(sod, data_groups, store, later).outcome is O.SUCCESSFUL
    assert store.age(later) == timedelta(days=91)


def test_revocation_by_a_stale_list_still_counts(zoo: LabPki, data_groups, now) -> None:
    store = TrustStore.from_directory(zoo.trust_directory, loaded_at=now)
    sod = zoo.sign_sod("KZ", data_groups, name="revoked")
    assert found(judge(sod, data_groups, store, now + timedelta(days=95)))[Reason.DS_REVOKED] is O.FAILED


def test_forged_or_future_crl_is_not_heard(zoo: LabPki, data_groups, now) -> None:
    store = TrustStore(loaded_at=now)
    store.add(zoo.csca("KZ"))
    true = _crl(zoo, now, number=9)
    forged = true.der[:-1] + bytes([true.der[-1] ^ 1])
    store.add_crl(CertificateRevocationList.parse(forged))
    store.add_crl(_crl(zoo, now + timedelta(days=1), number=10))
    sod = zoo.sign_sod("KZ", data_groups, now)
    assert found(judge(sod, data_groups, store, now)) == {Reason.REVOCATION_UNKNOWN: O.UNDETERMINED}
    store.add_crl(true)
    assert judge(sod, data_groups, store, now).outcome is O.SUCCESSFUL


def _crl(zoo: LabPki, moment: datetime, number: int) -> CertificateRevocationList:
    return build_crl(
        zoo._authority("KZ"), number=number, this_update=moment, next_update=moment + timedelta(days=90)
    )


def test_missing_dg1_leaves_its_questions_open(zoo: LabPki, store: TrustStore, data_groups, now) -> None:
    sod = zoo.sign_sod("KZ", data_groups, now)
    result = judge(sod, {2: data_groups[2]}, store, now, document_code=None, issuing_state=None)
    assert set(found(result)) == {Reason.DG_NOT_READ, Reason.COM_SOD_MISMATCH}


def test_unknown_hash_is_undetermined(zoo: LabPki, store: TrustStore, data_groups, now) -> None:
    from crypto.trust import integrity

    sod = zoo.sign_sod("KZ", data_groups, now)
    sha3 = sod.replace(bytes.fromhex("0609608648016503040201"), bytes.fromhex("0609608648016503040208"))
    result = judge(sha3, data_groups, store, now)
    assert found(result)[Reason.UNSUPPORTED_ALGORITHM] is O.UNDETERMINED
    assert result.security_object is not None
    with pytest.raises(UnsupportedAlgorithm):
        integrity.matching_groups(result.security_object, data_groups)


@given(st.one_of(st.binary(max_size=24), st.just(b"\x6e\x02\x31\x00")), st.binary(max_size=24))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_security_infos_break_it(zoo: LabPki, store: TrustStore, now, dg14: bytes, access: bytes) -> None:
    groups = {1: b"a", 2: b"b", 14: dg14}
    result = judge(zoo.sign_sod("UZ", groups, now), groups, store, now, card_access=access)
    assert result.group_outcome("integrity") in (O.FAILED, O.SUCCESSFUL)


def test_combination_of_outcomes() -> None:
    assert combine([]) is O.NOT_SUPPORTED
    assert combine([O.SUCCESSFUL, O.NOT_SUPPORTED]) is O.SUCCESSFUL
    assert combine([O.SUCCESSFUL], [O.NOT_SUPPORTED]) is O.UNDETERMINED
    assert combine([O.SUCCESSFUL, O.UNDETERMINED, O.ABORTED]) is O.ABORTED
    assert combine([O.ABORTED, O.FAILED, O.SUCCESSFUL]) is O.FAILED


def test_countries() -> None:
    assert certificate_country("KAZ") == "KZ"
    assert certificate_country("D<<") == certificate_country("D") == "DE"
    assert certificate_country("RKS") == "KS"
    assert certificate_country("XXA") is None
    assert (mrz_code("kz"), mrz_code("DE"), mrz_code("UT"), mrz_code("QQ")) == ("KAZ", "D", "UTO", None)
