"""How trust travels from one authority to the next: link certificates (Doc 9303-12 4.2, 7.1).

An issuer is found by key identifier and proved by its signature; a name alone is never believed.
"""

from __future__ import annotations

from collections.abc import Iterable

from crypto.certificates import Certificate, CertificateRevocationList
from crypto.errors import CryptoError

Signed = Certificate | CertificateRevocationList


def is_signed_by(item: Signed, authority: Certificate) -> bool:
    """Does the authority's key verify the signature of a certificate or CRL? Never raises."""
    try:
        item.verify_signed_by(authority)
    except CryptoError:
        return False
    return True


def may_issue(certificate: Certificate) -> bool:
    """A CA by its constraints or its key usage (real authorities lack the one or the other)."""
    return certificate.is_ca or "key_cert_sign" in (certificate.key_usage or ())


def issued_by(subject: Certificate, authority: Certificate) -> bool:
    """Same country, found by key identifier (else by name), and proved by the signature."""
    if not may_issue(authority) or subject.issuer_country != authority.country:
        return False
    by_key = subject.authority_key_id is not None and subject.authority_key_id == authority.subject_key_id
    if not by_key and subject.issuer_name != authority.subject_name:
        return False
    return is_signed_by(subject, authority)


def reachable(trusted: Iterable[Certificate], known: Iterable[Certificate]) -> frozenset[Certificate]:
    """The known authorities which a trusted one of the same country carries through links, and the trusted.

    Every pair is tried at most once: the cost is the square of a country's certificates, whatever they say.
    """
    found = set(trusted)
    frontier, left = list(found), [item for item in known if item not in found and may_issue(item)]
    while frontier:
        authority = frontier.pop()
        if not may_issue(authority):
            continue
        carried = [item for item in left if item.country == authority.country and issued_by(item, authority)]
        left = [item for item in left if item not in carried]
        found.update(carried)
        frontier.extend(carried)
    return frozenset(found)


def anchor_of(
    signer: Certificate, roots: Iterable[Certificate], between: Iterable[Certificate]
) -> Certificate | None:
    """The authority that issued `signer` and is a root or reached from one; None when there is none."""
    country = signer.issuer_country
    own = [item for item in roots if item.country == country]
    others = [item for item in between if item.country == country]
    for authority in sorted(reachable(own, others), key=lambda item: item.fingerprint):
        if issued_by(signer, authority):
            return authority
    return None
