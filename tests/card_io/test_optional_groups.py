"""The less common data groups, pictures by their headers, and nothing but our errors for broken bytes."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from card_io.errors import MalformedCardData
from card_io.lds.data_groups import DocumentDetails, PersonalDetails, build_dg1, build_dg11, build_dg12
from card_io.lds.face import FaceImage, build_dg2
from card_io.lds.image_header import JPEG, JPEG_2000, ImageHeader, image_header
from card_io.lds.index import group_tag
from card_io.lds.mrz import Mrz
from card_io.lds.optional_groups import (
    BiometricTemplate,
    Features,
    PersonToNotify,
    Picture,
    parse_group,
    parse_persons,
)
from card_io.lds.security_infos import PaceInfo, SecurityInfos, build_dg14
from card_io.tlv import Tlv
from tests.card_io.conftest import AA_SPKI, LINES


def picture(kind: str, width: int = 33, height: int = 47, **options: object) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (width, height), (90, 120, 150)).save(target, kind, **options)
    return target.getvalue()


def test_headers_of_real_pictures() -> None:
    assert image_header(picture("JPEG")) == ImageHeader(JPEG, 33, 47)
    assert image_header(picture("JPEG", progressive=True, comment=b"x" * 300)) == ImageHeader(JPEG, 33, 47)
    boxed = picture("JPEG2000")
    assert image_header(boxed) == ImageHeader(JPEG_2000, 33, 47)
    bare = boxed[boxed.index(b"\xff\x4f\xff\x51") :]
    assert image_header(bare) == ImageHeader(JPEG_2000, 33, 47)
    assert image_header(b"\xff\xd8\xff") == ImageHeader(JPEG)
    assert image_header(b"GIF89a") is None


@given(st.sampled_from(["JPEG", "JPEG2000"]), st.integers(0, 700), st.integers(0, 255), st.booleans())
@settings(max_examples=150, deadline=None)
def test_broken_pictures_never_raise(kind: str, place: int, value: int, cut: bool) -> None:
    raw = bytearray(PICTURES[kind])
    raw[place % len(raw)] = value
    image_header(bytes(raw[:place]) if cut else bytes(raw))


PICTURES = {kind: picture(kind) for kind in ("JPEG", "JPEG2000")}


@pytest.mark.parametrize("kind", ["JPEG", "JPEG2000"])
def test_size_of_the_face_is_the_pictures_own(kind: str) -> None:
    """Real passports state sizes that are not those of their picture; ISO/IEC 39794-5 may state none."""
    image, mime = PICTURES[kind], JPEG if kind == "JPEG" else JPEG_2000
    wrong = JPEG_2000 if kind == "JPEG" else JPEG
    parsed = parse_group(2, build_dg2(image, 400, 500, sex="F", mime=wrong))
    assert parsed == (FaceImage(image, mime, 33, 47, "F"),)
    inner = Tlv.of(0xA0, [Tlv.of(0x80, image), Tlv.of(0xA1, Tlv.of(0xA0, Tlv.of(0x80, b"\x02")))])
    block = Tlv.of(0x30, [Tlv.of(0x80, b"\x00"), Tlv.of(0xA1, Tlv.of(0xA0, inner))])
    record = Tlv.of(0x7F2E, Tlv.of(0xA1, Tlv.of(0x65, Tlv.of(0xA1, block))))
    header = Tlv.of(0xA1, [Tlv.of(0x87, b"\x01\x01"), Tlv.of(0x88, b"\x00\x2a")])
    group = Tlv.of(0x7F61, [Tlv.of(0x02, b"\x01"), Tlv.of(0x7F60, [header, record])])
    assert parse_group(2, Tlv.of(0x75, group)) == (FaceImage(image, mime, 33, 47),)


def finger(subtype: int) -> Tlv:
    header = Tlv.of(
        0xA1, [Tlv.of(0x82, bytes([subtype])), Tlv.of(0x87, b"\x01\x01"), Tlv.of(0x88, b"\x00\x07")]
    )
    return Tlv.of(0x7F60, [header, Tlv.of(0x5F2E, bytes(20))])


def test_fingerprints_are_counted_and_not_looked_at() -> None:
    templates = [finger(0x09), finger(0x0A)]
    group = Tlv.of(0x63, Tlv.of(0x7F61, [Tlv.of(0x02, b"\x02"), *templates]))
    size = len(templates[0])
    assert parse_group(3, group) == (BiometricTemplate(9, 7, size), BiometricTemplate(10, 7, size))
    empty = Tlv.of(0x63, [Tlv.of(0x7F61, Tlv.of(0x02, b"\x00")), Tlv.of(0x53, bytes(9))])
    assert parse_group(3, empty) == ()


def test_pictures_of_dg5_and_dg7() -> None:
    image = PICTURES["JPEG"]
    for number, tag in ((5, 0x5F40), (7, 0x5F43)):
        group = Tlv.of(group_tag(number), [Tlv.of(0x02, b"\x01"), Tlv.of(tag, image)])
        assert parse_group(number, group) == (Picture(image, ImageHeader(JPEG, 33, 47)),)
        with pytest.raises(MalformedCardData):
            parse_group(number, Tlv.of(group_tag(number), Tlv.of(0x02, b"\x01")))


def test_persons_to_notify() -> None:
    person = [
        Tlv.of(0x5F50, b"20200115"),
        Tlv.of(0x5F51, b"SPECIMENOVA<<TEST"),
        Tlv.of(0x5F52, b"000"),
        Tlv.of(0x5F53, b"1<TEST<STREET"),
    ]
    group = Tlv.of(0x70, [Tlv.of(0x02, b"\x02"), Tlv.of(0xA1, person), Tlv.of(0xA2, person[1])])
    full, short = parse_persons(group)
    assert parse_group(16, group) == (full, short)
    assert full == PersonToNotify("20200115", "SPECIMENOVA<<TEST", "000", ("1", "TEST", "STREET"))
    assert short == PersonToNotify(name="SPECIMENOVA<<TEST")
    assert "SPECIMENOVA" not in repr(full)


def test_groups_of_the_issuers_own() -> None:
    for number in (6, 8, 9, 10, 13):
        group = Tlv.of(group_tag(number), [Tlv.of(0x02, b"\x01"), Tlv.of(0x5F01, b"x")])
        assert parse_group(number, group) == Features(group.value, (0x02, 0x5F01))
    assert parse_group(13, Tlv.of(0x6D, b"\xff\xff\xff")) == Features(b"\xff\xff\xff")


GROUPS: dict[int, tuple[bytes, object]] = {
    1: (build_dg1(LINES), Mrz),
    2: (build_dg2(PICTURES["JPEG"], 33, 47), tuple),
    3: (Tlv.of(0x63, Tlv.of(0x7F61, [Tlv.of(0x02, b"\x01"), finger(5)])), tuple),
    5: (Tlv.of(0x65, [Tlv.of(0x02, b"\x01"), Tlv.of(0x5F40, PICTURES["JPEG"])]), tuple),
    11: (build_dg11(PersonalDetails(full_name=("A", "B"), birth_date="19900214")), PersonalDetails),
    12: (build_dg12(DocumentDetails(issuing_authority="TEST", issue_date="20200101")), DocumentDetails),
    14: (build_dg14([PaceInfo("0.4.0.127.0.7.2.2.4.2.2", 2, 12)]), SecurityInfos),
    15: (Tlv.of(0x6F, AA_SPKI), bytes),
    16: (Tlv.of(0x70, [Tlv.of(0x02, b"\x01"), Tlv.of(0xA1, Tlv.of(0x5F51, b"X"))]), tuple),
}


@pytest.mark.parametrize("number", GROUPS)
def test_every_group_has_its_class(number: int) -> None:
    content, kind = GROUPS[number]
    assert isinstance(parse_group(number, content), kind)  # type: ignore[arg-type]


@given(st.sampled_from(sorted(GROUPS)), st.integers(0, 2000), st.integers(1, 255), st.integers(0, 3))
@settings(max_examples=200, deadline=None)
def test_flipped_and_cut_groups(number: int, place: int, flip: int, cut: int) -> None:
    raw = bytearray(GROUPS[number][0])
    raw[place % min(len(raw), 120)] ^= flip
    try:
        parse_group(number, bytes(raw[: len(raw) - cut]))
    except MalformedCardData:
        return


@given(st.integers(1, 16), st.binary(max_size=60))
@settings(max_examples=200, deadline=None)
def test_hostile_groups(number: int, content: bytes) -> None:
    for data in (content, bytes(Tlv.of(group_tag(number), content))):
        try:
            parse_group(number, data)
        except MalformedCardData:
            continue
