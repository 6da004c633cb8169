"""BAC and PACE pinned to the worked examples of Doc 9303-11 and to recorded passports."""

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from card_io.apdu import BytesLink, Command, Link, Response
from card_io.emrtd.access import AccessKey, AccessResult, open_access, select_application
from card_io.emrtd.bac import basic_access, get_challenge
from card_io.emrtd.pace import Password, choose, pace
from card_io.errors import (
    AccessDenied,
    CardError,
    CardErrorCode,
    CardRemoved,
    FileMissing,
    MalformedCardData,
    ProtocolUnsupported,
    SecureMessagingError,
    StatusError,
)
from card_io.lds.security_infos import PaceInfo, SecurityInfos
from card_io.secure_messaging import SecureMessaging
from card_io.tlv import Tlv
from card_io.trace import Exchange, Replay
from crypto.ecmath import CURVES, add, decode_point, encode_point, multiply

VECTORS = Path(__file__).parents[1] / "vectors"
BAC = json.loads((VECTORS / "icao_bac_d2_d3.json").read_text())
G1 = json.loads((VECTORS / "icao_pace_gm_ecdh_g1.json").read_text())
NZ = json.loads((VECTORS / "trace_pace_gm_ecdh_3des_nz.json").read_text())
CAM = json.loads((VECTORS / "trace_pace_cam_de.json").read_text())
NL = json.loads((VECTORS / "nl2014_pace_gm_ecdh.json").read_text())
KEY = AccessKey(mrz_information=BAC["mrz_information"].encode())
SELECT = ("00A4040C07A0000002471001", "9000")
CHALLENGE = ("0084000008", BAC["rnd_ic"] + "9000")
AUTHENTICATE = (BAC["cmd_external_authenticate"], BAC["rsp_external_authenticate"])
BAC_RANDOM = (BAC["rnd_ifd"], BAC["k_ifd"])


def replay(pairs: Iterable[Iterable[str]]) -> Replay:
    return Replay(Exchange(bytes.fromhex(command), bytes.fromhex(answer)) for command, answer in pairs)


class Scripted:
    """Random bytes out of a published example; every request must fit the next entry."""

    def __init__(self, *values: str) -> None:
        self.values = [bytes.fromhex(value) for value in values]

    def __call__(self, length: int) -> bytes:
        value = self.values.pop(0)
        assert len(value) == length
        return value


def scalars(size: int, *values: str) -> Scripted:
    """Randomness from which PACE draws exactly these private keys."""
    return Scripted(*((int(value, 16) - 1).to_bytes(size + 8, "big").hex() for value in values))


def keys_of(channel: SecureMessaging) -> tuple[str, str]:
    return channel._encryption_key.hex().upper(), channel._mac_key.hex().upper()


def test_bac_worked_example() -> None:
    link = replay([CHALLENGE, AUTHENTICATE])
    channel = basic_access(link, BAC["mrz_information"].encode(), Scripted(*BAC_RANDOM), get_challenge(link))
    assert keys_of(channel) == (BAC["ks_enc"], BAC["ks_mac"])
    assert channel.counter.hex().upper() == BAC["ssc"]
    assert link.finished


def test_pace_worked_example() -> None:
    """Doc 9303-11 appendix G.1: every command and both keys."""
    link = replay(G1["apdus"])
    suite = choose([PaceInfo("0.4.0.127.0.7.2.2.4.2.2", 2, 13)])
    mrz = b"T22000129364081251010318"
    assert Password.mrz(mrz).secret.hex().upper() == G1["password_seed_sha1"]
    random = scalars(32, G1["map_pcd_private"], G1["ka_pcd_private"])
    channel = pace(link, suite, Password.mrz(mrz), random)
    assert keys_of(channel) == (G1["ks_enc"], G1["ks_mac"])
    assert channel.counter == bytes(16)
    assert suite.name == "PACE-ECDH-GM-AES-128"
    assert link.finished


def test_pace_3des_of_a_recorded_passport() -> None:
    link = replay(NZ["apdus"])
    suite = choose(SecurityInfos.parse(bytes.fromhex(NZ["card_access"])).pace)
    random = scalars(32, NZ["terminal_mapping_key"]["d"], NZ["terminal_ephemeral_d"])
    channel = pace(link, suite, Password.mrz(NZ["mrz_information"].encode()), random)
    assert keys_of(channel) == (NZ["session"]["ks_enc"].upper(), NZ["session"]["ks_mac"].upper())
    assert (suite.name, channel.counter) == ("PACE-ECDH-GM-3DES", bytes(8))
    assert link.finished


