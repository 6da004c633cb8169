"""The pool of drawn pages that samples are cut from; drawn once by several processes and kept in a file."""

import pickle
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2

from kiosk.capture.mrz.reading import Gray
from kiosk.capture.mrz.training.paper import Sheet, empty, sheet

Pool = tuple[list[Sheet], list[Gray]]


def load_or_draw(
    path: Path, seed: int, sheets: int, empties: int, workers: int, say: Callable[[str], None]
) -> Pool:
    """The pool kept at `path`, or a new one. Only files written by this function are ever read."""
    if path.is_file():
        with path.open("rb") as file:
            pool: Pool = pickle.load(file)  # noqa: S301 -- our own working file, named by the trainer
        return pool
    if workers == 1:
        drawn, blank = (
            [sheet(seed, index) for index in range(sheets)],
            [empty(seed, index) for index in range(empties)],
        )
        return _kept(path, drawn, blank)
    with get_context("fork").Pool(workers, initializer=cv2.setNumThreads, initargs=(1,)) as processes:
        drawn = []
        for number, page in enumerate(processes.imap(partial(sheet, seed), range(sheets), 8), 1):
            drawn.append(page)
            if number % 200 == 0:
                say(f"{number} of {sheets} pages drawn")
        blank = list(processes.imap(partial(empty, seed), range(empties), 8))
    return _kept(path, drawn, blank)


def _kept(path: Path, drawn: list[Sheet], blank: list[Gray]) -> Pool:
    with path.open("wb") as file:
        pickle.dump((drawn, blank), file, protocol=pickle.HIGHEST_PROTOCOL)
    return drawn, blank
