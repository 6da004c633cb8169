"""DG2, the facial image: ISO/IEC 19794-5:2005 in a CBEFF template; ISO/IEC 39794-5 for reading (Doc 9303-10
4.7.2).

Only the container is handled: pictures stay bytes here and are decoded elsewhere.  Every count and length
is compared with the bytes at hand before it is used.
"""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from card_io.errors import MalformedCardData
from card_io.lds.image_header import JPEG, JPEG_2000, ImageHeader, image_header
from card_io.lds.index import expect_tag
from card_io.tlv import Tlv

MAX_FACES: Final = 9  # Doc 9303-10 section 4.7.2: number of instances
LENGTH_TOLERANCE: Final = 8  # bytes by which real passports understate the record length

_DG2, _GROUP, _COUNT, _INSTANCE, _HEADER = 0x75, 0x7F61, 0x02, 0x7F60, 0xA1
_RECORD, _RECORD_39794 = 0x5F2E, 0x7F2E
_FACIAL_RECORD = struct.Struct(">4s4sIH")  # format id, version, record length, number of faces
_FACE_BLOCK = struct.Struct(
    ">IHBBB3sH3s3s"
)  # length, points, gender, eyes, hair, properties, expression, pose, ±
_IMAGE_BLOCK = struct.Struct(
    ">BBHHBBHH"
)  # image type, data type, width, height, colours, source, device, quality
_FEATURE_POINT_BYTES: Final = 8
_FORMAT_ID, _VERSION = b"FAC\0", b"010\0"
_GENDERS: Final[Mapping[str, int]] = {"X": 0, "M": 1, "F": 2}
_DATA_TYPES: Final[Mapping[str, int]] = {JPEG: 0, JPEG_2000: 1}
_FULL_FRONTAL, _RGB24, _DIGITAL_CAMERA = 1, 1, 2


@dataclass(frozen=True)
class FaceImage:
    """One picture: its file bytes, media type, size in pixels and sex M, F or X.

    Type and size are the picture's own if its header tells them, else as stated (0: not stated).
    """

    image: bytes = field(repr=False)
    mime: str
    width: int
    height: int
    sex: str = field(default="X", repr=False)


def build_dg2(
    image: bytes,
    width: int,
    height: int,
    *,
    sex: str = "X",
    mime: str = JPEG,
    captured: dt.datetime | None = None,
) -> bytes:
    """DG2 with one full frontal picture (`width` x `height` pixels, JPEG or JPEG 2000 file bytes).

    `captured` is written as given, to the second.  Raises MalformedCardData for what the format cannot hold.
    """
    if mime not in _DATA_TYPES or sex not in _GENDERS or not image:
        raise MalformedCardData("a picture or sex that a face record cannot hold")
    if not (0 < width <= 0xFFFF and 0 < height <= 0xFFFF):
        raise MalformedCardData("a picture size that a face record cannot hold")
    header = Tlv.of(
        _HEADER,
        [
            Tlv.of(0x80, b"\x01\x01"),  # patron header version
            Tlv.of(0x81, b"\x02"),  # facial features
            Tlv.of(0x82, b"\x00"),
            *([Tlv.of(0x83, bytes.fromhex(_digits(captured)))] if captured else ()),
            Tlv.of(0x87, b"\x01\x01"),  # ISO/IEC JTC 1/SC 37
            Tlv.of(0x88, b"\x00\x08"),  # ISO/IEC 19794-5
        ],
    )
    instance = Tlv.of(_INSTANCE, [header, Tlv.of(_RECORD, _facial_record(image, width, height, sex, mime))])
    return Tlv.of(_DG2, Tlv.of(_GROUP, [Tlv.of(_COUNT, b"\x01"), instance]))


def _digits(moment: dt.datetime) -> str:
    return "".join(character for character in moment.isoformat()[:19] if character.isdecimal())


