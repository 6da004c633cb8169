"""Chips from TOML: every shipped kind is a chip that answers, and a mistake in a file is named."""

import datetime as dt
import json
import tomllib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.cms import SignedData
from crypto.pki_lab import LabPki
from crypto.signer import FileSigner
from crypto.sod import SecurityObject
from hardware_mocks.chip import Card, CardImage
from hardware_mocks.chip_agreement import AGREEMENTS
from hardware_mocks.chip_apdu import objects
from hardware_mocks.chip_authentication import ChipKey
from hardware_mocks.chip_build import build_chip
from hardware_mocks.chip_infos import SECURITY_OBJECT, explicit_parameters, oid, public_key
from hardware_mocks.chip_math import PARAMETERS
from hardware_mocks.chip_plan import PlanError, kinds, load_plan, parse_plan

VECTORS = Path(__file__).parents[1] / "vectors"
SELECT_APPLICATION = "00A4040C07A0000002471001"
NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> FileSigner:
    directory = tmp_path_factory.mktemp("chips") / "pki"
    return LabPki.create(directory, now=NOW, seed="chips", countries=("UT",)).signer("UT")


def send(card: Card, apdu: str) -> str:
    return card.transmit(bytes.fromhex(apdu)).hex().upper()


def chip(text: str, signer: FileSigner | None = None) -> CardImage:
    return build_chip(parse_plan(tomllib.loads(text)), signer)


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_is_a_chip_that_survives_its_file(kind: str, signer: FileSigner) -> None:
    plan = load_plan(kind)
    assert plan.name == kind
    image = build_chip(plan, signer)
    assert CardImage.from_json(image.to_json()) == image
    card = Card(image)
    card.power_on()
    assert send(card, SELECT_APPLICATION) == "9000"
    if plan.pace or plan.bac:
        assert send(card, "00B0810004") in ("6982", "6A86")
    else:
        assert send(card, "00B0810004").startswith("615B5F1F")
    if not (plan.bombs or plan.nested or plan.missing):
        names = {number: f"app/{0x100 + number:04X}" for number in range(1, 17)}
        groups = {number: image.files[name] for number, name in names.items() if name in image.files}
        assert set(SecurityObject.parse(image.files["app/011D"]).hashes) == set(groups)


def test_the_same_plan_gives_the_same_chip() -> None:
    plan = load_plan("full")
    assert build_chip(plan, None) == build_chip(plan, None)


def test_card_security_is_signed_and_holds_the_mapping_key(signer: FileSigner) -> None:
    image = build_chip(load_plan("pace-cam"), signer)
    signed = SignedData.parse(image.files["mf/011D"])
    signed.verify(signer.certificate)
    assert signed.content_type == SECURITY_OBJECT
    assert image.cam_keys[0].public in signed.content
    assert {item.raw for item in objects(next(objects(image.files["mf/011C"])).value)} <= {
        item.raw for item in objects(next(objects(signed.content)).value)
    }
    assert "mf/011D" not in build_chip(load_plan("pace-cam"), None).files


@pytest.mark.parametrize(("trace", "parameter"), [("trace_ca_at.json", 13), ("trace_ca_fr.json", 12)])
def test_explicit_parameters_are_those_of_recorded_documents(trace: str, parameter: int) -> None:
    dg14 = bytes.fromhex(json.loads((VECTORS / trace).read_text("utf-8"))["dg14"])
    assert explicit_parameters(PARAMETERS[parameter]) in dg14
    head = public_key(ChipKey(parameter, 5), "explicit").partition(explicit_parameters(PARAMETERS[parameter]))
    assert head[0] + head[1] in dg14


@pytest.mark.parametrize("parameter", sorted(AGREEMENTS))
@pytest.mark.parametrize("form", ["explicit", "named", "standard"])
def test_public_keys_are_well_formed_in_every_form(parameter: int, form: str) -> None:
    key = ChipKey(parameter, 0xC0FFEE)
    (outer,) = objects(public_key(key, form))
    algorithm, bits = objects(outer.value)
    assert (outer.tag, algorithm.tag, bits.tag) == (0x30, 0x30, 0x03)
    assert bits.value.endswith(key.public)
    if form == "standard":
        assert algorithm.value == oid("0.4.0.127.0.7.1.2") + bytes([2, 1, parameter])


def test_named_curves_are_the_librarys() -> None:
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    curves = {8: ec.SECP192R1, 10: ec.SECP224R1, 12: ec.SECP256R1, 13: ec.BrainpoolP256R1, 15: ec.SECP384R1}
    curves |= {16: ec.BrainpoolP384R1, 17: ec.BrainpoolP512R1, 18: ec.SECP521R1}
    for parameter, curve in curves.items():
        loaded = load_der_public_key(public_key(ChipKey(parameter, 0xC0FFEE), "named"))
        assert isinstance(loaded, ec.EllipticCurvePublicKey)
        assert isinstance(loaded.curve, curve)
        derived = ec.derive_private_key(0xC0FFEE, loaded.curve).public_key()
        assert loaded.public_numbers() == derived.public_numbers()


