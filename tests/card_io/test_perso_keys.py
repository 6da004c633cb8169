"""Card access numbers, the MRZ password, the key for DG15 and the shipped profile."""

from __future__ import annotations

import itertools

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from hypothesis import given, settings
from hypothesis import strategies as st

from card_io.errors import MalformedCardData
from card_io.lds.index import FILES
from card_io.perso.card_keys import is_can, mrz_password, new_can
from card_io.perso.profile import Profile
from card_io.perso.public_key import subject_public_key_info


def test_mrz_password_of_the_worked_examples() -> None:
    # Doc 9303-11 D.2, and the long document number
    assert mrz_password(b"L898902C<369080619406236")[:16].hex().upper() == "239AB9CB282DAF66231DC5A4DF6BFBAE"
    long_number = mrz_password(b"D23145890734934071279507122")
    assert long_number.hex().upper() == "B366AD857DDCA2B08C0E2998117147300FA5D581"


@settings(deadline=None, max_examples=100)
@given(st.binary(min_size=3, max_size=3).filter(lambda drawn: drawn < (16_000_000).to_bytes(3, "big")))
def test_a_can_is_six_digits_of_what_was_drawn(drawn: bytes) -> None:
    can = new_can(lambda count: drawn[:count])
    assert is_can(can)
    assert int(can) == int.from_bytes(drawn, "big") % 1_000_000


def test_every_can_is_equally_likely() -> None:
    """16 draws lead to each number: those from 16,000,000 on are thrown away."""
    draws = iter([number.to_bytes(3, "big") for number in (16_000_000, 0xFFFFFF, 15_999_999)])
    assert new_can(lambda _: next(draws)) == "999999"
    with pytest.raises(ValueError, match="random source"):
        new_can(lambda count: b"\xff" * count)


@pytest.mark.parametrize("text", ["12345", "1234567", "12345a", "١٢٣٤٥٦", ""])
def test_other_texts_are_no_can(text: str) -> None:
    assert not is_can(text)


@pytest.mark.parametrize("parameter_id", [12, 13, 15])
def test_public_key_info_names_the_curve(parameter_id: int) -> None:
    curve = {12: ec.SECP256R1, 13: ec.BrainpoolP256R1, 15: ec.SECP384R1}[parameter_id]()
    key = ec.derive_private_key(42, curve).public_key()
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    der = subject_public_key_info(parameter_id, point)
    assert load_der_public_key(der) == key
    with pytest.raises(MalformedCardData):
        subject_public_key_info(parameter_id, point[:-1] + bytes([point[-1] ^ 1]))


def test_a_curve_that_is_not_offered_is_refused() -> None:
    with pytest.raises(ValueError, match="parameter id 9"):
        subject_public_key_info(9, b"\x04")


def test_shipped_profile() -> None:
    profile = Profile.load("iso7816")
    assert profile.name == "iso7816"
    assert [file.name for file in profile.files if file.required] == [
        "EF.CardAccess", "EF.COM", "DG1", "DG2", "DG14", "DG15", "EF.SOD",
    ]  # fmt: skip
    assert all((file.fid, file.sfi) == (FILES[file.name].fid, FILES[file.name].sfi) for file in profile.files)
    assert profile.file("EF.CardAccess").in_mf
    assert (profile.secrets.mrz_password, profile.secrets.can, profile.secrets.policy_value) == (
        0x101,
        0x102,
        3,
    )
    with pytest.raises(ValueError, match="no file"):
        profile.file("DG3")


BASE = """
name = "x"
application = "A0000002471001"
plain_reads_before_lock = true
life_cycle = {creation = 1, operational = 5, terminated = 15}
writing = {block_size = 223, max_file_size = 32767}
pace = {protocols = [{oid = "0.4.0.127.0.7.2.2.4.2.2", parameter_id = 12}]}
active_authentication = {key_reference = 1, parameter_id = 12, signature_oid = "1.2"}
secrets = {mrz_password = 0x101, can = 0x102, access_policy = 0x103}
access_policy = {pace_only = 1, pace_and_bac = 3, chosen = "pace_only"}
files = [{name = "DG1", df = "application", fid = 0x0101, sfi = 1}]
"""


def test_a_minimal_profile_parses() -> None:
    assert Profile.parse(BASE).secrets.policy_value == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "x"', ""),
        ("fid = 0x0101", "fid = 0x0102"),
        ('"application", fid', '"elsewhere", fid'),
        ('name = "DG1"', 'name = "DG99"'),
        ("block_size = 223", "block_size = 0"),
        ("max_file_size = 32767", "max_file_size = 70000"),
        ("terminated = 15", "finished = 15"),
        ('chosen = "pace_only"', 'chosen = "none"'),
        ("secrets = {", "secrets = 5 #{"),
        ("application =", "= ="),
    ],
)
def test_profiles_that_do_not_hold_together(old: str, new: str) -> None:
    assert old in BASE
    with pytest.raises(ValueError):  # noqa: PT011 - TOML's own error is one too
        Profile.parse(BASE.replace(old, new))


def test_cans_differ() -> None:
    numbers = itertools.count(1)
    assert len({new_can(lambda _: (next(numbers) * 999_983).to_bytes(3, "big")) for _ in range(10)}) == 10
