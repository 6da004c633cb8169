"""DG2: the byte table of ISO/IEC 19794-5, tolerance for real documents, the ISO/IEC 39794-5 walk, damage."""

from __future__ import annotations

import contextlib
import datetime as dt
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from card_io.errors import CardError, MalformedCardData
from card_io.lds.face import build_dg2, parse_dg2
from card_io.lds.image_header import JPEG, JPEG_2000
from card_io.tlv import Tlv

IMAGE = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 2 + b"\xff\xd9"
CAPTURED = dt.datetime(2026, 11, 22, 9, 5, 7, tzinfo=dt.UTC)


def record_of(ef: bytes) -> bytes:
    return Tlv(ef).require(0x7F61).require(0x7F60).require(0x5F2E).value


def with_record(record: bytes) -> bytes:
    header = Tlv.of(0xA1, [Tlv.of(0x87, b"\x01\x01"), Tlv.of(0x88, b"\x00\x08")])
    instance = Tlv.of(0x7F60, [header, Tlv.of(0x5F2E, record)])
    return Tlv.of(0x75, Tlv.of(0x7F61, [Tlv.of(0x02, b"\x01"), instance]))


def test_every_field_stands_where_the_table_says() -> None:
    record = record_of(build_dg2(IMAGE, 480, 640, sex="F", captured=CAPTURED))
    assert record[:8].hex() == "4641430030313000"
    assert struct.unpack_from(">IH", record, 8) == (len(record), 1)
    assert struct.unpack_from(">IH", record, 14) == (32 + len(IMAGE), 0)
    assert record[20:34] == b"\x02" + bytes(13)
    assert record[34:36] == b"\x01\x00"
    assert struct.unpack_from(">HH", record, 36) == (480, 640)
    assert record[40:46] == bytes((1, 2, 0, 0, 0, 0))
    assert record[46:] == IMAGE


def test_header_template() -> None:
    header = Tlv(build_dg2(IMAGE, 1, 1, captured=CAPTURED)).require(0x7F61).require(0x7F60).require(0xA1)
    values = {child.tag: child.value.hex() for child in header.children()}
    assert values == {
        0x80: "0101", 0x81: "02", 0x82: "00", 0x83: "20261122090507", 0x87: "0101", 0x88: "0008",
    }  # fmt: skip
    assert Tlv(build_dg2(IMAGE, 1, 1)).require(0x7F61).require(0x02).value == b"\x01"


@pytest.mark.parametrize("short", [0, 1, 8])
def test_understated_record_lengths_are_read(short: int) -> None:
    record = bytearray(record_of(build_dg2(IMAGE, 480, 640)))
    record[8:12] = (len(record) - short).to_bytes(4, "big")
    assert parse_dg2(with_record(bytes(record)))[0].image == IMAGE
    record[14:18] = (32 + len(IMAGE) - short).to_bytes(4, "big")
    assert parse_dg2(with_record(bytes(record)))[0].image == IMAGE


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (8, (9 + len(IMAGE)).to_bytes(4, "big")),
        (8, b"\xff\xff\xff\xff"),
        (0, b"FIR\0"),
        (12, b"\x00\x00"),
        (12, b"\xff\xff"),
        (12, b"\x00\x02"),
        (14, b"\xff\xff\xff\xff"),
        (14, b"\x00\x00\x00\x00"),
        (18, b"\xff\xff"),
    ],
)
def test_wrong_counts_and_lengths_are_refused(place: int, value: bytes) -> None:
    record = bytearray(record_of(build_dg2(IMAGE, 480, 640)))
    record[place : place + len(value)] = value
    with pytest.raises(MalformedCardData):
        parse_dg2(with_record(bytes(record)))


def test_feature_points_are_passed_over() -> None:
    record = bytearray(record_of(build_dg2(IMAGE, 480, 640, sex="M")))
    record[34:34] = bytes(16)
    record[18:20] = b"\x00\x02"
    record[14:18] = (48 + len(IMAGE)).to_bytes(4, "big")
    record[8:12] = len(record).to_bytes(4, "big")
    face = parse_dg2(with_record(bytes(record)))[0]
    assert (face.image, face.sex, face.width) == (IMAGE, "M", 480)


