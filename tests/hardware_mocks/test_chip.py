"""The card's operating system: files, life cycle, personalisation, memory, and calm under garbage."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware_mocks import chip_memory
from hardware_mocks.chip import ATR, Card, CardImage, ImageError, blank_image, passport_image, seeded
from hardware_mocks.chip_math import P256, decode

MRZ_PASSWORD = hashlib.sha1(b"UT12345674900101132301018").hexdigest()
SELECT_MF, SELECT_APPLICATION = "00A4000C023F00", "00A4040C07A0000002471001"
GENERATE = "00468000 06 AC04 80010C 840101 00".replace(" ", "").replace("06AC04", "08AC06")
ACTIVATE = "00440000"


def send(card: Card, apdu: str) -> str:
    return card.transmit(bytes.fromhex(apdu)).hex().upper()


def fresh(image: CardImage | None = None, on_persist: Callable[[CardImage], None] | None = None) -> Card:
    card = Card(image or blank_image(0x0A0B0C0D), on_persist=on_persist)
    assert card.power_on() == ATR
    return card


def create(fid: int, size: int, sfi: int) -> str:
    return f"00E0000010620E8002{size:04X}820101 8302{fid:04X}8801{sfi << 3:02X}".replace(" ", "")


def personalise(card: Card) -> None:
    """The shortest way from a blank to a card that may be locked."""
    files = {SELECT_MF: [(0x011C, 0x1C)], SELECT_APPLICATION: [(0x011E, 0x1E), (0x011D, 0x1D), (0x0101, 1)]}
    files[SELECT_APPLICATION].append((0x0102, 2))
    for directory, contents in files.items():
        assert send(card, directory) == "9000"
        for fid, sfi in contents:
            assert send(card, create(fid, 8, sfi)) == "9000"
            assert send(card, "00D6000008" + f"{fid:04X}" * 4) == "9000"
    assert send(card, GENERATE)[:10] == "7F49438641"
    assert send(card, "00DA010114" + MRZ_PASSWORD) == "9000"
    assert send(card, "00DA010206" + b"123456".hex()) == "9000"
    assert send(card, "00DA01030103") == "9000"


def test_the_answer_to_reset_carries_its_check_octet() -> None:
    check = 0
    for octet in ATR[1:]:
        check ^= octet
    assert check == 0
    assert ATR[1] & 0x0F == len(ATR) - 5


def test_an_unpowered_card_gives_no_diagnosis() -> None:
    assert Card(blank_image(1)).transmit(bytes.fromhex(SELECT_MF)) == b"\x6f\x00"


def test_the_serial_is_in_the_cplc() -> None:
    card = fresh()
    answer = send(card, "00CA9F7F00")
    assert answer.startswith("9F7F2A")
    assert len(answer) == 2 * (3 + 42 + 2)
    cplc = answer[6:-4]
    assert card.image.serial == cplc[:4] + cplc[24:32] + cplc[32:36]
    assert "0A0B0C0D" in card.image.serial


def test_a_blank_becomes_an_issued_card_and_nothing_else() -> None:
    card = fresh()
    fcp = "00A4040407A000000247100100"
    assert send(card, fcp) == "620C8407A00000024710018A01019000"
    assert send(card, ACTIVATE) == "6985"
    personalise(card)
    assert send(card, "00B0810008") == "01010101010101019000"
    assert send(card, ACTIVATE) == "9000"
    assert card.image.kind == "issued"
    assert card.image.life_cycle == "operational"
    assert send(card, fcp) == "620C8407A00000024710018A01059000"
    for refused in (ACTIVATE, GENERATE, create(0x0103, 4, 3), "00D6810001FF", "00DA01030101"):
        assert send(card, refused) == "6985"
    assert send(card, "00B0810008") == "6982"
    assert send(card, "00CA9F7F00").endswith("9000")
    assert send(card, SELECT_MF) == "9000"
    assert send(card, "00B09C0008") == "011C011C011C011C9000"


@pytest.mark.parametrize("missing", ["mf/011C", "app/011E", "app/011D", "app/0101", "app/0102", "password"])
def test_activation_needs_every_mandatory_part(missing: str) -> None:
    whole = fresh()
    personalise(whole)
    image = whole.image
    if missing == "password":
        image = replace(image, mrz_password=None)
    else:
        image = replace(image, files={name: body for name, body in image.files.items() if name != missing})
    assert send(fresh(image), ACTIVATE) == "6985"


def test_a_terminated_card_only_tells_that_it_is() -> None:
    card = fresh(replace(blank_image(1), life_cycle="terminated"))
    assert send(card, "00A4040407A000000247100100") == "620C8407A00000024710018A010F9000"
    assert send(card, "00CA9F7F00").endswith("9000")
    for refused in (create(0x0101, 4, 1), "00B0810004", ACTIVATE):
        assert send(card, refused) == "6985"


def test_a_new_key_replaces_the_old_until_the_lock() -> None:
    card = fresh()
    first, second = send(card, GENERATE), send(card, GENERATE)
    assert first != second
    assert send(card, GENERATE.replace("004680", "004681")) == second
    decode(P256, bytes.fromhex(second)[5:-2])
    assert send(card, GENERATE.replace("80010C", "80010D")) == "6A80"
    assert send(fresh(), GENERATE.replace("004680", "004681")) == "6A88"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (create(0x0101, 8, 1), "6A89"),
        (create(0x0107, 8, 1), "6A89"),
        (create(0x0102, 0xFFFF, 2), "9000"),
        (create(0x0102, 0, 2), "6A80"),
        (create(0x3F00, 8, 2), "6A80"),
        ("00E000000462028001", "6A80"),
        ("00E0000004620080 01".replace(" ", ""), "6A80"),
        ("00E0000100", "6A86"),
        ("00D6000000", "6700"),
        ("00D600000101", "9000"),
        ("00D6000801FF", "6B00"),
        ("00D60007020102", "6B00"),
        ("00D7000007540100530244 55".replace(" ", ""), "9000"),
        ("00D70000035401 00".replace(" ", ""), "6700"),
        ("00D6810001AA", "9000"),
        ("00D6890001AA", "6A82"),
        ("00D6E10001AA", "6A86"),
        ("00B0000800", "6B00"),
        ("00B0000008", "00000000000000009000"),
        ("00B0000000", "00000000000000009000"),
        ("00B0000408", "000000006282"),
        ("00B00000", "6700"),
        ("00B1000003540100 05".replace(" ", ""), "53030000009000"),
        ("00DA010113" + "00" * 19, "6700"),
        ("00DA010206" + "3132333435" + "FF", "6A80"),
        ("00DA01030102", "6A80"),
        ("00DA019900", "6A88"),
        ("00A4020C020199", "6A82"),
        ("00A4040C07A0000002471002", "6A82"),
        ("00A4080C", "6A86"),
        ("00A4020C020101", "9000"),
        ("00A402040201010 0".replace(" ", ""), "621180020008820101830201018801088A01019000"),
        ("00CA9F7F01", "6C2D"),
        ("00CA006600", "6A88"),
        ("0022C1A4", "6985"),
        ("00220000", "6A86"),
        ("0084000008", "6985"),
        ("0088000008000000000000000000", "6985"),
        ("00FF0000", "6D00"),
        ("01A4000C", "6881"),
        ("80500000", "6E00"),
        ("10D6000001FF", "6884"),
        ("0CB0000000", "6988"),
        ("00A4", "6700"),
        ("00D60000020 1".replace(" ", ""), "6700"),
    ],
)
def test_commands_on_a_card_in_the_making(command: str, answer: str) -> None:
    card = fresh()
    assert send(card, SELECT_APPLICATION) == "9000"
    assert send(card, create(0x0101, 8, 1)) == "9000"
    assert send(card, command) == answer


def test_no_file_selected_and_no_space() -> None:
    card = fresh(replace(blank_image(1), capacity=100))
    assert send(card, "00B0000000") == "6986"
    assert send(card, create(0x0101, 101, 1)) == "6A84"
    assert send(card, create(0x0101, 100, 1)) == "9000"
    assert send(card, "00D6000001FF") == "9000"


def test_extended_length_writes_and_reads() -> None:
    card = fresh()
    body = os.urandom(3000)
    assert send(card, SELECT_APPLICATION) == "9000"
    assert send(card, create(0x0102, 3000, 2)) == "9000"
    assert send(card, "00D60000" + "000BB8" + body.hex()) == "9000"
    assert card.transmit(bytes.fromhex("00B00000000000")) == body + b"\x90\x00"
    assert card.transmit(bytes.fromhex("00B00000000400")) == body[:1024] + b"\x90\x00"


def test_power_loss_resets_selection_not_memory() -> None:
    card = fresh()
    assert send(card, SELECT_APPLICATION) == "9000"
    assert send(card, create(0x0101, 4, 1)) == "9000"
    card.power_off()
    card.power_on()
    assert send(card, "00B0000000") == "6986"
    assert send(card, "00B0810000") == "6A82"  # the MF again
    assert "app/0101" in card.image.files


def test_every_change_is_durable_before_its_answer(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    card = fresh(on_persist=lambda image: image.save(path))
    for command in (create(0x0101, 4, 1), "00D60000020102", GENERATE, "00DA010114" + MRZ_PASSWORD):
        before = card.image
        assert send(card, command).endswith("9000")
        assert card.image != before
        assert CardImage.load(path) == card.image


def test_a_card_that_cannot_write_says_so_and_stays_as_it_was() -> None:
    def full(_: CardImage) -> None:
        raise OSError(28, "No space left on device")

    card = fresh(on_persist=full)
    before = card.image
    assert send(card, create(0x0101, 4, 1)) == "6581"
    assert send(card, "00DA01030101") == "6581"
    assert card.image is before


def test_a_torn_write_leaves_half() -> None:
    card = fresh()
    assert send(card, create(0x0101, 8, 1)) == "9000"
    card.transmit(bytes.fromhex("00D6000008") + b"\xff" * 8, torn=True)
    assert card.image.files["mf/0101"] == b"\xff" * 4 + bytes(4)


def test_a_seeded_card_repeats_itself_across_a_power_cut(tmp_path: Path) -> None:
    def run(path: Path, *, cut: bool) -> list[str]:
        card = fresh(blank_image(1, rng_seed=b"scenario 7"), lambda image: image.save(path))
        answers = [send(card, GENERATE)]
        if cut:
            card = fresh(CardImage.load(path), lambda image: image.save(path))
        return [*answers, send(card, GENERATE), path.read_text("utf-8")]

    whole, cut = run(tmp_path / "a.json", cut=False), run(tmp_path / "b.json", cut=True)
    assert whole == cut
    assert whole[0] != whole[1]


def test_randomness_drawn_for_a_challenge_is_persisted_too() -> None:
    kept: list[CardImage] = []
    image = seeded(passport_image({}, b"X" * 24, serial=1), b"seed")
    card = Card(image, on_persist=kept.append)
    card.power_on()
    assert send(card, SELECT_APPLICATION) == "9000"
    first = send(card, "0084000008")
    assert kept[-1].rng_counter == 1
    assert send(card, "0084000008") != first


def test_an_image_survives_its_file(tmp_path: Path) -> None:
    key = ec.derive_private_key(7, ec.SECP256R1())
    image = passport_image(
        {"mf/011C": b"\x31\x00", "app/0101": b"\x61\x00"},
        b"L898902C<369080619406236",
        can="123456",
        aa_private_key=key,
        aa_hash="sha256",
        serial=99,
        rng_seed=b"s",
    )
    path = tmp_path / "card.json"
    image.save(path)
    assert CardImage.load(path) == image
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["card.json"]
    assert "123456" not in repr(image)


def test_a_failed_save_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "card.json"
    blank_image(1).save(path)
    old = path.read_bytes()

    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(chip_memory.os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        blank_image(2).save(path)
    assert path.read_bytes() == old
    assert [entry.name for entry in tmp_path.iterdir()] == ["card.json"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(json.loads(blank_image(1).to_json()))), json_values)
def test_a_spoilt_image_is_refused_or_works(name: str, value: object) -> None:
    spoilt = json.loads(blank_image(1).to_json()) | {name: value}
    try:
        image = CardImage.from_json(json.dumps(spoilt))
    except ImageError:
        return
    assert len(send(fresh(image), "00B0810004")) >= 4


headers = st.builds(
    lambda cla, ins, p1, p2: bytes([cla, ins, p1, p2]),
    st.sampled_from([0x00, 0x0C, 0x10, 0x1C]) | st.integers(0, 255),
    st.sampled_from(
        [0x22, 0x44, 0x46, 0x82, 0x84, 0x86, 0x88, 0xA4, 0xB0, 0xB1, 0xCA, 0xD6, 0xD7, 0xDA, 0xE0]
    ),
    st.sampled_from([0x00, 0x01, 0x02, 0x04, 0x80, 0x81, 0xC1]) | st.integers(0, 255),
    st.sampled_from([0x00, 0x01, 0x02, 0x03, 0x04, 0x0C, 0xA4]) | st.integers(0, 255),
)
bodies = st.binary(max_size=24) | st.sampled_from(
    [
        bytes.fromhex(create(0x0101, 8, 1)[8:]),
        bytes.fromhex(GENERATE[8:]),
        b"\x02\x01\x01",
        b"\x07" + b"\x7c\x05\x81",
    ]
)
garbage = st.binary(max_size=40) | st.builds(lambda head, body: head + body, headers, bodies)


@settings(max_examples=200, deadline=None)
@given(st.booleans(), st.lists(garbage, max_size=12))
def test_garbage_gets_status_words(personalised: bool, commands: list[bytes]) -> None:
    image = passport_image({"mf/011C": b"\x31\x03abc", "app/0101": b"a" * 9}, b"X" * 24, serial=1)
    card = fresh(image if personalised else None)
    assert send(card, SELECT_APPLICATION) == "9000"
    for command in commands:
        answer = card.transmit(command)
        assert len(answer) >= 2
        assert answer[-2] >> 4 in (6, 9)
