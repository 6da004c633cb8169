"""Hostile chips, files and lines: only errors of ours, an honest verdict, an end, and little memory."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

import pytest

from card_io.lds.face import build_dg2
from card_io.lds.index import FILES
from card_io.tlv import Tlv
from crypto.pki_lab import LabPki, LabSpec
from crypto.pki_lab.zoo import ListSpec, issue_list
from hardware_mocks.chip_plan import ChipPlan
from tests.card_io.chip_bench import NOW, made
from tests.card_io.hostile import CAM, EC_SIGNER, EVERYTHING, KEYS, spoilt, target
from tests.card_io.hostile_files import PARSERS, quietly

ROOT = Path(__file__).parents[2]
LISTS = """
[[authority]]
country = "KZ"
[[signer]]
country = "KZ"
[[signer]]
country = "KZ"
name = "lists"
purpose = "master_list"
[[signer]]
country = "KZ"
name = "defects"
purpose = "deviation_list"
"""
MEMORY_KIB = 200 * 1024
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(300) + b"\xff\xd9"


def campaign(first: int, count: int) -> None:
    """The campaign's child process: nothing found, few commands, little memory."""
    command = [sys.executable, "-m", "tests.card_io.hostile_campaign"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    done = subprocess.run(
        [*command, "--first", str(first), "--count", str(count)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    result = json.loads(done.stdout)
    assert result["findings"] == []
    assert result["peak_kib"] < MEMORY_KIB
    assert sum(result["verdicts"].values()) == result["reads"]


def test_hostile_chips_in_a_process_of_their_own() -> None:
    campaign(0, 30)


@pytest.mark.campaign
@pytest.mark.parametrize("first", range(1000, 21_000, 2000))
def test_many_hostile_chips(first: int) -> None:
    campaign(first, 2000)


# --- files ---


def walk_39794() -> bytes:
    """DG2 with a face of ISO/IEC 39794-5."""
    kind = Tlv.of(0xA1, Tlv.of(0xA0, Tlv.of(0x80, b"\x02")))
    picture = Tlv.of(0xA0, Tlv.of(0xA0, [Tlv.of(0x80, JPEG), kind]))
    representation = Tlv.of(0x30, [Tlv.of(0x80, b"\x00"), Tlv.of(0xA1, picture)])
    version = Tlv.of(0xA0, [Tlv.of(0x80, b"\x03"), Tlv.of(0x81, b"\x07\xe3")])
    block = Tlv.of(0x7F2E, Tlv.of(0xA1, Tlv.of(0x65, [version, Tlv.of(0xA1, representation)])))
    header = Tlv.of(0xA1, [Tlv.of(0x87, b"\x01\x01"), Tlv.of(0x88, b"\x00\x2a")])
    instance = Tlv.of(0x7F60, [header, block])
    return bytes(Tlv.of(0x75, Tlv.of(0x7F61, [Tlv.of(0x02, b"\x01"), instance])))


@pytest.fixture(scope="module")
def samples(lab: LabPki, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, tuple[bytes, ...]]:
    """A good file for every name in the table of parsers, both encodings of the face."""
    plan = ChipPlan(
        "samples",
        pace=CAM,
        chip_authentication=KEYS,
        active_authentication=EC_SIGNER,
        extended_limit=1000,
        groups=(*EVERYTHING, 4, 6, 8, 9, 10, 13),
    )
    held = made(plan, lab).files
    found: dict[str, tuple[bytes, ...]] = {
        name: (held[path],)
        for name, file in FILES.items()
        if (path := f"{'mf' if file.in_mf else 'app'}/{file.fid:04X}") in held
    }
    found["DG2"] = (build_dg2(JPEG, 3, 4), walk_39794())
    found["EF.DIR"] = (bytes.fromhex("61094F07A0000002471001"),)
    found["answer to reset"] = (bytes.fromhex("3B8580018073C2214014"),)
    return found | lists(tmp_path_factory.mktemp("zoo") / "pki")


def lists(directory: Path) -> dict[str, tuple[bytes, ...]]:
    """What the trust store imports."""
    lab = LabPki.create(directory, seed="hostile lists", now=NOW, spec=LabSpec.from_toml(LISTS))
    signers = {"master_list": "lists", "deviation_list": "defects"}
    good = {kind: issue_list(lab, ListSpec(kind, kind, signer=name), NOW) for kind, name in signers.items()}
    authority = lab.csca("KZ").der
    export = b"dn: c=KZ\ncn: x\nuserCertificate;binary:: " + base64.b64encode(authority) + b"\n\n"
    return {
        "certificate": (authority, lab.signer("KZ").certificate.der),
        "revocation list": ((lab.trust_directory / "KZ.crl").read_bytes(),),
        "master list": (good["master_list"],),
        "deviation list": (good["deviation_list"],),
        "LDIF": (export,),
    }


def test_there_is_a_sample_for_every_parser(samples: Mapping[str, tuple[bytes, ...]]) -> None:
    assert set(PARSERS) - set(samples) == set()
    assert {name for name, file in FILES.items() if name.startswith("DG")} <= set(PARSERS)
    for name, parsers in PARSERS.items():
        for sample in samples[name]:
            for parse in parsers:
                parse(sample)  # what is good is read


def fuzz(name: str, samples: Mapping[str, tuple[bytes, ...]], seeds: range) -> None:
    for seed in seeds:
        random = Random(f"{name}/{seed}")
        data = spoilt(random, random.choice(samples[name]))
        for parse in PARSERS[name]:
            quietly(parse, data)


@pytest.mark.parametrize("name", PARSERS)
def test_spoilt_files_raise_only_our_errors(name: str, samples: Mapping[str, tuple[bytes, ...]]) -> None:
    fuzz(name, samples, range(60))


@pytest.mark.campaign
@pytest.mark.parametrize("name", PARSERS)
def test_many_spoilt_files(name: str, samples: Mapping[str, tuple[bytes, ...]]) -> None:
    fuzz(name, samples, range(100, 20_000))


@pytest.mark.parametrize("seed", range(40))
def test_spoiling_changes_something(seed: int, lab: LabPki) -> None:
    """The tool itself: same seed, same bytes; most seeds give other bytes than the good ones."""
    good = made(target(), lab).files["app/010E"]
    make: Callable[[int], bytes] = lambda number: spoilt(Random(number), good)  # noqa: E731
    assert make(seed) == make(seed)
    assert len({make(seed + 1000 * step) for step in range(12)} - {good}) > 6