def test_two_faces() -> None:
    record = bytearray(record_of(build_dg2(IMAGE, 480, 640)))
    record += record[14:]
    record[8:14] = len(record).to_bytes(4, "big") + b"\x00\x02"
    assert [face.image for face in parse_dg2(with_record(bytes(record)))] == [IMAGE, IMAGE]


@pytest.mark.parametrize(
    ("start", "mime"),
    [
        (b"\xff\xd8\xff", JPEG),
        (b"\x00\x00\x00\x0cjP  ", JPEG_2000),
        (b"\xff\x4f\xff\x51", JPEG_2000),
        (b"????", JPEG),
    ],
)
def test_the_picture_says_what_it_is(start: bytes, mime: str) -> None:
    assert parse_dg2(build_dg2(start + bytes(30), 10, 10))[0].mime == mime


def walk_39794(code: int | None) -> bytes:
    """The nesting of the official profile's sample: 7F2E A1 65 A1 30 A1 A0 A0 80."""
    information = [Tlv.of(0xA1, Tlv.of(0xA0, Tlv.of(0x80, bytes([code]))))] if code is not None else []
    picture = Tlv.of(0xA0, Tlv.of(0xA0, [Tlv.of(0x80, IMAGE), *information]))
    representation = Tlv.of(0x30, [Tlv.of(0x80, b"\x00"), Tlv.of(0xA1, picture)])
    version = Tlv.of(0xA0, [Tlv.of(0x80, b"\x03"), Tlv.of(0x81, b"\x07\xe3")])
    block = Tlv.of(0x7F2E, Tlv.of(0xA1, Tlv.of(0x65, [version, Tlv.of(0xA1, representation)])))
    header = Tlv.of(0xA1, [Tlv.of(0x87, b"\x01\x01"), Tlv.of(0x88, b"\x00\x2a")])
    return Tlv.of(0x75, Tlv.of(0x7F61, [Tlv.of(2, b"\x01"), Tlv.of(0x7F60, [header, block])]))


@pytest.mark.parametrize("code", [2, 3, None])
def test_39794_walk(code: int | None) -> None:
    (face,) = parse_dg2(walk_39794(code))
    assert (face.image, face.mime, face.sex) == (IMAGE, JPEG, "X")


@pytest.mark.parametrize(
    "change", [{"sex": "N"}, {"mime": "image/png"}, {"image": b""}, {"width": 0}, {"height": 70000}]
)
def test_what_the_format_cannot_hold_is_refused(change: dict[str, object]) -> None:
    fields = {"image": IMAGE, "width": 1, "height": 1, **change}
    with pytest.raises(MalformedCardData):
        build_dg2(**fields)


@settings(deadline=None, max_examples=60)
@given(
    image=st.binary(min_size=1, max_size=3000),
    width=st.integers(1, 0xFFFF),
    height=st.integers(1, 0xFFFF),
    sex=st.sampled_from("MFX"),
    mime=st.sampled_from([JPEG, JPEG_2000]),
    captured=st.none() | st.datetimes(),
)
def test_round_trip(
    image: bytes, width: int, height: int, sex: str, mime: str, captured: dt.datetime | None
) -> None:
    (face,) = parse_dg2(build_dg2(image, width, height, sex=sex, mime=mime, captured=captured))
    assert (face.image, face.width, face.height, face.sex) == (image, width, height, sex)


SAMPLES = (build_dg2(IMAGE, 480, 640, captured=CAPTURED), walk_39794(2))


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(SAMPLES), st.integers(0, 130), st.integers(1, 255))
def test_changed_bytes_raise_only_our_errors(ef: bytes, place: int, change: int) -> None:
    damaged = bytearray(ef)
    damaged[place] ^= change
    with contextlib.suppress(CardError):
        parse_dg2(bytes(damaged))


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=80))
def test_garbage_raises_only_our_errors(garbage: bytes) -> None:
    for ef in (garbage, with_record(garbage), with_record(bytes.fromhex("4641430030313000") + garbage)):
        with contextlib.suppress(CardError):
            parse_dg2(ef)
