"""A whole lab PKI in a folder, made through `crypto.issuing`; every name carries LAB.

The same spec, seed and `now` give the same bytes (RSA signers excepted: their keys come from the library).
Layout: lab.json, trust/ (what a kiosk loads), <country>/ (certificates and 0600 key files).
Whether a lab PKI may exist in a home is decided by the home: production homes refuse it.
"""

from __future__ import annotations

import hmac
import json
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from crypto.certificates import Certificate, CertificateRevocationList, SignatureAlgorithm
from crypto.certificates.certificate import DEVIATION_LIST_SIGNER, MASTER_LIST_SIGNER
from crypto.errors import KeyUnavailable, MalformedData, PolicyRefused
from crypto.issuing import (
    Period,
    Subject,
    build_crl,
    build_csca,
    build_document_signer,
    build_link,
    build_list_signer,
    build_seal_signer,
    generate_ec_key,
    random_serial,
)
from crypto.pki_lab.spec import SEAL_SIGNER_NAME, STANDARD_COUNTRIES, AuthoritySpec, LabSpec, SignerSpec
from crypto.signer import FileSigner, KeySigner, PrivateKey, load_private_key, save_private_key
from crypto.sod import build_sod
from crypto.trust import mrz_code
from crypto.trust.directory import DISTRUSTED, KNOWN, SIGNERS
from crypto.trust.signers import shelf_name

RandomBytes = Callable[[int], bytes]
CRL_LIFETIME = timedelta(days=90)  # Doc 9303-12 4.1: at least every 90 days
_RENEW_BEFORE = timedelta(days=7)
_ORGANIZATION = "Shekara LAB"
_PURPOSES = {"master_list": MASTER_LIST_SIGNER, "deviation_list": DEVIATION_LIST_SIGNER}
_KEPT = ("default", SEAL_SIGNER_NAME)  # signers that `refresh` renews
_SEAL_SIGNER = "LB"  # signer identifier of a lab's seals; a common name of two letters cannot carry LAB
_SEAL_SERIAL_BYTES = 4  # the seal spells the serial number out
_PSS = SignatureAlgorithm("rsa_pss", "sha256", 32, "sha256")


