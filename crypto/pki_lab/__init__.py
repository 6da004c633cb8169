"""The lab PKI: CSCA, document signers and CRL per country, from TOML or the standard set. Lab homes only."""

from crypto.pki_lab.lab import CRL_LIFETIME, LabPki
from crypto.pki_lab.spec import STANDARD_COUNTRIES, AuthoritySpec, LabSpec, SignerSpec

__all__ = ["CRL_LIFETIME", "STANDARD_COUNTRIES", "AuthoritySpec", "LabPki", "LabSpec", "SignerSpec"]
