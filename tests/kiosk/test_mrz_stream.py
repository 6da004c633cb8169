"""The vote over frames and what is said until it is done; time is the frames' own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from kiosk.capture.mrz import decode as shipped
from kiosk.capture.mrz.reading import (
    SYMBOLS,
    Candidate,
    Decoded,
    FieldReading,
    Gray,
    Grid,
    KeyCandidate,
    LogProbabilities,
    Missed,
    Reading,
)
from kiosk.capture.mrz.stream import Delivered, StreamReader
from kiosk.capture.mrz.vote import Judge, by_scores, same_zone
from kiosk.ports import Guidance, Hint

LINES = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
OTHER = ("P<UTOSVENSSON<<BO<KARL<<<<<<<<<<<<<<<<<<<<<<", "X123456784UTO8001014M3001012<<<<<<<<<<<<<<08")
PICTURE: Gray = np.full((96, 128), 90, np.uint8)
GRID = Grid(np.array([[2.5, 0, 10], [0, 6, 70], [0, 0, 1.0]]), 44, 2, 2.5)
Cell = tuple[int, int]


def scores_of(lines: Sequence[str], sure: float, wrong: dict[Cell, tuple[str, float]]) -> LogProbabilities:
    """Every printed character with probability `sure`; at the cells of `wrong` another one has its own."""
    rest = (1 - sure) / (len(SYMBOLS) - 1)
    values: NDArray[np.float64] = np.full((len(lines), len(lines[0]), len(SYMBOLS)), rest)
    for row, line in enumerate(lines):
        for column, character in enumerate(line):
            values[row, column, SYMBOLS.index(character)] = sure
    for (row, column), (character, share) in wrong.items():
        values[row, column] = (1 - share) * 0.1 / (len(SYMBOLS) - 2)
        values[row, column, SYMBOLS.index(lines[row][column])] = (1 - share) * 0.9
        values[row, column, SYMBOLS.index(character)] = share
    return np.log(values).astype(np.float32)


def combine(scores: Sequence[LogProbabilities]) -> LogProbabilities:
    total = np.sum(scores, axis=0)
    total -= np.log(np.exp(total - total.max(axis=2, keepdims=True)).sum(axis=2, keepdims=True))
    return np.asarray(total - total.max(axis=2, keepdims=True) * 1.0, np.float32)


@dataclass(frozen=True)
class Seen:
    """Details of which only the characters are known."""

    shares: tuple[tuple[float, ...], ...]

    def characters(self) -> tuple[tuple[float, ...], ...]:
        return self.shares

    def fields(self) -> dict[str, FieldReading]:
        return {}

    def alternatives(self) -> tuple[Candidate, ...]:
        return ()

    def keys(self) -> tuple[KeyCandidate, ...]:
        return ()


def decode(scores: LogProbabilities) -> Decoded:
    """The likeliest character of every cell; certain from a mean of 0.93 with none below 0.75."""
    share = np.exp(scores - scores.max(axis=2, keepdims=True))
    share /= share.sum(axis=2, keepdims=True)
    best = share.max(axis=2)
    lines = tuple("".join(SYMBOLS[i] for i in row) for row in share.argmax(axis=2))
    confidence = float(best.mean())
    return Decoded(
        lines=lines,
        form="TD3",
        confidence=confidence,
        key_confidence=confidence,
        certain=bool(confidence > 0.93 and best.min() > 0.75),
        unchecked=("name",),
        details=Seen(tuple(tuple(float(value) for value in row) for row in best)),
    )


def reading(
    lines: Sequence[str] = LINES,
    sure: float = 0.99,
    wrong: dict[Cell, tuple[str, float]] | None = None,
    shift: float = 0.0,
) -> Reading:
    scores = scores_of(lines, sure, wrong or {})
    move = np.array([[1, 0, shift], [0, 1, 0], [0, 0, 1.0]])
    return Reading(decode(scores), replace(GRID, matrix=move @ GRID.matrix), scores)


class Script:
    """A reader that gives what the test says, picture after picture."""

    def __init__(self, *answers: Reading | Missed) -> None:
        self.answers = list(answers)

    def read(self, gray: Gray) -> Reading | Missed:
        return self.answers.pop(0)


def run(
    *answers: Reading | Missed,
    judge: Judge | None = None,
    step: float = 0.05,
    pictures: Sequence[Gray] = (),
) -> list[Delivered | Guidance]:
    stream = StreamReader(Script(*answers), judge or by_scores(combine, decode))
    return [
        stream.push(pictures[number] if pictures else PICTURE + np.uint8(number % 2), step * (number + 1))
        for number in range(len(answers))
    ]


def test_different_mistakes_in_two_frames_give_the_right_text() -> None:
    one = reading(wrong={(0, 6): ("B", 0.55)})
    two = reading(wrong={(1, 3): ("O", 0.55), (1, 14): ("6", 0.5)})
    three = reading(wrong={(0, 20): ("N", 0.52)})
    assert LINES not in (one.lines, two.lines, three.lines)
    assert by_scores(combine, decode)((one, two, three)).lines == LINES


def test_the_shipped_decoder_votes_too() -> None:
    one = reading(wrong={(0, 6): ("B", 0.8)})
    two = reading(wrong={(1, 3): ("O", 0.8), (1, 14): ("6", 0.5)})
    voted = by_scores(shipped.combine, shipped.decode)((one, two))
    assert voted.lines == LINES
    assert voted.keys[0].number == "L898902C3"


def test_two_certain_frames_that_agree_are_not_added_up() -> None:
    def never(scores: LogProbabilities) -> Decoded:
        raise AssertionError(scores.shape)

    both = reading(), reading(sure=0.98)
    assert by_scores(combine, never)(both) is both[1].decoded


def test_a_sum_that_is_no_zone_is_never_certain() -> None:
    both = reading(wrong={(1, 3): ("O", 0.55)}), reading()
    said = by_scores(combine, lambda _scores: None)(both)
    assert said.lines == LINES
    assert both[1].decoded.certain
    assert not said.certain


def test_a_vote_becomes_certain_where_no_frame_is() -> None:
    one, two = reading(wrong={(0, 6): ("B", 0.55)}), reading(wrong={(1, 3): ("O", 0.55)})
    assert not one.decoded.certain
    assert not two.decoded.certain
    first, second = run(one, two)
    assert isinstance(first, Guidance)
    assert isinstance(second, Delivered)
    assert second.reading.lines == LINES
    assert second.reading.decoded.certain
    assert second.frames == 2


def test_one_certain_frame_is_not_enough() -> None:
    first, second = run(reading(), reading())
    assert isinstance(first, Guidance)
    assert first.hint is Hint.HOLD_STILL
    assert len(first.region) == 4
    assert isinstance(second, Delivered)


def test_a_changed_document_begins_another_vote() -> None:
    found = run(reading(), reading(OTHER), reading(OTHER))
    assert isinstance(found[1], Guidance)
    assert isinstance(found[2], Delivered)
    assert found[2].frames == 2
    assert found[2].reading.lines == OTHER


def test_a_gap_or_a_jump_begins_another_vote() -> None:
    gone = run(reading(), *[Missed(Hint.NO_DOCUMENT)] * 3, reading(), step=0.3)
    assert all(isinstance(answer, Guidance) for answer in gone)
    assert isinstance(run(reading(), Missed(Hint.GLARE), reading())[2], Delivered)
    busy = run(reading(), Missed(Hint.GLARE), reading(), step=1.5)
    assert isinstance(busy[2], Delivered)
    assert isinstance(run(reading(), reading(), step=20.0)[1], Guidance)
    jumped = run(reading(), reading(shift=90.0))
    assert isinstance(jumped[1], Guidance)
    moved = run(reading(), reading(shift=9.0))
    assert isinstance(moved[1], Delivered)


def test_misread_characters_do_not_make_another_document() -> None:
    sure_mistake = reading(wrong={(0, 6): ("B", 0.97), (1, 2): ("B", 0.97)})
    poor = reading(wrong={(0, column): ("X", 0.5) for column in range(20)})
    assert same_zone(reading(), sure_mistake)
    assert same_zone(reading(), poor)
    assert not same_zone(reading(), reading(OTHER))
    relative = ("P<UTOERIKSSON<<OLA<<<<<<<<<<<<<<<<<<<<<<<<<<", *LINES[1:])
    assert not same_zone(reading(), reading(relative))


def test_what_never_becomes_certain_is_delivered_with_its_doubts() -> None:
    poor = reading(wrong={(1, 4): ("0", 0.6), (0, 7): ("K", 0.6)})
    answers = run(*[poor] * 40, judge=lambda readings: readings[-1].decoded)
    delivered = next(answer for answer in answers if isinstance(answer, Delivered))
    assert not delivered.reading.decoded.certain
    assert delivered.reading.decoded.doubtful
    assert answers.index(delivered) * 0.05 == pytest.approx(0.8)


def test_text_that_keeps_changing_is_not_delivered_before_it_settles() -> None:
    one, two = reading(wrong={(1, 4): ("0", 0.6)}), reading(wrong={(0, 7): ("Z", 0.6)})
    answers = run(*[one, two] * 25, *[one] * 3, judge=lambda readings: readings[-1].decoded)
    assert all(isinstance(answer, Guidance) for answer in answers[:-1])
    assert isinstance(answers[-1], Delivered)


def test_open_names_are_waited_for_a_little() -> None:
    decoded = replace(reading().decoded, confidence=0.8)
    answers = run(*[reading()] * 20, judge=lambda readings: decoded)
    first = next(n for n, answer in enumerate(answers) if isinstance(answer, Delivered))
    assert first * 0.05 == pytest.approx(0.9)


def test_nothing_doubtful_is_delivered_while_the_page_moves() -> None:
    poor = reading(wrong={(1, 4): ("0", 0.6), (0, 7): ("K", 0.6)})
    pictures = [PICTURE + np.uint8(20 * (number % 4)) for number in range(60)]
    answers = run(*[poor] * 60, judge=lambda readings: readings[-1].decoded, pictures=pictures)
    assert all(isinstance(answer, Guidance) for answer in answers)


def test_a_camera_that_repeats_one_picture_proves_nothing() -> None:
    poor = reading(wrong={(1, 4): ("0", 0.6), (0, 7): ("K", 0.6)})
    answers = run(*[poor] * 60, judge=lambda readings: readings[-1].decoded, pictures=[PICTURE] * 60)
    assert all(isinstance(answer, Guidance) for answer in answers)


def test_late_pictures_are_dropped() -> None:
    script = Script(reading(), reading())
    stream = StreamReader(script, by_scores(combine, decode))
    before = stream.push(PICTURE, 1.0)
    assert stream.push(PICTURE, 0.9) == before
    assert len(script.answers) == 1


def test_hints_do_not_flicker() -> None:
    region = ((1.0, 1.0), (9.0, 1.0), (9.0, 3.0), (1.0, 3.0))
    far, glare = Missed(Hint.TOO_FAR, region), Missed(Hint.GLARE)
    answers = run(far, far, glare, far, glare, glare)
    hints = [answer.hint for answer in answers if isinstance(answer, Guidance)]
    assert hints == [
        Hint.NO_DOCUMENT, Hint.TOO_FAR, Hint.TOO_FAR, Hint.TOO_FAR, Hint.TOO_FAR, Hint.GLARE
    ]  # fmt: skip
    assert answers[1] == Guidance(Hint.TOO_FAR, region)


def test_what_moves_is_to_be_held_still_first() -> None:
    light: Gray = np.full((96, 128), 200, np.uint8)
    blurred = Missed(Hint.BLURRED)
    moving = run(*[blurred] * 3, pictures=(PICTURE, light, PICTURE))
    assert moving[-1] == Guidance(Hint.HOLD_STILL)
    assert run(*[blurred] * 3)[-1] == Guidance(Hint.BLURRED)


def test_restart_forgets_every_frame() -> None:
    stream = StreamReader(Script(reading(), reading(), reading()), by_scores(combine, decode))
    stream.push(PICTURE, 1.0)
    stream.restart()
    assert isinstance(stream.push(PICTURE, 1.05), Guidance)
    assert isinstance(stream.push(PICTURE, 1.1), Delivered)