class LabPki:
    """A lab PKI on disk."""

    def __init__(self, directory: Path, spec: LabSpec, generations: Mapping[str, int]) -> None:
        self.directory = directory
        self.spec = spec
        self._generations = dict(generations)

    @classmethod
    def create(
        cls,
        directory: Path,
        *,
        now: datetime,
        seed: bytes | str | None = None,
        countries: Sequence[str] = STANDARD_COUNTRIES,
        spec: LabSpec | None = None,
    ) -> LabPki:
        """Writes a new lab PKI into an absent or empty folder; without a seed it is random.

        Raises PolicyRefused when the folder already holds something.
        """
        if directory.exists() and any(directory.iterdir()):
            raise PolicyRefused(f"{directory.name} is not empty: a lab PKI is never written over")
        draft = directory.with_name(f"{directory.name}.new")  # renamed when whole: a killed set-up restarts
        shutil.rmtree(draft, ignore_errors=True)
        lab = cls(draft, spec or LabSpec.standard(countries), {})
        lab.trust_directory.mkdir(parents=True)
        for authority in lab.spec.authorities:
            lab._create_authority(authority, _stream(seed, f"csca/{authority.country}"), now)
        for signer in lab.spec.signers:
            lab._create_signer(signer, _stream(seed, f"ds/{signer.country}/{signer.name}"), now)
        for authority in lab.spec.authorities:
            lab._create_first_crl(authority, now)
        lab._save()
        draft.replace(directory)
        return cls(directory, lab.spec, lab._generations)

    @classmethod
    def open(cls, directory: Path) -> LabPki:
        """An existing lab PKI; KeyUnavailable when there is none, MalformedData when it is damaged."""
        try:
            document = json.loads((directory / "lab.json").read_text("utf-8"))
            generations = {str(key): int(value) for key, value in document.pop("generations").items()}
        except OSError as error:
            raise KeyUnavailable(f"no lab PKI in {directory.name}") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise MalformedData("lab.json") from error
        return cls(directory, LabSpec.from_mapping(document), generations)

    @property
    def trust_directory(self) -> Path:
        """What a kiosk loads with `TrustStore.from_directory`."""
        return self.directory / "trust"

    @property
    def countries(self) -> tuple[str, ...]:
        """Alpha-2 codes of the authorities."""
        return tuple(item.country for item in self.spec.authorities)

    def csca(self, country: str) -> Certificate:
        """The country's CSCA certificate."""
        return _read_certificate(self._authority_path(country, ".cer"))

    def signer(self, country: str, name: str = "default") -> FileSigner:
        """A document signer with its key; KeyUnavailable when the lab has none of that name."""
        spec = self._signer_spec(country, name)
        stem = self._signer_path(spec)
        algorithm = _PSS if spec.scheme == "rsa_pss" else None
        certificate = stem.with_suffix(".cer")
        return FileSigner.load(stem.with_suffix(".key"), certificate, algorithm, authority=self.csca(country))

    def sign_sod(
        self,
        country: str,
        data_groups: Mapping[int, bytes],
        signing_time: datetime | None = None,
        *,
        name: str = "default",
    ) -> bytes:
        """EF.SOD of a specimen over whole data group files; PolicyRefused outside the signer's period."""
        return build_sod(data_groups, self.signer(country, name), signing_time=signing_time)

    def revoke(self, country: str, serial: int, now: datetime) -> CertificateRevocationList:
        """Publishes a new CRL that also names `serial`."""
        return self._publish_crl(country, now, {serial})

    def refresh(self, now: datetime, random: RandomBytes = secrets.token_bytes) -> tuple[str, ...]:
        """Keeps a lab that lives on usable: renews CRLs, default and seal signers that end within a week.

        Returns what was renewed ("KZ crl", "KZ default"). Special signers (revoked, RSA, …) stay as they are.
        """
        renewed = self._add_seal_signer(random, now)
        for spec in self.spec.signers:
            if spec.name in _KEPT and self._key_ends(spec) - _RENEW_BEFORE < now:
                self._renew(spec, random, now)
                renewed.append(f"{spec.country} {spec.name}")
        for authority in self.spec.authorities:
            if authority.crl == "fresh" and self._crl_ends(authority.country) - _RENEW_BEFORE < now:
                self._publish_crl(authority.country, now, set())
                renewed.append(f"{authority.country} crl")
        self._save()
        return tuple(renewed)

    def _add_seal_signer(self, random: RandomBytes, now: datetime) -> list[str]:
        """A lab of an older version gets its seal signer; what was added."""
        host = SignerSpec.seal(STANDARD_COUNTRIES[0])
        known = {(item.country, item.name) for item in self.spec.signers}
        if (host.country, "default") not in known or (host.country, host.name) in known:
            return []
        self.spec = replace(self.spec, signers=(*self.spec.signers, host))
        self._create_signer(host, random, now)
        return [f"{host.country} {host.name}"]

    def _create_authority(self, spec: AuthoritySpec, random: RandomBytes, now: datetime) -> None:
        self._authority_path(spec.country, ".key").parent.mkdir(mode=0o700, exist_ok=True)
        key = generate_ec_key(spec.curve, random)
        certificate = build_csca(
            key,
            _subject(spec.country, "CSCA", ""),
            _period(spec, now),
            serial=random_serial(random),
            explicit_parameters=spec.explicit_parameters,
        )
        save_private_key(self._authority_path(spec.country, ".key"), key)
        self._authority_path(spec.country, ".cer").write_bytes(certificate.der)
        self._publish_authority(spec, key, certificate, random, now)

    def _publish_authority(
        self,
        spec: AuthoritySpec,
        key: PrivateKey,
        certificate: Certificate,
        random: RandomBytes,
        now: datetime,
    ) -> None:
        """What the trust directory says of an authority."""
        name, known = f"{spec.country}_csca.cer", self.trust_directory / KNOWN
        if spec.standing == "unknown":
            return
        if spec.standing == "known" or spec.rollover:
            known.mkdir(exist_ok=True)
            (known / name).write_bytes(certificate.der)
        if spec.rollover:
            self._roll_over(spec, certificate, random, now)
        elif spec.standing != "known":
            published = certificate
            if spec.reissued_days:
                later = _period(replace(spec, starts_days=spec.reissued_days), now)
                published = build_csca(
                    key, _subject(spec.country, "CSCA", ""), later, serial=random_serial(random)
                )
            (self.trust_directory / name).write_bytes(published.der)
        if spec.standing == "distrusted":
            with (self.trust_directory / DISTRUSTED).open("a", encoding="ascii") as file:
                file.write(f"{certificate.fingerprint}\n")

    def _roll_over(self, spec: AuthoritySpec, new: Certificate, random: RandomBytes, now: datetime) -> None:
        """An older generation, trusted, and its link certificate to the new one (Doc 9303-12 7.1)."""
        period, old_key = _period(spec, now), generate_ec_key(spec.curve, random)
        subject = _subject(spec.country, "CSCA", " 00")
        old = build_csca(old_key, subject, period, serial=random_serial(random))
        link = build_link(old, old_key, new, subject, period, serial=random_serial(random))
        (self.trust_directory / f"{spec.country}_csca_old.cer").write_bytes(old.der)
        (self.trust_directory / KNOWN / f"{spec.country}_link.cer").write_bytes(link.der)

    def _create_signer(self, spec: SignerSpec, random: RandomBytes, now: datetime) -> None:
        authority = self._authority(spec.country)
        key: PrivateKey
        if spec.scheme == "rsa_pss":
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        else:
            key = generate_ec_key(spec.curve, random)
        number = self._generations.get(f"{spec.country}/{spec.name}", 0) + 1
        subject, serial = _subject(spec.country, "DS", f" {spec.name} {number:02}"), random_serial(random)
        if spec.purpose == "seal":
            serial = int.from_bytes(random(_SEAL_SERIAL_BYTES), "big") | 1 << 31
        certificate = _certify(authority, key, spec, subject, serial, now)
        self._generations[f"{spec.country}/{spec.name}"] = number
        stem = self._signer_path(spec)
        save_private_key(stem.with_suffix(".key"), key)
        stem.with_suffix(".cer").write_bytes(certificate.der)
        if spec.purpose == "seal":  # a seal names its certificate only: every verifier needs it
            shelf = self.trust_directory / SIGNERS
            shelf.mkdir(exist_ok=True)
            (shelf / shelf_name(certificate)).write_bytes(certificate.der)

    def _create_first_crl(self, spec: AuthoritySpec, now: datetime) -> None:
        if spec.crl == "none":
            return
        published = now - 2 * CRL_LIFETIME if spec.crl == "stale" else now
        revoked = {
            _read_certificate(self._signer_path(item).with_suffix(".cer")).serial
            for item in self.spec.signers
            if item.country == spec.country and item.revoked
        }
        self._publish_crl(spec.country, published, revoked)

    def _publish_crl(self, country: str, now: datetime, revoked: set[int]) -> CertificateRevocationList:
        """The next CRL: what the last one named, and `revoked`."""
        path = self.trust_directory / f"{country}.crl"
        last = CertificateRevocationList.parse(path.read_bytes()) if path.exists() else None
        serials = revoked | (set(last.revoked) if last else set())
        crl = build_crl(
            self._authority(country),
            number=(last.number or 0) + 1 if last else 1,
            this_update=now,
            next_update=now + CRL_LIFETIME,
            revoked=dict.fromkeys(serials, now),
        )
        path.write_bytes(crl.der)
        return crl

    def _renew(self, spec: SignerSpec, random: RandomBytes, now: datetime) -> None:
        """A new default signer; the old private key is destroyed (Doc 9303-12: when its period ends)."""
        old = self._signer_path(spec).with_suffix(".key")
        self._create_signer(spec, random, now)
        self._save()
        old.unlink(missing_ok=True)

    def _key_ends(self, spec: SignerSpec) -> datetime:
        certificate = _read_certificate(self._signer_path(spec).with_suffix(".cer"))
        _, last = certificate.private_key_usage or (None, None)
        return last or certificate.not_before + timedelta(days=spec.key_days)  # a seal signer's says nothing

    def _crl_ends(self, country: str) -> datetime:
        path = self.trust_directory / f"{country}.crl"
        if not path.exists():
            return datetime.min.replace(tzinfo=UTC) + 2 * _RENEW_BEFORE
        crl = CertificateRevocationList.parse(path.read_bytes())
        return crl.next_update or crl.this_update

    def _authority(self, country: str) -> _Authority:
        key = load_private_key(self._authority_path(country, ".key"))
        return _Authority(key, self.csca(country))

    def _authority_path(self, country: str, suffix: str) -> Path:
        return self.directory / country / f"csca{suffix}"

    def _signer_path(self, spec: SignerSpec) -> Path:
        number = self._generations[f"{spec.country}/{spec.name}"]
        return self.directory / spec.country / f"ds-{spec.name}-{number:02}"

    def _signer_spec(self, country: str, name: str) -> SignerSpec:
        for spec in self.spec.signers:
            if (spec.country, spec.name) == (country, name):
                return spec
        raise KeyUnavailable(f"the lab has no signer {name} of {country}")

    def _save(self) -> None:
        document: dict[str, Any] = {**self.spec.to_mapping(), "generations": self._generations}
        text = json.dumps(document, indent=1, sort_keys=True) + "\n"
        temporary = self.directory / "lab.json.new"
        temporary.write_text(text, "utf-8")
        temporary.replace(self.directory / "lab.json")


