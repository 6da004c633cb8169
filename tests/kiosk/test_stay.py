"""Stay arithmetic: windows, limits and their explanation."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.domain.stay import EntitlementReason, Stay, StayRule, assess, days_used

ENTRY = date(2026, 11, 22)
FREE = StayRule("free", "VISA_FREE", frozenset({"UZB", "TJK"}), 30, 180, 90, date(2023, 1, 27))
UNION = StayRule("union", "EAEU", frozenset({"KGZ", "RUS"}), 90, 180, 90, date(2023, 1, 27))
RULES = (UNION, FREE)
FAR = date(2033, 1, 1)


def stay(days_ago: int, length: int) -> Stay:
    first = ENTRY - timedelta(days=days_ago)
    return Stay(first, first + timedelta(days=length - 1))


@pytest.mark.parametrize(
    ("nationality", "stays", "days"),
    [
        ("UZB", (), 30),
        ("KGZ", (), 90),
        ("UZB", (stay(100, 50),), 30),
        ("UZB", (stay(100, 30), stay(60, 30), stay(29, 20)), 10),  # 80 used
        ("KGZ", (stay(60, 20),), 70),
    ],
)
def test_days_left(nationality: str, stays: tuple[Stay, ...], days: int) -> None:
    result = assess(RULES, nationality, FAR, stays, ENTRY)
    assert result.allowed
    assert result.days == days
    assert result.until == ENTRY + timedelta(days=days - 1)


def test_days_fall_out_of_the_window_as_it_slides() -> None:
    stays = (stay(200, 100),)
    assert days_used(stays, ENTRY, 180) == 79
    assert assess(RULES, "KGZ", FAR, stays, ENTRY).days == 90


def test_no_days_left_is_refused_with_the_sum() -> None:
    result = assess(RULES, "TJK", FAR, (stay(95, 90),), ENTRY)
    assert not result.allowed
    assert result.reasons == (EntitlementReason.NO_DAYS_LEFT,)
    assert (result.used, result.limit, result.window_days) == (90, 90, 180)


def test_unknown_nationality_needs_a_visa() -> None:
    result = assess(RULES, "XYZ", FAR, (), ENTRY)
    assert result.reasons == (EntitlementReason.VISA_REQUIRED,)


def test_expired_document_is_refused() -> None:
    result = assess(RULES, "UZB", ENTRY - timedelta(days=1), (), ENTRY)
    assert result.reasons == (EntitlementReason.DOCUMENT_EXPIRED,)


def test_document_expiry_ends_the_stay() -> None:
    result = assess(RULES, "UZB", ENTRY + timedelta(days=4), (), ENTRY)
    assert result.days == 5


def test_stay_without_exit_is_an_overstay_once_it_is_too_long() -> None:
    open_stay = Stay(ENTRY - timedelta(days=40), None)
    assert assess(RULES, "UZB", FAR, (open_stay,), ENTRY).reasons == (EntitlementReason.OVERSTAY,)
    assert assess(RULES, "KGZ", FAR, (open_stay,), ENTRY).allowed


def test_unknown_history_is_said() -> None:
    result = assess(RULES, "UZB", FAR, (), ENTRY, history_known=False)
    assert EntitlementReason.HISTORY_UNKNOWN in result.reasons


def test_rule_ends_with_its_dates() -> None:
    ended = StayRule("old", "EAEU", frozenset({"RUS"}), 90, 180, 90, date(2020, 1, 1), date(2022, 1, 1))
    assert assess((ended,), "RUS", FAR, (), ENTRY).reasons == (EntitlementReason.VISA_REQUIRED,)


@given(
    st.lists(st.tuples(st.integers(1, 400), st.integers(1, 90)), max_size=6),
    st.sampled_from(["UZB", "KGZ"]),
)
def test_a_granted_stay_never_exceeds_the_window(spans: list[tuple[int, int]], nationality: str) -> None:
    stays = tuple(stay(ago, min(length, ago)) for ago, length in spans)
    result = assess(RULES, nationality, FAR, stays, ENTRY)
    if result.until is None:
        return
    day = ENTRY
    while day <= result.until:
        assert days_used((*stays, Stay(ENTRY, day)), day, 180) <= 90
        day += timedelta(days=1)
    assert 1 <= result.days <= (30 if nationality == "UZB" else 90)
