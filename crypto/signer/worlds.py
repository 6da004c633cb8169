"""Lab and production are different worlds: a lab certificate says so in its name, for everybody to read.

A signer of one world is never opened in the other, whatever store its key lies in.
"""

from __future__ import annotations

import re
from typing import Literal

from crypto.certificates import Certificate
from crypto.errors import CryptoErrorCode, PolicyRefused

World = Literal["lab", "production"]
LAB_MARK = "LAB"
_NAMED = re.compile(r"\bLAB\b")


def is_lab(certificate: Certificate) -> bool:
    """The mark stands in the subject or the issuer: a seal signer's own name has no room for it."""
    return bool(_NAMED.search(certificate.subject) or _NAMED.search(certificate.issuer))


def require_world(certificate: Certificate, world: World) -> None:
    """Raises PolicyRefused (CRYPTO_WORLD_REFUSED) for a certificate of the other world."""
    if is_lab(certificate) != (world == "lab"):
        found = "lab" if is_lab(certificate) else "production"
        raise PolicyRefused(
            f"a {found} certificate in a {world} home", code=CryptoErrorCode.CRYPTO_WORLD_REFUSED
        )
