"""SecurityInfos: the published EF.CardAccess, round trips, damage."""

from __future__ import annotations

import contextlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from card_io.errors import CardError, MalformedCardData
from card_io.lds import security_infos as si

PUBLISHED = bytes.fromhex("31143012060A04007F0007020204020202010202010D")
GM_AES_128 = "0.4.0.127.0.7.2.2.4.2.2"
KEY = (
    ec.derive_private_key(7, ec.SECP256R1())
    .public_key()
    .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
)
FULL = si.build_dg14(
    [
        si.PaceInfo(GM_AES_128, 2, 12),
        si.PaceInfo("0.4.0.127.0.7.2.2.4.6.3", 2, 13),
        si.ChipAuthenticationInfo("0.4.0.127.0.7.2.2.3.2.2", 1, 5),
        si.ChipAuthenticationPublicKey("0.4.0.127.0.7.2.2.1.2", KEY, 5),
        si.ActiveAuthenticationInfo(),
    ]
)


def test_published_card_access() -> None:
    infos = si.SecurityInfos.parse(PUBLISHED)
    assert infos.pace == (si.PaceInfo(GM_AES_128, 2, 13),)
    assert infos.active_authentication_hash is None
    assert si.build_card_access(infos.pace) == PUBLISHED


def test_dg14_keeps_every_kind() -> None:
    infos = si.parse_dg14(FULL)
    assert {info.parameter_id for info in infos.pace} == {12, 13}
    assert infos.chip_authentication[0].key_id == infos.chip_authentication_keys[0].key_id == 5
    assert infos.chip_authentication_keys[0].public_key == KEY
    assert infos.active_authentication_hash == "sha256"
    assert si.build_dg14(infos.pace) == si.build_dg14(reversed(infos.pace))  # DER: sorted


def test_unknown_infos_and_unknown_hashes_are_kept_apart() -> None:
    other = si._set_of([si.ActiveAuthenticationInfo("1.2.3.4")])
    assert si.SecurityInfos.parse(other).active_authentication_hash is None
    ef_dir_info = bytes.fromhex("310C300A0608678108010101010D")[:2] + bytes.fromhex(
        "300A06066781080101010400"
    )
    assert si.SecurityInfos.parse(ef_dir_info).unknown == ("2.23.136.1.1.1",)


def test_pace_info_without_parameters() -> None:
    der = si.build_card_access([si.PaceInfo(GM_AES_128)])
    assert si.SecurityInfos.parse(der).pace[0].parameter_id is None


def test_dg15_round_trip() -> None:
    assert si.parse_dg15(si.build_dg15(KEY)) == KEY
    for wrong in (b"", KEY[:-1], b"\x30\x00", bytes.fromhex("6F0430020500")):
        with pytest.raises(MalformedCardData):
            si.build_dg15(wrong)


@pytest.mark.parametrize(
    ("dotted", "der"),
    [
        ("2.5.4.3", "0603550403"),
        (GM_AES_128, "060A04007F00070202040202"),
        ("1.2.840.113549", "06062A864886F70D"),
    ],
)
def test_object_identifiers(dotted: str, der: str) -> None:
    assert si.oid_der(dotted).hex().upper() == der


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.builds(
            si.PaceInfo,
            st.tuples(st.integers(1, 6), st.integers(1, 4)).map(
                lambda ids: f"{si.ID_PACE}.{ids[0]}.{ids[1]}"
            ),
            st.integers(0, 2**31),
            st.none() | st.integers(-(2**31), 2**31),
        ),
        max_size=6,
    )
)
def test_round_trip(infos: list[si.PaceInfo]) -> None:
    read = si.SecurityInfos.parse(si.build_card_access(infos)).pace
    assert sorted(map(repr, read)) == sorted(map(repr, infos))


@settings(deadline=None, max_examples=200)
@given(st.integers(0, len(FULL) * 8 - 1))
def test_flipped_bits_raise_only_our_errors(bit: int) -> None:
    damaged = bytearray(FULL)
    damaged[bit // 8] ^= 1 << bit % 8
    with contextlib.suppress(CardError):
        si.parse_dg14(bytes(damaged))


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=60))
def test_garbage_raises_only_our_errors(garbage: bytes) -> None:
    for parse in (si.parse_dg14, si.SecurityInfos.parse, si.parse_dg15):
        with contextlib.suppress(CardError):
            parse(garbage)
        with contextlib.suppress(CardError):
            parse(bytes((0x31, len(garbage))) + garbage)
