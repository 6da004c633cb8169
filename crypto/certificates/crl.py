"""Certificate revocation lists: parse and verify (Doc 9303-12 7.1.4, RFC 5280 5).

Freshness is judged in `crypto.trust`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from asn1crypto import core, crl, x509

from crypto.certificates.asn1 import load, outside_bytes, sequence, utc
from crypto.certificates.certificate import Certificate, Extensions
from crypto.certificates.keys import SignatureAlgorithm, verify_signature
from crypto.certificates.names import read_name
from crypto.errors import MalformedData

_WHAT = "revocation list"
_CRL_NUMBER = "2.5.29.20"
_AUTHORITY_KEY = "2.5.29.35"
_KNOWN = frozenset({_CRL_NUMBER, _AUTHORITY_KEY, "2.5.29.18"})


@dataclass(frozen=True)
class CertificateRevocationList:
    """One CRL. `revoked` are serial numbers; times are UTC; `country` upper case from the issuer name."""

    der: bytes = field(repr=False)
    issuer: str
    issuer_der: bytes = field(repr=False)
    issuer_name: str = field(repr=False)
    country: str
    this_update: datetime
    next_update: datetime | None
    number: int | None
    authority_key_id: bytes | None
    revoked: frozenset[int]
    critical_unknown: frozenset[str]
    tbs: bytes = field(repr=False)
    signature_algorithm: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @classmethod
    def parse(cls, der: bytes) -> CertificateRevocationList:
        """From DER; MalformedData when it is not a CRL."""
        with outside_bytes(_WHAT):
            return _parse(der)

    def verify_signed_by(self, issuer: Certificate) -> None:
        """Raises SignatureInvalid or UnsupportedAlgorithm unless the key of `issuer` signed this list."""
        algorithm = SignatureAlgorithm.parse(self.signature_algorithm)
        verify_signature(issuer.verification_key, algorithm, self.signature, self.tbs)


def _parse(der: bytes) -> CertificateRevocationList:
    parsed = load(crl.CertificateList, der, _WHAT)
    outer = sequence(der, _WHAT)
    if len(outer) != 3:
        raise MalformedData(_WHAT)
    body = parsed["tbs_cert_list"]
    listed = body["crl_extensions"]
    extensions = Extensions.parse(None if isinstance(listed, core.Void) else listed.contents)
    number = extensions.load(_CRL_NUMBER, core.Integer)
    authority = extensions.load(_AUTHORITY_KEY, x509.AuthorityKeyIdentifier)
    next_update = body["next_update"].native
    issuer_der = bytes(body["issuer"].dump())
    issuer = read_name(issuer_der)
    return CertificateRevocationList(
        der=der,
        issuer=issuer.text,
        issuer_der=issuer_der,
        issuer_name=issuer.normal,
        country=issuer.country,
        this_update=utc(body["this_update"].chosen.native, _WHAT),
        next_update=None if next_update is None else utc(next_update, _WHAT),
        number=None if number is None else number.native,
        authority_key_id=None if authority is None else authority["key_identifier"].native,
        revoked=_revoked(body["revoked_certificates"]),
        critical_unknown=extensions.critical - _KNOWN,
        tbs=outer[0].encoded,
        signature_algorithm=outer[1].encoded,
        signature=parsed["signature"].native,
    )


def _revoked(entries: Any) -> frozenset[int]:
    if isinstance(entries, core.Void) or entries.native is None:
        return frozenset()
    return frozenset(entry["user_certificate"].native for entry in entries)
