"""The MRZ decoder: what is printed comes back, its probabilities are exact, doubt is not certain."""

import datetime as dt
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from card_io.lds.mrz_layout import FORMS, SHAPES, check_digit, check_rules, longest_overflow
from kiosk.capture.bench.dice import Dice
from kiosk.capture.bench.texts import compose, key_fields
from kiosk.capture.mrz.decode import combine, decode, decode_any
from kiosk.capture.mrz.decode_accept import plausible
from kiosk.capture.mrz.decode_forms import variant
from kiosk.capture.mrz.decode_zone import Zone
from kiosk.capture.mrz.reading import SYMBOLS, Decoded, LogProbabilities

SURE = 1 - 1e-9
TODAY = dt.date(2026, 11, 22)
SPECIMENS = (  # Doc 9303-4 to -7 samples and forms that break rules on purpose; all digits agree
    ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"),
    ("I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"),
    ("I<UTOD23145890<7349<<<<<<<<<<<", "3407127M9507122UTO<<<<<<<<<<<2", "STEVENSON<<PETER<JOHN<<<<<<<<<"),
    ("I<UTOSTEVENSON<<PETER<JOHN<<<<<<<<<<", "D23145890<UTO3407127M95071227349<<<8"),
    ("V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C<3UTO6908061F9406236ZE184226B<<<<<<<"),
    ("IDFRALOISEAU<<<<<<<<<<<<<<<<<<<<<<<<", "970675K002774HERVE<<DJAMEL<7303216M4"),
    ("PNRUSIVANOV<<PETR<8KOVLEVI3<<<<<<<<<<<<<<<<<", "4500123456RUS7303217M<<<<<<<2150101770001<66"),
    ("P<D<<MUSTER<<ERIKA<<<<<<<<<<<<<<<<<<<<<<<<<<", "C01X00T478D<<6408125F2702283<<<<<<<<<<<<<<<4"),
)


