"""PACE's mappings on the chip: the published worked examples, recorded documents, and a small terminal."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware_mocks import chip_math, chip_pace
from hardware_mocks.chip_access import SUITES, TDES, SecureChannel, decrypt, derive_key, encrypt, unpad
from hardware_mocks.chip_agreement import AGREEMENTS, CurveAgreement, ModularAgreement
from hardware_mocks.chip_apdu import Refusal, decode_command, objects, template, tlv
from hardware_mocks.chip_pace import Pace, pseudo_random

VECTORS = Path(__file__).parents[1] / "vectors"
AES_128 = SUITES[2]
PASSWORD = b"123456"


def vector(name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((VECTORS / name).read_text("utf-8"))
    return value


def octets(values: dict[str, Any], name: str) -> bytes:
    return bytes.fromhex(values[name])


def test_integrated_mapping_over_a_curve_gives_the_worked_example() -> None:
    example = vector("icao_pace_im_ecdh_h1.json")
    group = AGREEMENTS[13]
    nonces = octets(example, "decryptedNonceS"), octets(example, "nonceT")
    number = pseudo_random(AES_128, *nonces, group.prime)
    assert number == int(example["pseudRandomFunctionResult"], 16)
    x, y = (octets(example, f"expectedMappedGenerator{name}") for name in "XY")
    assert group.integrated(number) == b"\x04" + x + y


def test_pseudo_random_function_gives_the_worked_example() -> None:
    example = vector("icao_pace_im_ecdh_h1_prf.json")
    number = pseudo_random(AES_128, octets(example, "s"), octets(example, "t"), AGREEMENTS[13].prime)
    assert number == int(example["expectedX"], 16)


def test_integrated_mapping_over_integers_gives_the_worked_example() -> None:
    example = vector("icao_pace_im_dh_h2.json")
    group = AGREEMENTS[0]
    assert isinstance(group, ModularAgreement)
    assert (group.group.p, group.group.q, group.group.g) == tuple(int(example[name], 16) for name in "pqg")
    number = pseudo_random(AES_128, octets(example, "s"), octets(example, "t"), group.prime)
    assert number == int(example["expectedX"], 16)
    assert group.integrated(number) == octets(example, "expectedMappedGenerator")


def test_generic_mapping_over_integers_gives_the_worked_example() -> None:
    example = vector("icao_pace_gm_dh_g2.json")
    group = AGREEMENTS[0]
    oid = octets(example, "paceInfoBytes")[4:14]
    nonce = int(example["nonceSBytes"], 16)
    generator = group.combine(group.times(nonce, group.base), octets(example, "sharedSecretHBytes"))
    assert generator == octets(example, "expectedEphemeralGeneratorBytes")
    private = int(example["pcdPrivateKeyFieldElement"], 16)
    terminal = group.times(private, generator)
    assert int.from_bytes(terminal, "big") == int(example["pcdPublicKeyFieldElement"], 16)
    chip = octets(example, "piccPublicKeyFieldElement")
    secret = group.secret(group.times(private, chip))
    assert secret == octets(example, "expectedSharedSecret")
    keys = [derive_key(secret, counter, AES_128) for counter in (1, 2)]
    assert keys == [octets(example, "expectedEncKeyBytes"), octets(example, "expectedMacKeyBytes")]
    for public, side in ((chip, "PCD"), (terminal, "PICC")):
        body = chip_pace.public_key_object(oid, group, public)
        assert body == octets(example, f"expectedInputDataFor{side}Token")
        token = chip_pace.token(AES_128, keys[1], oid, group, public)
        assert token == octets(example, f"expected{side}AuthenticationToken")


@pytest.mark.parametrize("name", ["trace_pace_cam_de.json", "trace_pace_gm_ecdh_3des_nz.json"])
def test_recorded_documents_send_the_tokens_this_chip_would(name: str) -> None:
    trace = vector(name)
    data = [template(decode_command(bytes.fromhex(command)).data, 0x7C) for command, _ in trace["apdus"][1:5]]
    answers = [template(bytes.fromhex(answer)[:-2], 0x7C) for _, answer in trace["apdus"][1:5]]
    oid = bytes.fromhex(trace["apdus"][0][0])[7:17]
    suite, group, mac = SUITES[oid[-1]], AGREEMENTS[13], octets(trace["session"], "ks_mac")
    assert data[3][0x85] == chip_pace.token(suite, mac, oid, group, answers[2][0x84])
    assert answers[3][0x86] == chip_pace.token(suite, mac, oid, group, data[2][0x83])
    shared = group.times(int(trace["terminal_mapping_key"]["d"], 16), answers[1][0x82])
    generator = group.combine(group.times(int(trace["nonce_s"], 16), group.base), shared)
    assert group.times(int(trace["terminal_ephemeral_d"], 16), generator) == data[2][0x83]
    secret = group.secret(group.times(int(trace["terminal_ephemeral_d"], 16), answers[2][0x84]))
    assert derive_key(secret, 2, suite) == mac


def test_a_recorded_chip_authentication_mapping_is_rebuilt() -> None:
    trace = vector("trace_pace_cam_de.json")
    answers = [bytes.fromhex(answer)[:-2] for _, answer in trace["apdus"]]
    enc, group = octets(trace["session"], "ks_enc"), AGREEMENTS[13]
    sent = template(answers[4], 0x7C)[0x8A]
    iv = encrypt(AES_128, enc, b"\xff" * 16)
    factor = int.from_bytes(unpad(decrypt(AES_128, enc, sent, iv)), "big")
    assert chip_pace.chip_authentication_data(AES_128, enc, factor, group.order) == sent
    channel = SecureChannel(AES_128, enc, octets(trace["session"], "ks_mac"))
    card_security = b""
    for command, answer in trace["apdus"][5:]:
        plain = channel.unwrap(decode_command(bytes.fromhex(command)))
        # The answer is opened and closed again: its octets must come back.
        cryptograms = [item for item in objects(bytes.fromhex(answer)[:-2]) if item.tag == 0x87]
        counter = (channel.ssc + 1).to_bytes(16, "big")
        text = b""
        if cryptograms:
            text = unpad(decrypt(AES_128, enc, cryptograms[0].value[1:], encrypt(AES_128, enc, counter)))
        assert channel.wrap(plain.ins, text, int(answer[-4:], 16)).hex() == answer.lower()
        card_security += text
    # CA_IC times the static public key in EF.CardSecurity is the mapping key (Doc 9303-11 §4.4.3.5).
    mapping = template(answers[2], 0x7C)[0x82]
    found = [
        card_security[start : start + 65]
        for start in range(len(card_security))
        if card_security[start : start + 1] == b"\x04"
    ]
    assert any(
        isinstance(group, CurveAgreement) and on_curve(group, point) and group.times(factor, point) == mapping
        for point in found
    )


def test_a_recorded_mapping_key_is_a_point_of_the_320_bit_curve() -> None:
    trace = vector("nl2014_pace_gm_ecdh.json")
    point = octets(trace, "piccMappingEncodedPublicKey")
    private = int(trace["pcdMappingPrivateKeyFieldElement"], 16)
    assert len(AGREEMENTS[14].times(private, point)) == 81


def on_curve(group: CurveAgreement, point: bytes) -> bool:
    try:
        chip_math.decode(group.curve, point)
    except chip_math.NotOnCurve:
        return False
    return True


def oid_of(mapping: int, cipher: int) -> bytes:
    return chip_pace.PACE_ARC + bytes([mapping, cipher])


# Each mapping with each cipher it may have, and each set of parameters with one mapping at least.
RUNS = [
    *((mapping, cipher, 0) for mapping in (1, 3) for cipher in SUITES),
    *((mapping, cipher, 12) for mapping in (2, 4) for cipher in SUITES),
    *((6, cipher, 13) for cipher in (2, 3, 4)),
    *((3, 4, number) for number in (1, 2)),
    *((1, 2, number) for number in (1, 2)),
    *((4, 4, number) for number in (8, 9, 11, 13, 14, 15, 16, 17, 18)),
    *((6, 2, number) for number in (8, 10, 14, 18)),
]


@pytest.mark.parametrize(("mapping", "cipher", "parameter"), RUNS)
def test_every_mapping_cipher_and_parameter_agrees_on_keys(mapping: int, cipher: int, parameter: int) -> None:
    """The terminal of this test follows Doc 9303-11 §4.4.3 with the groups checked above."""
    suite, group, oid = SUITES[cipher], AGREEMENTS[parameter], oid_of(mapping, cipher)
    stream = iter(range(1, 200))
    chip = Pace(
        oid,
        parameter,
        PASSWORD,
        lambda size: bytes([next(stream)]) * size,
        static_key=0xC0FFEE if mapping == 6 else None,
    )

    def step(tag: int, value: bytes) -> dict[int, bytes]:
        answer, _ = chip.step(tlv(0x7C, tlv(tag, value) if tag else b""))
        return template(answer, 0x7C)

    nonce = decrypt(suite, derive_key(PASSWORD, 3, suite), step(0, b"")[0x80])
    assert len(nonce) == (32 if mapping in (3, 4) and cipher > 2 else 16)
    chip_mapping = b""
    if mapping in (3, 4):
        challenge = bytes(range(suite.key_length))
        assert step(0x81, challenge) == {0x82: b""}
        generator = group.integrated(pseudo_random(suite, nonce, challenge, group.prime))
    else:
        chip_mapping = step(0x81, group.times(0xABCDEF, group.base))[0x82]
        shared = group.times(0xABCDEF, chip_mapping)
        generator = group.combine(group.times(int.from_bytes(nonce, "big"), group.base), shared)
    public = group.times(0x123457, generator)
    theirs = step(0x83, public)[0x84]
    secret = group.secret(group.times(0x123457, theirs))
    keys = [derive_key(secret, counter, suite) for counter in (1, 2)]
    answer = step(0x85, chip_pace.token(suite, keys[1], oid, group, theirs))
    assert answer[0x86] == chip_pace.token(suite, keys[1], oid, group, public)
    assert (0x8A in answer) is (mapping == 6)
    if mapping == 6:
        iv = encrypt(suite, keys[0], b"\xff" * 16)
        factor = int.from_bytes(unpad(decrypt(suite, keys[0], answer[0x8A], iv)), "big")
        assert group.times(factor, group.times(0xC0FFEE, group.base)) == chip_mapping


@pytest.mark.parametrize(
    ("oid", "parameter"),
    [
        (oid_of(4, 2), 10),  # P-224 has no integrated mapping
        (oid_of(6, 1), 13),  # chip authentication mapping is AES only
        (oid_of(5, 2), 13),
        (oid_of(2, 2), 0),
        (oid_of(1, 2), 12),
        (oid_of(2, 5), 12),
        (oid_of(2, 2), 3),
        (oid_of(2, 2), 19),
        (b"\x04\x00", 12),
        (oid_of(6, 2), 12),  # without a static key
    ],
)
def test_what_cannot_be_run_is_refused(oid: bytes, parameter: int) -> None:
    with pytest.raises(Refusal):
        Pace(oid, parameter, PASSWORD, bytes)


def test_integers_outside_the_subgroup_are_refused() -> None:
    group = AGREEMENTS[0]
    for number in (0, 1, group.prime - 1, group.prime, 2, 1 << 1100):
        with pytest.raises(Refusal):
            group.times(3, number.to_bytes(140, "big").lstrip(b"\0"))


def test_equal_ephemeral_keys_end_the_run() -> None:
    chip = Pace(oid_of(2, 1), 12, PASSWORD, lambda size: b"\x05" * size)
    group = AGREEMENTS[12]
    z = template(chip.step(b"\x7c\x00")[0], 0x7C)[0x80]
    nonce = decrypt(TDES, derive_key(PASSWORD, 3, TDES), z)
    mapped = template(chip.step(tlv(0x7C, tlv(0x81, group.base)))[0], 0x7C)[0x82]
    generator = group.combine(group.times(int.from_bytes(nonce, "big"), group.base), mapped)
    own = group.times(int.from_bytes(b"\x05" * 32, "big"), generator)
    with pytest.raises(Refusal, match="6300"):
        chip.step(tlv(0x7C, tlv(0x83, own)))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([(1, 0), (3, 0), (4, 12), (6, 12)]), st.lists(st.binary(max_size=150), max_size=4))
def test_garbage_in_any_mapping_is_only_refused(choice: tuple[int, int], bodies: list[bytes]) -> None:
    mapping, parameter = choice
    chip = Pace(oid_of(mapping, 2), parameter, PASSWORD, bytes.fromhex("01").__mul__, static_key=7)
    chip.step(b"\x7c\x00")
    for tag, body in zip((0x81, 0x83, 0x85), bodies, strict=False):
        try:
            chip.step(tlv(0x7C, tlv(tag, body)))
        except Refusal:
            return
