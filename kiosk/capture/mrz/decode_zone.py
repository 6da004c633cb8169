"""One layout held against the evidence: how likely it is, and exact probabilities of what it says."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kiosk.capture.mrz.decode_forms import KEY, Variant
from kiosk.capture.mrz.decode_search import Zones, likely_texts, likely_zones, score_one, with_digits
from kiosk.capture.mrz.decode_states import States
from kiosk.capture.mrz.decode_sums import (
    FILLED,
    TINY,
    Link,
    Sums,
    composite_worth,
    convolve,
    correlate,
    plan,
    sums,
)
from kiosk.capture.mrz.prior import KINDS, RESIDUES, Floats, Whole

_SHARES = np.array(KINDS)[:, None]
_START = np.eye(1, 10).repeat(len(KINDS), axis=0)


@dataclass(frozen=True, eq=False)
class Coupled:
    """A part, its check digit, and its outcomes (kinds of documents x 10) as shares of its mass."""

    sums: Sums
    link: Link
    outcomes: Floats


@dataclass(frozen=True, eq=False)
class Zone:
    """A variant and its evidence (all cells x 37)."""

    variant: Variant
    seen: Floats

    @cached_property
    def free(self) -> tuple[Sums, ...]:
        """Parts that no check digit covers."""
        return tuple(sums(part, self.seen) for part in self.variant.parts if not part.coupled)

    @cached_property
    def coupled(self) -> tuple[Coupled, ...]:
        """Parts that share check digits."""
        return tuple(self._coupled(sums(part, self.seen)) for part in self.variant.parts if part.coupled)

    @cached_property
    def states(self) -> States | None:
        """Issuer and nationality, unless the form has none."""
        cells = self.variant.states
        return States(cells, self.seen[cells]) if len(cells) else None

    def _coupled(self, done: Sums) -> Coupled:
        part = done.part
        seen = self.seen[part.digit] if part.digit >= 0 else None
        blank = 0.0
        if part.blank:
            fillers = np.full(len(part.cells), FILLED)
            blank = score_one(part.automaton, plan(part), done.cells, fillers) / done.mass
        link = Link(part.digit_weight, seen, blank)
        return Coupled(done, link, link.outcomes(done.table / done.mass))

    @cached_property
    def _digit(self) -> Floats:
        place = self.variant.composite
        return composite_worth(self.seen[place] if place >= 0 else None)

    @cached_property
    def _before(self) -> list[Floats]:
        """Convolutions of the outcomes of the first parts: none, one, two ..."""
        return _running([part.outcomes for part in self.coupled])

    @cached_property
    def _outside(self) -> list[Floats]:
        """For each coupled part, what its composite residue is worth (kinds of documents x 10)."""
        behind = _running([part.outcomes for part in self.coupled][::-1])[::-1]
        others = (convolve(a, b) for a, b in zip(self._before[:-1], behind[1:], strict=True))
        return [correlate(other, self._digit) * _SHARES for other in others]

    @cached_property
    def together(self) -> float:
        """Probability of the coupled parts, their masses apart."""
        return max(float((_SHARES * self._before[-1] * self._digit).sum()), TINY)

    @cached_property
    def log_mass(self) -> float:
        """Logarithm of the probability of layout and evidence."""
        masses = [self.variant.share, self.together]
        masses += [part.mass for part in self.free] + [part.sums.mass for part in self.coupled]
        if self.states is not None:
            masses.append(max(float(self.states.mass()[0]), TINY))
        return float(np.log(masses).sum())

    def zones(self, *, plain: bool = False) -> Zones:
        """Likely zones with the logarithm of their joint mass; `plain` as in `likely_texts`."""
        runs = [*self.free, *(part.sums for part in self.coupled)]
        digits = [self.seen[run.part.digit] if run.part.digit >= 0 else None for run in runs]
        choices = [
            with_digits(run, likely_texts(run, plain=plain), seen)
            for run, seen in zip(runs, digits, strict=True)
        ]
        if self.states is not None:
            choices.append(self.states.choices())
        found = likely_zones(choices, len(self.seen), self.variant.composite, self.seen, self.variant.digits)
        return Zones(found.symbols, found.score + np.log(self.variant.share))

    def characters(self, zone: Whole) -> Floats:
        """Posterior of every character of a zone (all cells)."""
        values = np.zeros(len(zone))
        for run in self.free:
            values[run.part.cells] = run.alone[np.arange(len(run.cells)), zone[run.part.cells]]
        if self.states is not None:
            values[self.variant.states] = self.states.of_text(zone[self.variant.states])[:6]
        for part, outside in zip(self.coupled, self._outside, strict=True):
            cells, digit = part.sums.part.cells, part.sums.part.digit
            text = zone[cells]
            more = part.link.blank * part.link.blank_worth(outside) * (text == FILLED)
            worth = part.link.worth(outside)
            values[cells] = (part.sums.of_text(text, worth) / part.sums.mass + more) / self.together
            if digit >= 0:
                values[digit] = self._shown(part, outside, int(zone[digit]))
        place = self.variant.composite
        if place >= 0:
            only = composite_worth(_only(self.seen[place], int(zone[place])))
            values[place] = float((_SHARES * self._before[-1] * only).sum()) / self.together
        return np.clip(values, 0.0, 1.0)

    def _shown(self, part: Coupled, outside: Floats, symbol: int) -> float:
        """Posterior of the symbol in a check digit's cell."""
        assert part.link.seen is not None
        link = Link(part.link.weight, _only(part.link.seen, symbol), part.link.blank)
        outcomes = link.outcomes(part.sums.table / part.sums.mass)
        return float((outcomes * outside).sum()) / self.together

    def alone(self, zone: Whole) -> tuple[Floats, Whole]:
        """Probability of each symbol of the key without check digits, and the likeliest symbol then."""
        values, best = [], []
        for part in self._key():
            chances = part.sums.alone
            values.append(chances[np.arange(len(chances)), zone[part.sums.part.cells]])
            best.append(chances.argmax(axis=1))
            seen = self.seen[part.sums.part.digit]
            values.append(seen[[zone[part.sums.part.digit]]])
            best.append(seen.argmax(keepdims=True))
        return np.concatenate(values), np.concatenate(best)

    def key_cells(self) -> Whole:
        """Cells of number, birth and expiry with their digits, in the order of `alone`."""
        parts = [part.sums.part for part in self._key()]
        return np.concatenate([np.append(part.cells, part.digit) for part in parts])

    def key_weights(self) -> tuple[Whole, Whole]:
        """Weights of the key's cells: in each own digit (n x parts; itself -1) and in the composite."""
        parts = [part.sums.part for part in self._key()]
        own = np.zeros((len(self.key_cells()), len(parts)), np.intp)
        row = 0
        for column, part in enumerate(parts):
            own[row : row + len(part.cells) + 1, column] = np.append(part.own, -1)
            row += len(part.cells) + 1
        composite = np.concatenate([np.append(part.composite, part.digit_weight) for part in parts])
        return own, composite

    def _key(self) -> list[Coupled]:
        return [part for part in self.coupled if part.sums.part.name in KEY]

    def texts(self, zone: Whole) -> dict[str, float]:
        """Posterior of every part's text, digits apart; issuer and nationality too."""
        values: dict[str, float] = {}
        for run in self.free:
            values[run.part.name] = self._share(run, zone)
        if self.states is not None:
            known = self.states.of_text(zone[self.variant.states])
            values |= {"issuer": float(known[6]), "nationality": float(known[7])}
        for part, outside in zip(self.coupled, self._outside, strict=True):
            outcomes = self._text_outcomes(part, zone, printed=False)
            values[part.sums.part.name] = float((outcomes * outside).sum()) / self.together
        return {name: min(max(value, 0.0), 1.0) for name, value in values.items()}

    def key(self, zone: Whole, *, printed: bool) -> float:
        """Posterior of number, birth and expiry; with `printed` their check digits are fixed too."""
        total = _START
        for part in self.coupled:
            outcomes = part.outcomes
            if part.sums.part.name in KEY:
                outcomes = self._text_outcomes(part, zone, printed=printed)
            total = convolve(total, outcomes)
        return min(max(float((_SHARES * total * self._digit).sum()) / self.together, 0.0), 1.0)

    def _text_outcomes(self, part: Coupled, zone: Whole, *, printed: bool) -> Floats:
        """Outcomes (kinds of documents x 10) of one text alone; with `printed` of one check digit, too."""
        spec, seen = part.sums.part, part.link.seen
        text = zone[spec.cells]
        digit = int(zone[spec.digit]) if printed and seen is not None else -1
        known = (spec.name, text.tobytes(), digit)
        if known not in self._outcomes:
            share = self._share(part.sums, zone)
            table = np.zeros((10, 10))
            residues = RESIDUES[text]
            table[residues @ spec.own % 10, residues @ spec.composite % 10] = share
            blank = share if spec.blank and (text == FILLED).all() else 0.0
            if seen is not None and digit >= 0:
                seen = _only(seen, digit)
            self._outcomes[known] = Link(spec.digit_weight, seen, blank).outcomes(table)
        return self._outcomes[known]

    @cached_property
    def _outcomes(self) -> dict[tuple[str, bytes, int], Floats]:
        """What `_text_outcomes` found, since likely zones share most texts."""
        return {}

    def _share(self, run: Sums, zone: Whole) -> float:
        """Probability of a part's text among all its texts, check digits aside."""
        return score_one(run.part.automaton, plan(run.part), run.cells, zone[run.part.cells]) / run.mass


def _running(outcomes: Sequence[Floats]) -> list[Floats]:
    done = [_START]
    for outcome in outcomes:
        done.append(convolve(done[-1], outcome))
    return done


def _only(seen: Floats, symbol: int) -> Floats:
    """The evidence of one symbol, the others impossible."""
    alone = np.zeros_like(seen)
    alone[symbol] = seen[symbol]
    return alone
