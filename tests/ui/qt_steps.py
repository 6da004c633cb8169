"""What Qt still has to do, done: without waiting for a clock."""

from PySide6.QtCore import QCoreApplication, QEventLoop

ROUNDS = 40  # layouts settle in a few; each round may queue the next


def settle() -> None:
    """Deliver all queued events, and those that they queue."""
    for _ in range(ROUNDS):
        QCoreApplication.sendPostedEvents()
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents)