def test_active_authentication_keys_are_of_the_kind_asked_for() -> None:
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    text = 'name = "x"\n[active_authentication]\n'
    key = load_der_private_key(chip(text + 'curve = "brainpoolP512r1"').aa_key or b"", None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert isinstance(key.curve, ec.BrainpoolP512R1)
    image = chip(text + 'kind = "RSA"\nbits = 1280\nhash = "sha512"')
    key = load_der_private_key(image.aa_key or b"", None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert (key.key_size, image.aa_hash) == (1280, "sha512")


def test_the_portrait_has_the_size_asked_for() -> None:
    sizes = [len(chip(f'name = "x"\nportrait = {size}').files["app/0102"]) for size in (15_000, 15_001)]
    assert sizes[1] - sizes[0] == 1
    assert 15_000 < sizes[0] < 15_200


def test_bombs_and_nesting_replace_what_was_signed() -> None:
    image = chip('name = "x"\n[bombs]\nDG1 = "84FFFFFFFF"\n[nested]\nDG2 = 300')
    assert image.files["app/0101"].startswith(bytes.fromhex("6184FFFFFFFF5F1F"))
    content, depth = image.files["app/0102"], -1
    while content:
        (item,) = objects(content)
        content, depth = item.value, depth + 1
    assert depth == 300


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "missing"),
        ('name = "x"\nsize = 3', "unknown key 'size'"),
        ("name = 7", "chip.name: not a str"),
        ('name = "x"\n[[pace]]\nmapping = "XM"', r"chip.pace\[0\]: mapping"),
        ('name = "x"\n[[pace]]\nmapping = "CAM"\ncipher = "3DES"', "no PACE CAM with 3DES"),
        ('name = "x"\n[[pace]]\nmapping = "IM"\nparameter = 10', "no PACE IM"),
        ('name = "x"\n[[pace]]\nparameter = 5', "no PACE GM"),
        ('name = "x"\n[[chip_authentication]]\ndeclared = false', "3DES"),
        ('name = "x"\n[[chip_authentication]]\nforms = ["KIT"]', "command form"),
        ('name = "x"\n[active_authentication]\nhash = "md5"', "hash"),
        ('name = "x"\n[active_authentication]\ncurve = "secp160r1"', "curve"),
        ('name = "x"\ngroups = [1]', "groups"),
        ('name = "x"\nlines = ["P<UTO"]', "lines"),
        ('name = "x"\ngroups = 1', "not a list"),
        ('name = "x"\ncan = "12345"', "six digits"),
        ('name = "x"\nportrait = 100', "portrait"),
        ('name = "x"\ntamper = "DG99"', "file"),
        ('name = "x"\nbombs = 3', "not a table"),
        ('name = "x"\n[bombs]\nDG1 = "XX"', "chip"),
        ('name = "x"\n[nested]\nDG1 = 9000000', "nested"),
        ('name = "x"\n[behaviour]\npast_end = "9999"', "past_end"),
        ('name = "x"\n[behaviour]\nread_limit = -1', "read_limit"),
        ('name = "x"\n[behaviour]\nrefuses_le = ["get-data"]', "refuses_le"),
        ('name = "x"\n[behaviour]\nendless = ["DG77"]', "endless"),
        ('name = "x"\nbehaviour = "bad"', "not a table"),
    ],
)
def test_mistakes_are_named(text: str, place: str) -> None:
    with pytest.raises(PlanError, match=place):
        chip(text)


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe name =")
    for kind in ("no-such-kind", tmp_path / "absent.toml", tmp_path / "bad.toml"):
        with pytest.raises(PlanError, match=str(kind)):
            load_plan(kind)


values = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            ["name", "lines", "can", "pace", "groups", "bombs", "nested", "behaviour", "missing"]
        ),
        values
        | st.lists(st.dictionaries(st.sampled_from(["mapping", "parameter", "cipher"]), values), max_size=2),
    )
)
def test_any_table_is_a_plan_or_refused(table: dict[str, object]) -> None:
    try:
        parse_plan(table)
    except PlanError:
        return


def test_the_smallest_and_the_deepest_nest_are_well_formed() -> None:
    for depth in (1, 41, 8000):
        image = chip(f'name = "x"\n[nested]\nDG1 = {depth}')
        (item,) = objects(image.files["app/0101"])
        assert item.tag == 0x61
