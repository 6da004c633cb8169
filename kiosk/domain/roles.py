"""Roles and what each may do; a login has exactly one."""

from enum import StrEnum


class Role(StrEnum):
    """Who sits at the desk."""

    BORDER_GUARD = "border_guard"
    SECOND_LINE = "second_line"
    CARD_OPERATOR = "card_operator"
    SHIFT_LEAD = "shift_lead"
    STATION_ADMIN = "station_admin"
    AUDITOR = "auditor"
    TESTER = "tester"


class Action(StrEnum):
    """What a role may be asked to do."""

    INSPECT = "inspect"
    GRANT = "grant"
    GRANT_AGAINST_VERDICT = "grant_against_verdict"
    REFUSE = "refuse"
    REFER = "refer"
    PERSONALISE = "personalise"
    PRINT = "print"
    SPOIL = "spoil"
    HAND_OVER = "hand_over"
    READ_AUDIT = "read_audit"
    ADMINISTER = "administer"


_GUARD = frozenset({Action.INSPECT, Action.GRANT, Action.REFUSE, Action.REFER, Action.HAND_OVER})
ALLOWED: dict[Role, frozenset[Action]] = {
    Role.BORDER_GUARD: _GUARD,
    Role.SECOND_LINE: frozenset({Action.INSPECT, Action.GRANT, Action.GRANT_AGAINST_VERDICT, Action.REFUSE}),
    Role.CARD_OPERATOR: frozenset({Action.PERSONALISE, Action.PRINT, Action.SPOIL}),
    Role.SHIFT_LEAD: frozenset({Action.SPOIL}),
    Role.STATION_ADMIN: frozenset({Action.ADMINISTER}),
    Role.AUDITOR: frozenset({Action.READ_AUDIT}),
    Role.TESTER: frozenset(Action) - {Action.GRANT_AGAINST_VERDICT},
}


def may(role: Role, action: Action, *, lab: bool) -> bool:
    """Whether `role` may do `action`; a tester works in a lab only."""
    return (lab or role is not Role.TESTER) and action in ALLOWED[role]
