"""The desk's half of `shekara pki`: requests for keys on its token, and the certificates that come back."""

import argparse
import secrets
from datetime import UTC, datetime
from pathlib import Path

from crypto.certificates import Certificate
from crypto.errors import CryptoError, PolicyRefused
from crypto.issuing import build_request
from crypto.seals import signer_reference
from crypto.seals.signing import curve_order, seal_hash
from crypto.signer import check_chain, check_period, require_world
from crypto.trust import import_file
from kiosk.bootstrap.home import Home, open_home
from kiosk.bootstrap.signing import TOKEN, Kind, TerminalPin, file_names, kind_of, open_token
from kiosk.cli.command import Output
from kiosk.errors import ErrorCode, KioskError
from kiosk.settings import load_settings


def request(args: argparse.Namespace, out: Output) -> int:
    """Makes a key on the token that the home's settings name, and writes a certificate request for it."""
    home = open_home(args.home)
    settings = load_settings(home.settings)
    if args.out.exists():
        raise KioskError(ErrorCode.USAGE, f"{args.out} is there already")
    token = open_token(settings.signing, TerminalPin())
    mark = "LAB " if home.lab else ""
    label = f"{mark}{args.kind} {settings.station.id} {datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    try:
        key = token.generate_ec(args.curve, label, secrets.token_bytes)
        args.out.write_bytes(build_request(key, label))
    finally:
        token.close()
    out.result({"request": str(args.out), "label": label})
    out.say(f'key "{label}" on the token; request in {args.out}: take it to the authority')
    return 0


def bring(args: argparse.Namespace, out: Output) -> int:
    """Installs signers' certificates with their CSCA, and hands the rest to the trust store.

    A seal signer goes there, too: the desk checks the seals it has printed.
    """
    home, now = open_home(args.home), datetime.now(UTC)
    found = [(path, _certificate(path)) for path in args.files]
    authorities = [item for _, item in found if item is not None and item.is_ca]
    signers = [item for _, item in found if item is not None and not item.is_ca]
    if len({kind_of(item) for item in signers}) < len(signers):
        raise KioskError(ErrorCode.USAGE, "one certificate of each kind at a time")
    for certificate in (*authorities, *signers):
        require_world(certificate, home.world)
    for certificate in signers:
        _install(home, certificate, _above(certificate, authorities, home, args.source), args.source, now)
        out.say(f"{kind_of(certificate)} signer: {certificate.subject}, SHA-256 {certificate.fingerprint}")
    for path, read in found:
        if read is None or read.is_ca or kind_of(read) is Kind.SEAL:
            report = import_file(home.trust, path, now=now)
            out.say(f"{path.name}: {report.imported} taken into the trust store")
    facts = [item.fingerprint for item in authorities]
    brought = {kind_of(item).value: item.fingerprint for item in signers}
    out.result({"signers": brought, "authorities": facts})
    return 0


def _certificate(path: Path) -> Certificate | None:
    """None for a CRL or a list."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise KioskError(ErrorCode.USAGE, f"{path}: cannot be read") from error
    try:
        return Certificate.parse(data)
    except CryptoError:
        return None


def _above(certificate: Certificate, brought: list[Certificate], home: Home, source: str) -> Certificate:
    """The CSCA of a signer: among what was brought, else the one that is installed."""
    known = [home.signer / file_names(source, kind)[1] for kind in Kind]
    candidates = [*brought, *(Certificate.parse(path.read_bytes()) for path in known if path.exists())]
    for authority in candidates:
        if authority.subject_key_id == certificate.authority_key_id and authority.self_issued:
            check_chain(certificate, authority)
            return authority
    raise PolicyRefused("bring the certificate of the CSCA together with that of its signer")


def _install(
    home: Home, certificate: Certificate, authority: Certificate, source: str, now: datetime
) -> None:
    """Writes both, the authority first; the certificate before stays beside them."""
    check_period(certificate, now)
    kind = kind_of(certificate)
    if kind is Kind.SEAL:  # what its seals will need
        signer_reference(certificate)
        seal_hash(curve_order(certificate))
    home.signer.mkdir(mode=0o700, exist_ok=True)
    name, above = (home.signer / item for item in file_names(source, kind))
    if name.exists():
        old = Certificate.parse(name.read_bytes())
        name.replace(home.signer / f"{name.stem}-{old.serial:x}.cer")
    for path, der in ((above, authority.der), (name, certificate.der)):
        temporary = path.with_suffix(".new")
        temporary.write_bytes(der)
        temporary.replace(path)


def configure(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The two actions that work on a home."""
    asked = actions.add_parser("request", help="make a key on the home's token, and a request for it")
    asked.add_argument(
        "--for", dest="kind", choices=[*Kind], default=Kind.DOCUMENT, help="chips or seals (default: ds)"
    )
    asked.add_argument("--out", type=Path, required=True, metavar="FILE")
    asked.add_argument("--curve", default="secp256r1", choices=("secp256r1", "secp384r1", "brainpoolP256r1"))
    asked.set_defaults(perform=request)
    brought = actions.add_parser("import", help="bring certificates of signers, their CSCA, a CRL")
    brought.add_argument("files", type=Path, nargs="+", metavar="FILE")
    brought.add_argument("--source", choices=("token", "remote"), default=TOKEN, help="which key it is for")
    brought.set_defaults(perform=bring)
