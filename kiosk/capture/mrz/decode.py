"""From the scores of a network to what is printed: the likeliest print, how likely it is, and what else.

Priors of grammar, check digits that are right in nearly all prints, and the evidence of every cell make one
joint distribution over texts. `lines` is its likeliest text, so a misprinted digit that is clearly seen stays
as printed. Confidences are posteriors of that distribution, summed exactly.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from card_io.lds.mrz_layout import (
    NUMBER_SHOWN,
    CheckRule,
    check_rules,
    field_spans,
    longest_overflow,
    unchecked_fields,
)
from kiosk.capture.mrz.decode_accept import plausible
from kiosk.capture.mrz.decode_certain import is_backed
from kiosk.capture.mrz.decode_forms import KEY, OTHER_SHAPE, Variant, forms, russian, variant
from kiosk.capture.mrz.decode_sums import sums
from kiosk.capture.mrz.decode_zone import Zone
from kiosk.capture.mrz.prior import DIGITS, FILLER, INDEX, NETWORK, Floats, Network, Whole, evidence
from kiosk.capture.mrz.reading import (
    SYMBOLS,
    Candidate,
    Decoded,
    FieldReading,
    KeyCandidate,
    LogProbabilities,
)

CLEAR = 7.0  # natural logarithm: forms whose document code is this much less likely are not looked at
FAR = 10.0  # natural logarithm: layouts this much less likely than the best add no candidates
RUSSIAN_CODE = 0.01  # probability of PN from which the internal passport of Russia is looked at
HALF = 0.5
LONG_NUMBERS = 3  # lengths of a long number that are looked at
ALTERNATIVES = 5
KEYS = 6
LOOKED_AT = 40  # likely zones of a layout that become candidates
_CODES = np.frombuffer(SYMBOLS.encode("ascii"), np.uint8)
FRAME_FLOOR = 0.02  # share of a cell that one frame cannot decide: bounds what a broken frame does
SAME_EVIDENCE = 0.5  # frames of one document repeat each other: n of them count as n ** SAME_EVIDENCE


@dataclass(frozen=True, eq=False)
class _Read:
    """A candidate: symbols of all cells, probability, and the layout that says so."""

    symbols: Whole
    probability: float
    zone: Zone
    share: float


def decode(scores: LogProbabilities, today: dt.date | None = None) -> Decoded | None:
    """The zone in `scores` (rows x columns x 37 log-probabilities, each cell summing to 1), or None.

    Shapes are 3 x 30, 2 x 36 and 2 x 44; ValueError for others. None when the cells cannot be a zone
    (`decode_accept.plausible`). `today` makes expiry dates of this decade likelier.
    """
    if scores.ndim != 3 or scores.shape[2] != len(SYMBOLS):
        raise ValueError(OTHER_SHAPE)
    forms(scores.shape[:2])
    return decode_any(scores, today) if plausible(scores) else None


def decode_any(scores: LogProbabilities, today: dt.date | None = None, network: Network = NETWORK) -> Decoded:
    """As `decode`, but the likeliest zone whatever the cells hold."""
    seen = evidence(scores, network.temperature, network.floor)
    zones = _zones(seen, forms(scores.shape[:2]), None if today is None else today.year)
    masses = np.array([zone.log_mass for zone in zones])
    total = float(masses.max() + np.log(np.exp(masses - masses.max()).sum()))
    shares = np.exp(masses - total)
    near = [(zone, float(share)) for zone, share in zip(zones, shares, strict=True) if share > np.exp(-FAR)]
    plain = _reads(near, total, plain=True)
    if plain[0].probability > HALF:  # nothing else can be as likely; the others only for those who ask
        return _decoded(plain[0], _Details(near, total), network.certain)
    details = _Details(near, total)
    return _decoded(details.reads[0], details, network.certain)


def combine(scores: Sequence[LogProbabilities]) -> LogProbabilities:
    """One table of log-probabilities from those of several frames of one zone, all of the same shape.

    A vote: log-probabilities are added cell by cell and renormalised. Before, each frame gives FRAME_FLOOR of
    every cell to all symbols, so that a frame read wrongly, a column off say, weighs at most about seven nats
    per cell. Since frames repeat each other's errors, n of them count as n ** SAME_EVIDENCE frames. One frame
    alone comes back as it is. ValueError for no frames or different shapes.
    """
    if not scores or any(frame.shape != scores[0].shape for frame in scores):
        raise ValueError("frames of one shape are needed, at least one")
    if len(scores) == 1:
        return scores[0]
    shape, weight = scores[0].shape, len(scores) ** (SAME_EVIDENCE - 1.0)
    frames = [np.log(evidence(frame, 1.0, FRAME_FLOOR)) for frame in scores]
    logs = weight * np.sum(frames, axis=0)
    logs -= logs.max(axis=1, keepdims=True)
    logs -= np.log(np.exp(logs).sum(axis=1, keepdims=True))
    return np.asarray(logs.reshape(shape), np.float32)


def _zones(seen: Floats, possible: tuple[str, ...], year: int | None) -> list[Zone]:
    """Layouts worth looking at: by document code first, then by where a long number's digit would stand."""
    usual = [variant(form, year) for form in possible]
    codes = np.log([found.share * sums(found.parts[0], seen).mass for found in usual])
    kept = [found for found, code in zip(usual, codes, strict=True) if code > codes.max() - CLEAR]
    chosen = [*kept, *(other for found in kept for other in _long(seen, found, year))]
    if "TD3" in possible and seen[0, INDEX["P"]] * seen[1, INDEX["N"]] > RUSSIAN_CODE:
        chosen.append(russian(year))
    return [Zone(layout, seen) for layout in chosen]


