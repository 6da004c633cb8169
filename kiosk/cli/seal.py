"""`shekara seal verify`: the digital seal of a picture or a text, offline (Doc 9303-13 App. D).

Exit status: 0 the seal is valid, 1 it is not, 3 there is none or it could not be looked for.
"""

import argparse
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crypto.errors import MalformedData
from crypto.seals import PREFIX, Verdict, seal_bytes, verify_seal
from crypto.seals.profiles import mrz_lines
from crypto.trust import TrustStore
from kiosk.bootstrap.home import open_home
from kiosk.cli.command import Output
from kiosk.errors import ErrorCode, KioskError
from kiosk.messages import label, text

VALID, NOT_VALID, NOTHING = 0, 1, 3


class SealCommand:
    """Checks seals of our cards and of the published profiles; `clock` gives the time to judge by."""

    name = "seal"
    help = "verify a digital seal, from a picture or its text"

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock

    def configure(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        verify = actions.add_parser("verify", help="exit status 0 valid, 1 not valid, 3 no seal")
        verify.add_argument("seal", metavar="IMAGE|TEXT", help=f"a picture file, or text from {PREFIX} on")
        verify.add_argument(
            "--trust", type=Path, metavar="DIR", help="a trust directory instead of the home's"
        )

    def run(self, args: argparse.Namespace, out: Output) -> int:
        language = args.language or "en"
        now = self._clock()
        try:
            store = _store(args, now)
            found = _from_text(args.seal) if args.seal.startswith(PREFIX) else _from_picture(args.seal)
        except KioskError as error:
            return _trouble(error, language, out)
        kind, data, lines = found
        verdict = verify_seal(data, store, now=now)
        _tell(verdict, kind, lines, language, out)
        if data is None:
            return NOTHING
        return VALID if verdict.valid and _zone(verdict, lines) != "different" else NOT_VALID


def _store(args: argparse.Namespace, now: datetime) -> TrustStore:
    if args.trust and not args.trust.is_dir():
        raise KioskError(ErrorCode.USAGE, f"{args.trust}: no such directory")
    directories = (args.trust,) if args.trust else open_home(args.home).trust_directories
    return TrustStore.from_directory(*directories, loaded_at=now)


_Found = tuple[str, bytes | None, tuple[str, ...]]
"""Kind of symbol ("" for text), the seal's bytes (None: no seal), lines of the printed zone."""


def _from_text(given: str) -> _Found:
    try:
        return "", seal_bytes(given), ()
    except MalformedData:
        return "", b"", ()  # our prefix, but no seal behind it: a wrong format


def _from_picture(given: str) -> _Found:
    from kiosk.capture.mrz_files import quiet_decoders
    from kiosk.capture.seal_files import read_seal_picture

    with quiet_decoders():
        picture = read_seal_picture(Path(given))
    lines = picture.lines if picture.certain else ()
    kind, data = _seal_of((symbol.kind, symbol.payload) for symbol in picture.symbols)
    return kind, data, lines


def _seal_of(payloads: Iterable[tuple[str, bytes]]) -> tuple[str, bytes | None]:
    """The first symbol that is a seal, broken or not; other symbols may lie beside it."""
    for kind, payload in payloads:
        try:
            return kind, seal_bytes(payload)
        except MalformedData:
            if payload.startswith(PREFIX.encode()):
                return kind, b""
    return "", None


def _zone(verdict: Verdict, lines: Sequence[str]) -> str:
    """The printed zone against the seal's: they must be consistent (BSI TR-03135 5.7.7)."""
    sealed = mrz_lines(verdict.seal) if verdict.seal is not None else ()
    if not sealed or not lines:
        return "not compared"
    same = len(sealed) == len(lines) and all(
        printed.startswith(line) for line, printed in zip(sealed, lines, strict=True)
    )
    return "consistent" if same else "different"


def _tell(verdict: Verdict, kind: str, lines: Sequence[str], language: str, out: Output) -> None:
    facts = _facts(verdict, kind, lines)
    out.result(facts)
    code = f"SEAL_{verdict.sub}" if verdict.sub else "SEAL_VALID"
    message = text(code, language)
    out.say(f"{verdict.status}{f' {verdict.sub}' if verdict.sub else ''}: {message.text}")
    out.say(f"  {message.advice}")
    for name, value in facts["fields"].items():
        shown = str(value).replace("\n", "\n" + " " * 24)
        out.say(f"  {label(f'seal.{name}', language) if not name.startswith('tag ') else name:22}{shown}")
    if facts["zone"] == "different":
        out.say(f"  {text('SEAL_ZONE_DIFFERENT', language).text}")


def _facts(verdict: Verdict, kind: str, lines: Sequence[str]) -> dict[str, Any]:
    seal = verdict.seal
    fields = {item.name or f"tag {item.tag:02x}": item.text for item in verdict.fields}
    facts: dict[str, Any] = {
        "status": verdict.status.value,
        "sub_indication": verdict.sub.value if verdict.sub else None,
        "trust_level": verdict.trust_level,
        "detail": verdict.detail,
        "symbol": kind,
        "profile": verdict.profile.name if verdict.profile else None,
        "fields": fields,
        "zone": _zone(verdict, lines),
    }
    if seal is not None:
        header = seal.header
        facts |= {
            "issuer": header.issuer,
            "signer": header.signer,
            "reference": header.reference,
            "issued": header.issued.isoformat() if header.issued else None,
            "signed": header.signed.isoformat() if header.signed else None,
            "version": header.version,
        }
    return facts


def _trouble(error: KioskError, language: str, out: Output) -> int:
    message = text(str(error.code), language)
    told = {"code": str(error.code), "text": message.text, "advice": message.advice, "detail": error.detail}
    out.result({"status": None, "error": told})
    out.trouble(f"{message.text} ({error.detail}) [{error.code}]\n{message.advice}")
    return NOTHING


COMMAND = SealCommand()
