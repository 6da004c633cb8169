"""Every signature is numbered and logged before it is made; period, chain, clock and world are checked."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crypto.errors import CryptoError, CryptoErrorCode, PolicyRefused, SignatureInvalid
from crypto.pki_lab import LabPki
from crypto.signer import (
    ClockSense,
    FileSigner,
    GuardedSigner,
    KeySigner,
    SignatureRecord,
    check_chain,
    check_period,
    is_lab,
    load_private_key,
    require_world,
)

START = datetime(2026, 1, 1, tzinfo=UTC)


class Log:
    def __init__(self) -> None:
        self.records: list[SignatureRecord] = []
        self.full = False

    def last(self, certificate: str) -> SignatureRecord | None:
        return next((item for item in reversed(self.records) if item.certificate == certificate), None)

    def record(self, record: SignatureRecord) -> None:
        if self.full:
            raise OSError("disk full")
        self.records.append(record)


class Watch:
    """A wall clock and a steady one, moved by hand."""

    def __init__(self, now: datetime) -> None:
        self.now, self.steady = now, 100.0

    def wall(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.steady

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.steady += seconds


@pytest.fixture
def watch(now: datetime) -> Watch:
    return Watch(now)


def guarded(signer: FileSigner, log: Log, watch: Watch, floor: datetime = START) -> GuardedSigner:
    return GuardedSigner(signer, log, watch.wall, sense=ClockSense(watch.wall, watch.monotonic, floor))


def test_signatures_are_numbered_across_restarts(zoo: LabPki, watch: Watch) -> None:
    signer, log = zoo.signer("KZ"), Log()
    for data in (b"one", b"two"):
        assert guarded(signer, log, watch).sign(data) == signer.sign(data)
        watch.passes(1)
    assert [item.number for item in log.records] == [1, 2]
    assert len({item.digest for item in log.records}) == 2
    assert {item.certificate for item in log.records} == {signer.certificate.fingerprint}


def test_no_signature_without_a_line_in_the_log(zoo: LabPki, watch: Watch) -> None:
    log = Log()
    log.full = True
    with pytest.raises(OSError, match="disk full"):
        guarded(zoo.signer("KZ"), log, watch).sign(b"data")


def test_out_of_period_nothing_is_signed_or_counted(zoo: LabPki, watch: Watch) -> None:
    log = Log()
    signer = GuardedSigner(zoo.signer("KZ"), log, watch.wall)
    signer.sign(b"data")
    watch.passes(91 * 86400)
    for attempt in (lambda: signer.sign(b"data"), lambda: signer.check(watch.now)):
        with pytest.raises(PolicyRefused):
            attempt()
    assert len(log.records) == 1


@pytest.mark.parametrize("moved", [-3600, 3600])
def test_a_moved_clock_stops_signing(zoo: LabPki, watch: Watch, moved: int) -> None:
    signer = guarded(zoo.signer("KZ"), Log(), watch)
    watch.passes(3600)
    signer.sign(b"data")
    watch.now += timedelta(seconds=moved)
    with pytest.raises(PolicyRefused) as wrong:
        signer.sign(b"data")
    assert wrong.value.code is CryptoErrorCode.CRYPTO_CLOCK_WRONG


def test_a_clock_before_the_last_signature_stops_signing(zoo: LabPki, watch: Watch) -> None:
    log = Log()
    guarded(zoo.signer("KZ"), log, watch).sign(b"data")
    watch.now -= timedelta(hours=1)
    with pytest.raises(PolicyRefused) as wrong:
        guarded(zoo.signer("KZ"), log, watch).sign(b"data")
    assert wrong.value.code is CryptoErrorCode.CRYPTO_CLOCK_WRONG
    with pytest.raises(PolicyRefused):
        guarded(zoo.signer("KZ"), Log(), watch, floor=watch.now + timedelta(days=1)).check(watch.now)


def test_the_chain_is_proved_before_anything_is_signed(zoo: LabPki, watch: Watch) -> None:
    key = load_private_key(zoo.directory / "KZ" / "ds-default-01.key")
    certificate = zoo.signer("KZ").certificate
    for authority in (None, zoo.csca("UZ"), certificate):
        with pytest.raises(CryptoError):
            GuardedSigner(KeySigner(key, certificate, authority=authority), Log(), watch.wall)
    with pytest.raises(SignatureInvalid):
        check_chain(certificate, _other_authority(zoo))


def _other_authority(zoo: LabPki):
    """A CSCA of the same country and another key."""
    from crypto.issuing import Period, Subject, build_csca, generate_ec_key

    old = zoo.csca("KZ")
    period = Period(old.not_before, old.not_after, old.not_after)
    key = generate_ec_key("secp384r1", lambda count: b"\x01" * count)
    return build_csca(key, Subject("KZ", "LAB CSCA other", "KAZ"), period, serial=1)


def test_worlds_do_not_mix(zoo: LabPki) -> None:
    certificate = zoo.signer("KZ").certificate
    assert is_lab(certificate)
    require_world(certificate, "lab")
    with pytest.raises(PolicyRefused) as refused:
        require_world(certificate, "production")
    assert refused.value.code is CryptoErrorCode.CRYPTO_WORLD_REFUSED


def test_a_file_signer_knows_its_authority(zoo: LabPki, tmp_path: Path) -> None:
    assert zoo.signer("KZ").authority == zoo.csca("KZ")


def test_the_key_of_a_seal_signer_ends_after_two_years_though_its_certificate_does_not_say_so(
    tmp_path: Path, now: datetime
) -> None:
    lab = LabPki.create(tmp_path / "lab", now=now, seed="two years", countries=["KZ"])
    certificate = lab.signer("KZ", "seal").certificate
    assert certificate.private_key_usage is None
    end = certificate.not_before + timedelta(days=2 * 365)
    check_period(certificate, end)
    assert end + timedelta(days=1) < certificate.not_after
    with pytest.raises(PolicyRefused):
        check_period(certificate, end + timedelta(days=1))
