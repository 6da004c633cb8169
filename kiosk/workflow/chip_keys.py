"""Opening a chip with more than one reading of the zone, without locking it.

At most MAX_KEYS keys are tried, likeliest first, each on a freshly reset chip, the next one only after the
chip refused the one before it and nothing else went wrong. A chip that counts is never driven to its last try
(the status 63Cx of TR-03110-3 B.14); DG1, once read, is the final word.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from threading import Event as CancelEvent

from card_io.emrtd.access import AccessKey
from card_io.emrtd.files import BlockSize
from card_io.emrtd.reader import Progress, ReadResult, read_document
from card_io.errors import AccessDenied, MalformedCardData
from card_io.lds.mrz import NUMBER_SHOWN, Mrz, access_information
from kiosk.ports import CardSlot, KeyCandidate, RandomBytes

MAX_KEYS = 3
LAST_TRY = 1  # tries left that are not spent on a guess


@dataclass(frozen=True)
class ChipRead:
    """What came of the last key tried, and how many keys the chip refused before it."""

    result: ReadResult
    refused: int


def key_texts(candidates: Iterable[KeyCandidate]) -> tuple[str, ...]:
    """MRZ_information (Doc 9303-11 9.7.2) of every candidate that can have one, in their order."""
    texts = []
    for candidate in candidates:
        try:
            number = candidate.number.rstrip("<")
            texts.append(access_information(number, candidate.birth, candidate.expiry).decode("ascii"))
        except MalformedCardData:
            continue
    return tuple(dict.fromkeys(texts))


def keys_of(mrz: Mrz, texts: Sequence[str]) -> tuple[AccessKey, ...]:
    """The keys to try: the candidates, among them what is printed; first of all if it is not one of them.

    After the first comes, for a number longer than its field, the key of a chip that knows the nine
    characters in the field alone: some were personalised that way.
    """
    printed = mrz.access_information().decode("ascii")
    ordered = list(texts if printed in texts else (printed, *texts))
    if len(mrz.document_number) > NUMBER_SHOWN:
        shown = access_information(mrz.document_number[:NUMBER_SHOWN], mrz.birth, mrz.expiry)
        ordered.insert(1, shown.decode("ascii"))
    return tuple(AccessKey(mrz_information=text.encode("ascii")) for text in ordered[:MAX_KEYS])


def read_with(
    slot: CardSlot,
    keys: Sequence[AccessKey],
    *,
    random: RandomBytes,
    on_progress: Callable[[Progress], None],
    cancel: CancelEvent | None,
    clock: Callable[[], float] = time.monotonic,
) -> ChipRead:
    """Read the document in `slot` with the first key that opens it; `keys` is not empty.

    What one try taught about the chip is kept for the next. `clock` times the steps, in seconds.
    """
    refused = 0
    block: BlockSize | None = None
    while True:
        with slot.connect() as link:
            result = read_document(
                link,
                keys[refused],
                random=random,
                on_progress=on_progress,
                cancel=cancel,
                block=block,
                clock=clock,
            )
        block = result.block
        if refused + 1 >= len(keys) or not may_try_again(result):
            return ChipRead(result, refused)
        refused += 1


def may_try_again(result: ReadResult) -> bool:
    """Whether the chip plainly refused the key, and more than its last try is left."""
    if not isinstance(result.problem, AccessDenied):
        return False
    told: BaseException | None = result.problem  # PACE's refusal is raised from that of BAC, if both failed
    while told is not None:
        if isinstance(told, AccessDenied) and told.tries_left is not None and told.tries_left <= LAST_TRY:
            return False
        told = told.__cause__
    return True
