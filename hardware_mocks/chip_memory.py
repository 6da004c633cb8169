"""The non-volatile memory of a simulated chip, and how it reaches the disk.

A CardImage is one immutable value; every change is a new value, saved whole before the chip answers, so a
power cut leaves either the old card or the new one. The JSON file is for testers to read and keep; it holds
the card's secrets, hence mode 0600.
"""

import hashlib
import hmac
import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from hardware_mocks.chip_authentication import ChipKey
from hardware_mocks.chip_behaviour import IDEAL, Behaviour

FORMAT = 1
Kind = Literal["passport", "blank", "issued"]
LifeCycle = Literal["creation", "operational", "terminated"]
KINDS = ("passport", "blank", "issued")
# Life cycle status byte as reported in tag 8A of the FCP (personalisation profile "iso7816").
LIFE_CYCLE_BYTE: Mapping[str, int] = {"creation": 0x01, "operational": 0x05, "terminated": 0x0F}
_FILE_NAME = re.compile(r"(mf|app)/[0-9A-F]{4}")
MRZ_PASSWORD_LENGTH = 20
AA_HASHES = (None, "sha1", "sha224", "sha256", "sha384", "sha512")
DEFAULT_CAPACITY = 81920  # octets of EF bodies; an 80 kB eMRTD chip


class ImageError(ValueError):
    """The file is not a card image of this simulator."""


@dataclass(frozen=True)
class CardImage:
    """Everything a chip remembers without power.

    files: 'mf/011C' or 'app/0101' to the EF body (full size); sfis: short identifiers given at creation.
    mrz_password is SHA-1(MRZ_information), 20 octets; aa_key is a PKCS#8 DER private key (EC or RSA).
    ca_keys serve Chip Authentication, cam_keys PACE with chip authentication mapping.
    rng_seed, when set, makes the randomness a deterministic stream whose position rng_counter persists.
    ImageError for values no chip can hold.
    """

    kind: Kind
    cplc: bytes
    files: Mapping[str, bytes] = field(default_factory=dict)
    sfis: Mapping[str, int] = field(default_factory=dict)
    life_cycle: LifeCycle = "creation"
    mrz_password: bytes | None = field(default=None, repr=False)
    can: str | None = field(default=None, repr=False)
    pace: bool = True
    bac: bool = False
    aa_key: bytes | None = field(default=None, repr=False)
    aa_hash: str | None = None
    capacity: int = DEFAULT_CAPACITY
    rng_seed: bytes | None = field(default=None, repr=False)
    rng_counter: int = 0
    ca_keys: tuple[ChipKey, ...] = ()
    cam_keys: tuple[ChipKey, ...] = ()
    behaviour: Behaviour = IDEAL

    def __post_init__(self) -> None:
        _check(self)

    @property
    def serial(self) -> str:
        """Chip serial: CPLC IC fabricator, IC serial number, IC batch id; 16 upper-case hex digits."""
        return (self.cplc[0:2] + self.cplc[12:16] + self.cplc[16:18]).hex().upper()

    def to_json(self) -> str:
        value = {
            "format": FORMAT,
            "kind": self.kind,
            "serial": self.serial,
            "cplc": self.cplc.hex().upper(),
            "life_cycle": self.life_cycle,
            "capacity": self.capacity,
            "access": {"pace": self.pace, "bac": self.bac},
            "secrets": {"mrz_password": _hex(self.mrz_password), "can": self.can},
            "aa_key": _hex(self.aa_key),
            "aa_hash": self.aa_hash,
            "rng_seed": _hex(self.rng_seed),
            "rng_counter": self.rng_counter,
            "sfis": dict(self.sfis),
            "files": {name: content.hex().upper() for name, content in self.files.items()},
        }
        return json.dumps(value | self._additions(), indent=1) + "\n"

    def _additions(self) -> dict[str, Any]:
        """What older images do not have, where this card has it."""
        value = {
            "ca_keys": [key.to_mapping() for key in self.ca_keys],
            "cam_keys": [key.to_mapping() for key in self.cam_keys],
            "behaviour": self.behaviour.to_mapping(),
        }
        return {name: content for name, content in value.items() if content}

    @classmethod
    def from_json(cls, text: str) -> "CardImage":
        """The image written by to_json; ImageError for anything else."""
        try:
            return _from_dict(json.loads(text))
        except ImageError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise ImageError(f"not a card image: {type(error).__name__}: {error}") from error

    def save(self, path: Path) -> None:
        """Replace the file at once and durably: temporary file, fsync, rename, fsync of the folder."""
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(self.to_json())
                stream.flush()
                os.fsync(stream.fileno())
            Path(temporary).replace(path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)

    @classmethod
    def load(cls, path: Path) -> "CardImage":
        """Read an image; ImageError when it is none, OSError when it cannot be read."""
        return cls.from_json(path.read_bytes().decode("utf-8", "replace"))


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex().upper()


