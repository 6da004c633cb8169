"""Words, dates and numbers in the operator's language, switched live.

The words lie in `strings.toml`, three languages side by side; codes, checks and reasons come from
`kiosk.messages`, which the command line shares. Widgets remember their key in a dynamic property,
so one walk over the tree changes the language of a window.
"""

import tomllib
from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from functools import cache
from importlib import resources

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from kiosk import messages

LANGUAGES = ("kk", "ru", "en")
_MONTHS = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "ru": (
        *("янв.", "февр.", "мар.", "апр.", "мая", "июн."),
        *("июл.", "авг.", "сент.", "окт.", "нояб.", "дек."),
    ),
    "kk": (
        *("қаң.", "ақп.", "нау.", "сәу.", "мам.", "мау."),
        *("шіл.", "там.", "қыр.", "қаз.", "қар.", "жел."),
    ),
}
NBSP = "\u00a0"


@cache
def catalogue() -> Mapping[str, Mapping[str, str]]:
    """All words: "section.key" -> language -> text."""
    raw = tomllib.loads((resources.files("ui") / "strings.toml").read_text(encoding="utf-8"))
    return {f"{section}.{key}": texts for section, keys in raw.items() for key, texts in keys.items()}


class Words(QObject):
    """The language in force. Call it with a key; unknown keys raise KeyError."""

    changed = Signal()

    def __init__(self, language: str = "ru") -> None:
        super().__init__()
        self.language = language
        self.zone: tzinfo | None = None  # the post's own time; None: the machine's

    def switch(self, language: str) -> None:
        """Change the language of everything that is on screen."""
        if language not in LANGUAGES:
            raise ValueError(f"unknown language {language}")
        self.language = language
        self.changed.emit()

    def __call__(self, key: str, **values: object) -> str:
        text = catalogue()[key][self.language]
        return text.format(**values) if values else text

    def has(self, key: str) -> bool:
        return key in catalogue()

    def code(self, section: str, code: str) -> str:
        """Our own word for a code of `section`, else its shared label or text, else the code itself."""
        key = f"{section}.{code}"
        if code and self.has(key):
            return self(key)
        if code in messages.known_codes(self.language):
            return self.message(code)[0].rstrip(".")
        return self.label(code)

    def label(self, key: str) -> str:
        """A check, group, outcome, reason or step by its shared name."""
        return messages.label(key, self.language)

    def item(self, name: str) -> str:
        """A progress item: a step's name, with the file it works on after a colon."""
        step, _, file = name.partition(":")
        return f"{self.label(step)} {file}".strip()

    def message(self, code: str) -> tuple[str, str]:
        """Text and advice of an error or reason code."""
        found = messages.text(code, self.language)
        return found.text, found.advice

    def date(self, day: date) -> str:
        """22 Dec 2026 · 22 дек. 2026 г. · 2026 ж. 22 жел."""
        month = _MONTHS[self.language][day.month - 1]
        patterns = {
            "en": f"{day.day} {month} {day.year}",
            "ru": f"{day.day} {month} {day.year} г.",
            "kk": f"{day.year} ж. {day.day} {month}",
        }
        return patterns[self.language].replace(" ", NBSP)

    def local(self, at: datetime) -> datetime:
        """A moment on the clock of the post."""
        return at.astimezone(self.zone)

    def moment(self, at: datetime, clock: str = "%H:%M") -> str:
        """Date and time of day at the post."""
        local = self.local(at)
        return f"{self.date(local.date())}, {local:{clock}}"

    def decimal(self, value: float, places: int = 1) -> str:
        text = f"{value:.{places}f}"
        return text if self.language == "en" else text.replace(".", ",")

    def seconds(self, value: float, places: int = 1) -> str:
        return self("unit.second", n=self.decimal(value, places)).replace(" ", NBSP)

    def kilobytes(self, size: int) -> str:
        return self("unit.kilobyte", n=self.decimal(size / 1000)).replace(" ", NBSP)

    def percent(self, share: float) -> str:
        whole = f"{share * 100:.0f}"
        return f"{whole}%" if self.language == "en" else f"{whole}{NBSP}%"

    def days(self, count: int) -> str:
        """A number of days with its plural form."""
        if self.language == "en":
            word = "day" if count == 1 else "days"
        elif self.language == "kk":
            word = "күн"
        elif count % 10 == 1 and count % 100 != 11:
            word = "день"
        else:
            few = count % 10 in (2, 3, 4) and count % 100 not in (12, 13, 14)
            word = "дня" if few else "дней"
        return f"{count}{NBSP}{word}"


tr = Words()

_SETTERS = {"textKey": "setText", "tipKey": "setToolTip", "hintKey": "setPlaceholderText"}


def worded(widget: QWidget, key: str, *, slot: str = "textKey") -> None:
    """Give a widget the word of `key` now and after every change of language."""
    widget.setProperty(slot, key)
    getattr(widget, _SETTERS[slot])(tr(key) if key else "")
    if slot in ("textKey", "tipKey"):
        widget.setAccessibleName(tr(key) if key else "")


def reword(root: QWidget) -> None:
    """Set the words of every keyed widget under `root` again."""
    for widget in (root, *root.findChildren(QWidget)):
        for slot, setter in _SETTERS.items():
            key = widget.property(slot)
            if key:
                getattr(widget, setter)(tr(key))
                if slot in ("textKey", "tipKey"):
                    widget.setAccessibleName(tr(key))
