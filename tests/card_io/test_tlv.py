"""Data objects: published samples, round trips, hostile bytes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from card_io.errors import MalformedCardData
from card_io.tlv import MAX_DEPTH, Tlv, parse_all, read_header

# Doc 9303-10 appendix A.1: EF.COM listing DG1, DG2, DG4, DG12
COM = bytes.fromhex("60165F0104303130375F36063034303030305C046175766C")
TAGS = st.sampled_from([0x02, 0x5C, 0x61, 0x7F61, 0x5F1F, 0x7F49, 0x5F2E])


def test_published_com() -> None:
    com = Tlv(COM)
    assert com.tag == 0x60
    assert [child.tag for child in com.children()] == [0x5F01, 0x5F36, 0x5C]
    assert com.require(0x5C).value == bytes.fromhex("6175766C")
    assert com.child(0x42) is None
    assert Tlv.of(0x60, com.children()) == COM


@given(TAGS, st.binary(max_size=300))
@settings(max_examples=80, deadline=None)
def test_round_trip(tag: int, value: bytes) -> None:
    built = Tlv.of(tag, value)
    assert Tlv(bytes(built)) == built
    assert (built.tag, built.value) == (tag, value)
    assert read_header(built).total == len(built)


@pytest.mark.parametrize("length", [0x7F, 0x80, 0xFF, 0x100, 0xFFFF, 0x10000])
def test_length_forms(length: int) -> None:
    built = Tlv.of(0x75, bytes(length))
    assert Tlv(bytes(built)).value == bytes(length)


@pytest.mark.parametrize(
    "bad",
    ["", "60", "6002FF", "600000", "60800000", "7F", "7F8181", "6085010000000000", "60820100", "1F818101"],
)
def test_broken_objects_are_refused(bad: str) -> None:
    with pytest.raises(MalformedCardData):
        Tlv(bytes.fromhex(bad))


def test_nesting_is_limited() -> None:
    nested = Tlv.of(0x30)
    for _ in range(MAX_DEPTH + 3):
        nested = Tlv.of(0x30, nested)
    with pytest.raises(MalformedCardData):
        _descend(Tlv(bytes(nested)))


def test_missing_child_and_repr_hide_content() -> None:
    with pytest.raises(MalformedCardData):
        Tlv(COM).require(0x5F1F)
    assert "0107" not in f"{Tlv(COM)!r} {Tlv(COM)}"


@given(st.binary(max_size=60))
@settings(max_examples=200, deadline=None)
def test_hostile_bytes(data: bytes) -> None:
    try:
        objects = parse_all(data)
    except MalformedCardData:
        return
    assert b"".join(objects) == data


def _descend(tlv: Tlv) -> None:
    while True:
        (tlv,) = tlv.children()
