"""A zone read from a live stream: one vote over the frames of one document, guidance until it is done.

When a result is delivered:
- Never from one frame alone, however certain. A second frame costs a thirtieth of a second; it catches what
  calibration on independent pictures cannot promise away (a finger, a smear, a page still in motion).
- As soon as the vote of two or more frames is certain. Where the names are still open it waits a little.
- Not certain, with its doubtful characters marked, when the text no longer changes: after PATIENCE seconds,
  or sooner where every frame said the same for REPEATING seconds, because the picture will not get better.
  Never while the page moves, nor from a camera that repeats one picture.

Frames that come late or out of order are dropped: who holds the document cares about now.
"""

from collections import deque
from dataclasses import dataclass, replace
from typing import Protocol

from kiosk.capture.mrz.guidance import STILL, moved, small
from kiosk.capture.mrz.reading import Decoded, Gray, Missed, Reading
from kiosk.capture.mrz.vote import Judge, same_zone
from kiosk.ports import Corners, Guidance, Hint

MOST_FRAMES = 10  # that vote together; the oldest leaves
AGREEING = 2  # frames a certain result needs
WHOLE = 0.95  # confidence in all lines from which names count as read, too
NAMES_SECONDS = 0.9  # waited for the names, at most, once the key fields are certain
PATIENCE = 2.0  # seconds of readings after which the best is delivered as not certain
REPEATING = 0.8  # seconds of unchanged text after which more frames are of no use
STEADY_FRAMES = 3  # unchanged text, at least
FORGET = 0.7  # seconds without a reading and
GONE = 3  # pictures without one: the document was taken away
BUSY = 15.0  # seconds without a reading that are too long, however few pictures came
_MOVING = (Hint.BLURRED, Hint.GLARE, Hint.TILTED, Hint.UPSIDE_DOWN)


class PictureReader(Protocol):
    """Reads one picture."""

    def read(self, gray: Gray) -> Reading | Missed: ...


@dataclass(frozen=True, eq=False)
class Delivered:
    """The result of `frames` frames; `reading` has the vote's text and the newest frame's grid."""

    reading: Reading
    frames: int


class StreamReader:
    """Push frame after frame; a result ends one document. Not for several threads at once."""

    def __init__(self, reader: PictureReader, judge: Judge) -> None:
        self._reader = reader
        self._judge = judge
        self.restart()

    def restart(self) -> None:
        """Forget every frame."""
        self._votes: deque[Reading] = deque(maxlen=MOST_FRAMES)
        self._begun = self._last = self._unchanged_since = 0.0
        self._text: tuple[str, ...] = ()
        self._unchanged = 0
        self._missed = 0
        self._at = -1.0
        self._picture: Gray | None = None
        self._still = False
        self._shown = self._next = Guidance(Hint.NO_DOCUMENT)

    def push(self, gray: Gray, at: float) -> Delivered | Guidance:
        """A picture (height x width, 8 bit) taken at `at` seconds; times only ever grow."""
        if at <= self._at:
            return self._shown
        self._at = at
        picture = small(gray)
        change = moved(self._picture, picture)
        moving, self._still = change > STILL, 0 < change <= STILL
        self._picture = picture
        found = self._reader.read(gray)
        if isinstance(found, Missed):
            self._missed += 1
            return self._advise(_hint(found, moving=moving))
        decoded = self._count(found)
        if self._due(decoded):
            return self._deliver(found, decoded)
        self._shown = self._next = Guidance(Hint.HOLD_STILL, _corners(found))
        return self._shown

    def _count(self, found: Reading) -> Decoded:
        """Let the frame vote; a changed document begins another vote."""
        late = self._at - self._last > (FORGET if self._missed >= GONE else BUSY)
        if late or not self._votes or not same_zone(self._votes[-1], found):
            self._votes.clear()
            self._begun, self._text, self._unchanged = self._at, (), 0
        self._votes.append(found)
        self._last, self._missed = self._at, 0
        decoded = self._judge(tuple(self._votes))
        if decoded.lines != self._text:
            self._text, self._unchanged, self._unchanged_since = decoded.lines, 0, self._at
        self._unchanged += self._still
        return decoded

    def _due(self, decoded: Decoded) -> bool:
        waited = self._at - self._begun
        certain = decoded.certain and len(self._votes) >= AGREEING
        if certain and decoded.confidence >= WHOLE:
            return True
        if not self._still or self._unchanged < STEADY_FRAMES:
            return False
        if certain:
            return waited >= NAMES_SECONDS
        return waited >= PATIENCE or self._at - self._unchanged_since >= REPEATING

    def _deliver(self, found: Reading, decoded: Decoded) -> Delivered:
        delivered = Delivered(replace(found, decoded=decoded), len(self._votes))
        self.restart()
        return delivered

    def _advise(self, guidance: Guidance) -> Guidance:
        """A hint is shown when two frames in a row give it, so that words do not flicker."""
        if guidance.hint in (self._next.hint, self._shown.hint):
            self._shown = guidance
        self._next = guidance
        return self._shown


def _hint(missed: Missed, *, moving: bool) -> Guidance:
    """What is seen badly while it moves is first of all to be held still."""
    still = missed.hint not in _MOVING or not moving
    return Guidance(missed.hint if still else Hint.HOLD_STILL, missed.region)


def _corners(reading: Reading) -> Corners:
    return tuple((round(float(x), 1), round(float(y), 1)) for x, y in reading.grid.corners())
