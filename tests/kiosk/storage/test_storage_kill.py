"""kill -9 in the middle of writing: what was promised is there, and everything agrees."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

from kiosk.domain.stock import BlankState
from kiosk.storage import SqlStore

WRITER = Path(__file__).with_name("kit.py")


def _killed_after(path: Path, lines: int) -> list[tuple[str, int]]:
    """Run the writer, kill it when it has told of `lines` commits; all that it told of."""
    with subprocess.Popen(
        [sys.executable, str(WRITER), str(path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        told = [writer.stdout.readline() for _ in range(lines)]
        writer.kill()
        told += writer.stdout.readlines()
    whole = [line.split() for line in told if line.endswith("\n")]
    return [(case, int(position)) for case, position in whole]


def _agrees(kit: ModuleType, store: SqlStore) -> None:
    drawn: dict[str, BlankState] = {}
    messages, numbers = 0, []
    for row in store.cases():
        events = store.events(row.case_id)
        planned = kit.commits(int(row.case_id[-4:]))[: len(events)]
        assert events == tuple(commit.event for commit in planned)
        for commit in planned:
            drawn |= {move.chip_serial: move.target for move in commit.stock}
            messages += len(commit.outbox)
            numbers += [commit.card_number] if commit.card_number else []
    counts = store.stock_counts()
    states = list(drawn.values())
    assert counts.get(BlankState.IN_JOB, 0) == states.count(BlankState.IN_JOB)
    assert counts.get(BlankState.ISSUED, 0) == states.count(BlankState.ISSUED)
    assert store.queue().waiting == messages
    assert store.next_card_number(kit.PREFIX) == f"{kit.PREFIX}{len(numbers) + 1:06d}"
    assert store.check_audit() is None


def test_a_killed_writer_leaves_a_whole_store(kit: ModuleType, path: Path) -> None:
    for lines in (1, 8, 21, 40):
        told = _killed_after(path, lines)
        store = kit.open_at(path)
        stored = {row.case_id: len(store.events(row.case_id)) for row in store.cases()}
        assert all(stored[case] > position for case, position in told)
        _agrees(kit, store)
        store.close()
