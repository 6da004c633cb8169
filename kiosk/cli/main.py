"""The command host: global options, sub-commands by entry point, errors with code and advice.

Exit status: 0 done; 1 the work was done and its answer is "no" (a card did not verify, a chain is
broken); 2 wrong usage; 3 an error with a code; 130 interrupted.
"""

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points, version
from pathlib import Path
from typing import NoReturn, cast

from card_io.errors import CardError
from crypto.errors import CryptoError
from kiosk.cli.command import Command, Output
from kiosk.errors import ErrorCode, KioskError
from kiosk.messages import LANGUAGES, text

EXIT_USAGE, EXIT_ERROR, EXIT_INTERRUPTED, EXIT_BROKEN_PIPE = 2, 3, 130, 141
EPILOG = """exit status: 0 done, 1 answered no (not verified, not as expected), 2 wrong usage,
3 error (with --json: {"error": {"code", "text", "advice"}} on standard output), 130 interrupted"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise KioskError(ErrorCode.USAGE, message)


def _commands(arguments: Sequence[str] = ()) -> dict[str, Command]:
    """All of them, or the one that is called: no command waits for what the others import."""
    found = {entry.name: entry for entry in entry_points(group="shekara.commands")}
    rest = _global_options().parse_known_args(_before_separator(list(arguments)))[1]
    names = rest[:1] if rest and rest[0] in found else sorted(found)
    return {name: _load(found[name]) for name in names}


def _load(entry: EntryPoint) -> Command:
    """One broken plug-in must not take the others with it."""
    try:
        return cast(Command, entry.load())
    except ImportError as error:
        return Unavailable(entry.name, str(error))


class Unavailable:
    """Stands for a command whose module could not be loaded; says so when it is called."""

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self.help = "not available on this machine"
        self._why = why

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("arguments", nargs="*", help=argparse.SUPPRESS)

    def run(self, args: argparse.Namespace, out: Output) -> int:  # noqa: ARG002
        raise KioskError(ErrorCode.DEPENDENCY_MISSING, f"{self.name}: {self._why}")


def _global_options() -> _Parser:
    shared = _Parser(add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    shared.add_argument("--home", type=Path, metavar="DIR", help="directory of all local state")
    shared.add_argument("--json", action="store_true", help="answer as one JSON object")
    shared.add_argument("--language", choices=LANGUAGES, help="language of texts and advice")
    return shared


def build_parser(commands: dict[str, Command]) -> _Parser:
    """The whole command line. Global options may stand anywhere before `--`."""
    shared = _global_options()
    parser = _Parser(
        prog="shekara",
        description="Border-post kiosk: inspects passports, decides, issues migrant ID cards.",
        epilog=EPILOG,
        parents=[shared],
    )
    parser.add_argument("--version", action="version", version=f"shekara {version('shekara')}")
    commands_at = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    for name, command in commands.items():
        child = commands_at.add_parser(
            name, help=command.help, description=command.help, parents=[shared], epilog=EPILOG
        )
        command.configure(child)
    return parser


def parse(parser: _Parser, arguments: list[str]) -> argparse.Namespace:
    """Take the global options from wherever they stand, then the command with what is left."""
    ours = _before_separator(arguments)
    options, rest = _global_options().parse_known_args(ours)
    return parser.parse_args([*rest, *arguments[len(ours) :]], options)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; the console script `shekara`."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    out = Output(as_json="--json" in _before_separator(arguments))
    language = "en"
    try:
        language = getattr(_global_options().parse_known_args(arguments)[0], "language", language)
        commands = _commands(arguments)
        parser = build_parser(commands)
        args = parse(parser, arguments)
        if args.command is None:
            parser.print_help()
            return EXIT_USAGE
        _defaults(args, uses_home=getattr(commands[args.command], "uses_home", True))
        status = commands[args.command].run(args, out)
    except (KioskError, CardError, CryptoError) as error:
        return _report(error, out, language)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # whoever read our output has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 - the last line of defence: no values of a traceback may leak
        return _report(KioskError(ErrorCode.INTERNAL, _whereabouts(error)), out, language)
    out.finish()
    return status


def _whereabouts(error: Exception) -> str:
    """Type and places of an error, without its message: a message may hold a person's data."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(error).__name__} at {places}"


def _before_separator(arguments: list[str]) -> list[str]:
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def _defaults(args: argparse.Namespace, *, uses_home: bool) -> None:
    args.home_given = hasattr(args, "home")
    args.home = getattr(args, "home", None)
    if args.home is None and uses_home:
        from kiosk.bootstrap.home import default_home  # much of the product stands behind it

        args.home = default_home()
    args.json = getattr(args, "json", False)
    args.language = getattr(args, "language", None)


def _report(error: KioskError | CardError | CryptoError, out: Output, language: str) -> int:
    message = text(str(error.code), language)
    shown = {"code": str(error.code), "text": message.text, "advice": message.advice, "detail": error.detail}
    if out.json:
        out.result({"error": shown})
        out.finish()
    else:
        detail = f" ({error.detail})" if error.detail else ""
        print(f"{message.text}{detail} [{error.code}]\n{message.advice}", file=sys.stderr)
    return EXIT_USAGE if error.code == ErrorCode.USAGE else EXIT_ERROR


if __name__ == "__main__":
    sys.exit(main())
