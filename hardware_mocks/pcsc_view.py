"""What a pcscd sees in its readers, asked over its own socket.

The simulators must know when a card swap has reached the daemon but may not load the PC/SC library (the
product's process chooses its daemon before it does). This speaks the one message of pcsc-lite's protocol 4
that returns all reader states (winscard_msg.h).
"""

import socket
import struct
from dataclasses import dataclass
from pathlib import Path

CMD_GET_READERS_STATE = 0x12
MAX_READERS = 16
# char name[128]; uint32 events, state; int32 sharing; uint8 atr[33]; uint32 atr length, protocol
_READER = struct.Struct("=128sIIi33s3xII")
_PRESENT = 0x0004
TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class ReaderState:
    """One reader slot as pcscd sees it; events counts the insertions and removals its poll has noticed."""

    name: str
    present: bool
    events: int

    @property
    def settled(self) -> bool:
        """Whether the poll has noticed what the state says.

        After a card is lost in mid-command the state says "absent" at once, but until the poll has noticed
        it too (an even count, as readers start empty) the next insertion would be missed for good.
        """
        return self.present is bool(self.events % 2)


def reader_states(daemon: Path) -> dict[str, ReaderState]:
    """State of every reader slot of the daemon on this socket, by reader name; OSError without a daemon."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(TIMEOUT_SECONDS)
        client.connect(str(daemon))
        client.sendall(struct.pack("=II", 0, CMD_GET_READERS_STATE))
        data = bytearray()
        while len(data) < MAX_READERS * _READER.size:
            part = client.recv(MAX_READERS * _READER.size - len(data))
            if not part:
                raise ConnectionError("pcscd hung up")
            data += part
    states = {}
    for name, events, state, *_ in _READER.iter_unpack(data):
        text = name.split(b"\0", 1)[0].decode("utf-8", "replace")
        if text:
            states[text] = ReaderState(text, bool(state & _PRESENT), events)
    return states
