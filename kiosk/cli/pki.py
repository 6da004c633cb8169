"""`shekara pki`: the ceremonies of our own signing authority (Doc 9303-12), on a machine without a network.

Every ceremony leaves a protocol to print and sign. Keys of production live on a token; a lab may have files.
"""

import argparse
import secrets
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from crypto.certificates import Certificate
from crypto.ecmath import CURVES
from crypto.issuing import (
    Ceremony,
    Charter,
    FileKeys,
    KeyStore,
    Office,
    TokenKeys,
    broken_protocol,
    read_register,
    read_request,
)
from kiosk.bootstrap.signing import TerminalPin
from kiosk.cli import pki_home
from kiosk.cli.command import Output
from kiosk.errors import ErrorCode, KioskError

Perform = Callable[[argparse.Namespace, Output], int]


class PkiCommand:
    """Exit status 1: something ends soon, or the row of protocols is broken (expiry)."""

    name = "pki"
    help = "our own CSCA, document signers and seal signers: ceremonies, lists, expiry"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        self._configure_init(_ceremony(actions, "init", _init, "make the CSCA: key, certificate, first CRL"))
        issued = _ceremony(actions, "issue-ds", _issue_ds, "certify the key of a document signer")
        issued.add_argument("--request", type=Path, required=True, metavar="FILE", help="PKCS#10")
        issued.add_argument("--types", default="AR", help="document codes, as AR,ID (default: AR)")
        sealed = _ceremony(actions, "issue-seal", _issue_seal, "certify the key of a seal signer")
        sealed.add_argument("--request", type=Path, required=True, metavar="FILE", help="PKCS#10")
        sealed.add_argument("--signer-id", required=True, metavar="LETTERS", help="four letters, as KZBP")
        sealed.add_argument("--reference", required=True, metavar="HEX", help="certificate reference")
        sealed.add_argument("--types", default="AR", help="codes of the zones it seals (default: AR)")
        _ceremony(actions, "crl", _crl, "publish the next revocation list")
        revoked = _ceremony(actions, "revoke", _revoke, "revoke a signer and publish the list")
        revoked.add_argument("serial", metavar="SERIAL", help="hexadecimal")
        revoked.add_argument("--reason", required=True)
        _ceremony(actions, "roll-over", _roll_over, "make the next CSCA and its link certificate")
        listed = _ceremony(actions, "master-list", _master_list, "publish a master list")
        listed.add_argument(
            "others", type=Path, nargs="*", metavar="FILE", help="CSCA certificates of others"
        )
        ending = actions.add_parser("expiry", help="what ends when; status 1 when something is due")
        ending.add_argument("--dir", type=Path, required=True, help="directory of the authority")
        ending.set_defaults(perform=_expiry)
        pki_home.configure(actions)

    @staticmethod
    def _configure_init(made: argparse.ArgumentParser) -> None:
        made.add_argument("--world", choices=("lab", "production"), required=True)
        made.add_argument("--country", default="KZ", help="two letters (default: KZ)")
        made.add_argument("--organization", default="")
        made.add_argument("--curve", choices=sorted(CURVES), default="secp384r1")
        made.add_argument("--named-curves", action="store_true", help="lab only: for programs that want them")
        made.add_argument("--key-days", type=int, default=Charter.csca_key_days, help="use of the CSCA key")
        made.add_argument("--signer-key-days", type=int, default=Charter.signer_key_days)
        made.add_argument("--document-days", type=int, default=Charter.document_days)
        made.add_argument("--crl-location", default=Charter.crl_location, metavar="URL")

    def run(self, args: argparse.Namespace, out: Output) -> int:
        perform: Perform = args.perform
        with ExitStack() as args.closing:  # a token stays logged in only as long as the ceremony
            return perform(args, out)


def _ceremony(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, perform: Perform, text: str
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=text)
    parser.add_argument("--dir", type=Path, required=True, help="directory of the authority")
    parser.add_argument("--witness", action="append", default=[], metavar="NAME", help="twice in production")
    parser.add_argument("--module", default="", metavar="FILE", help="PKCS#11 driver (none: key files)")
    parser.add_argument("--token", default="", metavar="LABEL")
    parser.add_argument("--token-serial", default="", metavar="SERIAL")
    parser.add_argument("--pin-file", type=Path, metavar="FILE", help="instead of typing the PIN")
    parser.set_defaults(perform=perform)
    return parser


