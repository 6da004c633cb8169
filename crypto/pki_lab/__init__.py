"""The lab PKI: CSCA, document signers and CRL per country, from TOML or the standard set. Lab homes only."""

from crypto.issuing import build_master_list
from crypto.pki_lab.lab import CRL_LIFETIME, LabPki
from crypto.pki_lab.lists import DeviationEntry, build_deviation_list
from crypto.pki_lab.spec import SEAL_SIGNER_NAME, STANDARD_COUNTRIES, AuthoritySpec, LabSpec, SignerSpec
from crypto.pki_lab.zoo import DocumentSpec, ListSpec, Specimen, Zoo, issue_document, issue_list

__all__ = [
    "CRL_LIFETIME",
    "SEAL_SIGNER_NAME",
    "STANDARD_COUNTRIES",
    "AuthoritySpec",
    "DeviationEntry",
    "DocumentSpec",
    "LabPki",
    "LabSpec",
    "ListSpec",
    "SignerSpec",
    "Specimen",
    "Zoo",
    "build_deviation_list",
    "build_master_list",
    "issue_document",
    "issue_list",
]
