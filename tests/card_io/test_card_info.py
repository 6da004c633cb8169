"""ATR, EF.ATR/INFO and EF.DIR: what chips announce, and nothing but our errors for what is broken."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from card_io.errors import MalformedCardData
from card_io.lds.card_info import Application, CardInfo, parse_atr, parse_atr_info, parse_dir
from card_io.lds.index import APPLICATION

ATR_INFO = bytes.fromhex("430198" + "4703000060" + "7F66080202080002020808")
DIR = bytes.fromhex("61094F07A0000002471001" + "61124F09E80704007F0007030250055445535431" + "0000")


def test_extended_length_of_atr_info() -> None:
    info = parse_atr_info(ATR_INFO)
    assert info == CardInfo(True, False, True, 0x0800, 0x0808)
    assert parse_atr_info(bytes.fromhex("47030000C0") + bytes(20)) == CardInfo(True, True)
    assert parse_atr_info(b"") == CardInfo()
    with pytest.raises(MalformedCardData):
        parse_atr_info(bytes.fromhex("7F660E" + "0205FFFFFFFFFF" + "0205FFFFFFFFFF"))


@pytest.mark.parametrize(
    ("atr", "info"),
    [
        ("3B8580018073000060" + "17", CardInfo(True, lengths_in_file=True)),
        ("3B88800180318073000080" + "17", CardInfo(chaining=True)),
        ("3B898001803180730000C0" + "0017", CardInfo(True, True)),
        ("3B8880010073000040" + "009000" + "17", CardInfo(True)),
        ("3B84800110730000", None),  # another category
        ("3B86800180318071" + "40", None),
        ("3B8001", None),
        ("3B00", None),
        ("", None),
        ("3BFF", None),
    ],
)
def test_card_capabilities_in_an_answer_to_reset(atr: str, info: CardInfo | None) -> None:
    assert parse_atr(bytes.fromhex(atr)) == info


def test_applications() -> None:
    first, second = parse_dir(DIR)
    assert first == Application(APPLICATION)
    assert first.is_emrtd
    assert (second.aid.hex(), second.label, second.is_emrtd) == ("e80704007f00070302", "TEST1", False)
    assert parse_dir(bytes(10)) == ()
    with pytest.raises(MalformedCardData):
        parse_dir(bytes.fromhex("61034F01AA") * 33)


@given(st.binary(max_size=40))
@settings(max_examples=150, deadline=None)
def test_hostile_bytes(data: bytes) -> None:
    parse_atr(b"\x3b" + data)
    for parse in (parse_atr_info, parse_dir):
        try:
            parse(data)
        except MalformedCardData:
            continue


@pytest.mark.parametrize("content", [ATR_INFO, DIR])
def test_flipped_bits(content: bytes) -> None:
    for bit in range(8 * len(content)):
        raw = bytearray(content)
        raw[bit // 8] ^= 1 << bit % 8
        for parse in (parse_atr_info, parse_dir):
            try:
                parse(bytes(raw))
            except MalformedCardData:
                continue
