"""Secure messaging pinned to Doc 9303-11 appendix D.4 and to recorded chips; hostile answers end it."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from card_io.apdu import BytesLink, Command, Response
from card_io.errors import CardError, CardRemoved, MalformedCardData, SecureMessagingError
from card_io.lds.index import APPLICATION
from card_io.secure_messaging import BrokenSession, SecureMessaging
from card_io.tlv import Tlv, parse_all
from card_io.trace import Exchange, Replay
from crypto.primitives import Cipher, encrypt_block, encrypt_cbc, mac8, pad

VECTORS = Path(__file__).parents[1] / "vectors"
ROWS = json.loads((VECTORS / "icao_sm_d4.json").read_text())["rows"]
CIPHERS = {"3DES": Cipher.TDES, "AES-128": Cipher.AES128}
READ = Command(0x00, 0xB0, 0, 0, le=4)


class Silent:
    def send(self, command: Command) -> Response:
        raise CardRemoved("nobody there")


def session(row: dict[str, str], link: object = None) -> SecureMessaging:
    keys = bytes.fromhex(row["ks_enc"]), bytes.fromhex(row["ks_mac"])
    counter = bytes.fromhex(row["ssc"])
    return SecureMessaging(link or Silent(), CIPHERS[row.get("alg") or row["cipher"]], *keys, counter)


@pytest.mark.parametrize("row", [row for row in ROWS if "direction" not in row])
def test_published_commands(row: dict[str, str]) -> None:
    protected = session(row).protect(Command.parse(bytes.fromhex(row["plain"])))
    assert protected.encode().hex().upper() == row["protected"].upper()


@pytest.mark.parametrize("row", [row for row in ROWS if "direction" in row])
def test_published_answers(row: dict[str, str]) -> None:
    channel = session(row)
    assert channel.unprotect(Response.parse(bytes.fromhex(row["protected"]))).encode().hex() == row["plain"]
    assert channel.counter.hex().upper() == row["ssc_after"]


def test_reading_of_the_worked_example() -> None:
    # Doc 9303-11 appendix D.4: select EF.COM, read its first four bytes
    raw = [
        "0CA4020C158709016375432908C044F68E08BF8B92D635FF24F800",
        "990290008E08FA855A5D4C50A8ED9000",
        "0CB000000D9701048E08ED6705417E96BA5500",
        "8709019FF0EC34F9922651990290008E08AD55CC17140B2DED9000",
    ]
    pairs = [bytes.fromhex(item) for item in raw]
    replay = Replay([Exchange(pairs[0], pairs[1]), Exchange(pairs[2], pairs[3])])
    channel = session(ROWS[0], replay)
    assert channel.send(Command(0x00, 0xA4, 0x02, 0x0C, bytes.fromhex("011E"))).ok
    assert channel.send(READ) == Response(bytes.fromhex("60145F01"), 0x9000)
    assert replay.finished


def test_recorded_aes_session_of_a_real_chip() -> None:
    """EF.CardSecurity of a real document: 11 commands and answers after PACE, every MAC and decryption."""
    trace = json.loads((VECTORS / "trace_pace_cam_de.json").read_text())
    pairs = trace["apdus"][5:]
    replay = Replay(Exchange(bytes.fromhex(command), bytes.fromhex(answer)) for command, answer in pairs)
    channel = session({**trace["session"], "ssc": ""}, replay)
    assert channel.send(Command(0x00, 0xA4, 0x02, 0x0C, bytes.fromhex("011D"))).ok
    content = channel.send(Command(0x00, 0xB0, 0, 0, le=4)).data
    while not replay.finished:
        offset = len(content)
        wanted = recorded_le(pairs[replay.position][0])
        content += channel.send(Command(0x00, 0xB0, offset >> 8, offset & 0xFF, le=wanted)).data
    assert Tlv(content).tag == 0x30
    assert len(content) == 1862


def recorded_le(command: str) -> int:
    return parse_all(Command.parse(bytes.fromhex(command)).data)[0].value[0]


class Chip:
    """The card's side for one session, built from the standard with the primitives alone."""

    def __init__(self, cipher: Cipher, answer: Response) -> None:
        self.cipher, self.answer, self.counter, self.seen = cipher, answer, 0, b""
        self.keys = bytes(range(cipher.key_length)), bytes(range(1, cipher.key_length + 1))
        self.channel = SecureMessaging(self, cipher, *self.keys)

    def iv(self) -> bytes:
        if self.cipher is Cipher.TDES:
            return bytes(8)
        return encrypt_block(self.cipher, self.keys[0], self.counter.to_bytes(16, "big"))

    def send(self, command: Command) -> Response:
        self.seen = command.encode()
        self.counter += 2
        objects = b""
        if self.answer.data:
            data = encrypt_cbc(
                self.cipher, self.keys[0], self.iv(), pad(self.answer.data, self.cipher.block_size)
            )
            odd = command.ins & 1
            objects += Tlv.of(0x85, data) if odd else Tlv.of(0x87, b"\x01" + data)
        objects += Tlv.of(0x99, self.answer.sw.to_bytes(2, "big"))
        block = self.cipher.block_size
        mac = mac8(self.cipher, self.keys[1], self.counter.to_bytes(block, "big") + pad(objects, block))
        return Response(objects + Tlv.of(0x8E, mac), self.answer.sw)


