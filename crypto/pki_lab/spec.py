"""A lab PKI as data: authorities and signers, from TOML or the standard set; times relative to `now`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, TypeVar, get_args

from crypto.ecmath import CURVES
from crypto.errors import MalformedData

Scheme = Literal["ecdsa", "rsa_pss"]
CrlState = Literal["fresh", "stale", "none"]
Standing = Literal["trusted", "known", "distrusted", "unknown"]
Purpose = Literal["document", "master_list", "deviation_list", "seal"]
_WORDS = {"scheme": Scheme, "crl": CrlState, "standing": Standing, "purpose": Purpose}
STANDARD_COUNTRIES = ("KZ", "UZ", "KG", "TJ", "RU", "CN", "UT")
_NIST, _BRAINPOOL = ("secp384r1", "secp256r1"), ("brainpoolP384r1", "brainpoolP256r1")
# The host country signs migrant cards (AR) and residence documents beside passports
_HOST, _HOST_TYPES, _PASSPORT_TYPES = "KZ", ("AR", "ID", "P"), ("ID", "P", "PP", "PO", "PD")
SEAL_SIGNER_NAME = "seal"
_Spec = TypeVar("_Spec", "AuthoritySpec", "SignerSpec")


@dataclass(frozen=True)
class AuthoritySpec:
    """One CSCA. Days count from `now` (start) and from the start (the others)."""

    country: str
    curve: str = "secp384r1"
    starts_days: int = -400
    key_days: int = 3 * 365
    valid_days: int = 400 + 3 * 365 + 11 * 365
    standing: Standing = "trusted"
    """What the trust directory says of it; an unknown one does not lie there."""
    rollover: bool = False
    """Trusted is an older key only, which vouches for this one by a link certificate."""
    reissued_days: int = 0
    """Unless 0: the trust directory has a later certificate of the same key, valid from then."""
    crl: CrlState = "fresh"
    explicit_parameters: bool = True


@dataclass(frozen=True)
class SignerSpec:
    """One signer of a country, by name. Days as in `AuthoritySpec`."""

    country: str
    name: str = "default"
    curve: str = "secp256r1"
    scheme: Scheme = "ecdsa"
    starts_days: int = -30
    key_days: int = 30 + 90
    valid_days: int = 30 + 90 + 10 * 365
    document_types: tuple[str, ...] = _PASSPORT_TYPES
    revoked: bool = False
    explicit_parameters: bool = True
    purpose: Purpose = "document"
    usage: str = "digital_signature"
    """Key usage; another one breaks the profile."""

    @classmethod
    def seal(cls, country: str) -> SignerSpec:
        """The signer of digital seals on the host country's cards."""
        return cls(country, SEAL_SIGNER_NAME, document_types=("AR",), purpose="seal")


@dataclass(frozen=True)
class LabSpec:
    """All of a lab PKI."""

    authorities: tuple[AuthoritySpec, ...]
    signers: tuple[SignerSpec, ...] = field(default=())

    @classmethod
    def standard(cls, countries: Sequence[str] = STANDARD_COUNTRIES) -> LabSpec:
        """One CSCA and one signer per country (alpha-2); NIST and Brainpool curves alternate."""
        authorities: list[AuthoritySpec] = []
        signers: list[SignerSpec] = []
        for index, country in enumerate(countries):
            csca_curve, signer_curve = _BRAINPOOL if index % 2 else _NIST
            types = _HOST_TYPES if country == _HOST else _PASSPORT_TYPES
            authorities.append(AuthoritySpec(country, csca_curve))
            signers.append(SignerSpec(country, curve=signer_curve, document_types=types))
            if country == _HOST:
                signers.append(SignerSpec.seal(country))
        return cls(tuple(authorities), tuple(signers))

    @classmethod
    def from_toml(cls, text: str) -> LabSpec:
        """From [[authority]] and [[signer]] tables named as the specs' fields; raises MalformedData."""
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise MalformedData("lab PKI is not TOML") from error
        return cls.from_mapping(document)

    @classmethod
    def from_mapping(cls, document: Mapping[str, Any]) -> LabSpec:
        """From parsed TOML or JSON; raises MalformedData for unknown fields or values."""
        if set(document) - {"authority", "signer"}:
            raise MalformedData("lab PKI: only [[authority]] and [[signer]] are known")
        authorities = tuple(_build(AuthoritySpec, _today(item)) for item in document.get("authority", ()))
        signers = tuple(_build(SignerSpec, item) for item in document.get("signer", ()))
        countries = [item.country for item in authorities]
        keys = [(item.country, item.name) for item in signers]
        if len(set(countries)) != len(countries) or len(set(keys)) != len(keys):
            raise MalformedData("lab PKI: a country or signer is given twice")
        if {country for country, _ in keys} - set(countries):
            raise MalformedData("lab PKI: a signer without authority")
        return cls(authorities, signers)

    def to_mapping(self) -> dict[str, Any]:
        """The inverse of `from_mapping`."""
        return {
            "authority": [asdict(item) for item in self.authorities],
            "signer": [asdict(item) for item in self.signers],
        }


def _today(table: Any) -> Any:
    """An authority as older versions wrote it: `trusted` became `standing`."""
    if not isinstance(table, dict) or not isinstance(table.get("trusted"), bool):
        return table
    rest = {key: value for key, value in table.items() if key != "trusted"}
    return {"standing": "trusted" if table["trusted"] else "unknown", **rest}


def _build(spec: type[_Spec], table: Any) -> _Spec:
    if not isinstance(table, dict) or "country" not in table:
        raise MalformedData("lab PKI: a table needs a country")
    known = {item.name: item for item in fields(spec)}
    for key, value in table.items():
        if key not in known or not _fits(key, value, known[key].default):
            raise MalformedData(f"lab PKI: {key} is unknown or of the wrong type")
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in table.items()
    }
    return spec(**values)


def _fits(key: str, value: Any, default: Any) -> bool:
    if key == "country":
        return isinstance(value, str) and len(value) == 2 and value.isalpha() and value.isupper()
    if key == "curve":
        return isinstance(value, str) and value in CURVES
    if key in _WORDS:
        return value in get_args(_WORDS[key])
    if key == "usage":
        return value in ("digital_signature", "key_encipherment", "key_agreement")
    if key == "document_types":
        return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
    if key == "name":
        return isinstance(value, str) and value.isascii() and value.replace("-", "").isalnum()
    return type(value) is type(default)