def test_mapping_key_of_a_dutch_passport() -> None:
    """brainpoolP320r1: the recorded chip point is on the curve and maps with the recorded key."""
    curve = CURVES["brainpoolP320r1"]
    point = decode_point(curve, bytes.fromhex(NL["piccMappingEncodedPublicKey"]))
    private = int(NL["pcdMappingPrivateKeyFieldElement"], 16)
    assert 0 < private < curve.n
    mapped = add(curve, multiply(curve, int(NL["nonceS"], 16)), multiply(curve, private, point))
    assert mapped is not None
    assert decode_point(curve, encode_point(curve, mapped)) == mapped


def test_open_access_with_bac() -> None:
    link = replay([SELECT, CHALLENGE, AUTHENTICATE])
    secured, result = open_access(link, KEY, None, Scripted(*BAC_RANDOM))
    assert isinstance(secured, SecureMessaging)
    assert result == AccessResult("BAC")


def test_open_access_falls_back_from_pace_once() -> None:
    card_access = bytes.fromhex(NZ["card_access"])
    refused = [
        ("0022C1A412800A04007F0007020204020183010184010D", "6A80"),
        ("0022C1A40F800A04007F00070202040201830101", "6A80"),
    ]
    link = replay([*refused, SELECT, CHALLENGE, AUTHENTICATE])
    _, result = open_access(link, KEY, card_access, Scripted(*BAC_RANDOM))
    assert result == AccessResult("BAC", "", True, CardErrorCode.CARD_PROTOCOL_UNSUPPORTED)


def test_failed_fallback_reports_the_pace_failure() -> None:
    pairs = [*NZ["apdus"][:-1], (NZ["apdus"][-1][0], "6300"), SELECT, CHALLENGE]
    link = replay([*pairs, (AUTHENTICATE[0], "6300")])
    random = scalars(32, NZ["terminal_mapping_key"]["d"], NZ["terminal_ephemeral_d"])
    random.values += Scripted(*BAC_RANDOM).values
    with pytest.raises(AccessDenied, match="PACE"):
        open_access(link, KEY, bytes.fromhex(NZ["card_access"]), random)
    assert link.finished


@pytest.mark.parametrize("byte", range(2, 12))
def test_a_wrong_token_of_the_chip_is_noticed(byte: int) -> None:
    pairs = [list(pair) for pair in G1["apdus"]]
    raw = bytearray.fromhex(pairs[-1][1])
    raw[byte] ^= 1
    pairs[-1][1] = raw.hex()
    suite = choose([PaceInfo("0.4.0.127.0.7.2.2.4.2.2", 2, 13)])
    random = scalars(32, G1["map_pcd_private"], G1["ka_pcd_private"])
    with pytest.raises((SecureMessagingError, MalformedCardData)):
        pace(replay(pairs), suite, Password.mrz(b"T22000129364081251010318"), random)


def test_our_own_key_sent_back_is_refused() -> None:
    pairs = [list(pair) for pair in G1["apdus"]]
    pairs[3][1] = "7C438441" + G1["ka_pcd_public"] + "9000"
    suite = choose([PaceInfo("0.4.0.127.0.7.2.2.4.2.2", 2, 13)])
    random = scalars(32, G1["map_pcd_private"], G1["ka_pcd_private"])
    with pytest.raises(SecureMessagingError, match="own PACE key"):
        pace(replay(pairs), suite, Password.mrz(b"T22000129364081251010318"), random)


@pytest.mark.parametrize(
    "pairs",
    [
        [("0022C1A412800A04007F0007020204020283010184010D", "6983")],
        [*G1["apdus"][:1], ("10860000027C0000", "6300")],
    ],
)
def test_blocked_or_refused_passwords(pairs: list[list[str]]) -> None:
    suite = choose([PaceInfo("0.4.0.127.0.7.2.2.4.2.2", 2, 13)])
    with pytest.raises(AccessDenied):
        pace(replay(pairs), suite, Password.mrz(b"T"), bytes)


@pytest.mark.parametrize("nonce", ["", "00" * 15, "00" * 80])
def test_odd_nonces_are_refused(nonce: str) -> None:
    body = Tlv.of(0x7C, Tlv.of(0x80, bytes.fromhex(nonce))).hex()
    suite = choose([PaceInfo("0.4.0.127.0.7.2.2.4.2.2", 2, 13)])
    with pytest.raises(MalformedCardData):
        pace(replay([G1["apdus"][0], ("10860000027C0000", body + "9000")]), suite, Password.mrz(b"T"), bytes)


@pytest.mark.parametrize("status", ["6300", "63C2", "6985", "6988", "6982", "6A80"])
def test_wrong_mrz_is_access_denied(status: str) -> None:
    link = replay([SELECT, CHALLENGE, (AUTHENTICATE[0], status)])
    with pytest.raises(AccessDenied):
        open_access(link, KEY, None, Scripted(*BAC_RANDOM))


