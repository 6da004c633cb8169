"""What an authority publishes beside certificates: revocation and master lists (Doc 9303-12 7.1.4, 9)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from asn1crypto import core, crl, x509

from crypto.certificates import Certificate, CertificateRevocationList
from crypto.certificates import certificate as profile
from crypto.certificates.asn1 import encode, encode_time, framed
from crypto.cms import MASTER_LIST, ContentSigner, build_signed_data

_CRL_NUMBER = "2.5.29.20"


def build_crl(
    authority: ContentSigner,
    *,
    number: int,
    this_update: datetime,
    next_update: datetime,
    revoked: Mapping[int, datetime] | None = None,
) -> CertificateRevocationList:
    """A complete CRL of the CSCA in `authority` (Doc 9303-12 7.1.4); `revoked`: serial -> when."""
    issuer = authority.certificate
    key_id = x509.AuthorityKeyIdentifier({"key_identifier": issuer.subject_key_id})
    fields: dict[str, Any] = {
        "version": "v2",
        "signature": x509.SignedDigestAlgorithm.load(authority.algorithm.dump()),
        "issuer": x509.Name.load(issuer.subject_der),
        "this_update": encode_time(this_update),
        "next_update": encode_time(next_update),
        "crl_extensions": [
            _crl_extension(profile.AUTHORITY_KEY_ID, key_id),
            _crl_extension(_CRL_NUMBER, core.Integer(number)),
        ],
    }
    if revoked:  # the field is absent when empty
        fields["revoked_certificates"] = [
            {"user_certificate": serial, "revocation_date": encode_time(revoked[serial])}
            for serial in sorted(revoked)
        ]
    body = bytes(crl.TbsCertList(fields).dump())
    built = CertificateRevocationList.parse(framed(body, authority.algorithm, authority.sign(body)))
    built.verify_signed_by(issuer)
    return built


def build_master_list(
    certificates: Iterable[Certificate],
    signer: ContentSigner,
    *,
    signing_time: datetime,
    above: Sequence[Certificate] = (),
) -> bytes:
    """A CMS master list over CSCA certificates; `above` are those to send along with the signer's own.

    The signer is named by its key identifier where its certificate has one (Doc 9303-12 9).
    """
    members = b"".join(sorted(item.der for item in certificates))
    content = encode(0x30, core.Integer(0).dump() + encode(0x31, members))
    return build_signed_data(
        MASTER_LIST, content, signer, signing_time=signing_time, above=above, by_key_id=True
    )


def _crl_extension(oid: str, value: Any) -> Any:
    return crl.TBSCertListExtension({"extn_id": oid, "extn_value": core.ParsableOctetString(value.dump())})
