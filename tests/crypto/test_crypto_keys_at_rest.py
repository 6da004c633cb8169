"""Signing keys and the vault: who may read them, when they may be used."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.errors import CryptoError, KeyUnavailable, MalformedData, PolicyRefused, SignatureInvalid
from crypto.pki_lab import LabPki
from crypto.signer import FileSigner, KeySigner, Signer, load_private_key
from crypto.vault import KEY_BYTES, Vault

KEY = bytes(range(KEY_BYTES))


def test_vault_round_trip_and_binding() -> None:
    vault = Vault(KEY)
    sealed = vault.seal(b"face", b"case 1")
    assert b"face" not in sealed
    assert vault.open(sealed, b"case 1") == b"face"
    assert sealed != vault.seal(b"face", b"case 1")
    for other, aad in ((Vault(KEY), b"case 2"), (Vault(bytes(KEY_BYTES)), b"case 1")):
        with pytest.raises(SignatureInvalid):
            other.open(sealed, aad)
    assert KEY.hex() not in repr(vault)


def test_vault_every_flipped_bit_is_caught() -> None:
    vault = Vault(KEY, random=lambda count: bytes(count))
    sealed = vault.seal(b"portrait", b"id")
    assert sealed.startswith(b"SHKV\x01" + bytes(12))
    for index in range(len(sealed)):
        broken = bytearray(sealed)
        broken[index] ^= 1
        with pytest.raises((SignatureInvalid, MalformedData)):
            vault.open(bytes(broken), b"id")


@given(st.binary(max_size=64))
@settings(max_examples=100, deadline=None)
def test_vault_opens_no_garbage(data: bytes) -> None:
    with pytest.raises(CryptoError):
        Vault(KEY).open(data)


def test_key_files(tmp_path: Path) -> None:
    path = tmp_path / "vault.key"
    key = Vault.create_key_file(path)
    assert Vault.load_key_file(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(KeyUnavailable):
        Vault.create_key_file(path)
    path.chmod(0o640)
    with pytest.raises(KeyUnavailable):
        Vault.load_key_file(path)
    for text in ("", "x", "shekara-vault-key-1:zz", "shekara-vault-key-1:00"):
        other = tmp_path / f"{len(text)}.key"
        other.write_text(text)
        other.chmod(0o600)
        with pytest.raises(KeyUnavailable):
            Vault.load_key_file(other)
    with pytest.raises(KeyUnavailable):
        Vault.load_key_file(tmp_path / "absent")
    with pytest.raises(KeyUnavailable):
        Vault(b"short")


def test_file_signer(zoo: LabPki, tmp_path: Path, now) -> None:
    signer: Signer = zoo.signer("KZ")
    assert signer.sign(b"x") == signer.sign(b"x")
    signer.check(now)
    for when in (now - timedelta(days=31), now + timedelta(days=91), now + timedelta(days=9999)):
        with pytest.raises(PolicyRefused):
            signer.check(when)
    source = zoo.directory / "KZ"
    key, certificate = source / "ds-default-01.key", source / "ds-default-01.cer"
    assert key.read_text().startswith("-----BEGIN PRIVATE KEY-----")
    assert key.stat().st_mode & 0o777 == 0o600
    copy = tmp_path / "copy.key"
    copy.write_bytes(key.read_bytes())
    copy.chmod(0o644)
    with pytest.raises(KeyUnavailable):
        FileSigner.load(copy, certificate)
    with pytest.raises(KeyUnavailable):
        FileSigner.load(key, source / "ds-visa-01.cer")
    with pytest.raises(KeyUnavailable):
        FileSigner.load(key, tmp_path / "absent.cer")
    with pytest.raises(KeyUnavailable):
        KeySigner(load_private_key(key), zoo.csca("KZ"))


def test_a_file_that_is_no_key(tmp_path: Path) -> None:
    path = tmp_path / "no.key"
    path.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    path.chmod(0o600)
    with pytest.raises(KeyUnavailable):
        load_private_key(path)