def _long(seen: Floats, usual: Variant, year: int | None) -> list[Variant]:
    """Layouts with a long number that the cells do not rule out, the likeliest few."""
    longest = longest_overflow(usual.form)
    if not longest:
        return []
    parts = {part.name: part for part in usual.parts}
    place, behind = parts["document_number"].digit, parts["optional"].cells
    filler, digits = seen[:, INDEX[FILLER]], seen[:, : len(DIGITS)].sum(axis=1)
    unbroken = np.cumprod(1 - filler[behind[:longest]])
    odds = filler[place] * unbroken * digits[behind[1:-1]] * filler[behind[2:]]
    likely = np.argsort(-odds)[:LONG_NUMBERS]
    limit = np.exp(-FAR) * digits[place]
    return [variant(usual.form, year, int(size) + 1) for size in likely if odds[size] > limit]


def _reads(near: list[tuple[Zone, float]], total: float, *, plain: bool = False) -> list[_Read]:
    """Candidates of all layouts, likeliest first; a text that two layouts read counts once, with both.

    `plain` as in `likely_texts`.
    """
    found: dict[bytes, _Read] = {}
    for zone, share in sorted(near, key=lambda item: -item[1]):
        likely = zone.zones(plain=plain)
        for symbols, score in zip(likely.symbols[:LOOKED_AT], likely.score[:LOOKED_AT], strict=True):
            before = found.get(symbols.tobytes())
            chance = float(np.exp(min(score - total, 0.0)))
            if before is None:
                found[symbols.tobytes()] = _Read(symbols, chance, zone, share)
            else:
                both = min(1.0, before.probability + chance)
                found[symbols.tobytes()] = _Read(symbols, both, before.zone, before.share)
    return sorted(found.values(), key=lambda read: -read.probability)


def _decoded(best: _Read, details: "_Details", certain: float) -> Decoded:
    zone = best.zone
    key_cells = zone.key_cells()
    alike = [(other, share) for other, share in details.near if np.array_equal(other.key_cells(), key_cells)]
    key = min(1.0, sum(share * other.key(best.symbols, printed=True) for other, share in alike))
    return Decoded(
        lines=_lines(best),
        form=zone.variant.form,
        confidence=best.probability,
        key_confidence=key,
        certain=key >= certain and _agrees(best) and is_backed(zone, best.symbols),
        unchecked=unchecked_fields(zone.variant.form),
        details=details,
    )