class _Authority(KeySigner):
    """A CSCA signer that also lends its key to `issuing`."""

    def __init__(self, key: PrivateKey, certificate: Certificate) -> None:
        super().__init__(key, certificate)
        self.key = key


def _certify(
    authority: _Authority, key: PrivateKey, spec: SignerSpec, subject: Subject, serial: int, now: datetime
) -> Certificate:
    """The certificate of a document, seal or list signer."""
    issuer, public, period = authority.certificate, key.public_key(), _period(spec, now)
    explicit = spec.explicit_parameters
    if spec.purpose == "seal":
        return build_seal_signer(
            issuer,
            authority.key,
            public,
            spec.country + _SEAL_SIGNER,
            f"{serial:X}",
            (period.not_before, period.not_after),
            document_types=spec.document_types,
            explicit_parameters=explicit,
        )
    if spec.purpose != "document":
        return build_list_signer(
            issuer,
            authority.key,
            public,
            subject,
            period,
            serial=serial,
            purpose=_PURPOSES[spec.purpose],
            explicit_parameters=explicit,
        )
    return build_document_signer(
        issuer,
        authority.key,
        public,
        subject,
        period,
        serial=serial,
        document_types=spec.document_types,
        explicit_parameters=explicit,
        usage=spec.usage,
    )


