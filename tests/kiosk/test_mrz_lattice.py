"""The zone's grid from noisy character centres: success per kind of fault, refusals, and any input at all."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.capture.mrz.lattice import Fit, fit
from kiosk.capture.mrz.lattice_plane import refine
from kiosk.capture.mrz.reading import Grid
from tests.kiosk.peaks import LINES, Block, Faults, block

FIT_WITHIN = 0.15  # pitches, every cell centre
HARD = Faults(jitter=0.08, turn=6.0, scale=0.25, perspective=1.3)
# Per condition: the least share with a right grid in first place, and among the hypotheses.
CONDITIONS: dict[str, tuple[Faults, float, float]] = {
    "clean": (Faults(), 0.99, 0.99),
    "geometry": (HARD, 0.99, 0.99),
    "missing": (replace(HARD, missing=0.25), 0.9, 0.95),
    "runs": (replace(HARD, missing=0.12, runs=2), 0.8, 0.95),
    "spurious": (replace(HARD, missing=0.1, spurious=0.2), 0.97, 0.98),
    "texts": (replace(HARD, missing=0.1, texts=3, similar=True), 0.97, 0.98),
    "frame": (replace(HARD, missing=0.1, frame=True), 0.8, 0.9),
    "double": (replace(HARD, missing=0.1, double=0.15), 0.97, 0.98),
    "bow": (replace(HARD, missing=0.1, bow=0.3), 0.97, 0.98),
}
EVERYTHING = replace(
    HARD, missing=0.15, runs=1, spurious=0.1, texts=2, similar=True, frame=True, double=0.05, bow=0.2
)


def is_right(found: Fit, truth: Block) -> bool:
    """Format right and all cell centres where they are."""
    if found.grid.columns != truth.columns:
        return False
    away = (found.centres() - truth.centres).reshape(-1, 2)
    return float(np.hypot(away[:, 0], away[:, 1]).max()) < FIT_WITHIN * truth.pitch


def rates(faults: Faults, count: int, seed: int, columns: int = 0) -> tuple[float, float]:
    """Shares of blocks with a right grid in first place, and among the hypotheses."""
    rng = np.random.default_rng(seed)
    first = some = 0
    for _ in range(count):
        truth = block(rng, faults, columns)
        right = [is_right(found, truth) for found in fit(truth.peaks, truth.size)]
        first += bool(right and right[0])
        some += any(right)
    return first / count, some / count


@pytest.mark.parametrize("name", CONDITIONS)
def test_fault_by_fault(name: str) -> None:
    faults, first, some = CONDITIONS[name]
    assert rates(faults, 60, seed=11) >= (first, some)


def test_all_faults_at_once() -> None:
    first, some = rates(EVERYTHING, 120, seed=12)
    assert first >= 0.7
    assert some >= 0.85


def test_a_lost_row_of_three_is_put_back() -> None:
    _, some = rates(replace(HARD, missing=0.1, lost_row=True), 60, seed=13, columns=30)
    assert some >= 0.85


@pytest.mark.parametrize("columns", LINES)
def test_a_block_cut_off_by_the_picture_gives_nothing(columns: int) -> None:
    rng = np.random.default_rng(columns)
    cuts = [block(rng, replace(HARD, missing=0.1, cut=int(rng.integers(1, 15))), columns) for _ in range(60)]
    assert sum(bool(fit(truth.peaks, truth.size)) for truth in cuts) <= 1


def test_part_of_a_longer_line_is_not_a_short_one() -> None:
    """Also without the picture's size: something stands beyond every end that 36 columns could have."""
    rng = np.random.default_rng(5)
    for _ in range(60):
        truth = block(rng, replace(HARD, missing=0.1, cut=int(rng.integers(3, 6))), 44)
        assert fit(truth.peaks) == []


def test_two_rows_of_thirty_are_no_format() -> None:
    rng = np.random.default_rng(6)
    for _ in range(30):
        truth = block(rng, replace(HARD, missing=0.1, lost_row=True), 30)
        assert all((found.grid.columns, found.grid.rows) == (30, 3) for found in fit(truth.peaks, truth.size))


def test_evidence_is_told() -> None:
    truth = block(np.random.default_rng(7), Faults(jitter=0.02), 36)
    best = fit(truth.peaks, truth.size)[0]
    assert best.found == 1.0
    assert best.outside == 0.0
    assert best.residual < 0.06
    assert best.score > 0.85
    assert best.grid.rows == 2
    assert 1.1 < best.grid.step < 2.7
    assert not best.offsets.any()