def _unhex(value: str | None) -> bytes | None:
    return None if value is None else bytes.fromhex(value)


def _one_of(value: str, allowed: tuple[str, ...]) -> Any:
    if value not in allowed:
        raise ImageError(f"unknown word {value!r}")
    return value


def _from_dict(value: dict[str, Any]) -> CardImage:
    if value["format"] != FORMAT:
        raise ImageError(f"format {value['format']!r} is not {FORMAT}")
    return CardImage(
        kind=_one_of(value["kind"], KINDS),
        cplc=bytes.fromhex(value["cplc"]),
        files={str(name): bytes.fromhex(content) for name, content in value["files"].items()},
        sfis={str(name): int(sfi) for name, sfi in value["sfis"].items()},
        life_cycle=_one_of(value["life_cycle"], tuple(LIFE_CYCLE_BYTE)),
        mrz_password=_unhex(value["secrets"]["mrz_password"]),
        can=value["secrets"]["can"],
        pace=bool(value["access"]["pace"]),
        bac=bool(value["access"]["bac"]),
        aa_key=_unhex(value["aa_key"]),
        aa_hash=value["aa_hash"],
        capacity=int(value["capacity"]),
        rng_seed=_unhex(value["rng_seed"]),
        rng_counter=int(value["rng_counter"]),
        ca_keys=tuple(ChipKey.from_mapping(key) for key in value.get("ca_keys", ())),
        cam_keys=tuple(ChipKey.from_mapping(key) for key in value.get("cam_keys", ())),
        behaviour=Behaviour.from_mapping(value.get("behaviour", {})),
    )


def _check(image: CardImage) -> None:
    if len(image.cplc) != 42:
        raise ImageError("CPLC is not 42 octets")
    if image.mrz_password is not None and len(image.mrz_password) != MRZ_PASSWORD_LENGTH:
        raise ImageError("the MRZ password is not 20 octets")
    if image.can is not None and not (isinstance(image.can, str) and image.can.isascii()):
        raise ImageError("the CAN is not ASCII text")
    if image.aa_hash not in AA_HASHES:
        raise ImageError(f"unknown hash {image.aa_hash!r}")
    if image.rng_counter < 0:
        raise ImageError("rng_counter is negative")
    if not all(_FILE_NAME.fullmatch(name) for name in (*image.files, *image.sfis)):
        raise ImageError("a file name is not mf/XXXX or app/XXXX")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def cplc(serial: int, *, fabricator: int = 0x4790, batch: int = 0x0001) -> bytes:
    """42 octets of card production life cycle data for a chip serial number (below 2**32)."""
    ic = fabricator.to_bytes(2, "big") + bytes.fromhex("5168") + bytes.fromhex("479100000000")
    ic += bytes.fromhex("6001") + serial.to_bytes(4, "big") + batch.to_bytes(2, "big")
    return ic + bytes(42 - len(ic))


def seeded(image: CardImage, seed: bytes) -> CardImage:
    """The image with reproducible randomness from seed, from its first draw."""
    return replace(image, rng_seed=seed, rng_counter=0)


class SeededRandom:
    """Deterministic random source: draw number i is HMAC-SHA-256(seed, i ‖ block), cut to size."""

    def __init__(self, seed: bytes, counter: int) -> None:
        self._seed = seed
        self.counter = counter

    def __call__(self, size: int) -> bytes:
        prefix = self.counter.to_bytes(8, "big")
        self.counter += 1
        blocks = [
            hmac.new(self._seed, prefix + index.to_bytes(4, "big"), hashlib.sha256).digest()
            for index in range(-(-size // 32))
        ]
        return b"".join(blocks)[:size]
