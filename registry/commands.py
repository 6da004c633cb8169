"""`shekara registry …`: create, serve, give out tokens, list. Also runs as `python -m registry.commands`."""

import argparse
import json
import os
import select
import signal
import socket
import ssl
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import uvicorn

from registry import config as configuration
from registry.app import build_app
from registry.config import Config
from registry.errors import RegistryError, RegistryErrorCode
from registry.messages import message
from registry.services import Registry
from registry.signing import PeerProtocol, open_signers
from registry.storage import Database

BACKLOG = 64
EXIT_ERROR = 3  # as in the command host


class Output(Protocol):
    """How the command host wants to be told: lines for people, one object for `--json`."""

    json: bool

    def say(self, text: str) -> None: ...

    def result(self, value: dict[str, Any]) -> None: ...


class RegistryCommand:
    """The sub-command as the host of `shekara` expects it."""

    name = "registry"
    help = "run the central registry on this machine, give tokens to stations, list what it holds"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        create = actions.add_parser("create", help="make a registry and a station's token")
        serve = actions.add_parser("serve", help="answer stations over HTTP until stopped")
        token = actions.add_parser("token", help="give a station a new token (the old one is void)")
        password = actions.add_parser("password", help="make a new password for the dashboard")
        listing = actions.add_parser("list", help="counts, last arrivals, stations")
        for action in (create, serve, token, password, listing):
            action.add_argument("--dir", type=Path, help="its directory (default: registry in the home)")
        for action in (create, serve):
            action.add_argument("--world", choices=configuration.WORLDS, help="make it if it is not there")
            action.add_argument("--station", help="give this station a token unless it has one")
        serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
        serve.add_argument("--port", type=int, default=0, help="0 takes a free one")
        serve.add_argument("--tls-certificate", type=Path, metavar="FILE", help="PEM; with it: https")
        serve.add_argument("--tls-key", type=Path, metavar="FILE")
        serve.add_argument(
            "--client-ca", type=Path, metavar="FILE", help="PEM: who certifies stations (needed to sign)"
        )
        serve.add_argument("--ready-file", type=Path, help="written once it answers: url, host, port, pid")
        serve.add_argument(
            "--with-parent",
            nargs="?",
            type=int,
            const=0,
            metavar="PID",
            help="stop when the process that started this one ends; with PID refuse another parent",
        )
        token.add_argument("--station", required=True)
        token.add_argument("--out", type=Path, help="file for the token (default: token in the directory)")
        listing.add_argument("--limit", type=int, default=20)

    def run(self, args: argparse.Namespace, out: Output) -> int:
        """Exit status 0, or 3 with `{"error": {code, text, advice, detail}}` as the answer."""
        directory: Path = args.dir or args.home / "registry"
        actions = {"serve": _serve, "token": _token, "password": _password, "list": _list, "create": _create}
        try:
            return actions[args.action](args, directory, out)
        except RegistryError as error:
            return _report(error, getattr(args, "language", None) or "en", out)


COMMAND = RegistryCommand()


def _report(error: RegistryError, language: str, out: Output) -> int:
    """The registry's own family of errors: the host below knows only the kiosk's."""
    text, advice = message(error.code, language)
    shown = {"code": error.code.value, "text": text, "advice": advice, "detail": error.detail}
    out.result({"error": shown})
    if not out.json:
        sys.stderr.write(f"{text} ({error.detail}) [{error.code}]\n{advice}\n")
    return EXIT_ERROR


def _prepare(args: argparse.Namespace, directory: Path) -> Config:
    """Load the registry; with --world make it, with --station give a token unless one is there."""
    if args.world:
        configuration.create(directory, args.world)
    loaded = configuration.load(directory)
    target = directory / configuration.TOKEN
    if not args.station or (args.station in loaded.stations and target.exists()):
        return loaded
    return configuration.add_station(directory, args.station, target)


def _create(args: argparse.Namespace, directory: Path, out: Output) -> int:
    loaded = _prepare(args, directory)
    out.say(f"{directory}: {loaded.world} registry, stations: {', '.join(loaded.stations) or 'none'}")
    out.result({"dir": str(directory), "world": loaded.world, "stations": sorted(loaded.stations)})
    return 0


def _token(args: argparse.Namespace, directory: Path, out: Output) -> int:
    target: Path = args.out or directory / configuration.TOKEN
    configuration.add_station(directory, args.station, target)
    out.say(f"{args.station}: new token in {target}; restart the registry")
    out.result({"station": args.station, "token_file": str(target)})
    return 0


