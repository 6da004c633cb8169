"""Primitives against the worked examples of Doc 9303-11 and against a second implementation."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.errors import MalformedData
from crypto.primitives import (
    COUNTER_ENCRYPTION,
    COUNTER_MAC,
    COUNTER_PASSWORD,
    Cipher,
    SessionCipher,
    decrypt_cbc,
    encrypt_block,
    encrypt_cbc,
    kdf,
    mac8,
    odd_parity,
    pad,
    unpad,
)

VECTORS = Path(__file__).parents[1] / "vectors"
BAC = json.loads((VECTORS / "icao_bac_d2_d3.json").read_text())
PACE = json.loads((VECTORS / "icao_pace_gm_ecdh_g1.json").read_text())
NZ = json.loads((VECTORS / "trace_pace_gm_ecdh_3des_nz.json").read_text())


def test_bac_keys_of_the_worked_example() -> None:
    seed = bytes.fromhex(BAC["k_seed"])
    assert kdf(seed, COUNTER_ENCRYPTION, Cipher.TDES).hex().upper() == BAC["k_enc"]
    assert kdf(seed, COUNTER_MAC, Cipher.TDES).hex().upper() == BAC["k_mac"]


def test_pace_keys_of_the_worked_example() -> None:
    secret = bytes.fromhex(PACE["shared_secret"])
    password = bytes.fromhex(PACE["password_seed_sha1"])
    assert kdf(secret, COUNTER_ENCRYPTION, Cipher.AES128).hex().upper() == PACE["ks_enc"]
    assert kdf(secret, COUNTER_MAC, Cipher.AES128).hex().upper() == PACE["ks_mac"]
    assert kdf(password, COUNTER_PASSWORD, Cipher.AES128).hex().upper() == PACE["k_pi"]


def test_nonce_of_the_worked_example() -> None:
    key, z = bytes.fromhex(PACE["k_pi"]), bytes.fromhex(PACE["encrypted_nonce_z"])
    assert decrypt_cbc(Cipher.AES128, key, bytes(16), z).hex().upper() == PACE["nonce_s"]


def test_bac_cryptogram_and_retail_mac_of_the_worked_example() -> None:
    plain = bytes.fromhex(BAC["rnd_ifd"] + BAC["rnd_ic"] + BAC["k_ifd"])
    cryptogram = encrypt_cbc(Cipher.TDES, bytes.fromhex(BAC["k_enc"]), bytes(8), plain)
    assert cryptogram.hex().upper() == BAC["e_ifd"]
    assert mac8(Cipher.TDES, bytes.fromhex(BAC["k_mac"]), pad(cryptogram, 8)).hex().upper() == BAC["m_ifd"]


def test_aes_key_lengths_use_sha256() -> None:
    # BSI TR-03110-3 A.2.3: AES-192 takes 24 of 32 bytes, AES-256 all
    short, whole = kdf(b"s", 1, Cipher.AES192), kdf(b"s", 1, Cipher.AES256)
    assert (len(short), len(whole)) == (24, 32)
    assert whole.startswith(short)
    assert not whole.startswith(kdf(b"s", 1, Cipher.AES128))


def test_cmac_of_rfc_4493() -> None:
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    data = bytes.fromhex("6bc1bee22e409f96e93d7e117393172a")
    assert mac8(Cipher.AES128, key, data).hex() == "070a16b46b4d4144"


def test_parity() -> None:
    assert odd_parity(bytes(range(4))) == bytes([1, 1, 2, 2])


@given(st.binary(max_size=70), st.sampled_from([8, 16]))
@settings(max_examples=60, deadline=None)
def test_padding_round_trip(data: bytes, block: int) -> None:
    padded = pad(data, block)
    assert len(padded) % block == 0
    assert len(padded) > len(data)
    assert unpad(padded) == data


@pytest.mark.parametrize("bad", [b"", bytes(8), b"\x81\x00"])
def test_unpad_refuses(bad: bytes) -> None:
    with pytest.raises(MalformedData):
        unpad(bad)


@pytest.mark.parametrize("cipher", Cipher)
def test_ciphers_round_trip_and_refuse_part_blocks(cipher: Cipher) -> None:
    key, block = bytes(range(cipher.key_length)), bytes(range(cipher.block_size))
    assert decrypt_cbc(cipher, key, block, encrypt_cbc(cipher, key, block, block * 3)) == block * 3
    assert encrypt_block(cipher, key, block) == encrypt_cbc(cipher, key, bytes(cipher.block_size), block)
    for arguments in ((key, block, b"x"), (key[:-1], block, block), (key, block[:-1], block)):
        with pytest.raises(MalformedData):
            decrypt_cbc(cipher, *arguments)


def test_retail_mac_refuses_unpadded_input() -> None:
    for data in (b"", b"seven.."):
        with pytest.raises(MalformedData):
            mac8(Cipher.TDES, bytes(16), data)


@given(st.sampled_from(list(Cipher)), st.binary(max_size=600), st.binary(min_size=32, max_size=32))
@settings(max_examples=80, deadline=None)
def test_session_ciphers_do_what_the_plain_functions_do(cipher: Cipher, data: bytes, seed: bytes) -> None:
    keys = seed[: cipher.key_length], seed[::-1][: cipher.key_length]
    session = SessionCipher(cipher, *keys)
    whole, iv = pad(data, cipher.block_size), seed[: cipher.block_size]
    assert session.encrypt(iv, whole) == encrypt_cbc(cipher, keys[0], iv, whole)
    assert session.decrypt(iv, whole) == decrypt_cbc(cipher, keys[0], iv, whole)
    assert session.decrypt(iv, b"") == b""
    assert session.mac(whole) == mac8(cipher, keys[1], whole) == session.mac(whole)
    for wrong in (whole[:-1], whole + b"\x00"):
        with pytest.raises(MalformedData):
            session.decrypt(iv, wrong)


@pytest.mark.parametrize("cipher", Cipher)
def test_session_ciphers_want_keys_of_their_length(cipher: Cipher) -> None:
    right, wrong = bytes(cipher.key_length), bytes(cipher.key_length + 1)
    for keys in ((right, wrong), (wrong, right)):
        with pytest.raises(MalformedData):
            SessionCipher(cipher, *keys)