def test_a_bow_comes_back_as_offsets() -> None:
    truth = block(np.random.default_rng(8), Faults(jitter=0.02, bow=0.3), 44)
    best = fit(truth.peaks, truth.size)[0]
    assert best.offsets.shape == (2, 44, 2)
    assert np.ptp(best.offsets[0, :, 1]) > 0.1 * truth.pitch
    assert is_right(best, truth)


def test_random_points_and_other_text_give_next_to_nothing() -> None:
    rng = np.random.default_rng(9)
    worst = 0.0
    for _ in range(40):
        scatter = np.column_stack(
            (rng.uniform(0, 600, 200), rng.uniform(0, 120, 200), rng.uniform(0, 1, 200))
        )
        assert fit(scatter.astype(np.float32)) == []
        pitches = rng.uniform(0.6, 1.2, (3, 60)).cumsum(axis=1) * 10
        page = [np.column_stack((line, np.full(60, 22.0 * i), np.ones(60))) for i, line in enumerate(pitches)]
        worst = max([worst, *(found.score for found in fit(np.concatenate(page).astype(np.float32)))])
    assert worst < 0.4


def test_nothing_gives_nothing() -> None:
    assert fit(np.zeros((0, 3), np.float32)) == []
    assert fit(np.full((50, 3), np.nan, np.float32)) == []
    assert fit(np.ones((300, 3), np.float32)) == []


def test_hypotheses_are_few_and_in_order() -> None:
    rng = np.random.default_rng(10)
    for _ in range(40):
        truth = block(rng, EVERYTHING)
        scores = [found.score for found in fit(truth.peaks, truth.size)]
        assert len(scores) <= 3
        assert scores == sorted(scores, reverse=True)


finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
small = st.integers(0, 40).map(float)


def test_peaks_far_from_one_another_are_no_zone() -> None:
    assert fit(np.array([(0, 0, 0.5), (0, 3000, 0.5)], np.float32)) == []


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(finite | small, finite | small, finite), max_size=60))
def test_any_finite_input_is_survived(peaks: list[tuple[float, float, float]]) -> None:
    assert len(fit(np.array(peaks, np.float32).reshape(-1, 3))) <= 3


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(-0.01, 0.01), st.sampled_from((0.0, 1e-3, 1e4)))
def test_broken_lattices_are_survived(seed: int, keep: float, bend: float, worse: float) -> None:
    rng = np.random.default_rng(seed)
    peaks = block(rng, EVERYTHING).peaks.astype(np.float64)
    peaks = peaks[rng.random(len(peaks)) < keep]
    peaks[:, 1] += bend * (peaks[:, 0] - 200) ** 2
    peaks[: len(peaks) // 8, 0] *= worse
    for found in fit(peaks.astype(np.float32)):
        assert np.isfinite(found.centres()).all()
        assert 0 <= found.score <= 1


def _grids(seed: int) -> tuple[Grid, Grid]:
    """A true grid and one that is a little off."""
    rng = np.random.default_rng(seed)
    true = np.array(((12.0, 0.4, 300.0), (0.5, 22.0, 80.0), (1e-3, 1e-4, 1.0)))
    wrong = true * (1 + rng.normal(0, 4e-3, (3, 3)))
    wrong[2, 2] = 1.0
    return Grid(true, 36, 2, 1.8), Grid(wrong, 36, 2, 1.8)


def _cells(grid: Grid) -> np.ndarray:
    cells = np.stack(np.meshgrid(np.arange(grid.columns), np.arange(grid.rows)), axis=-1)
    return grid.points(cells.reshape(-1, 2).astype(float))


@pytest.mark.parametrize("seed", range(20))
def test_refining_moves_the_grid_to_what_was_seen(seed: int) -> None:
    true, wrong = _grids(seed)
    rng = np.random.default_rng(seed)
    offsets = _cells(true) - _cells(wrong) + rng.normal(0, 0.5, (72, 2))
    offsets[rng.choice(72, 8, replace=False)] += rng.uniform(-9, 9, 2)
    weights = (rng.random(72) < 0.8).astype(np.float64)
    refined = refine(wrong, offsets.reshape(2, 36, 2), weights.reshape(2, 36))
    after = np.hypot(*(_cells(refined) - _cells(true)).T)
    assert after.max() < 0.15 * true.pitch()
    assert refined.step == pytest.approx(true.step, abs=0.2)


def test_refining_without_evidence_keeps_the_grid() -> None:
    _, wrong = _grids(0)
    assert refine(wrong, np.zeros((2, 36, 2)), np.zeros((2, 36))) is wrong
    assert refine(wrong, np.full((2, 36, 2), np.nan), np.ones((2, 36))) is wrong
    few = np.zeros((2, 36))
    few[0, :10] = 1
    kept = refine(wrong, np.zeros((2, 36, 2)), few)
    assert np.allclose(_cells(kept), _cells(wrong), atol=0.2)
