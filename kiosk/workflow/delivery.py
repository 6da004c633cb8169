"""Step 13, in the background: the outbox goes to the registry, and whole cases become SYNCED."""

from datetime import datetime

from kiosk.domain.cases import CaseSynced
from kiosk.ports import Commit, DeliveryReport, Registry, Store
from kiosk.workflow.flow import advance, replay


def deliver(
    store: Store, registry: Registry, now: datetime, by: str, *, at_once: bool = False
) -> DeliveryReport:
    """One round. `at_once`: a person asked, so that no message waits for its next try."""
    report = registry.deliver(store, now, at_once=at_once)
    for case_id in store.unsynced_cases():
        case = replay(store.events(case_id))
        event = CaseSynced(at=now, by=by)
        advance(case, event)
        store.append(Commit(case_id, case.sequence, event))
    return report
