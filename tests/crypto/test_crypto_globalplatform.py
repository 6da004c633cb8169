"""The primitives under the published sessions of GlobalPlatform SCP02 and SCP03 (card specification 2.3 E,
amendment D 1.2): key derivation, cryptograms, chained MACs, protected commands and answers.

The protocols belong to the issuing of applets; here the ciphers and MACs that they share with travel
documents replay them bit by bit.
"""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC

from crypto.primitives import Cipher, decrypt_cbc, encrypt_block, encrypt_cbc, mac8, pad, unpad

VECTORS = Path(__file__).parents[1] / "vectors"
CHECKS = json.loads((VECTORS / "gp_key_kcv.json").read_text())
SCP02 = json.loads((VECTORS / "gp_scp02.json").read_text())
SCP03 = json.loads((VECTORS / "gp_scp03.json").read_text())
AES = {16: Cipher.AES128, 24: Cipher.AES192, 32: Cipher.AES256}
CASES = ("get_eid", "case1", "case2", "case3", "case4")


def octets(table: dict[str, Any], name: str) -> bytes:
    return bytes.fromhex(table[name])


def check_value(key: bytes, cipher: Cipher) -> str:
    block = bytes(8) if cipher is Cipher.TDES else b"\x01" * 16
    return encrypt_block(cipher, key, block)[:3].hex().upper()


def scp02_key(master: bytes, constant: str, sequence: bytes) -> bytes:
    return encrypt_cbc(Cipher.TDES, master, bytes(8), bytes.fromhex(constant) + sequence + bytes(12))


def cmac(key: bytes, data: bytes) -> bytes:
    """All sixteen bytes, which only chaining needs; the first eight are ours."""
    context = CMAC(algorithms.AES(key))
    context.update(data)
    whole = context.finalize()
    assert mac8(AES[len(key)], key, data) == whole[:8]
    return whole


