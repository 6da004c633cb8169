"""Trust in travel documents: store, revocation, passive authentication (Doc 9303-11 5.1, Doc 9303-12)."""

from crypto.trust.verdict import Check, Finding, Outcome, Reason, combine, combine_checks

__all__ = ["Check", "Finding", "Outcome", "Reason", "combine", "combine_checks"]
