"""File table and EF.COM against Doc 9303-10."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from card_io.errors import CardError, MalformedCardData
from card_io.lds import index

PUBLISHED_COM = bytes.fromhex("60165F0104303130375F36063034303030305C046175766C")  # Doc 9303-10 A.1


def test_published_com() -> None:
    com = index.parse_com(PUBLISHED_COM)
    assert (com.lds_version, com.unicode_version) == ("0107", "040000")
    assert com.tags == (0x61, 0x75, 0x76, 0x6C)
    assert com.groups == {1, 2, 4, 12}


def test_built_com_differs_from_the_published_one_in_its_version_only() -> None:
    assert index.build_com((0x61, 0x75, 0x76, 0x6C)) == PUBLISHED_COM.replace(b"0107", b"0108")


@pytest.mark.parametrize(
    ("name", "fid", "sfi", "tag", "in_mf"),
    [
        ("EF.CardAccess", 0x011C, 0x1C, 0x31, True),
        ("EF.CardSecurity", 0x011D, 0x1D, 0x30, True),
        ("EF.COM", 0x011E, 0x1E, 0x60, False),
        ("EF.SOD", 0x011D, 0x1D, 0x77, False),
        ("DG1", 0x0101, 0x01, 0x61, False),
        ("DG2", 0x0102, 0x02, 0x75, False),
        ("DG3", 0x0103, 0x03, 0x63, False),
        ("DG4", 0x0104, 0x04, 0x76, False),
        ("DG5", 0x0105, 0x05, 0x65, False),
        ("DG11", 0x010B, 0x0B, 0x6B, False),
        ("DG14", 0x010E, 0x0E, 0x6E, False),
        ("DG16", 0x0110, 0x10, 0x70, False),
    ],
)
def test_file_table(name: str, fid: int, sfi: int, tag: int, in_mf: bool) -> None:
    file = index.FILES[name]
    assert (file.fid, file.sfi, file.tag, file.in_mf) == (fid, sfi, tag, in_mf)


def test_groups_and_tags_agree() -> None:
    for number in range(1, 17):
        assert index.group_of_tag(index.group_tag(number)) == number
        assert index.data_group(number).tag == index.group_tag(number)
    assert index.group_of_tag(0x77) is None
    for number in (0, 17, -1):
        with pytest.raises(MalformedCardData):
            index.data_group(number)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from(range(1, 17)), unique=True))
def test_com_round_trip(groups: list[int]) -> None:
    com = index.parse_com(index.build_com(index.group_tag(number) for number in groups))
    assert com.groups == set(groups)


def test_flipped_and_cut_com_raises_only_our_errors() -> None:
    for place in range(len(PUBLISHED_COM)):
        for bit in range(8):
            damaged = bytearray(PUBLISHED_COM)
            damaged[place] ^= 1 << bit
            with contextlib.suppress(CardError):
                index.parse_com(bytes(damaged))
        with pytest.raises(CardError):
            index.parse_com(PUBLISHED_COM[:place])