def scp03_key(master: bytes, constant: int, context: bytes, size: int) -> bytes:
    """Amendment D 4.1.5: NIST SP 800-108 in counter mode."""
    blocks = range(1, (size + 15) // 16 + 1)
    label = bytes(11) + bytes([constant]) + b"\x00" + (8 * size).to_bytes(2, "big")
    return b"".join(cmac(master, label + bytes([number]) + context) for number in blocks)[:size]


def test_key_check_values() -> None:
    master, data = octets(CHECKS, "master"), octets(CHECKS, "kdd")
    assert check_value(master, Cipher.TDES) == CHECKS["default_key_kcv_3des"]
    assert check_value(master, Cipher.AES128) == CHECKS["default_key_kcv_aes"]
    for name, part in (("emv_scp02", data[4:10]), ("visa2_scp02", data[:2] + data[4:8])):
        for number, use in enumerate(("enc", "mac", "dek"), 1):
            halves = part + bytes([0xF0, number]), part + bytes([0x0F, number])
            key = b"".join(encrypt_block(Cipher.TDES, master, half) for half in halves)
            assert check_value(key, Cipher.TDES) == CHECKS[name][use]
    for number, use in enumerate(("enc", "mac", "dek"), 1):
        key = cmac(master, b"\x01" + number.to_bytes(4, "big") + b"\x00" + data)  # KDF3 leaves the length out
        assert check_value(key, Cipher.AES128) == CHECKS["kdf3_scp03_aes128"][use]
    constants = {"enc": "0182", "mac": "0101", "dek": "0181", "rmac": "0102"}
    for use, constant in constants.items():
        key = scp02_key(master, constant, bytes(2))
        assert check_value(key, Cipher.TDES) == CHECKS["scp02_session_seq0_kcv"][use]
    for use, number in {"enc": 4, "mac": 6, "rmac": 7}.items():
        key = scp03_key(master, number, data, 16)
        assert check_value(key, Cipher.AES128) == CHECKS["scp03_session_context_kdd_kcv"][use]


def test_scp02_session() -> None:
    """Option 55: MAC on the modified command, its start value the last MAC enciphered."""
    answer = octets(SCP02, "initialize_update_response")
    host, sequence, card = octets(SCP02, "initialize_update")[5:13], answer[12:14], answer[14:20]
    keys = {"enc": ("k_enc", "0182"), "mac": ("k_mac", "0101"), "dek": ("k_dek", "0181")}
    session = {
        use: scp02_key(octets(SCP02, name), constant, sequence) for use, (name, constant) in keys.items()
    }
    assert session == {use: octets(SCP02, f"s_{use}") for use in keys}

    def cryptogram(data: bytes) -> bytes:
        return encrypt_cbc(Cipher.TDES, session["enc"], bytes(8), pad(data, 8))[-8:]

    assert cryptogram(host + sequence + card) == answer[20:]
    proof = cryptogram(sequence + card + host)
    sent = octets(SCP02, "external_authenticate")
    assert sent[5:13] == proof
    start = bytes(8)
    commands = [(sent[:4].hex() + "08" + proof.hex(), sent.hex()), *SCP02["mac_commands"]]
    for plain, wrapped in ((bytes.fromhex(a), bytes.fromhex(b)) for a, b in commands):
        size = plain[4] if len(plain) > 5 else 0
        body = bytes([plain[0] | 0x04, *plain[1:4], size + 8]) + plain[5 : 5 + size]
        padded = pad(body, 8)
        mac = mac8(Cipher.TDES, session["mac"], xor(padded[:8], start) + padded[8:])
        assert wrapped[: len(body) + 8] == body + mac
        start = encrypt_cbc_single(session["mac"][:8], mac)


def xor(first: bytes, second: bytes) -> bytes:
    return bytes(one ^ two for one, two in zip(first, second, strict=True))


def encrypt_cbc_single(key: bytes, block: bytes) -> bytes:
    """One block of single DES."""
    return encrypt_block(Cipher.TDES, key * 2, block)


@pytest.mark.parametrize("row", SCP03["rows"], ids=lambda row: row["name"])
def test_scp03_session(row: dict[str, Any]) -> None:
    answer, level = octets(row, "initialize_update_response"), row["security_level"]
    host, card = octets(row, "initialize_update")[5:13], answer[13:21]
    enc, mac = octets(row, "k_enc"), octets(row, "k_mac")
    size = len(enc)
    s_enc, s_mac, s_rmac = (scp03_key(k, n, host + card, size) for k, n in ((enc, 4), (mac, 6), (mac, 7)))
    assert (s_enc.hex(), s_mac.hex(), s_rmac.hex()) == (row["s_enc"], row["s_mac"], row["s_rmac"])
    assert scp03_key(s_mac, 0, host + card, 8) == answer[21:29]
    sent = octets(row, "external_authenticate")
    assert scp03_key(s_mac, 1, host + card, 8) == sent[5:13]
    chain = cmac(s_mac, bytes(16) + sent[:13])
    assert chain[:8] == sent[13:]
    for counter, name in enumerate(CASES, 1):
        plain, wrapped = octets(SCP03["plain_commands"], name), octets(row["wrapped"], name)
        length = plain[4] if len(plain) > 5 else 0
        data, block = plain[5 : 5 + length], counter.to_bytes(16, "big")
        if level & 0x02 and data:
            data = encrypt_cbc(AES[size], s_enc, encrypt_block(AES[size], s_enc, block), pad(data, 16))
        body = bytes([plain[0] | 0x04, *plain[1:4], len(data) + 8]) + data
        chain = cmac(s_mac, chain + body)
        assert wrapped[: len(body) + 8] == body + chain[:8]
        if name == "get_eid":
            check_answer(row, s_enc, s_rmac, chain, counter)


def check_answer(row: dict[str, Any], s_enc: bytes, s_rmac: bytes, chain: bytes, counter: int) -> None:
    """The answer to the first command, as far as the level protects answers."""
    body, cipher = octets(row, "get_eid_response_protected"), AES[len(s_enc)]
    if row["security_level"] & 0x10:
        body, mac = body[:-8], body[-8:]
        assert cmac(s_rmac, chain + body + b"\x90\x00")[:8] == mac
    if row["security_level"] & 0x20:
        start = encrypt_block(cipher, s_enc, b"\x80" + counter.to_bytes(15, "big"))
        body = unpad(decrypt_cbc(cipher, s_enc, start, body))
    assert body == octets(SCP03, "get_eid_response_plain")


def test_counters_make_every_start_value_another() -> None:
    key = octets(SCP03["rows"][0], "s_enc")
    starts = [encrypt_block(Cipher.AES128, key, number.to_bytes(16, "big")) for number in range(1, 6)]
    assert all(one != two for one, two in pairwise(starts))
