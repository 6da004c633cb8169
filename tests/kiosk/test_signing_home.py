"""Who signs in a home: the lab's key or a token, and never nobody; ceremonies by command."""

import json
import secrets
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crypto.errors import CryptoError, CryptoErrorCode, KeyUnavailable
from kiosk.bootstrap.home import Home, create_lab_home, create_production_home, open_home
from kiosk.bootstrap.kiosk import open_home_store
from kiosk.bootstrap.signing import TerminalPin, open_signer
from kiosk.cli.main import main
from kiosk.errors import ErrorCode, KioskError
from kiosk.settings import load_settings

REMOTE = 'source = "remote"\nurl = "https://x"\ncertificate_file = "c"\nkey_file = "k"'
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


def signer_of(home: Home, clock: Clock, stack: ExitStack, pin: str = "", *, virtual: bool = False):
    store = open_home_store(home)
    stack.callback(store.close)
    settings = load_settings(home.settings)
    made = open_signer(home, settings, store, clock, pin=Pin(pin), virtual_clock=virtual, stack=stack)
    return made, store


def private(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text)
    return path


@pytest.fixture
def production(tmp_path: Path) -> Home:
    return create_production_home(tmp_path / "home", random=secrets.token_bytes)


def test_a_production_home_without_a_signer_is_told_so(production: Home) -> None:
    with ExitStack() as stack, pytest.raises(KioskError) as refused:
        signer_of(production, Clock(), stack)
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
        signer_of(production, Clock(), stack)
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
            signer, store = signer_of(home, clock, stack, virtual=True)
            signer.sign(b"data")
            lines = [entry for entry in store.audit_entries() if entry.action == "signature"]
            assert [entry.details["number"] for entry in lines] == [str(n) for n in range(1, number + 1)]
            assert lines[-1].details["certificate"] == signer.certificate.fingerprint
            assert store.check_audit() is None


def ceremony(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    capsys.readouterr()
    assert main(["pki", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_from_the_request_to_the_signature_in_production(
    softhsm, production: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Key on the desk's token, certificate from the authority's token, both in the production world."""
    pin, home, ca = private(tmp_path / "pin", softhsm.pin), str(production.path), str(tmp_path / "ca")
    production.settings.write_text(
        '[station]\nid = "KZ-KRD-01"\n[signing]\nsource = "pkcs11"\n'
        f'module = "{softhsm.module}"\ntoken = "ds"\npin_file = "{pin}"\n'
    )
    request = str(tmp_path / "ds.csr")
    assert "LAB" not in ceremony(capsys, "request", "--home", home, "--out", request)["label"]
    keys = ("--module", softhsm.module, "--token", "spare", "--pin-file", str(pin), *WITNESSES)
    ceremony(capsys, "init", "--dir", ca, "--world", "production", *keys)
    told = ceremony(capsys, "issue-ds", "--dir", ca, "--request", request, "--types", "AR", *keys)
    assert told["world"] == "production"
    files = [f"{ca}/{name}" for name in ("ds-0001.cer", "csca-01.cer", "KAZ.crl")]
    ceremony(capsys, "import", "--home", home, *files)
    assert {path.name for path in production.signer.iterdir()} == {"token.cer", "token-csca.cer"}
    clock = Clock()
    with ExitStack() as stack:
        signer, store = signer_of(production, clock, stack)
        assert signer.certificate.fingerprint == told["certificates"][0]["sha256"]
        signer.sign(b"data")
        clock.moment += timedelta(hours=2)
        with pytest.raises(CryptoError) as moved:
            signer.sign(b"data")
        assert moved.value.code is CryptoErrorCode.CRYPTO_CLOCK_WRONG
        assert [entry.action for entry in store.audit_entries()].count("signature") == 1


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
