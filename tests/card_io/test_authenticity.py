"""How the proofs of a chip add up: one success is enough, one failure is a failure."""

import pytest

from card_io.emrtd.authenticity import together
from crypto.trust import Check, Outcome, combine_checks

GOOD, BAD, OPEN = Outcome.SUCCESSFUL, Outcome.FAILED, Outcome.UNDETERMINED
ABSENT, ABORTED = Outcome.NOT_SUPPORTED, Outcome.ABORTED


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (GOOD, GOOD, GOOD),
        (GOOD, ABSENT, GOOD),
        (OPEN, GOOD, GOOD),
        (GOOD, BAD, BAD),
        (BAD, OPEN, BAD),
        (OPEN, ABSENT, OPEN),
        (ABSENT, ABSENT, ABSENT),
        (GOOD, ABORTED, ABORTED),
    ],
)
def test_two_proofs(first: Outcome, second: Outcome, expected: Outcome) -> None:
    for pair in ((first, second), (second, first)):
        checks = together([Check(f"proof {number}", outcome) for number, outcome in enumerate(pair)])
        assert [check.name for check in checks] == ["proof 0", "proof 1"]
        assert combine_checks(checks) is expected