def _password(_args: argparse.Namespace, directory: Path, out: Output) -> int:
    target = directory / "dashboard-password"
    configuration.set_dashboard_password(directory, target)
    out.say(f"new password in {target}; restart the registry")
    out.result({"password_file": str(target)})
    return 0


def _list(args: argparse.Namespace, directory: Path, out: Output) -> int:
    loaded = configuration.load(directory)
    database = Database(directory / configuration.DATABASE)
    try:
        overview = Registry(database, loaded.world, _now).overview(max(1, args.limit))
    finally:
        database.close()
    arrivals, cards = (overview["counts"].get(name, 0) for name in ("enrolment", "ACTIVE"))
    out.say(f"{loaded.world} registry: {arrivals} arrivals, {cards} active cards")
    for row in overview["arrivals"]:
        line = (row["decided_at"][:19], row["station"], row["nationality"], row["outcome"])
        out.say("  ".join((*line, row["number"] or "-", row["state"] or "-")))
    out.result(overview)
    return 0


def _serve(args: argparse.Namespace, directory: Path, out: Output) -> int:
    if args.with_parent is not None:
        _die_with_parent(args.with_parent)
    loaded = _prepare(args, directory)
    signers = open_signers(directory, loaded.world)
    database = Database(directory / configuration.DATABASE)
    with _listener(args.host, args.port) as listener:
        host, port = listener.getsockname()[:2]
        scheme = "https" if args.tls_certificate else "http"
        url = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
        ready = {"url": url, "host": host, "port": port, "pid": os.getpid(), "world": loaded.world}

        def tell() -> None:
            if args.ready_file:
                _write(args.ready_file, json.dumps(ready))
            out.say(f"{loaded.world} registry at {url}")
            out.result(ready)

        _run(build_app(database, loaded, on_ready=tell, signers=signers), listener, args)
    database.close()
    return 0


def _run(app: Any, listener: socket.socket, args: argparse.Namespace) -> None:
    # No access log: paths hold document numbers.
    settings = uvicorn.Config(
        app,
        log_level="warning",
        ws="none",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=64,
        timeout_graceful_shutdown=2,
        http=PeerProtocol,
        ssl_certfile=args.tls_certificate,
        ssl_keyfile=str(args.tls_key) if args.tls_key else None,
        ssl_ca_certs=str(args.client_ca) if args.client_ca else None,
        ssl_cert_reqs=ssl.CERT_OPTIONAL if args.client_ca else ssl.CERT_NONE,
    )
    try:
        uvicorn.Server(settings).run(sockets=[listener])
    except KeyboardInterrupt:
        return


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise RegistryError(RegistryErrorCode.REGISTRY_ADDRESS_IN_USE, f"cannot listen on {port}") from None
    listener.listen(BACKLOG)
    return listener


def _die_with_parent(parent: int) -> None:
    """Stop when the process that started us has ended, however it ended (Linux pidfd).

    A parent that was gone before this call is only noticed when its id is given.
    """
    ours = os.getppid()
    if parent and ours != parent:
        raise RegistryError(RegistryErrorCode.REGISTRY_NOT_CREATED, "the parent is gone already")
    try:
        watched = os.pidfd_open(ours)
    except OSError:
        raise RegistryError(RegistryErrorCode.REGISTRY_NOT_CREATED, "the parent is gone already") from None
    threading.Thread(target=_wait_for_end, args=(watched,), name="parent", daemon=True).start()


def _wait_for_end(watched: int) -> None:
    select.select([watched], [], [])
    os.kill(os.getpid(), signal.SIGTERM)


def _write(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.write_text(text + "\n")
    new.replace(path)


def _now() -> datetime:
    return datetime.now(UTC)


class _Terminal:
    """Output of `python -m registry.commands`."""

    def __init__(self, as_json: bool) -> None:
        self.json = as_json

    def say(self, text: str) -> None:
        if not self.json:
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()

    def result(self, value: dict[str, Any]) -> None:
        if self.json:
            sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
            sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """Run without the host; exit status 0, or 3 for an error with a code."""
    parser = argparse.ArgumentParser(prog="python -m registry.commands", description=COMMAND.help)
    parser.add_argument("--home", type=Path, default=Path.cwd())
    parser.add_argument("--json", action="store_true")
    COMMAND.configure(parser)
    args = parser.parse_args(arguments)
    return COMMAND.run(args, _Terminal(args.json))


if __name__ == "__main__":
    sys.exit(main())
