"""From a blank to a locked, verified card: the named steps, their order, and how an interrupted run goes on.

Every step is journalled before its first command and is safe to repeat.  A torn blank is written again from
the first step (the card makes a new key, so DG14, DG15 and EF.SOD are new too); a card that is locked
already is only proved and verified.  Doc 9303-10 sections 3 and 4.5, Doc 9303-11 sections 6 and 9.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from card_io.errors import (
    AccessDenied,
    Cancelled,
    CardErrorCode,
    CardRefused,
    MalformedCardData,
    PersonalisationFailed,
    StatusError,
)
from card_io.lds import index, security_infos
from card_io.perso.blank import Blank, CardState, card_state, read_serial
from card_io.perso.card_keys import RandomBytes, mrz_password
from card_io.perso.job import (
    CHIP_GROUPS,
    Journal,
    OpenLink,
    PersonalisationRequest,
    PersonalisedCard,
    Progress,
    Step,
    VerificationRequest,
    VerificationResult,
    Verifier,
)
from card_io.perso.profile import Profile, ProfileFile
from card_io.perso.public_key import subject_public_key_info
from crypto.signer import Signer
from crypto.sod import SecurityObject, build_sod

__all__ = [
    "CardState",
    "Journal",
    "PersonalisationRequest",
    "PersonalisedCard",
    "Personaliser",
    "Progress",
    "Step",
    "VerificationRequest",
    "VerificationResult",
    "Verifier",
    "card_state",
    "read_serial",
]

_CHECKS: Final = frozenset({Step.VERIFY, Step.FINAL_VERIFY})
_PROBES: Final = ("EF.CardAccess", "EF.COM")  # one file of each directory proves the lock


class Personaliser:
    """Runs the steps for one card.  `now` is aware UTC and becomes the signing time."""

    def __init__(
        self,
        profile: Profile,
        signer: Signer,
        *,
        journal: Journal,
        random: RandomBytes,
        now: datetime,
        on_progress: Callable[[Progress], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> None:
        self._profile = profile
        self._signer = signer
        self._journal = journal
        self._random = random
        self._now = now
        self._on_progress = on_progress or (lambda _: None)
        self._cancel = cancel or threading.Event()

    def run(self, open_link: OpenLink, request: PersonalisationRequest, verify: Verifier) -> PersonalisedCard:
        """Personalise, lock and verify the card behind `open_link`, which opens a session with a reset card.

        Raises CardRefused (CARD_FOREIGN, CARD_SERIAL_UNEXPECTED, CARD_LOCKED) for a card that must not be
        written, PersonalisationFailed, Cancelled (only before the lock), CardRemoved or CardSilent (run
        again), and CryptoError when the document signer does not sign.
        """
        with open_link() as link:
            blank = Blank(link, self._profile)
            serial, state = self._identify(blank, request.expected_serial)
            written = self._write_all(blank, request) if state is CardState.CREATION else None
        if written is not None:
            with open_link() as link:
                self._check_and_lock(Blank(link, self._profile), serial, written)
        with open_link() as link:
            self._prove_lock(Blank(link, self._profile), serial)
        files = self._final_verify(open_link, request, verify, written)
        return PersonalisedCard(
            serial, files, files["EF.SOD"], _signer_serial(files["EF.SOD"]), resumed=written is None
        )

    # The steps

    def _identify(self, blank: Blank, expected_serial: str | None) -> tuple[str, CardState]:
        with self._step(Step.IDENTIFY) as note:
            serial, state = blank.check(expected_serial)
            note.append(f"{serial} {state}")
        return serial, state

    def _write_all(self, blank: Blank, request: PersonalisationRequest) -> dict[str, bytes]:
        with self._step(Step.GENERATE_KEY) as note:
            point = blank.generate_key()
            note.append(_digest(point))
        with self._step(Step.BUILD) as note:
            files = self._build(request.data_groups, point)
            note.append(_digest(files["EF.SOD"]))
        with self._step(Step.CREATE_FILES) as note:
            existing = self._create(blank, files)
            note.append(f"{len(existing)} of {len(files)} files were there")
        self._write(blank, files, existing)
        with self._step(Step.SECRETS):
            slots = self._profile.secrets
            blank.put_secret(slots.mrz_password, mrz_password(request.mrz_information))
            blank.put_secret(slots.can, request.can.encode("ascii"))
            blank.put_secret(slots.access_policy, bytes([slots.policy_value]))
        return files

    def _build(self, requested: Mapping[int, bytes], point: bytes) -> dict[str, bytes]:
        """All files by name, in the order of the profile."""
        key, pace = self._profile.key, self._profile.pace
        active_authentication = security_infos.ActiveAuthenticationInfo(key.signature_oid)
        groups = {
            **requested,
            14: security_infos.build_dg14([*pace, active_authentication]),
            15: security_infos.build_dg15(subject_public_key_info(key.parameter_id, point)),
        }
        built = {
            "EF.CardAccess": security_infos.build_card_access(pace),
            "EF.COM": index.build_com(index.group_tag(number) for number in sorted(groups)),
            "EF.SOD": build_sod(groups, self._signer, signing_time=self._now),
            **{index.data_group(number).name: content for number, content in groups.items()},
        }
        files = {file.name: built[file.name] for file in self._profile.files if file.name in built}
        if len(files) != len(built):
            raise PersonalisationFailed("a data group has no place on this kind of card")
        for name, content in files.items():
            if len(content) + self._profile.file(name).spare > self._profile.max_file_size:
                raise PersonalisationFailed(f"{name} is too large for this kind of card")
        return files

    def _create(self, blank: Blank, files: Mapping[str, bytes]) -> frozenset[str]:
        """Create the files; the names of those that a torn run had created."""
        existing = set()
        for file in self._profile.files:
            if file.name not in files:
                if blank.exists(file):  # nothing of another request may stay on the card
                    raise PersonalisationFailed(f"the card holds {file.name}, which is not in the request")
            elif not blank.create(file, len(files[file.name]) + file.spare):
                existing.add(file.name)
        return frozenset(existing)

    def _write(self, blank: Blank, files: Mapping[str, bytes], existing: frozenset[str]) -> None:
        count = _Counter(Step.WRITE, files, self._on_progress)
        for file, content in self._planned(files):
            with self._step(Step.WRITE, file.name, count) as note:
                blank.write(file, content, count.add)
                if file.name in existing:
                    blank.wipe_tail(file, len(content))
                note.append(f"{len(content)} bytes")

    def _check_and_lock(self, blank: Blank, serial: str, files: Mapping[str, bytes]) -> None:
        with self._step(Step.VERIFY):
            blank.check(serial)
            if self._profile.plain_reads_before_lock:
                self._read_back(blank, files)
        with self._step(Step.LOCK) as note:
            blank.activate()
            note.append(serial)

    def _read_back(self, blank: Blank, files: Mapping[str, bytes]) -> None:
        """Compare what the card holds, in a fresh session, while it can still be written again."""
        count = _Counter(Step.VERIFY, files, self._on_progress)
        for file, content in self._planned(files):
            count.at(file.name)
            if blank.read(file, len(content)) != content:
                raise _unverified(f"{file.name} does not read back as written")
            count.add(len(content))

    def _prove_lock(self, blank: Blank, serial: str) -> None:
        with self._step(Step.PROVE_LOCK, cancellable=False):
            _, state = blank.check(serial)
            if state is not CardState.OPERATIONAL:
                raise PersonalisationFailed("the card does not say that it is locked")
            slots = self._profile.secrets
            if not blank.refuses_secret(slots.access_policy, bytes([slots.policy_value])):
                raise PersonalisationFailed("the locked card still takes secrets")
            for name in _PROBES:
                tag = index.FILES[name].tag or 0
                if not blank.refuses_write(self._profile.file(name), bytes([tag])):
                    raise PersonalisationFailed(f"the locked card still takes writes to {name}")

    def _final_verify(
        self,
        open_link: OpenLink,
        request: PersonalisationRequest,
        verify: Verifier,
        written: Mapping[str, bytes] | None,
    ) -> Mapping[str, bytes]:
        """The files as read through the access protocol; `written` is None if another run locked the card."""
        groups = tuple(sorted({*request.data_groups, *CHIP_GROUPS}))
        inspection = VerificationRequest(
            open_link, request.mrz_information, request.can, groups, self._random, self._now
        )
        with self._step(Step.FINAL_VERIFY, cancellable=False) as note:
            try:
                result = verify(inspection)
            except AccessDenied as error:
                if written is None:
                    raise CardRefused("locked with other keys", code=CardErrorCode.CARD_LOCKED) from error
                raise _unverified("the card does not open with its own keys") from error
            self._compare(request, result, written)
            note.append(_digest(result.files["EF.SOD"]))
        return dict(result.files)

    def _compare(
        self,
        request: PersonalisationRequest,
        result: VerificationResult,
        written: Mapping[str, bytes] | None,
    ) -> None:
        read = result.files
        if written is None and read.get("DG1", request.data_groups[1]) != request.data_groups[1]:
            raise PersonalisationFailed("locked with other content", code=CardErrorCode.CARD_LOCKED)
        expected = written or {f"DG{number}": group for number, group in request.data_groups.items()}
        wrong = [name for name, content in expected.items() if read.get(name) != content]
        if not result.ok or wrong or "EF.SOD" not in read:
            raise _unverified("; ".join([*result.findings, *(f"{name} differs" for name in wrong)]))

    # Bookkeeping

    @contextmanager
    def _step(
        self, step: Step, name: str = "", count: _Counter | None = None, *, cancellable: bool = True
    ) -> Iterator[list[str]]:
        """Journal a step around its work; what the work appends to the yielded list is the closing detail."""
        label = f"{step}:{name}" if name else str(step)
        if cancellable and self._cancel.is_set():
            raise Cancelled(f"before {label}")
        self._journal.record(label, "begin", "")
        if count is None:
            self._on_progress(Progress(step, name))
        else:
            count.at(name)
        note: list[str] = []
        try:
            yield note
        except StatusError as error:
            raise _failure(step, f"{label}: {error.detail}") from error
        except MalformedCardData as error:
            raise _failure(step, f"{label}: {error.detail}") from error
        self._journal.record(label, "done", " ".join(note))

    def _planned(self, files: Mapping[str, bytes]) -> Iterator[tuple[ProfileFile, bytes]]:
        return ((self._profile.file(name), content) for name, content in files.items())


class _Counter:
    """Tells bytes done of all bytes of a step."""

    def __init__(self, step: Step, files: Mapping[str, bytes], tell: Callable[[Progress], None]) -> None:
        self._step = step
        self._total = sum(map(len, files.values()))
        self._tell = tell
        self._done = 0
        self._name = ""

    def at(self, name: str) -> None:
        """The file that is being moved now."""
        self._name = name
        self.add(0)

    def add(self, count: int) -> None:
        """So many bytes more have been moved."""
        self._done += count
        self._tell(Progress(self._step, self._name, self._done, self._total))


def _failure(step: Step, detail: str) -> PersonalisationFailed:
    return _unverified(detail) if step in _CHECKS else PersonalisationFailed(detail)


def _unverified(detail: str) -> PersonalisationFailed:
    return PersonalisationFailed(detail, code=CardErrorCode.CARD_VERIFICATION_FAILED)


def _digest(data: bytes) -> str:
    return f"sha256 {hashlib.sha256(data).hexdigest()}"


def _signer_serial(sod: bytes) -> str:
    certificate = SecurityObject.parse(sod).document_signer
    return f"{certificate.serial:X}" if certificate else ""
