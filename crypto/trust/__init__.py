"""Trust in travel documents: store, revocation, passive authentication (Doc 9303-11 5.1, Doc 9303-12)."""

from crypto.countries import certificate_country, mrz_code
from crypto.trust.deviations import DeviationList
from crypto.trust.importing import ImportReport, import_file
from crypto.trust.passive import GROUPS, MANDATORY, PassiveAuthentication, passive_authentication
from crypto.trust.signed_list import ImportReason, MasterList, Rejected
from crypto.trust.store import Candidate, Source, Standing, TrustStore
from crypto.trust.verdict import Check, Finding, Outcome, Reason, combine, combine_checks

__all__ = [
    "GROUPS",
    "MANDATORY",
    "Candidate",
    "Check",
    "DeviationList",
    "Finding",
    "ImportReason",
    "ImportReport",
    "MasterList",
    "Outcome",
    "PassiveAuthentication",
    "Reason",
    "Rejected",
    "Source",
    "Standing",
    "TrustStore",
    "certificate_country",
    "combine",
    "combine_checks",
    "import_file",
    "mrz_code",
    "passive_authentication",
]
