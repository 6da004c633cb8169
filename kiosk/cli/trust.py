"""`shekara trust`: bring, list and check the certificates and lists of the issuing states (Doc 9303-12)."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crypto.certificates import Certificate, CertificateRevocationList
from crypto.errors import CryptoError
from crypto.trust import ImportReport, Standing, TrustStore, import_file
from kiosk.bootstrap.home import trust_directories
from kiosk.cli.command import Output
from kiosk.errors import ErrorCode, KioskError
from kiosk.messages import text


class TrustCommand:
    """Exit status 1: nothing of the file was taken (import), or the store needs attention (check)."""

    name = "trust"
    help = "the issuing states' certificates: import, list, check"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        bring = actions.add_parser("import", help="bring a certificate, CRL, master or deviation list, LDIF")
        bring.add_argument("file", type=Path, metavar="FILE")
        listed = actions.add_parser("list", help="what is trusted, and where it came from")
        checked = actions.add_parser("check", help="what is stale, unverified or unreadable")
        for action in (bring, listed, checked):
            action.add_argument(
                "--trust", type=Path, metavar="DIR", help="a trust directory instead of the home's"
            )

    def run(self, args: argparse.Namespace, out: Output) -> int:
        now = datetime.now(UTC)
        if args.action == "import":
            if not args.file.is_file():
                raise KioskError(ErrorCode.USAGE, f"{args.file}: no such file")
            directory = args.trust or trust_directories(args.home)[-1]
            return _import(import_file(directory, args.file, now=now), args.language or "en", out)
        if args.trust and not args.trust.is_dir():
            raise KioskError(ErrorCode.USAGE, f"{args.trust}: no such directory")
        directories = (args.trust,) if args.trust else trust_directories(args.home)
        store = TrustStore.from_directory(*directories, loaded_at=now)
        return _list(store, now, out) if args.action == "list" else _check(store, now, directories, out)


def _import(report: ImportReport, language: str, out: Output) -> int:
    out.result(
        {
            "imported": report.imported,
            "usable": report.usable,
            "trusted": report.trusted,
            "new_files": report.new,
            "rejected": [
                {"subject": item.subject, "reason": item.reason.value, "detail": item.detail}
                for item in report.rejected
            ],
            "notes": [{"subject": subject, "note": note} for subject, note in report.notes],
        }
    )
    out.say(f"imported {report.imported}, usable {report.usable}, trusted authorities {report.trusted}")
    for subject, note in report.notes:
        out.say(f"note: {subject}: {note}")
    for item in report.rejected:
        message = text(item.reason.value, language)
        out.say(f"rejected: {item.subject}: {message.text} [{item.reason.value}]\n  {message.advice}")
    return 0 if report.imported else 1


def _list(store: TrustStore, now: datetime, out: Output) -> int:
    found = sorted(store.authorities, key=lambda item: (item.country, item.not_before, item.fingerprint))
    rows = [_authority(store, item, now) for item in found]
    out.result({"authorities": rows, **_lists(store, now)})
    for row in rows:
        out.say(
            f"{row['country'] or '--':3} {row['standing']:10} to {row['not_after'][:10]} {row['subject']}"
            f" ({row['source']})"
        )
    out.say(f"{len(rows)} authorities of {len({row['country'] for row in rows})} countries")
    return 0


def _authority(store: TrustStore, item: Certificate, now: datetime) -> dict[str, Any]:
    source = store.source(item)
    since = (source.signed_at or source.brought) if source else store.loaded_at
    return {
        "country": item.country,
        "subject": item.subject,
        "serial": f"{item.serial:x}",
        "not_after": item.not_after.isoformat(),
        "sha256": item.fingerprint,
        "standing": store.standing(item).value,
        "source": source.name if source else "",
        "age_days": (now - since).days,
    }


def _lists(store: TrustStore, now: datetime) -> dict[str, Any]:
    return {
        "lists": [
            {
                "name": item.name,
                "kind": item.kind,
                "brought": item.brought.isoformat(),
                "signed_at": item.signed_at.isoformat() if item.signed_at else None,
                "age_days": (now - (item.signed_at or item.brought)).days,
                "trusted": item.trusted,
            }
            for item in store.sources
        ],
        "revocation_lists": [_crl(store, crl, now) for crl in store.revocation_lists],
    }


def _crl(store: TrustStore, crl: CertificateRevocationList, now: datetime) -> dict[str, Any]:
    if store.signer_of(crl) is None:
        state = "unverified"
    else:
        state = "fresh" if crl.next_update is not None and crl.next_update >= now else "stale"
    return {
        "country": crl.country,
        "issuer": crl.issuer,
        "number": crl.number,
        "this_update": crl.this_update.isoformat(),
        "next_update": crl.next_update.isoformat() if crl.next_update else None,
        "revoked": len(crl.revoked),
        "state": state,
    }


def _check(store: TrustStore, now: datetime, directories: Sequence[Path], out: Output) -> int:
    standings = [store.standing(item) for item in store.authorities]
    lists = _lists(store, now)
    trouble = [
        *({"subject": name, "trouble": "unreadable", "code": error.code} for name, error in store.rejected),
        *_bad_keys(store),
        *(
            {"subject": item["name"], "trouble": "no root for the signer of this list"}
            for item in lists["lists"]
            if not item["trusted"]
        ),
        *(
            {"subject": item["issuer"], "trouble": f"{item['state']} revocation list"}
            for item in lists["revocation_lists"]
            if item["state"] != "fresh"
        ),
    ]
    facts = {
        "directories": [str(item) for item in directories],
        "authorities": len(standings),
        "trusted": standings.count(Standing.TRUSTED),
        "known": standings.count(Standing.KNOWN),
        "distrusted": standings.count(Standing.DISTRUSTED),
        "document_signers": len(store.shelf) if store.shelf else 0,
    }
    out.result({"in_order": not trouble, **facts, "trouble": trouble, **lists})
    for name, value in facts.items():
        out.say(f"{name:17} {' '.join(value) if isinstance(value, list) else value}")
    for item in lists["lists"]:
        out.say(f"{item['kind']} {item['name']}: {item['age_days']} days old")
    for fault in trouble:
        out.say(f"{fault['trouble']}: {fault['subject']}")
    return 1 if trouble else 0


def _bad_keys(store: TrustStore) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for item in store.authorities:
        try:
            item.verification_key  # noqa: B018 - loaded, and so proved usable
        except CryptoError as error:
            found.append({"subject": item.subject, "trouble": "unusable key", "code": error.code})
    return found


COMMAND = TrustCommand()