def _stream(seed: bytes | str | None, label: str) -> RandomBytes:
    """Random bytes that follow from seed and label (HMAC-SHA-256 in counter mode); lab keys only."""
    if seed is None:
        return secrets.token_bytes
    key = seed.encode() if isinstance(seed, str) else seed
    state = {"counter": 0}

    def read(count: int) -> bytes:
        block = b""
        while len(block) < count:
            state["counter"] += 1
            block += hmac.digest(key, f"{label}/{state['counter']}".encode(), "sha256")
        return block[:count]

    return read


def _subject(country: str, role: str, suffix: str) -> Subject:
    code = mrz_code(country)
    if code is None:
        raise PolicyRefused(f"no MRZ code for country {country}")
    return Subject(country, f"LAB {role} {code}{suffix or ' 01'}", code, _ORGANIZATION)


def _period(spec: AuthoritySpec | SignerSpec, now: datetime) -> Period:
    start = now.replace(microsecond=0) + timedelta(days=spec.starts_days)
    return Period(start, start + timedelta(days=spec.valid_days), start + timedelta(days=spec.key_days))


def _read_certificate(path: Path) -> Certificate:
    try:
        return Certificate.parse(path.read_bytes())
    except OSError as error:
        raise KeyUnavailable(f"certificate {path.name}") from error
