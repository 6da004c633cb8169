"""Issuing: certificates, lists, requests and the ceremonies of a country signing authority (Doc 9303-12)."""

from crypto.issuing.ceremony import Ceremony, broken_protocol
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
from crypto.issuing.office import Office
from crypto.issuing.profile import EXTENSIONS, Role, require_profile, violations
from crypto.issuing.register import Charter, Expiry, read_register
from crypto.issuing.request import build_request, read_request
from crypto.issuing.stores import FileKeys, KeyStore, TokenKeys

__all__ = [
    "EXTENSIONS",
    "Ceremony",
    "Charter",
    "Expiry",
    "FileKeys",
    "KeyStore",
    "Office",
    "Period",
    "Role",
    "Subject",
    "TokenKeys",
    "broken_protocol",
    "build_crl",
    "build_csca",
    "build_document_signer",
    "build_link",
    "build_list_signer",
    "build_master_list",
    "build_request",
    "build_seal_signer",
    "generate_ec_key",
    "random_serial",
    "read_register",
    "read_request",
    "require_profile",
    "violations",
]
