"""What a rehearsal needs before its travellers step up: the registry must know their past stays."""

from datetime import date

from kiosk.bootstrap import Kiosk
from kiosk.ports import OutboxMessage, RehearsalDesk


def tell_past_stays(kiosk: Kiosk) -> None:
    """Report what other posts reported before; ids are fixed, so telling it again changes nothing.

    Blocks; nothing happens while the registry cannot be reached.
    """
    desk = kiosk.desk
    if desk is None or not any(traveller.stays for traveller in desk.travellers):
        return
    if not kiosk.registry.reachable():
        return
    for traveller in desk.travellers:
        for number, stay in enumerate(traveller.stays):
            _tell(kiosk, desk, traveller.document_key, f"{number}-entry", "ENTRY", stay.entered)
            if stay.left is not None:
                _tell(kiosk, desk, traveller.document_key, f"{number}-exit", "EXIT", stay.left)


def _tell(kiosk: Kiosk, desk: RehearsalDesk, key: str, part: str, direction: str, day: date) -> None:
    message_id = f"past-{key}-{part}"
    body = {
        "crossing_id": message_id,
        "station": kiosk.station.id,
        "document_key": key,
        "direction": direction,
        "on": day.isoformat(),
        "until": None,
        "is_test": True,
    }
    kiosk.registry.submit(OutboxMessage(message_id, "crossing", "", body), desk.clock.now())
