"""Every published vector and trace is replayed by the terminal, and by the simulated card if it has a part.

A file without a test, a test that no longer reads its file, and a file that holds a person's data fail here.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
VECTORS = TESTS / "vectors"


@dataclass(frozen=True)
class Use:
    """Test files of the product's side and of the simulated card's; why the card has no part."""

    product: tuple[str, ...]
    card: tuple[str, ...] = ()
    alone: str = ""


CARD_ACCESS = "hardware_mocks/test_chip_access.py"
CARD_PACE = "hardware_mocks/test_chip_pace.py"
CARD_CA = "hardware_mocks/test_chip_authentication.py"
USES = {
    "aa_iso9796_2_frames": Use(("card_io/test_aa.py",), (CARD_ACCESS,)),
    "gp_key_kcv": Use(("crypto/test_crypto_globalplatform.py",), alone="no simulated card speaks it"),
    "gp_scp02": Use(("crypto/test_crypto_globalplatform.py",), alone="no simulated card speaks it"),
    "gp_scp03": Use(("crypto/test_crypto_globalplatform.py",), alone="no simulated card speaks it"),
    "icao_bac_d2_d3": Use(("crypto/test_crypto_primitives.py", "card_io/test_access.py"), (CARD_ACCESS,)),
    "icao_pace_gm_dh_g2": Use(("crypto/test_crypto_domains.py", "card_io/test_pace.py"), (CARD_PACE,)),
    "icao_pace_gm_ecdh_g1": Use(("card_io/test_access.py", "crypto/test_crypto_ecmath.py"), (CARD_ACCESS,)),
    "icao_pace_im_dh_h2": Use(("crypto/test_crypto_domains.py",), (CARD_PACE,)),
    "icao_pace_im_ecdh_h1": Use(("crypto/test_crypto_domains.py",), (CARD_PACE,)),
    "icao_pace_im_ecdh_h1_prf": Use(("crypto/test_crypto_domains.py",), (CARD_PACE,)),
    "icao_sm_d4": Use(("card_io/test_sm.py",), ("hardware_mocks/test_chip_access_parts.py",)),
    "nl2014_pace_gm_ecdh": Use(("card_io/test_access.py",), (CARD_PACE,)),
    "registry_messages": Use(("kiosk/sync/conftest.py", "registry/conftest.py"), alone="no card in it"),
    "seals": Use(("crypto/test_crypto_seals.py", "kiosk/test_seal_cli.py"), alone="no card in it"),
    "trace_aa_rsa": Use(("card_io/test_aa.py",), (CARD_ACCESS,)),
    "trace_ca_at": Use(("card_io/test_chip_authentication.py",), (CARD_CA,)),
    "trace_ca_de": Use(("card_io/test_chip_authentication.py",), (CARD_CA,)),
    "trace_ca_fr": Use(("card_io/test_chip_authentication.py",), (CARD_CA,)),
    "trace_ca_my": Use(("card_io/test_chip_authentication.py",), (CARD_CA,)),
    "trace_pace_cam_de": Use(("card_io/test_access.py", "card_io/test_cam.py"), (CARD_PACE,)),
    "trace_pace_gm_ecdh_3des_nz": Use(("card_io/test_access.py",), (CARD_PACE,)),
}
REAL = [name for name in USES if name.startswith(("trace_", "nl2014"))]
# What a chip hands out about its holder: EF.DG1 to EF.DG13 and DG16 begin with one of these tags.
PERSONAL = ("61", "75", "63", "76", "65", "66", "67", "68", "69", "6A", "6B", "6C", "6D", "70")


def test_every_file_has_a_use() -> None:
    assert {path.stem for path in VECTORS.glob("*.json")} == set(USES)


@pytest.mark.parametrize("name", USES)
def test_the_tests_read_the_file(name: str) -> None:
    use = USES[name]
    assert use.product
    assert bool(use.card) is not bool(use.alone)
    for place in (*use.product, *use.card):
        text = (TESTS / place).read_text("utf-8")
        pattern, short = re.escape(f"{name}.json"), re.escape(name.removeprefix("trace_ca_"))
        listed = name.startswith("trace_ca_") and "trace_ca_{" in text and re.search(f'"{short}"', text)
        stem = f'"{re.escape(name)}"'
        assert re.search(f"{pattern}|{stem}", text) or listed, place


@pytest.mark.parametrize("name", REAL)
def test_traces_of_real_documents_name_nobody(name: str) -> None:
    """Protocol messages only: no data group of a person, and the published example's MRZ for theirs."""
    table = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))
    worked = json.loads((VECTORS / "icao_bac_d2_d3.json").read_text("utf-8"))
    assert table.get("mrz_information", "") in ("", worked["mrz_information"])
    assert not re.search(r"P[<A-Z][A-Z]{3}[A-Z]+<<", json.dumps(table))
    for key, value in table.items():
        assert not (key.startswith("dg") and value.upper().startswith(PERSONAL)), key
