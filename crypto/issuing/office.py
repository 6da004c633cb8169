"""A country's signing authority on disk, and its ceremonies (Doc 9303-12 4 and 7). Works without a network.

The directory holds public files (certificates, CRL, master list), the register of what was issued, the
printed protocols, and in the lab the key files. Nothing leaves a ceremony that breaks its profile.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from crypto.certificates import Certificate, CertificateRevocationList, PublicKey
from crypto.certificates.certificate import MASTER_LIST_SIGNER
from crypto.errors import KeyUnavailable, PolicyRefused
from crypto.issuing.ceremony import Ceremony
from crypto.issuing.certificates import (
    Period,
    build_csca,
    build_document_signer,
    build_link,
    build_list_signer,
    build_seal_signer,
    random_serial,
)
from crypto.issuing.lists import build_crl, build_master_list
from crypto.issuing.profile import Role, require_profile
from crypto.issuing.register import (
    CRL_LIFETIME,
    REGISTER,
    Charter,
    Entry,
    Register,
    read_register,
    write_register,
)
from crypto.issuing.stores import KeyStore, require_store
from crypto.signer import AnyKey, KeySigner, check_period, public_key_of

CRL_PAUSE = timedelta(hours=48)  # Doc 9303-12 4.1.3: not more often, but within 48 h of a revocation
SEAL_SIGNERS_A_YEAR = 5
WITNESSES = 2  # in production
RandomBytes = Callable[[int], bytes]


class Office:
    """An authority opened for a ceremony. Every ceremony returns its protocol, stored already."""

    def __init__(self, directory: Path, register: Register, keys: KeyStore, random: RandomBytes) -> None:
        require_store(register.charter.world, keys)
        self.directory, self.register, self._keys, self._random = directory, register, keys, random

    @classmethod
    def found(
        cls,
        directory: Path,
        charter: Charter,
        keys: KeyStore,
        *,
        now: datetime,
        random: RandomBytes,
        witnesses: Sequence[str] = (),
    ) -> tuple[Office, Ceremony]:
        """Makes the first CSCA in an absent or empty directory; PolicyRefused otherwise."""
        if (directory / REGISTER).exists():
            raise PolicyRefused("this directory has an authority already")
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        office = cls(directory, Register(charter), keys, random)
        ceremony = office._begin("init of the country signing authority", now, witnesses)
        office._new_csca(ceremony, now)
        office._crl(ceremony, now)
        return office, office._end(ceremony)

    @classmethod
    def open(cls, directory: Path, keys: KeyStore, random: RandomBytes) -> Office:
        """An existing authority; KeyUnavailable, MalformedData."""
        return cls(directory, read_register(directory), keys, random)

    @property
    def csca(self) -> Certificate:
        """The CSCA that signs today."""
        return self.certificate(self.register.of("csca")[-1])

    def certificate(self, entry: Entry) -> Certificate:
        """The certificate of an entry."""
        try:
            return Certificate.parse((self.directory / entry.file).read_bytes())
        except OSError as error:
            raise KeyUnavailable(f"certificate {entry.file}") from error

    def issue_document_signer(
        self, key: PublicKey, types: Collection[str], *, now: datetime, witnesses: Sequence[str] = ()
    ) -> Ceremony:
        """A document signer for a key made elsewhere; `types` are the document codes it may sign."""
        ceremony = self._begin("issue of a document signer", now, witnesses)
        charter, number = self.register.charter, len(self.register.of("ds")) + 1
        period = self._period(now, charter.signer_key_days, charter.document_days)
        signer = self._authority(now)
        built = build_document_signer(
            signer.certificate,
            signer.key,
            key,
            charter.subject(f"DS {charter.code} {number:04}"),
            period,
            serial=random_serial(self._random),
            document_types=types,
            explicit_parameters=not charter.named_curves,
        )
        ceremony.did(f"the request's signature was checked; documents {', '.join(sorted(types))}")
        self._enter(ceremony, "ds", f"ds-{number:04}", built, Role.DOCUMENT_SIGNER)
        return self._end(ceremony)

    def issue_seal_signer(
        self,
        key: PublicKey,
        signer_id: str,
        reference: str,
        *,
        now: datetime,
        types: Collection[str] = (),
        witnesses: Sequence[str] = (),
    ) -> Ceremony:
        """A bar code signer for zones of `types` (() any); PolicyRefused for a reference given before, and
        for the sixth in a year.
        """
        ceremony = self._begin("issue of a seal signer", now, witnesses)
        charter, earlier = self.register.charter, self.register.of("seal")
        if any(int(item.serial, 16) == int(reference, 16) for item in self.register.entries):
            raise PolicyRefused("this certificate reference was given before")
        recent = [item for item in earlier if _time(item.issued) > now - timedelta(days=365)]
        if len(recent) >= SEAL_SIGNERS_A_YEAR:
            raise PolicyRefused("at most five seal signers are published in a year")
        period = self._period(now, charter.seal_key_days, charter.document_days)
        signer = self._authority(now)
        built = build_seal_signer(
            signer.certificate,
            signer.key,
            key,
            signer_id,
            reference,
            (period.not_before, period.not_after),
            document_types=types,
            explicit_parameters=not charter.named_curves,
        )
        ceremony.did(f"seals will name {signer_id} and the reference {reference.upper()}")
        name = f"seal-{signer_id}-{reference.upper()}"
        self._enter(ceremony, "seal", name, built, Role.SEAL_SIGNER, key_until=period.key_not_after)
        return self._end(ceremony)

    def publish_crl(self, *, now: datetime, witnesses: Sequence[str] = ()) -> Ceremony:
        """The next revocation list; PolicyRefused within 48 hours of the last."""
        if self.register.crl_at and now < _time(self.register.crl_at) + CRL_PAUSE:
            raise PolicyRefused("the last revocation list is younger than 48 hours")
        ceremony = self._begin("publication of a revocation list", now, witnesses)
        self._crl(ceremony, now)
        return self._end(ceremony)

    def revoke(self, serial: str, reason: str, *, now: datetime, witnesses: Sequence[str] = ()) -> Ceremony:
        """Revokes a signer and publishes the list at once (within 48 h is the rule)."""
        found = [item for item in self.register.entries if _same_serial(item.serial, serial)]
        if len(found) != 1 or found[0].kind == "csca":
            raise PolicyRefused("no signer has this serial number")
        if found[0].revoked:
            raise PolicyRefused("this signer was revoked before")
        ceremony = self._begin("revocation of a signer", now, witnesses)
        ended = replace(found[0], revoked=_text(now), reason=reason)
        entries = tuple(ended if item is found[0] else item for item in self.register.entries)
        self.register = replace(self.register, entries=entries)
        ceremony.did(f"{found[0].subject}, serial {found[0].serial}, was revoked: {reason}")
        self._crl(ceremony, now)
        return self._end(ceremony)

    def roll_over(self, *, now: datetime, witnesses: Sequence[str] = ()) -> Ceremony:
        """A new CSCA and the link certificate by which the old one vouches for it."""
        ceremony = self._begin("rollover of the country signing authority", now, witnesses)
        old, charter = self._authority(now), self.register.charter
        new = self._new_csca(ceremony, now)
        _, key_until = new.private_key_usage or (None, None)
        period = Period(now.replace(microsecond=0), new.not_after, key_until or new.not_after)
        link = build_link(
            old.certificate,
            old.key,
            new,
            charter.subject(_csca_name(charter, len(self.register.of("csca")))),
            period,
            serial=random_serial(self._random),
        )
        number = len(self.register.of("csca"))
        self._enter(ceremony, "link", f"link-{number - 1:02}-{number:02}", link, Role.LINK)
        ceremony.did("the old key stays only until its certificates are published; then destroy it")
        self._crl(ceremony, now)
        return self._end(ceremony)

    def publish_master_list(
        self, others: Sequence[Certificate], *, now: datetime, witnesses: Sequence[str] = ()
    ) -> Ceremony:
        """A master list of our own authorities and `others`, signed by a list signer made when needed."""
        if any(not item.is_ca for item in others):
            raise PolicyRefused("a master list holds CSCA certificates only")
        ceremony = self._begin("publication of a master list", now, witnesses)
        signer = self._list_signer(ceremony, now)
        own = [self.certificate(item) for item in self.register.entries if item.kind in ("csca", "link")]
        built = build_master_list([*own, *others], signer, signing_time=now, above=[self.csca])
        ceremony.wrote(self.directory / f"{self.register.charter.code}.ml", built)
        ceremony.did(f"the master list names {len(own)} certificates of ours and {len(others)} of others")
        return self._end(ceremony)

    # -- parts of ceremonies --------------------------------------------------------------------------

    def _begin(self, title: str, now: datetime, witnesses: Sequence[str]) -> Ceremony:
        charter = self.register.charter
        named = tuple(name.strip() for name in witnesses if name.strip())
        if charter.world == "production" and len(set(named)) < WITNESSES:
            raise PolicyRefused(f"a production ceremony has {WITNESSES} witnesses")
        authority = f"{charter.country} {charter.code} {charter.organization}".rstrip()
        return Ceremony(title, charter.world, now, authority, self._keys.kind, named)

    def _end(self, ceremony: Ceremony) -> Ceremony:
        write_register(self.directory, self.register)
        ceremony.files.append(ceremony.store(self.directory))
        return ceremony

    def _new_csca(self, ceremony: Ceremony, now: datetime) -> Certificate:
        charter, number = self.register.charter, len(self.register.of("csca")) + 1
        label = f"{'LAB ' if charter.world == 'lab' else ''}csca {charter.code} {number:02}"
        key = self._keys.generate(charter.curve, label)
        ceremony.did(f'a key on {charter.curve} was made {self._keys.kind}, label "{label}"')
        built = build_csca(
            key,
            charter.subject(_csca_name(charter, number)),
            self._period(now, charter.csca_key_days, charter.longest_signer_days),
            serial=random_serial(self._random),
            explicit_parameters=not charter.named_curves,
        )
        self._enter(ceremony, "csca", f"csca-{number:02}", built, Role.CSCA, label=label)
        return built

    def _list_signer(self, ceremony: Ceremony, now: datetime) -> KeySigner:
        for item in reversed(self.register.of("list")):
            if not item.revoked and now < _time(item.key_until):
                certificate = self.certificate(item)
                return KeySigner(self._keys.load(certificate, item.label), certificate, authority=self.csca)
        charter, number = self.register.charter, len(self.register.of("list")) + 1
        label = f"{'LAB ' if charter.world == 'lab' else ''}mls {charter.code} {number:02}"
        key, above = self._keys.generate("secp256r1", label), self._authority(now)
        built = build_list_signer(
            above.certificate,
            above.key,
            public_key_of(key),
            charter.subject(f"MLS {charter.code} {number:02}"),
            self._period(now, charter.signer_key_days, charter.document_days),
            serial=random_serial(self._random),
            purpose=MASTER_LIST_SIGNER,
            explicit_parameters=not charter.named_curves,
        )
        ceremony.did(f'a list signer was made, label "{label}"')
        self._enter(ceremony, "list", f"mls-{number:02}", built, Role.LIST_SIGNER, label=label)
        return KeySigner(key, built, authority=self.csca)

    def _crl(self, ceremony: Ceremony, now: datetime) -> CertificateRevocationList:
        number = self.register.crl_number + 1
        revoked = {
            int(item.serial, 16): _time(item.revoked) for item in self.register.entries if item.revoked
        }
        built = build_crl(
            self._authority(now),
            number=number,
            this_update=now,
            next_update=now + CRL_LIFETIME,
            revoked=revoked,
        )
        self.register = replace(self.register, crl_number=number, crl_at=_text(now))
        ceremony.wrote(self.directory / f"{self.register.charter.code}.crl", built.der)
        ceremony.did(f"revocation list {number} names {len(revoked)} certificates")
        return built

    def _authority(self, now: datetime) -> _Authority:
        """The CSCA and its key, if that may sign now."""
        entry = self.register.of("csca")[-1]
        certificate = self.certificate(entry)
        check_period(certificate, now)
        return _Authority(self._keys.load(certificate, entry.label), certificate)

    def _period(self, now: datetime, key_days: int, beyond_days: int) -> Period:
        start = now.astimezone(UTC).replace(microsecond=0)
        key_until = start + timedelta(days=key_days)
        return Period(start, key_until + timedelta(days=beyond_days), key_until)

    def _enter(
        self,
        ceremony: Ceremony,
        kind: str,
        name: str,
        built: Certificate,
        role: Role,
        *,
        label: str = "",
        key_until: datetime | None = None,
    ) -> None:
        """Checks the certificate, writes it, and enters it in the register."""
        require_profile(built, role, named_curves=self.register.charter.named_curves)
        _, last = built.private_key_usage or (None, None)
        entry = Entry(
            kind,
            f"{name}.cer",
            label,
            f"{built.serial:x}",
            built.subject,
            _text(built.not_before),
            _text(key_until or last or built.not_after),
            _text(built.not_after),
        )
        ceremony.wrote(self.directory / entry.file, built.der)
        ceremony.certificates.append(built)
        ceremony.did(f"{entry.file} was issued and follows the profile of a {role}")
        self.register = replace(self.register, entries=(*self.register.entries, entry))


class _Authority(KeySigner):
    """A CSCA signer that also lends its key to the builders."""

    def __init__(self, key: AnyKey, certificate: Certificate) -> None:
        super().__init__(key, certificate)
        self.key = key


def _csca_name(charter: Charter, number: int) -> str:
    return f"CSCA {charter.code} {number:02}"


def _same_serial(known: str, asked: str) -> bool:
    try:
        return int(known, 16) == int(asked, 16)
    except ValueError:
        return False


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(microsecond=0).isoformat()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