@pytest.mark.parametrize(
    ("answer", "error"), [("6F00", StatusError), ("00" * 39 + "9000", MalformedCardData)]
)
def test_a_bac_answer_of_another_shape(answer: str, error: type[CardError]) -> None:
    link = replay([SELECT, CHALLENGE, (AUTHENTICATE[0], answer)])
    with pytest.raises(error):
        open_access(link, KEY, None, Scripted(*BAC_RANDOM))


def test_chips_that_want_le_00() -> None:
    again = (AUTHENTICATE[0][:-2] + "00", AUTHENTICATE[1])
    link = replay([SELECT, CHALLENGE, (AUTHENTICATE[0], "6700"), CHALLENGE, again])
    assert open_access(link, KEY, None, Scripted(*BAC_RANDOM, *BAC_RANDOM))[1].protocol == "BAC"
    refused = replay([SELECT, CHALLENGE, (AUTHENTICATE[0], "6700"), CHALLENGE, (again[0], "6985")])
    with pytest.raises(AccessDenied):
        open_access(refused, KEY, None, Scripted(*BAC_RANDOM, *BAC_RANDOM))


@pytest.mark.parametrize("bit", [0, 100, 200, 255, 256, 300, 319])
def test_a_bac_answer_that_is_not_authentic(bit: int) -> None:
    raw = bytearray.fromhex(AUTHENTICATE[1])
    raw[bit // 8] ^= 1 << bit % 8
    link = replay([SELECT, CHALLENGE, (AUTHENTICATE[0], raw.hex())])
    with pytest.raises(SecureMessagingError):
        open_access(link, KEY, None, Scripted(*BAC_RANDOM))


def test_replayed_nonces_are_noticed() -> None:
    """The whole recorded answer, authentic under the key, but to another challenge of ours."""
    link = BytesLink(lambda raw: bytes.fromhex(AUTHENTICATE[1]))
    other = Scripted("0000000000000000", BAC["k_ifd"])
    with pytest.raises(SecureMessagingError, match="nonces"):
        basic_access(link, KEY.mrz_information or b"", other, bytes.fromhex(BAC["rnd_ic"]))


def test_plain_chip() -> None:
    link = replay([SELECT, ("0084000008", "6D00"), ("00B09E0001", "609000")])
    assert open_access(link, KEY, None, bytes) == (link, AccessResult("plain"))
    closed = replay([SELECT, ("0084000008", "6D00"), ("00B09E0001", "6982")])
    with pytest.raises(StatusError):
        open_access(closed, KEY, None, bytes)


def test_can_alone_does_not_open_bac() -> None:
    with pytest.raises(ProtocolUnsupported):
        open_access(replay([SELECT, CHALLENGE]), AccessKey(can="123456"), None, bytes)


def test_selecting_the_application() -> None:
    select_application(replay([(SELECT[0], "6A86"), ("00A4040007A000000247100100", "6F009000")]))
    with pytest.raises(FileMissing):
        select_application(replay([(SELECT[0], "6A82")]))
    with pytest.raises(StatusError):
        select_application(replay([(SELECT[0], "6F00")]))


def test_keys_are_checked_and_hidden() -> None:
    for can in (None, "", "12a456", "١٢٣٤٥٦"):
        with pytest.raises(ValueError, match="CAN"):
            AccessKey(can=can)
    assert "123456" not in repr(AccessKey(can="123456")) + repr(Password.can("123456"))


def test_lost_card_does_not_fall_back() -> None:
    class Lost:
        count = 0

        def send(self, command: Command) -> Response:
            self.count += 1
            raise CardRemoved("lifted")

    link = Lost()
    with pytest.raises(CardRemoved):
        open_access(link, KEY, bytes.fromhex(NZ["card_access"]), bytes)
    assert link.count == 1


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_hostile_chips_raise_only_card_errors_and_end(data: st.DataObject) -> None:
    count = 0

    def transmit(raw: bytes) -> bytes:
        nonlocal count
        count += 1
        body = data.draw(st.sampled_from(BODIES) | st.binary(max_size=60))
        return body + data.draw(st.sampled_from(STATUSES))

    link: Link = BytesLink(transmit)
    card_access = data.draw(
        st.sampled_from([None, bytes.fromhex(NZ["card_access"])]) | st.binary(max_size=30)
    )
    with contextlib.suppress(CardError):
        open_access(link, KEY, card_access, lambda length: bytes(length - 1) + b"\x07")
    assert count < 700


BODIES = [
    b"",
    bytes(8),
    bytes(40),
    *(bytes.fromhex(answer)[:-2] for _, answer in G1["apdus"]),
    Tlv.of(0x7C, Tlv.of(0x82, b"\x04" + bytes(64))),
    Tlv.of(0x7C),
]
STATUSES = [
    b"\x90\x00",
    b"\x90\x00",
    b"\x90\x00",
    b"\x61\x10",
    b"\x6c\x08",
    b"\x63\x00",
    b"\x6a\x80",
    b"\x67\x00",
]