def _keys(args: argparse.Namespace) -> KeyStore:
    if not args.module:
        return FileKeys(args.dir, secrets.token_bytes)
    from crypto.hsm import PinFile, Token, TokenCriteria  # only where a token is used

    criteria = TokenCriteria(args.module, args.token, args.token_serial)
    prompt = PinFile(args.pin_file) if args.pin_file else TerminalPin()
    token = Token(criteria, prompt)
    args.closing.callback(token.close)
    return TokenKeys(token, str(criteria), secrets.token_bytes)


def _office(args: argparse.Namespace) -> Office:
    return Office.open(args.dir, _keys(args), secrets.token_bytes)


def _now() -> datetime:
    return datetime.now(UTC)


def _init(args: argparse.Namespace, out: Output) -> int:
    charter = Charter(
        args.world,
        args.country,
        args.organization,
        args.curve,
        args.named_curves,
        csca_key_days=args.key_days,
        signer_key_days=args.signer_key_days,
        document_days=args.document_days,
        crl_location=args.crl_location,
    )
    _, ceremony = Office.found(
        args.dir, charter, _keys(args), now=_now(), random=secrets.token_bytes, witnesses=args.witness
    )
    return _told(ceremony, out)


def _issue_ds(args: argparse.Namespace, out: Output) -> int:
    key = read_request(_bytes(args.request))
    ceremony = _office(args).issue_document_signer(
        key, _types(args.types), now=_now(), witnesses=args.witness
    )
    return _told(ceremony, out)


def _issue_seal(args: argparse.Namespace, out: Output) -> int:
    key = read_request(_bytes(args.request))
    ceremony = _office(args).issue_seal_signer(
        key,
        args.signer_id,
        args.reference,
        now=_now(),
        types=_types(args.types),
        witnesses=args.witness,
    )
    return _told(ceremony, out)


def _types(text: str) -> list[str]:
    types = [item.strip().upper() for item in text.split(",") if item.strip()]
    if not types:
        raise KioskError(ErrorCode.USAGE, "--types: at least one document code")
    return types


def _crl(args: argparse.Namespace, out: Output) -> int:
    return _told(_office(args).publish_crl(now=_now(), witnesses=args.witness), out)


def _revoke(args: argparse.Namespace, out: Output) -> int:
    ceremony = _office(args).revoke(args.serial, args.reason, now=_now(), witnesses=args.witness)
    return _told(ceremony, out)


def _roll_over(args: argparse.Namespace, out: Output) -> int:
    return _told(_office(args).roll_over(now=_now(), witnesses=args.witness), out)


def _master_list(args: argparse.Namespace, out: Output) -> int:
    others = [Certificate.parse(_bytes(path)) for path in args.others]
    return _told(_office(args).publish_master_list(others, now=_now(), witnesses=args.witness), out)


def _expiry(args: argparse.Namespace, out: Output) -> int:
    register = read_register(args.dir)
    rows = register.expiry(_now())
    broken = broken_protocol(args.dir)
    out.result(
        {
            "world": register.charter.world,
            "ends": [
                {"kind": row.kind, "subject": row.subject, "what": row.what,
                 "at": row.at.isoformat(), "days": row.days, "due": row.due}
                for row in rows
            ],
            "broken_protocol": broken.name if broken else None,
        }
    )  # fmt: skip
    for row in rows:
        mark = "DUE" if row.due else ""
        out.say(
            f"{row.at:%Y-%m-%d} {row.days:6} days  {row.kind:4} {row.what:12} {row.subject}  {mark}".rstrip()
        )
    if broken:
        out.say(f"{broken.name} does not follow the protocol before it")
    return 1 if broken or any(row.due for row in rows) else 0


def _told(ceremony: Ceremony, out: Output) -> int:
    """The protocol for people, its facts for programs."""
    protocol = ceremony.files[-1]
    out.say(protocol.read_text(encoding="utf-8"))
    out.result(
        {
            "world": ceremony.world,
            "protocol": str(protocol),
            "files": [str(path) for path in ceremony.files],
            "certificates": [
                {"subject": item.subject, "serial": f"{item.serial:x}", "sha256": item.fingerprint}
                for item in ceremony.certificates
            ],
        }
    )
    return 0


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KioskError(ErrorCode.USAGE, f"{path}: cannot be read") from error


COMMAND = PkiCommand()