def _lattice() -> Any:
    path = Path(__file__).with_name("lattice.py")
    spec = importlib.util.spec_from_file_location("lattice", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


lattice = _lattice()


def doubtful(
    lines: tuple[str, ...], cells: dict[tuple[int, int], str], best: float = 0.5
) -> LogProbabilities:
    """Clear scores but for `cells`: each has its own symbol at `best`, the given ones share the rest."""
    scores: LogProbabilities = lattice.clear(lines, SURE)
    for (row, column), symbols in cells.items():
        chances = np.full(37, 1e-11)
        for symbol in symbols:
            chances[SYMBOLS.index(symbol)] += (1 - best) / len(symbols)
        chances[SYMBOLS.index(lines[row][column])] += best
        scores[row, column] = np.log(chances / chances.sum())
    return scores


def read(scores: LogProbabilities) -> Decoded:
    found = decode(scores, TODAY)
    assert found is not None
    return found


@pytest.mark.parametrize("lines", SPECIMENS)
def test_clear_specimens_come_back(lines: tuple[str, ...]) -> None:
    found = read(lattice.clear(lines))
    assert found.lines == lines
    assert found.confidence > 0.9
    assert all(value > 0.95 for row in found.characters for value in row)


@pytest.mark.parametrize("form", FORMS)
def test_clear_zones_come_back_with_their_form(form: str) -> None:
    for index in range(12):
        lines = compose(Dice("decode", index), form).lines
        found = read(lattice.clear(lines))
        assert (found.lines, found.form) == (lines, form)
        assert all(value.agrees for name, value in found.fields.items() if name not in found.unchecked)
        assert len(found.alternatives) <= 5
        assert 1 <= len(found.keys) <= 6
        assert found.keys[0].probability >= found.key_confidence - 1e-6


@pytest.mark.parametrize("form", FORMS)
def test_a_misprinted_digit_is_returned_as_printed_and_repaired_beside_it(form: str) -> None:
    for index in range(12):
        printed = compose(Dice("misprint", index), form, misprint=True)
        found = read(lattice.clear(printed.lines, SURE))
        assert found.lines == printed.lines
        if form == "TD1" and printed.lines[0][14] == "<":
            continue  # a long number's digit stands elsewhere
        rules = {rule.name: rule for rule in check_rules(form)}
        wrong = [name for name, rule in rules.items() if not rule.agrees(found.lines)]
        assert all(not found.fields[name].agrees for name in wrong if name != "composite")
        whole = [other for other in found.alternatives if all(r.agrees(other.lines) for r in rules.values())]
        assert whole
        assert whole[0].probability < found.confidence


def test_a_print_whose_digits_are_all_wrong_is_returned() -> None:
    first, second = SPECIMENS[0]
    wrong = "".join("3" if place in (9, 19, 27, 42, 43) else second[place] for place in range(44))
    found = read(lattice.clear((first, wrong), SURE))
    assert found.lines == (first, wrong)
    assert not found.certain


def test_a_check_digit_that_was_never_printed_stays_a_filler() -> None:
    first, second, third = SPECIMENS[1]
    missing = (first[:14] + "<" + first[15:], second, third)
    assert read(lattice.clear(missing, SURE)).lines == missing


def test_a_smudged_cell_is_settled_by_its_check_digit() -> None:
    lines = SPECIMENS[0]
    scores = doubtful(lines, {(1, 1): "3"}, best=0.2)  # the 8 of L898902C looks like a 3
    assert lattice.plain(scores) != lines
    found = read(scores)
    assert found.lines == lines
    assert found.fields["document_number"].agrees
    assert found.characters[1][1] > 0.99


def test_a_wrong_digit_that_is_hardly_seen_is_not_believed() -> None:
    lines = SPECIMENS[0]
    wrong = (lines[0], lines[1][:9] + "5" + lines[1][10:])  # printed 6
    assert read(doubtful(wrong, {(1, 9): "6"}, best=0.6)).lines == lines


@pytest.mark.parametrize("form", FORMS)
def test_sums_are_what_counting_gives(form: str) -> None:
    """Three doubtful cells leave few texts: their probabilities, counted, are the exact ones."""
    for index in range(4):
        dice = Dice("count", index)
        lines = compose(dice, form).lines
        cells = {(row, dice.whole(6, SHAPES[form][1] - 1)): "0O<" for row in range(len(lines))}
        cells |= {(1, 3): "17", (1, 9): "25"}
        _compare(doubtful(lines, cells), form)


def _compare(scores: LogProbabilities, form: str) -> None:
    seen = np.exp(scores.astype(np.float64)).reshape(-1, 37)
    for overflow in range(min(3, longest_overflow(form) + 1)):
        zone = Zone(variant(form, None, overflow), seen)
        listed = zone.zones()
        chances = np.exp(listed.score - zone.log_mass)
        if zone.log_mass < -120:  # this layout does not fit at all
            continue
        assert chances.sum() == pytest.approx(1.0, abs=2e-3)
        best = listed.symbols[0]
        counted = ((listed.symbols == best) * chances[:, None]).sum(axis=0)
        assert zone.characters(best) == pytest.approx(counted, abs=2e-3)
        key = (listed.symbols[:, zone.key_cells()] == best[zone.key_cells()]).all(axis=1)
        assert zone.key(best, printed=True) == pytest.approx(chances[key].sum(), abs=2e-3)


def test_empty_personal_numbers_and_dates_may_have_a_filler_digit() -> None:
    for digit in "0<":
        second = SPECIMENS[7][1][:42] + digit + SPECIMENS[7][1][43]
        found = read(doubtful((SPECIMENS[7][0], second), {(1, 42): "0<", (1, 30): "K"}))
        assert found.lines == (SPECIMENS[7][0], second)
        assert found.fields["optional"].agrees
        _compare(doubtful((SPECIMENS[7][0], second), {(1, 42): "0<", (1, 30): "K", (1, 43): "4"}), "TD3")


def test_long_numbers_are_keys_with_their_overflow() -> None:
    for lines in SPECIMENS[2:4]:
        found = read(lattice.clear(lines))
        assert found.keys[0].number == "D23145890734"
        assert found.fields["document_number"].agrees


def _cancelling(best: float) -> LogProbabilities:
    """A number printed 070070071 with two of its zeros looking like O; 24 * 7 + 24 * 3 is 0 modulo 10."""
    lines = ("P<HRVSPECIMEN<<SPECIMEN<<<<<<<<<<<<<<<<<<<<<", "0070070071HRV8212258F1407019<<<<<<<<<<<<<<06")
    looks = (lines[0], "OO7" + lines[1][3:])
    for text in (lines, looks):
        assert check_digit(text[1][:9]) == "1"
    return doubtful(looks, {(1, 0): "0", (1, 1): "0"}, best=best)


@pytest.mark.parametrize("best", [1 - 1e-9, 0.999, 0.97, 0.5, 0.1, 0.03, 0.01, 0.005])
def test_two_confusions_that_cancel_are_never_certain(best: float) -> None:
    found = read(_cancelling(best))
    assert not found.certain
    if best < 0.9:
        assert found.keys[0].number == "007007007"


def test_clear_zeros_may_be_certain() -> None:
    found = read(_cancelling(1e-5))
    assert found.lines[1].startswith("0070070071")
    assert found.certain


def test_what_check_digits_alone_decide_is_not_certain() -> None:
    lines = SPECIMENS[7]
    hidden = read(doubtful(lines, {(1, 1): "123456789"}, best=0.1))
    assert hidden.lines == lines
    assert not hidden.certain


@pytest.mark.parametrize(("level", "least"), [(0.1, 0.85), (0.2, 0.6), (0.3, 0.25)])
def test_noise_is_read_better_than_cell_by_cell(level: float, least: float) -> None:
    exact = plain = 0
    for index in range(48):
        dice = Dice("noise", index)
        lines = compose(dice, FORMS[index % 6], misprint=dice.chance(0.05)).lines
        scores = lattice.noisy(dice, lines, level)
        found = decode_any(scores, TODAY)
        exact += found.lines == lines
        plain += lattice.plain(scores) == lines
        assert not (found.certain and key_fields(found.lines) != key_fields(lines))
    assert exact >= plain
    assert exact >= least * 48


def _text(shape: tuple[int, int], alphabet: str, seed: int) -> LogProbabilities:
    dice = Dice("junk", seed)
    lines = tuple(dice.letters(alphabet, shape[1]) for _ in range(shape[0]))
    return np.asarray(lattice.clear(lines), np.float32)


@pytest.mark.parametrize("shape", [(3, 30), (2, 36), (2, 44)])
@pytest.mark.parametrize(
    "alphabet", ["0123456789", "0123456789<", SYMBOLS, SYMBOLS[10:], "<", "P<", "ABC0123456789"]
)
def test_other_text_is_no_zone(shape: tuple[int, int], alphabet: str) -> None:
    for seed in range(5):
        assert decode(_text(shape, alphabet, seed)) is None
    assert decode(np.full((*shape, 37), -np.log(37), np.float32)) is None


@pytest.mark.parametrize("lines", SPECIMENS)
def test_other_cuts_of_a_zone_are_no_zone(lines: tuple[str, ...]) -> None:
    assert plausible(lattice.clear(lines))
    assert not plausible(lattice.clear(lines[::-1]))
    assert not plausible(lattice.clear(tuple(line[::-1] for line in lines)))


@pytest.mark.parametrize("shape", [(2, 30, 37), (3, 36, 37), (2, 44, 36), (2, 44), (0, 0, 37)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="3 x 30, 2 x 36 or 2 x 44"):
        decode(np.zeros(shape, np.float32))


@settings(max_examples=60, deadline=None)
@given(
    shape=st.sampled_from([(3, 30), (2, 36), (2, 44)]),
    data=st.data(),
    scale=st.sampled_from([0.0, 1.0, 50.0, 1e10]),
    seed=st.integers(0, 1000),
)
def test_any_finite_scores_are_decoded(shape: tuple[int, int], data: Any, scale: float, seed: int) -> None:
    finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
    scores = data.draw(arrays.arrays(np.float32, (*shape, 37), elements=finite, fill=st.just(0.0)))
    noise = np.random.default_rng(seed).standard_normal((*shape, 37)) * scale
    mixed = np.clip(scores.astype(np.float64) + noise, -3e38, 3e38).astype(np.float32)
    decode(mixed, TODAY)
    found = decode_any(mixed)
    assert tuple(map(len, found.lines)) == (shape[1],) * shape[0]
    values = [value for row in found.characters for value in row]
    values += [found.confidence, found.key_confidence]
    values += [other.probability for other in found.alternatives] + [key.probability for key in found.keys]
    values += [field.confidence for field in found.fields.values()]
    assert all(0.0 <= value <= 1.0 for value in values)


def test_a_vote_over_frames_beats_each_and_survives_a_broken_one() -> None:
    dice = Dice("vote", 3)
    lines = compose(dice, "TD3").lines
    frames = [lattice.noisy(dice, lines, 0.3) for _ in range(5)]
    broken = lattice.clear(tuple(line[1:] + "<" for line in lines), SURE)
    voted = combine([*frames, broken])
    assert np.exp(voted).sum(axis=2) == pytest.approx(1.0, abs=1e-4)
    assert read(voted).lines == lines
    assert sum(lattice.plain(frame) == lines for frame in frames) == 0


def test_one_frame_alone_is_left_as_it_is() -> None:
    scores = lattice.clear(SPECIMENS[0])
    assert combine([scores]) is scores


def test_frames_of_different_shapes_or_none_are_refused() -> None:
    for frames in ([], [lattice.clear(SPECIMENS[0]), lattice.clear(SPECIMENS[1])]):
        with pytest.raises(ValueError, match="at least one"):
            combine(frames)


def test_a_blurred_code_takes_the_other_field_of_the_zone() -> None:
    lines = SPECIMENS[0]
    scores = doubtful(lines, {(1, 10 + place): SYMBOLS[10:36] for place in range(3)}, best=0.04)
    assert read(scores).lines == lines
