"""What a ceremony leaves on paper: who saw what happen to which key, with fingerprints, for signing by hand.

Each protocol names the digest of the one before, so that none can be taken away unnoticed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from crypto.certificates import Certificate

_WIDTH = 12
PROTOCOLS = "protocols"


@dataclass
class Ceremony:
    """One ceremony while it happens; `render` is what is printed."""

    title: str
    world: str
    at: datetime
    authority: str
    keys: str
    witnesses: Sequence[str]
    steps: list[str] = field(default_factory=list)
    certificates: list[Certificate] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)

    def did(self, step: str) -> None:
        """One more thing that was done."""
        self.steps.append(step)

    def wrote(self, path: Path, data: bytes) -> None:
        """Writes a public file, in one step, and lists it."""
        temporary = path.with_name(f"{path.name}.new")
        temporary.write_bytes(data)
        temporary.replace(path)
        self.files.append(path)

    def render(self, previous: str) -> str:
        """The protocol as text; `previous` is the digest of the one before, or ""."""
        return "\n".join(self._lines(previous)) + "\n"

    def _lines(self, previous: str) -> Iterator[str]:
        yield "KEY CEREMONY"
        yield ""
        yield from (
            f"{name:{_WIDTH}}{value}"
            for name, value in (
                ("what", self.title),
                ("world", self.world.upper()),
                ("when", self.at.isoformat(timespec="seconds")),
                ("authority", self.authority),
                ("keys", self.keys),
                ("previous", previous or "none: this is the first protocol"),
            )
        )
        yield from ("", "done")
        yield from (f"  {number}. {step}" for number, step in enumerate(self.steps, 1))
        for certificate in self.certificates:
            yield from _described(certificate)
        yield from ("", "files (SHA-256)")
        yield from (f"  {path.name}: {_digest(path)}" for path in self.files)
        yield from ("", "seen by")
        for name in self.witnesses or ("(nobody was named)",):
            yield from (f"  {name}", f"  {'_' * 40}")

    def store(self, directory: Path) -> Path:
        """Writes the protocol beside the others; its name sorts by number."""
        folder = directory / PROTOCOLS
        folder.mkdir(exist_ok=True)
        earlier = sorted(folder.glob("*.txt"))
        previous = _digest(earlier[-1]) if earlier else ""
        path = folder / f"{len(earlier) + 1:04}-{self.title.split()[0].lower()}.txt"
        path.write_text(self.render(previous), encoding="utf-8")
        return path


def broken_protocol(directory: Path) -> Path | None:
    """The first protocol that does not name the digest of the one before it; None when the row is whole."""
    previous = ""
    for number, path in enumerate(sorted((directory / PROTOCOLS).glob("*.txt")), 1):
        wanted = f"{'previous':{_WIDTH}}{previous or 'none: this is the first protocol'}"
        if wanted not in path.read_text(encoding="utf-8").splitlines() or not path.name.startswith(
            f"{number:04}-"
        ):
            return path
        previous = _digest(path)
    return None


def _described(certificate: Certificate) -> Iterator[str]:
    _, last = certificate.private_key_usage or (None, None)
    grouped = " ".join(certificate.fingerprint[at : at + 8] for at in range(0, 64, 8))
    yield from ("", "certificate")
    yield f"  subject     {certificate.subject}"
    yield f"  issuer      {certificate.issuer}"
    yield f"  serial      {certificate.serial:x}"
    yield f"  SHA-256     {grouped}"
    if last:
        yield f"  key until   {last.date().isoformat()}"
    yield f"  valid until {certificate.not_after.date().isoformat()}"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
