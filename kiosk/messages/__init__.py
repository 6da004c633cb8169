"""Text and advice for every code in Kazakh, Russian and English, without Qt.

The command line's `--json` and the window use the same. The catalogue is data: one TOML file a
language, with a table `[messages.CODE]` (text, advice) for problems and findings, and `[labels]` for
the names of checks, outcomes, steps and code lists. A test proves that nothing is missing.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

LANGUAGES = ("kk", "ru", "en")
FALLBACK = "INTERNAL"


@dataclass(frozen=True)
class Message:
    """What happened, and what is safe to do next."""

    text: str
    advice: str


@cache
def _catalogue(language: str) -> dict[str, Any]:
    file = resources.files("kiosk.messages").joinpath(f"{language}.toml")
    return tomllib.loads(file.read_text(encoding="utf-8"))


def text(code: str, language: str = "en") -> Message:
    """The message of a code; of INTERNAL for a code nobody knows (a newer library, a vendor's driver)."""
    messages = _catalogue(language if language in LANGUAGES else "en")["messages"]
    entry = messages.get(code) or messages[FALLBACK]
    return Message(entry["text"], entry["advice"])


def label(key: str, language: str = "en") -> str:
    """The name of a check, outcome, step or code-list entry; the key itself where there is none."""
    labels = _catalogue(language if language in LANGUAGES else "en")["labels"]
    return str(labels.get(key, key))


def known_codes(language: str) -> frozenset[str]:
    """All codes that have a message (for the completeness test)."""
    return frozenset(_catalogue(language)["messages"])


def known_labels(language: str) -> frozenset[str]:
    """All keys that have a label."""
    return frozenset(_catalogue(language)["labels"])