def _facial_record(image: bytes, width: int, height: int, sex: str, mime: str) -> bytes:
    block_length = _FACE_BLOCK.size + _IMAGE_BLOCK.size + len(image)
    none = bytes(3)
    return b"".join(
        (
            _FACIAL_RECORD.pack(_FORMAT_ID, _VERSION, _FACIAL_RECORD.size + block_length, 1),
            _FACE_BLOCK.pack(block_length, 0, _GENDERS[sex], 0, 0, none, 0, none, none),
            _IMAGE_BLOCK.pack(_FULL_FRONTAL, _DATA_TYPES[mime], width, height, _RGB24, _DIGITAL_CAMERA, 0, 0),
            image,
        )
    )


def parse_dg2(ef: bytes) -> tuple[FaceImage, ...]:
    """All pictures of DG2 in order, at least one; MalformedCardData otherwise."""
    group = expect_tag(ef, _DG2).require(_GROUP)
    instances = [child for child in group.children() if child.tag == _INSTANCE]
    if not 1 <= len(instances) <= MAX_FACES:
        raise MalformedCardData("no face, or too many, in the group template")
    faces = tuple(face for instance in instances for face in _faces_of(instance))
    if not faces:
        raise MalformedCardData("no picture in the face record")
    return faces


def _faces_of(instance: Tlv) -> Iterator[FaceImage]:
    record = instance.child(_RECORD)
    if record is not None:
        return _parse_19794(record.value)
    return _parse_39794(instance.require(_RECORD_39794))


def _parse_19794(record: bytes) -> Iterator[FaceImage]:
    if len(record) < _FACIAL_RECORD.size:
        raise MalformedCardData("a face record shorter than its header")
    format_id, _version, length, count = _FACIAL_RECORD.unpack_from(record)
    if format_id != _FORMAT_ID or not 1 <= count <= MAX_FACES:
        raise MalformedCardData("not a face record, or too many faces")
    if not 0 <= len(record) - length <= LENGTH_TOLERANCE:
        raise MalformedCardData("a face record whose length is wrong")
    position = _FACIAL_RECORD.size
    for _ in range(count):
        face, position = _parse_face(record, position)
        yield face


def _parse_face(record: bytes, start: int) -> tuple[FaceImage, int]:
    """One face block and where the next begins; a block that ends up to 8 bytes early takes the rest."""
    if len(record) - start < _FACE_BLOCK.size:
        raise MalformedCardData("a face block that is cut off")
    length, points, gender, *_ = _FACE_BLOCK.unpack_from(record, start)
    picture = start + _FACE_BLOCK.size + _FEATURE_POINT_BYTES * points + _IMAGE_BLOCK.size
    end = start + length
    if not picture < end <= len(record):
        raise MalformedCardData("a face block whose length is wrong")
    if len(record) - end <= LENGTH_TOLERANCE:
        end = len(record)
    _type, data_type, width, height, *_ = _IMAGE_BLOCK.unpack_from(record, picture - _IMAGE_BLOCK.size)
    image = record[picture:end]
    sex = {1: "M", 2: "F"}.get(gender, "X")
    return _face_image(image, data_type == 0, width, height, sex), end


def _parse_39794(record: Tlv) -> Iterator[FaceImage]:
    """Walk to the pictures: A1 65 A1 30* A1 A0 A0 80; the picture's format stands in A1 A0 80 behind it."""
    representations = record.require(0xA1).require(0x65).require(0xA1)
    blocks = [child for child in representations.children() if child.tag == 0x30]
    if len(blocks) > MAX_FACES:
        raise MalformedCardData("too many faces")
    for block in blocks:
        picture = block.require(0xA1).require(0xA0).require(0xA0)
        information = picture.child(0xA1)
        chosen = information.child(0xA0) if information else None
        code = chosen.child(0x80) if chosen else None
        image = picture.require(0x80).value
        if not image:
            raise MalformedCardData("an empty picture")
        yield _face_image(image, code is not None and code.value == b"\x02", 0, 0, "X")


def _face_image(image: bytes, jpeg: bool, width: int, height: int, sex: str) -> FaceImage:
    """The picture's own header is believed before the record around it."""
    own = image_header(image) or ImageHeader(JPEG if jpeg else JPEG_2000)
    known = own.width and own.height
    return FaceImage(image, own.mime, *((own.width, own.height) if known else (width, height)), sex)