@pytest.mark.parametrize("cipher", Cipher)
@pytest.mark.parametrize("ins", [0xB0, 0xB1])
@pytest.mark.parametrize("length", [0, 1, 16, 223, 2000])
def test_answers_of_every_cipher_length_and_instruction(cipher: Cipher, ins: int, length: int) -> None:
    chip = Chip(cipher, Response(bytes(length), 0x6282))
    for _ in range(2):
        assert chip.channel.send(Command(0x00, ins, 0, 0, b"\x54\x01\x00", 0)) == chip.answer
    tag = 0x85 if ins & 1 else 0x87
    assert parse_all(Command.parse(chip.seen).data)[0].tag == tag


def test_extended_length_forms() -> None:
    chip = Chip(Cipher.AES128, Response(b"", 0x9000))
    chip.channel.send(Command(0x00, 0xB0, 0, 0, le=1000))
    assert chip.seen.hex().startswith("0cb0000000000e970203e8")
    assert chip.seen.hex().endswith("0000")
    chip.channel.send(Command(0x00, 0xB0, 0, 0, le=0, extended=True))
    assert "97020000" in chip.seen.hex()
    chip.channel.send(Command(0x00, 0xD6, 0, 0, bytes(240)))  # grows beyond 255 by the protection
    assert Command.parse(chip.seen).is_extended


def test_one_flipped_bit_ends_the_session() -> None:
    answer = bytes.fromhex("8709019FF0EC34F9922651990290008E08AD55CC17140B2DED9000")
    row = {**ROWS[0], "ssc": "887022120C06C228"}
    for bit in range(8 * (len(answer) - 2)):
        flipped = bytearray(answer)
        flipped[bit // 8] ^= 1 << bit % 8
        channel = session(row, BytesLink(lambda _, raw=bytes(flipped): raw))
        with pytest.raises(SecureMessagingError):
            channel.send(READ)
        assert not channel.alive


@pytest.mark.parametrize("status", ["9000", "6988", "6982"])
def test_plain_answers_end_the_session(status: str) -> None:
    channel = session(ROWS[0], BytesLink(lambda _: bytes.fromhex(status)))
    with pytest.raises(BrokenSession) as caught:
        channel.send(READ)
    assert caught.value.sw == int(status, 16)
    with pytest.raises(SecureMessagingError):
        channel.send(READ)


def test_lost_card_ends_the_session() -> None:
    channel = session(ROWS[0])
    with pytest.raises(CardRemoved):
        channel.send(READ)
    assert not channel.alive


def test_selecting_another_application_drops_the_keys() -> None:
    sent: list[str] = []

    def transmit(raw: bytes) -> bytes:
        sent.append(raw.hex())
        return b"\x90\x00"

    channel = session(ROWS[0], BytesLink(transmit))
    select = Command(0x00, 0xA4, 0x04, 0x0C, APPLICATION)
    with pytest.raises(BrokenSession):  # its own application stays protected, so a plain answer is refused
        channel.send(select)
    assert sent.pop().startswith("0ca4040c")
    channel = session(ROWS[0], BytesLink(transmit))
    assert channel.send(Command(0x00, 0xA4, 0x04, 0x0C, bytes.fromhex("A000000151000000"))).ok
    assert sent.pop() == "00a4040c08a000000151000000"
    with pytest.raises(SecureMessagingError):
        channel.send(READ)


@pytest.mark.parametrize(
    "objects",
    [
        "99029000",  # no MAC
        "8E080000000000000000",  # no status
        "8E08000000000000000099029000",  # MAC not last
        "9902900099029000" + "8E080000000000000000",  # twice
        "4201AA99029000" + "8E080000000000000000",  # foreign object
        "87",
    ],
)
def test_shape_of_answers(objects: str) -> None:
    channel = session(ROWS[0], BytesLink(lambda _: bytes.fromhex(objects) + b"\x90\x00"))
    with pytest.raises(SecureMessagingError):
        channel.send(READ)


@pytest.mark.parametrize("content", ["", "00" * 9, "01" + "00" * 7, "01" + "11" * 8, "02" + "11" * 8])
def test_authentic_but_broken_cryptograms(content: str) -> None:
    """A chip that signs nonsense: the MAC holds, the content does not."""
    chip = Chip(Cipher.TDES, Response(b"", 0x9000))
    chip.counter = 2
    objects = Tlv.of(0x87, bytes.fromhex(content)) + Tlv.of(0x99, b"\x90\x00")
    mac = mac8(Cipher.TDES, chip.keys[1], (2).to_bytes(8, "big") + pad(objects, 8))
    channel = SecureMessaging(
        BytesLink(lambda _: objects + Tlv.of(0x8E, mac) + b"\x90\x00"), Cipher.TDES, *chip.keys
    )
    with pytest.raises(SecureMessagingError):
        channel.send(READ)


@given(st.binary(max_size=80))
@settings(max_examples=150, deadline=None)
def test_hostile_answers_raise_only_card_errors(raw: bytes) -> None:
    with pytest.raises((SecureMessagingError, MalformedCardData)) as caught:
        session(ROWS[0], BytesLink(lambda _: raw)).send(Command(0x0C, 0xB0, 0, 0, le=4))
    assert isinstance(caught.value, CardError)
