"""Who signs chips and seals in a home: the lab's keys or a token, never nobody; ceremonies by command."""

import json
import secrets
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from crypto.errors import CryptoError, CryptoErrorCode, KeyUnavailable
from crypto.seals import CardSeal, Seal, card_features, sign_seal, verify_seal
from crypto.seals.profiles import CARD_CATEGORY, CARD_DEFINITION
from crypto.signer import Signer
from crypto.trust import TrustStore
from kiosk.bootstrap.home import Home, create_lab_home, create_production_home, open_home
from kiosk.bootstrap.kiosk import open_home_store
from kiosk.bootstrap.signing import Signers, TerminalPin, open_signers
from kiosk.cli.main import main
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import Store
from kiosk.settings import load_settings

REMOTE = 'source = "remote"\nurl = "https://x"\ncertificate_file = "c"\nkey_file = "k"'
ZONE = (
    "ARKAZL010000019<<<<<<<<<<<<<<<",
    "9204122M2612225UZB<<<<<<<<<<<8",
    "KARIMOV<<JASUR<BAKHTIYOROVICH<",
)
WITNESSES = ("--witness", "A. Bekova", "--witness", "B. Omarov")


class Clock:
    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def now(self) -> datetime:
        return self.moment


class Pin:
    def __init__(self, pin: str) -> None:
        self._pin = pin

    def pin(self, token: str, *, wrong: bool) -> str:
        return self._pin


def signers_of(
    home: Home, clock: Clock, stack: ExitStack, pin: str = "", *, virtual: bool = False
) -> tuple[Signers, Store]:
    store = open_home_store(home)
    stack.callback(store.close)
    settings = load_settings(home.settings)
    made = open_signers(home, settings, store, clock, pin=Pin(pin), virtual_clock=virtual, stack=stack)
    return made, store


def signatures(store: Store) -> list[tuple[str, str]]:
    """Kind and number of every signature in the audit log."""
    lines = [entry.details for entry in store.audit_entries() if entry.action == "signature"]
    return [(line["kind"], line["number"]) for line in lines]


def seal(signer: Signer, now: datetime) -> Seal:
    features = card_features(CardSeal(ZONE, "FA1234567", date(2026, 12, 22), "VISA_FREE", "Korday"))
    return sign_seal(
        signer, features, issuer="KAZ", issued=now.date(), now=now,
        definition=CARD_DEFINITION, category=CARD_CATEGORY,
    )  # fmt: skip


def private(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text)
    return path


@pytest.fixture
def production(tmp_path: Path) -> Home:
    return create_production_home(tmp_path / "home", random=secrets.token_bytes)


def test_a_production_home_without_a_signer_is_told_so(production: Home) -> None:
    with ExitStack() as stack, pytest.raises(KioskError) as refused:
        signers_of(production, Clock(), stack)
    assert refused.value.code is ErrorCode.SIGNING_NOT_SET_UP


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('source = "pkcs11"', ErrorCode.SIGNING_NOT_SET_UP),
        ('source = "remote"', ErrorCode.SETTINGS_INVALID),
        ('source = "file"', ErrorCode.SETTINGS_INVALID),
        (REMOTE, ErrorCode.SIGNING_NOT_SET_UP),
    ],
)  # fmt: skip
def test_half_a_set_up_is_refused(production: Home, text: str, code: ErrorCode) -> None:
    production.settings.write_text(f"[signing]\n{text}\n")
    with ExitStack() as stack, pytest.raises(KioskError) as refused:
        signers_of(production, Clock(), stack)
    assert refused.value.code is code


def test_nobody_types_a_pin_where_there_is_no_terminal() -> None:
    with pytest.raises(KeyUnavailable) as missing:
        TerminalPin().pin("ds", wrong=False)
    assert missing.value.code is CryptoErrorCode.CRYPTO_PIN_MISSING


def test_a_lab_home_counts_and_audits_its_signatures(tmp_path: Path) -> None:
    clock = Clock()
    home = create_lab_home(tmp_path / "lab", random=secrets.token_bytes, seed="signing", now=clock.now())
    for number in (1, 2):
        with ExitStack() as stack:
            signers, store = signers_of(home, clock, stack, virtual=True)
            signers.document.sign(b"data")
            assert seal(signers.seal, clock.now()).header.signer == "KZLB"
            assert signatures(store) == [
                (kind, str(n)) for n in range(1, number + 1) for kind in ("ds", "seal")
            ]
            last = [entry for entry in store.audit_entries() if entry.action == "signature"][-1]
            assert last.details["certificate"] == signers.seal.certificate.fingerprint
            assert store.check_audit() is None


