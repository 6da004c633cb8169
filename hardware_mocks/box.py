"""What lies where at the simulated desk, on disk: blanks, the card in the encoder, the passport.

`box.json` is written, durably, before anything moves, so that a desk opened after a kill finds the
same cards in the same readers. Serial numbers of blanks follow from the seed that the home began
with; when a box is used up the next one is opened.
"""

import hashlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from hardware_mocks.chip import CardImage, blank_image
from hardware_mocks.durable import read_json, write_json
from kiosk.errors import ErrorCode, KioskError


@dataclass(frozen=True)
class BoxState:
    """`drawn` blanks have left the boxes, the last of them may be in the encoder (`encoder` holds
    its serial). `presented` numbers the traveller whose passport lies on the reader, -1: nobody."""

    seed: str
    size: int
    boxes: int = 1
    drawn: int = 0
    encoder: str = ""
    presented: int = -1
    boots: int = 0


class Box:
    """The state in HOME/sim/box.json and the cards' memory files in HOME/sim/cards."""

    def __init__(self, directory: Path, seed: str, size: int) -> None:
        """Open what is there or begin anew. HOME_DAMAGED when the file is not ours."""
        self._path = directory / "box.json"
        self._cards = directory / "cards"
        self._cards.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            stored = read_json(self._path)
            state = BoxState(seed, size) if stored is None else BoxState(**stored)
        except (ValueError, TypeError) as error:
            raise KioskError(ErrorCode.HOME_DAMAGED, "sim/box.json") from error
        if state.drawn >= state.boxes * state.size and not state.encoder:
            state = replace(state, boxes=state.boxes + 1)
        self.state = state
        self._save(replace(state, boots=state.boots + 1))

    def serials(self) -> tuple[str, ...]:
        """The manifest: every blank of every box so far."""
        return tuple(self._blank(k).serial for k in range(self.state.boxes * self.state.size))

    def path(self, serial: str) -> Path:
        return self._cards / f"blank-{serial}.json"

    def draw(self) -> str:
        """The serial of the card in the encoder, or of the next blank that goes there."""
        state = self.state
        if state.encoder:
            return state.encoder
        if state.drawn >= state.boxes * state.size:
            raise KioskError(ErrorCode.BLANK_ABSENT, "the box is empty")
        blank = self._blank(state.drawn)
        if not self.path(blank.serial).exists():
            blank.save(self.path(blank.serial))
        self._save(replace(state, drawn=state.drawn + 1, encoder=blank.serial))
        return blank.serial

    def take_out(self) -> None:
        self._save(replace(self.state, encoder=""))

    def present(self, traveller: int) -> None:
        self._save(replace(self.state, presented=traveller))

    def _save(self, state: BoxState) -> None:
        write_json(self._path, asdict(state))
        self.state = state

    def _blank(self, index: int) -> CardImage:
        digest = hashlib.sha256(f"shekara blank/{self.state.seed}/{index}".encode()).digest()
        # The index in the low bits keeps serials apart whatever the digest is.
        serial = int.from_bytes(digest[:2], "big") << 16 | (index & 0xFFFF)
        return blank_image(serial, rng_seed=digest)
