"""Issuing: certificates, lists, requests and the ceremonies of a country signing authority (Doc 9303-12)."""

from crypto.issuing.certificates import (
    Period,
    Subject,
    build_csca,
    build_document_signer,
    build_link,
    build_list_signer,
    build_seal_signer,
    generate_ec_key,
    random_serial,
)
from crypto.issuing.lists import build_crl, build_master_list
from crypto.issuing.profile import EXTENSIONS, Role, require_profile, violations

__all__ = [
    "EXTENSIONS",
    "Period",
    "Role",
    "Subject",
    "build_crl",
    "build_csca",
    "build_document_signer",
    "build_link",
    "build_list_signer",
    "build_master_list",
    "build_seal_signer",
    "generate_ec_key",
    "random_serial",
    "require_profile",
    "violations",
]