def ceremony(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    capsys.readouterr()
    assert main(["pki", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_from_the_request_to_the_signature_in_production(
    softhsm, production: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Keys on the desk's token, certificates from the authority's token, all in the production world."""
    pin, home, ca = private(tmp_path / "pin", softhsm.pin), str(production.path), str(tmp_path / "ca")
    production.settings.write_text(
        '[station]\nid = "KZ-KRD-01"\n[signing]\nsource = "pkcs11"\n'
        f'module = "{softhsm.module}"\ntoken = "ds"\npin_file = "{pin}"\n'
    )
    request, sealing = str(tmp_path / "ds.csr"), str(tmp_path / "seal.csr")
    assert "LAB" not in ceremony(capsys, "request", "--home", home, "--out", request)["label"]
    asked = ceremony(capsys, "request", "--home", home, "--for", "seal", "--out", sealing)
    assert asked["label"].startswith("seal ")
    keys = ("--module", softhsm.module, "--token", "spare", "--pin-file", str(pin), *WITNESSES)
    ceremony(capsys, "init", "--dir", ca, "--world", "production", *keys)
    told = ceremony(capsys, "issue-ds", "--dir", ca, "--request", request, "--types", "AR", *keys)
    assert told["world"] == "production"
    files = [f"{ca}/{name}" for name in ("ds-0001.cer", "csca-01.cer", "KAZ.crl")]
    ceremony(capsys, "import", "--home", home, *files)
    assert {path.name for path in production.signer.iterdir()} == {"token.cer", "token-csca.cer"}
    clock = Clock()
    with ExitStack() as stack, pytest.raises(KioskError) as half:
        signers_of(production, clock, stack)
    assert (half.value.code, half.value.detail) == (ErrorCode.SIGNING_NOT_SET_UP, "signer/token-seal.cer")
    named = ("--signer-id", "KZBP", "--reference", "1A")
    ceremony(capsys, "issue-seal", "--dir", ca, "--request", sealing, *named, *keys)
    brought = ceremony(capsys, "import", "--home", home, f"{ca}/seal-KZBP-1A.cer")["signers"]
    with ExitStack() as stack:
        signers, store = signers_of(production, clock, stack)
        assert signers.document.certificate.fingerprint == told["certificates"][0]["sha256"]
        assert signers.seal.certificate.fingerprint == brought["seal"]
        assert signers.seal.certificate.document_types == {"AR"}
        signers.document.sign(b"data")
        made = seal(signers.seal, clock.now())
        assert (made.header.signer, made.header.reference) == ("KZBP", "1A")
        trust = TrustStore.from_directory(*production.trust_directories, loaded_at=clock.now())
        assert verify_seal(made.encode(), trust, now=clock.now()).valid
        clock.moment += timedelta(hours=2)
        for signer in signers:
            with pytest.raises(CryptoError) as moved:
                signer.sign(b"data")
            assert moved.value.code is CryptoErrorCode.CRYPTO_CLOCK_WRONG
        assert signatures(store) == [("ds", "1"), ("seal", "1")]


def test_a_signer_is_taken_for_what_its_certificate_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now, home = datetime.now(UTC), str(tmp_path / "lab")
    lab = create_lab_home(tmp_path / "lab", random=secrets.token_bytes, seed="kinds", now=now)
    ca = tmp_path / "ca"
    ceremony(capsys, "init", "--dir", str(ca), "--world", "lab")
    ceremony(capsys, "master-list", "--dir", str(ca))
    files = [str(ca / "mls-01.cer"), str(ca / "csca-01.cer")]
    assert main(["pki", "import", "--home", home, *files]) == 3
    assert "CRYPTO_POLICY_REFUSED" in capsys.readouterr().err
    pki = lab.pki / "KZ"
    both = [str(pki / name) for name in ("ds-default-01.cer", "ds-seal-01.cer", "csca.cer")]
    assert set(ceremony(capsys, "import", "--home", home, *both)["signers"]) == {"ds", "seal"}
    assert main(["pki", "import", "--home", home, both[0], both[0]]) == 2
    lab.settings.write_text('[signing]\nsource = "pkcs11"\n')
    (lab.signer / "token-seal.cer").write_bytes((lab.signer / "token.cer").read_bytes())
    with ExitStack() as stack, pytest.raises(CryptoError) as mixed:
        signers_of(lab, Clock(), stack)
    assert mixed.value.code is CryptoErrorCode.CRYPTO_POLICY_REFUSED


def test_lab_certificates_do_not_enter_production(
    production: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ceremony(capsys, "init", "--dir", str(tmp_path / "ca"), "--world", "lab")
    assert main(["pki", "import", "--home", str(production.path), str(tmp_path / "ca" / "csca-01.cer")]) == 3
    assert "CRYPTO_WORLD_REFUSED" in capsys.readouterr().err
    assert not production.trust.exists()
    lab = create_lab_home(tmp_path / "lab", random=secrets.token_bytes, seed="x", now=datetime.now(UTC))
    assert open_home(lab.path).lab
    ceremony(capsys, "import", "--home", str(lab.path), str(tmp_path / "ca" / "csca-01.cer"))


def test_a_production_authority_takes_no_key_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pki", "init", "--dir", str(tmp_path / "ca"), "--world", "production", *WITNESSES]) == 3
    assert "CRYPTO_WORLD_REFUSED" in capsys.readouterr().err


def test_every_ceremony_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from crypto.issuing import build_request, generate_ec_key

    ca, request = ("--dir", str(tmp_path / "ca")), tmp_path / "seal.csr"
    request.write_bytes(build_request(generate_ec_key("secp256r1", secrets.token_bytes), "LAB seal"))
    ceremony(capsys, "init", *ca, "--world", "lab", "--named-curves", *WITNESSES)
    sealed = ceremony(
        capsys, "issue-seal", *ca, "--request", str(request), "--signer-id", "KZBP", "--reference", "1A"
    )
    assert sealed["certificates"][0]["subject"] == "C=KZ, CN=BP"
    ceremony(capsys, "revoke", *ca, "1a", "--reason", "lost")
    ceremony(capsys, "roll-over", *ca)
    ceremony(capsys, "master-list", *ca, f"{ca[1]}/csca-01.cer")
    assert main(["pki", "crl", *ca]) == 3  # within 48 hours of the last
    capsys.readouterr()
    assert main(["pki", "expiry", *ca, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["broken_protocol"] is None
    assert {row["kind"] for row in told["ends"]} == {"csca", "list", "crl"}
    protocols = sorted(path.name for path in (tmp_path / "ca" / "protocols").iterdir())
    assert [name[:4] for name in protocols] == ["0001", "0002", "0003", "0004", "0005"]
    for wrong in (["issue-ds", *ca, "--request", str(tmp_path / "none")], ["init", *ca], ["expiry"]):
        assert main(["pki", *wrong]) == 2
