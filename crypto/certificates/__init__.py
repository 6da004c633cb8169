"""Certificates, revocation lists and public keys of the eMRTD PKI (Doc 9303-12).

Explicit EC parameters are mapped to a named curve only when all of them are equal to it.
"""

from crypto.certificates.certificate import Certificate
from crypto.certificates.crl import CertificateRevocationList
from crypto.certificates.keys import (
    PublicKey,
    SignatureAlgorithm,
    digest,
    explicit_public_key,
    load_public_key,
    verify_signature,
)

__all__ = [
    "Certificate",
    "CertificateRevocationList",
    "PublicKey",
    "SignatureAlgorithm",
    "digest",
    "explicit_public_key",
    "load_public_key",
    "verify_signature",
]
