"""APDU forms of ISO/IEC 7816-3 and the behaviour of the bytes link."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from card_io.apdu import BytesLink, Command, Response, expect
from card_io.errors import CardErrorCode, MalformedCardData, StatusError


@pytest.mark.parametrize(
    ("command", "encoded"),
    [
        (Command(0x00, 0xA4, 0x02, 0x0C), "00A4020C"),
        (Command(0x00, 0x84, 0, 0, le=8), "0084000008"),
        (Command(0x00, 0xB0, 0, 0, le=256), "00B0000000"),
        (Command(0x00, 0xB0, 0, 0, le=0), "00B0000000"),
        (Command(0x00, 0xA4, 0x02, 0x0C, bytes.fromhex("011E")), "00A4020C02011E"),
        (Command(0x10, 0x86, 0, 0, bytes.fromhex("7C00"), 0), "10860000027C0000"),
        (Command(0x00, 0xB0, 0, 0, le=1000), "00B000000003E8"),
        (Command(0x00, 0xB0, 0, 0, le=65536), "00B00000000000"),
        (Command(0x00, 0xB0, 0, 0, le=0, extended=True), "00B00000000000"),
        (Command(0x00, 0x88, 0, 0, b"12345678", 0, extended=True), "0088000000000831323334353637380000"),
        (Command(0x00, 0xD6, 0, 0, bytes(256)), "00D60000000100" + "00" * 256),
    ],
)
def test_forms(command: Command, encoded: str) -> None:
    assert command.encode().hex().upper() == encoded
    assert Command.parse(bytes.fromhex(encoded)).encode().hex().upper() == encoded


@given(st.binary(max_size=300), st.none() | st.integers(0, 65536), st.booleans())
@settings(max_examples=100, deadline=None)
def test_parse_inverts_encode(data: bytes, le: int | None, extended: bool) -> None:
    command = Command(0x0C, 0xB0, 1, 2, data, le, extended)
    again = Command.parse(command.encode())
    assert again.encode() == command.encode()
    assert (again.header, again.data) == (command.header, command.data)


@given(st.binary(max_size=20))
@settings(max_examples=150, deadline=None)
def test_parse_refuses_or_inverts(raw: bytes) -> None:
    try:
        command = Command.parse(raw)
    except MalformedCardData:
        return
    assert command.encode()[:4] == raw[:4]


def test_commands_out_of_range_are_programming_errors() -> None:
    for arguments in ((256, 0, 0, 0), (0, 0, 0, 0, b"", 65537), (0, 0, 0, 0, bytes(65536))):
        with pytest.raises(ValueError, match="out of range"):
            Command(*arguments)


def test_repr_hides_data() -> None:
    assert "secret" not in repr(Command(0, 0xDA, 1, 2, b"secret")) + repr(Response(b"secret", 0x9000))


def scripted(*answers: str) -> tuple[BytesLink, list[str]]:
    seen: list[str] = []
    queue = list(answers)

    def transmit(raw: bytes) -> bytes:
        seen.append(raw.hex())
        return bytes.fromhex(queue.pop(0))

    return BytesLink(transmit), seen


def test_rest_of_the_answer_is_fetched() -> None:
    link, seen = scripted("AABB6102", "CCDD9000")
    assert link.send(Command(0x00, 0xB0, 0, 0, le=0)) == Response(bytes.fromhex("AABBCCDD"), 0x9000)
    assert seen[1] == "00c0000002"


def test_wrong_le_is_corrected_once_and_never_under_secure_messaging() -> None:
    link, seen = scripted("6C04", "010203049000")
    assert link.send(Command(0x00, 0xB0, 0, 0, le=8)).ok
    assert seen == ["00b0000008", "00b0000004"]
    link, seen = scripted("6C04", "6C05")
    assert link.send(Command(0x00, 0xB0, 0, 0, le=8)).sw == 0x6C05
    link, seen = scripted("6C04")
    assert link.send(Command(0x0C, 0xB0, 0, 0, b"\x97\x01\x08", le=0)).sw == 0x6C04


@pytest.mark.parametrize("answer", [b"", b"\x90", bytes(65539)])
def test_answers_that_are_none(answer: bytes) -> None:
    with pytest.raises(MalformedCardData):
        BytesLink(lambda _: answer).send(Command(0, 0xB0, 0, 0))


@pytest.mark.parametrize("answer", [b"\x61\x00", bytes(60000) + b"\x61\x00"])
def test_endless_answers_end(answer: bytes) -> None:
    with pytest.raises(MalformedCardData):
        BytesLink(lambda _: answer).send(Command(0, 0xB0, 0, 0))


def test_expect() -> None:
    command = Command(0, 0xB0, 0, 0)
    assert expect(Response(b"", 0x6282), command, (0x9000, 0x6282)).sw == 0x6282
    with pytest.raises(StatusError) as caught:
        expect(Response(b"", 0x6982), command)
    assert (caught.value.sw, caught.value.ins) == (0x6982, 0xB0)
    assert caught.value.code is CardErrorCode.CARD_STATUS_UNEXPECTED
