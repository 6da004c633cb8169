"""Stay rules: effective-dated data and the arithmetic that explains itself.

A rule gives the days allowed per entry and the days allowed in a sliding window. The result keeps
every number that led to it, so that the guard can show the traveller the sum.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

UNLIMITED_SPAN = 3660  # days looked ahead at most: ten years bound the loop


class EntitlementReason(StrEnum):
    """Why an entry may or may not be granted."""

    WITHIN_RULE = "STAY_WITHIN_RULE"
    NO_DAYS_LEFT = "STAY_NO_DAYS_LEFT"
    OVERSTAY = "STAY_OVERSTAY"
    VISA_REQUIRED = "STAY_VISA_REQUIRED"
    DOCUMENT_EXPIRED = "STAY_DOCUMENT_EXPIRED"
    HISTORY_UNKNOWN = "STAY_HISTORY_UNKNOWN"


@dataclass(frozen=True)
class StayRule:
    """One row of the rule table; `source` names the resolution, `assumed` marks our own choice."""

    id: str
    category: str
    nationalities: frozenset[str]
    days_per_entry: int
    window_days: int
    days_in_window: int
    valid_from: date
    valid_to: date | None = None
    source: str = ""
    assumed: bool = False

    def covers(self, nationality: str, day: date) -> bool:
        ends = self.valid_to is None or day <= self.valid_to
        return nationality in self.nationalities and self.valid_from <= day and ends


@dataclass(frozen=True)
class Stay:
    """A past stay, both days counted; `left` None: no exit is known."""

    entered: date
    left: date | None


@dataclass(frozen=True)
class Entitlement:
    """The answer with its arithmetic. `until` is the last permitted day, None if refused."""

    allowed: bool
    reasons: tuple[EntitlementReason, ...]
    rule: str
    category: str
    until: date | None
    days: int
    used: int
    limit: int
    window_days: int
    stays: tuple[Stay, ...] = ()
    history_known: bool = True


def days_used(stays: Iterable[Stay], day: date, window_days: int) -> int:
    """Days of `stays` inside the window that ends on `day` (that day included)."""
    first = day - timedelta(days=window_days - 1)
    used = {
        entered + timedelta(days=offset)
        for entered, left in ((max(s.entered, first), min(s.left or day, day)) for s in stays)
        for offset in range((left - entered).days + 1)
    }
    return len(used)


def _last_day(rule: StayRule, stays: Sequence[Stay], entry: date) -> date | None:
    """The last day of an unbroken stay from `entry`, or None when not even the first is free."""
    last: date | None = None
    for offset in range(min(rule.days_per_entry, UNLIMITED_SPAN)):
        day = entry + timedelta(days=offset)
        used = days_used((*stays, Stay(entry, day)), day, rule.window_days)
        if used > rule.days_in_window:
            break
        last = day
    return last


def assess(
    rules: Sequence[StayRule],
    nationality: str,
    document_expiry: date | None,
    stays: Sequence[Stay],
    entry: date,
    *,
    history_known: bool = True,
) -> Entitlement:
    """Decide how long a person may stay who enters on `entry`.

    An open past stay (no exit known) that began before `entry` counts up to the day before it and
    is reported as an overstay only when it alone is longer than the rule allows.
    """
    rule = next((r for r in rules if r.covers(nationality, entry)), None)
    if rule is None:
        return _refused(EntitlementReason.VISA_REQUIRED, None, 0, stays, history_known)
    closed = tuple(Stay(s.entered, s.left or entry - timedelta(days=1)) for s in stays if s.entered < entry)
    used = days_used(closed, entry, rule.window_days)
    if document_expiry is not None and document_expiry < entry:
        return _refused(EntitlementReason.DOCUMENT_EXPIRED, rule, used, stays, history_known)
    if any(s.left is None and _length(c) > rule.days_per_entry for s, c in zip(stays, closed, strict=False)):
        return _refused(EntitlementReason.OVERSTAY, rule, used, stays, history_known)
    last = _last_day(rule, closed, entry)
    if last is None:
        return _refused(EntitlementReason.NO_DAYS_LEFT, rule, used, stays, history_known)
    until = last if document_expiry is None else min(last, document_expiry)
    reasons = [EntitlementReason.WITHIN_RULE]
    if not history_known:
        reasons.append(EntitlementReason.HISTORY_UNKNOWN)
    return Entitlement(
        allowed=True,
        reasons=tuple(reasons),
        rule=rule.id,
        category=rule.category,
        until=until,
        days=(until - entry).days + 1,
        used=used,
        limit=rule.days_in_window,
        window_days=rule.window_days,
        stays=tuple(stays),
        history_known=history_known,
    )


def _length(stay: Stay) -> int:
    return ((stay.left or stay.entered) - stay.entered).days + 1


def _refused(
    reason: EntitlementReason, rule: StayRule | None, used: int, stays: Sequence[Stay], known: bool
) -> Entitlement:
    return Entitlement(
        allowed=False,
        reasons=(reason,),
        rule=rule.id if rule else "",
        category=rule.category if rule else "",
        until=None,
        days=0,
        used=used,
        limit=rule.days_in_window if rule else 0,
        window_days=rule.window_days if rule else 0,
        stays=tuple(stays),
        history_known=known,
    )
