"""`shekara bench sod`: security objects per second on one core, beside bare signatures with the same key.

A security object is built, signed, read back and its signature verified; the certificate above it is proved
once a signer. Bare is one signature and one verification. Both are measured in turn in one process.
"""

import argparse
import os
import secrets
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from crypto.certificates import Certificate, SignatureAlgorithm, verify_signature
from crypto.errors import CryptoError
from crypto.issuing import Period, Subject, build_csca, build_document_signer, generate_ec_key, random_serial
from crypto.signer import AnyKey, KeySigner, default_algorithm, public_key_of
from crypto.sod import build_sod
from kiosk.cli.command import Output
from kiosk.errors import ErrorCode, KioskError

ROUNDS = 15
CURVES = ("secp256r1", "secp384r1", "brainpoolP256r1", "brainpoolP384r1")
MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")
# A migrant card: DG1, DG2 with a portrait of 15 kB, DG11 to DG15 (bytes)
GROUPS = {1: 95, 2: 15_000, 11: 60, 12: 60, 13: 80, 14: 250, 15: 120}
_TOKEN, _PIN_BYTES = "LAB bench", 8


class BenchSod:
    """One measurement for a key in memory, one for a key on a token."""

    name = "sod"
    help = "security objects per second, beside bare signatures with the same key"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--each", type=int, default=60, metavar="N", help="a round (default: 60)")
        parser.add_argument("--curve", choices=CURVES, default=CURVES[0])
        parser.add_argument(
            "--module", metavar="FILE", help="PKCS#11 driver (default: SoftHSM, if installed)"
        )
        parser.add_argument("--token", metavar="LABEL", help="a token of that driver, to make a key on")
        parser.add_argument("--pin-file", type=Path, metavar="FILE", help="the PIN of that token")

    def run(self, args: argparse.Namespace, out: Output) -> int:
        if args.each < 1 or bool(args.token) != bool(args.pin_file):
            raise KioskError(ErrorCode.USAGE, "--each from 1 up; --token and --pin-file go together")
        key = generate_ec_key(args.curve, secrets.token_bytes)
        self._tell("file", measured(key, args.each), out)
        with _token_key(args) as (token_key, missing):
            if token_key is None:
                out.result({"hsm": None, "hsm_missing": missing})
                out.say(f"hsm   not measured: {missing}")
            else:
                self._tell("hsm", measured(token_key, args.each), out)
        return 0

    @staticmethod
    def _tell(name: str, numbers: dict[str, float], out: Output) -> None:
        out.result({name: numbers})
        out.say(
            f"{name:5} {numbers['per_second']:8.0f} security objects a second, "
            f"{numbers['bare_per_second']:8.0f} bare signatures, verified: ratio {numbers['ratio']:.2f}"
        )


def measured(key: AnyKey, each: int, rounds: int = ROUNDS) -> dict[str, float]:
    """Rates a second, and the median of the rounds' ratios."""
    now = datetime.now(UTC).replace(microsecond=0)
    signer = _signer(key, now)
    groups = {number: secrets.token_bytes(size) for number, size in GROUPS.items()}
    algorithm, public = signer.algorithm, signer.certificate.public_key

    def whole() -> None:
        build_sod(groups, signer, signing_time=now)

    def bare() -> None:
        verify_signature(public, algorithm, signer.sign(b"bare"), b"bare")

    whole()  # what is done once a signer: the chain, the template
    bare()
    pairs = [(_seconds(whole, each), _seconds(bare, each)) for _ in range(rounds)]
    return {
        "per_second": round(each / statistics.median(pair[0] for pair in pairs), 1),
        "bare_per_second": round(each / statistics.median(pair[1] for pair in pairs), 1),
        "ratio": round(statistics.median(bare / whole for whole, bare in pairs), 3),
    }


def _seconds(work: Callable[[], None], each: int) -> float:
    start = time.perf_counter()
    for _ in range(each):
        work()
    return time.perf_counter() - start


def _signer(key: AnyKey, now: datetime) -> KeySigner:
    """A document signer under an authority that lives as long as the measurement."""
    authority_key = generate_ec_key("secp384r1", secrets.token_bytes)
    period = Period(now, now + timedelta(days=900), now + timedelta(days=90))
    csca = build_csca(
        authority_key,
        Subject("KZ", "LAB CSCA bench", "KAZ"),
        period,
        serial=random_serial(secrets.token_bytes),
    )
    certificate: Certificate = build_document_signer(
        csca,
        authority_key,
        public_key_of(key),
        Subject("KZ", "LAB DS bench", "KAZ"),
        period,
        serial=random_serial(secrets.token_bytes),
        document_types=["AR"],
    )
    algorithm: SignatureAlgorithm = default_algorithm(key)
    return KeySigner(key, certificate, algorithm, authority=csca)


@contextmanager
def _token_key(args: argparse.Namespace) -> Iterator[tuple[AnyKey | None, str]]:
    """A new key on the named token or on one made for the occasion, or why there is none."""
    module = args.module or softhsm_module()
    if module is None:
        yield None, "no PKCS#11 driver: install softhsm2 or name one"
        return
    with tempfile.TemporaryDirectory() as directory:
        try:
            from crypto.hsm import PinFile, Token, TokenCriteria

            label, pin_file = args.token or _TOKEN, args.pin_file or Path(directory) / "pin"
            if not args.token:
                _make_token(module, Path(directory), pin_file)
            token = Token(TokenCriteria(module, label), PinFile(pin_file))
            key = token.generate_ec(args.curve, "LAB bench", secrets.token_bytes)
        except ImportError as error:
            yield None, str(error)
            return
        except CryptoError as error:
            if args.token:
                raise
            yield None, error.detail
            return
        try:
            yield key, ""
        finally:
            token.destroy(key)
            token.close()


def softhsm_module() -> str | None:
    """Where Debian puts it; SOFTHSM2_MODULE names another place."""
    named = os.environ.get("SOFTHSM2_MODULE")
    return next((path for path in (named, *MODULES) if path and Path(path).exists()), None)


def _make_token(module: str, directory: Path, pin_file: Path) -> None:
    """A SoftHSM token in a directory of its own; the driver reads the variable when it is loaded."""
    program = shutil.which("softhsm2-util")
    if program is None:
        raise KioskError(ErrorCode.DEPENDENCY_MISSING, "softhsm2-util")
    (directory / "tokens").mkdir()
    (directory / "softhsm2.conf").write_text(
        f"directories.tokendir = {directory}/tokens\nlog.level = ERROR\n"
    )
    os.environ["SOFTHSM2_CONF"] = str(directory / "softhsm2.conf")
    pin = secrets.token_hex(_PIN_BYTES)
    pin_file.touch(mode=0o600)
    pin_file.write_text(pin)
    made = [program, "--module", module, "--init-token", "--free", "--label", _TOKEN]
    subprocess.run(
        [*made, "--so-pin", secrets.token_hex(_PIN_BYTES), "--pin", pin], check=True, capture_output=True
    )


SOD = BenchSod()
