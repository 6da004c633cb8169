"""Trust in travel documents: store, revocation, passive authentication (Doc 9303-11 5.1, Doc 9303-12)."""

from crypto.countries import certificate_country, mrz_code
from crypto.trust.passive import GROUPS, MANDATORY, PassiveAuthentication, passive_authentication
from crypto.trust.store import Candidate, Standing, TrustStore
from crypto.trust.verdict import Check, Finding, Outcome, Reason, combine, combine_checks

__all__ = [
    "GROUPS",
    "MANDATORY",
    "Candidate",
    "Check",
    "Finding",
    "Outcome",
    "PassiveAuthentication",
    "Reason",
    "Standing",
    "TrustStore",
    "certificate_country",
    "combine",
    "combine_checks",
    "mrz_code",
    "passive_authentication",
]