@dataclass(frozen=True, eq=False)
class _Details:
    """The layouts that matter with their shares; `total` is the logarithm of the mass of all."""

    near: list[tuple[Zone, float]]
    total: float

    @cached_property
    def reads(self) -> list[_Read]:
        """Candidates, likeliest first."""
        return _reads(self.near, self.total)

    def characters(self) -> tuple[tuple[float, ...], ...]:
        best = self.reads[0]
        none = np.zeros(len(best.zone.seen))
        values = sum((share * zone.characters(best.symbols) for zone, share in self.near), none)
        rows = np.minimum(values, 1.0).reshape(best.zone.variant.shape)
        return tuple(tuple(float(value) for value in row) for row in rows)

    def fields(self) -> dict[str, FieldReading]:
        best, variant = self.reads[0], self.reads[0].zone.variant
        rules = {rule.name: rule for rule in check_rules(variant.form, variant.overflow)}
        return _fields(variant, _lines(best), best.zone.texts(best.symbols), rules)

    def alternatives(self) -> tuple[Candidate, ...]:
        return _alternatives(self.reads)

    def keys(self) -> tuple[KeyCandidate, ...]:
        return _keys(self.reads)


def _lines(read: _Read) -> tuple[str, ...]:
    rows, columns = read.zone.variant.shape
    text = _text(read.symbols)
    return tuple(text[row * columns : (row + 1) * columns] for row in range(rows))


def _agrees(read: _Read) -> bool:
    variant, lines = read.zone.variant, _lines(read)
    return all(rule.agrees(lines) for rule in check_rules(variant.form, variant.overflow))


def _alternatives(reads: list[_Read]) -> tuple[Candidate, ...]:
    """The next likely readings; among them the likeliest whose digits all agree."""
    others = reads[1 : ALTERNATIVES + 1]
    if not any(_agrees(read) for read in reads[: ALTERNATIVES + 1]):
        repaired = next((read for read in reads[ALTERNATIVES + 1 :] if _agrees(read)), None)
        others = others if repaired is None else [*others[:-1], repaired]
    return tuple(Candidate(_lines(read), read.probability) for read in others)


def _keys(reads: list[_Read]) -> tuple[KeyCandidate, ...]:
    """Number, birth and expiry of the likely readings, by their exact probability."""
    found: dict[bytes, KeyCandidate] = {}
    for read in reads:
        number, birth, expiry = (read.symbols[cells] for cells in _key_cells(read.zone.variant))
        name = b"|".join(part.tobytes() for part in (number, birth, expiry))
        if name not in found and len(found) < KEYS:
            chance = min(1.0, read.share * read.zone.key(read.symbols, printed=False))
            found[name] = KeyCandidate(_text(number), _text(birth), _text(expiry), chance)
    return tuple(sorted(found.values(), key=lambda key: -key.probability))


@cache
def _key_cells(variant: Variant) -> tuple[Whole, Whole, Whole]:
    """Cells of number (with what of it stands in the optional data), birth and expiry."""
    cells = {part.name: part.cells for part in variant.parts if part.name in KEY}
    number, none = cells["document_number"], np.zeros(0, np.intp)
    if variant.overflow:
        number = np.concatenate((number[:NUMBER_SHOWN], number[NUMBER_SHOWN + 1 :][: variant.overflow]))
    return number, cells["birth"], cells.get("expiry", none)


def _text(symbols: Whole) -> str:
    return _CODES[symbols].tobytes().decode("ascii")


def _fields(
    variant: Variant, lines: tuple[str, ...], texts: Mapping[str, float], rules: Mapping[str, CheckRule]
) -> dict[str, FieldReading]:
    """All fields but check digits. A field without a digit of its own goes by the composite one."""
    unchecked = unchecked_fields(variant.form)
    found = {}
    for name, span in field_spans(variant.form).items():
        if name.endswith("_check"):
            continue
        rule = rules.get(name, rules.get("composite"))
        covered = name not in unchecked and rule is not None
        part = next((part.name for part in variant.parts if name in part.fields), name)
        agrees = covered and rule is not None and rule.agrees(lines)
        found[name] = FieldReading(span.of(lines), texts[part], covered, agrees)
    return found
