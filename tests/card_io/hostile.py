"""Hostility to order: files changed byte by byte and object by object, answers changed on the line, chips
that were made to harm. Everything follows from a seed, so that a finding can be repeated.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random

from card_io.apdu import BytesLink
from card_io.emrtd.reader import ReadResult, read_document
from hardware_mocks.chip import Card, CardImage
from hardware_mocks.chip_behaviour import Behaviour
from hardware_mocks.chip_plan import ActiveAuthentication, ChipAuthentication, ChipPlan, PaceOffer
from tests.card_io.chip_bench import key_of

GM = (PaceOffer("GM", "AES-128", 12),)
CAM = (PaceOffer("CAM", "AES-128", 12), *GM)
KEYS = (ChipAuthentication(("AES-128",), 12), ChipAuthentication(("3DES",), 13, key_id=5))
EC_SIGNER = ActiveAuthentication()
EVERYTHING = (1, 2, 3, 5, 7, 11, 12, 16)
FILES = ("EF.CardAccess", "EF.CardSecurity", "EF.ATR/INFO", "EF.COM", "EF.SOD", "DG1", "DG2", "DG11", "DG14")
MOST_APDUS = 10_000  # of one read, whatever the chip does
STATUS: tuple[str, ...] = (
    "9000",
    "6282",
    "6300",
    "63C0",
    "6700",
    "6982",
    "6983",
    "6985",
    "6988",
    "6A82",
    "6A88",
    "6B00",
    "6C10",
)
STATUS += ("6CFF", "6D00", "6E00", "6F00", "6100", "61FF", "0000", "FFFF")


def target(name: str = "target") -> ChipPlan:
    """A chip that speaks everything."""
    return ChipPlan(
        name, pace=CAM, chip_authentication=KEYS, active_authentication=EC_SIGNER, groups=(1, 2, 11, 12, 16)
    )


# --- files ---


@dataclass
class Node:
    """A BER object whose length is written anew; `parts` of a constructed one."""

    tag: bytes
    value: bytes = b""
    parts: "list[Node] | None" = None

    def encode(self) -> bytes:
        body = self.value if self.parts is None else b"".join(part.encode() for part in self.parts)
        return self.tag + length(len(body)) + body


def length(size: int) -> bytes:
    octets = size.to_bytes((size.bit_length() + 7) // 8 or 1, "big")
    return octets if size < 0x80 else bytes([0x80 | len(octets)]) + octets


def nodes(data: bytes, depth: int = 0) -> list[Node] | None:
    """The objects of `data`, None if it is not made of objects."""
    found, at = [], 0
    while at < len(data):
        start = at
        long_tag = data[at] & 0x1F == 0x1F
        at += 2 if long_tag else 1
        if at >= len(data):
            return None
        size, at = data[at], at + 1
        if size > 0x80:
            count = size & 0x7F
            size, at = int.from_bytes(data[at : at + count], "big"), at + count
        if at + size > len(data):
            return None
        tag, value = data[start : start + (2 if long_tag else 1)], data[at : at + size]
        inside = nodes(value, depth + 1) if tag[0] & 0x20 and depth < 20 else None
        found.append(Node(tag, value, inside))
        at += size
    return found


def flat(tree: list[Node]) -> Iterator[tuple[list[Node], int]]:
    """Every object, as its list and its place there."""
    for place, node in enumerate(tree):
        yield tree, place
        yield from flat(node.parts or [])


def spoilt(random: Random, data: bytes) -> bytes:
    """The file with something wrong: half of the time in its bytes, half of the time in its objects."""
    tree = nodes(data) if random.random() < 0.6 else None
    if not tree:
        return random.choice(BYTE_CHANGES)(random, data)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        places = list(flat(tree))
        if places:
            random.choice(NODE_CHANGES)(random, *random.choice(places))
    return b"".join(node.encode() for node in tree)


def _flip(random: Random, data: bytes) -> bytes:
    changed = bytearray(data or b"\x00")
    for _ in range(random.choice((1, 1, 2, 5))):
        changed[random.randrange(len(changed))] ^= random.randrange(1, 256)
    return bytes(changed)


def _cut(random: Random, data: bytes) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _grow(random: Random, data: bytes) -> bytes:
    return data + random.randbytes(random.choice((1, 2, 8, 300)))


def _double(random: Random, data: bytes) -> bytes:
    first, last = sorted(random.randrange(len(data) + 1) for _ in range(2))
    return data[:last] + data[first:last] + data[last:]


def _lose(random: Random, data: bytes) -> bytes:
    first, last = sorted(random.randrange(len(data) + 1) for _ in range(2))
    return data[:first] + data[last:]


BYTE_CHANGES: tuple[Callable[[Random, bytes], bytes], ...] = (_flip, _flip, _cut, _grow, _double, _lose)


def _tag(random: Random, places: list[Node], at: int) -> None:
    places[at].tag = bytes([random.randrange(1, 255) & 0xDF | places[at].tag[0] & 0x20 or 2])


def _drop(random: Random, places: list[Node], at: int) -> None:
    del places[at]


def _twice(random: Random, places: list[Node], at: int) -> None:
    places[at:at] = [places[at]] * random.choice((1, 2, 70))


def _empty(random: Random, places: list[Node], at: int) -> None:
    places[at] = Node(places[at].tag)


def _number(random: Random, places: list[Node], at: int) -> None:
    """A number, or what stands in its place, of any size and sign."""
    size = random.choice((1, 2, 8, 20, 33, 66, 129, 200, 257, 260, 520, 2000))
    places[at] = Node(places[at].tag, random.choice((b"\x7f", b"\xff", b"\x00", b"\x80")) * size)


def _other(random: Random, places: list[Node], at: int) -> None:
    places[at] = Node(places[at].tag, random.randbytes(max(1, len(places[at].value))))


def _nest(random: Random, places: list[Node], at: int) -> None:
    inside = places[at].encode()
    for _ in range(random.choice((1, 5, 200))):
        inside = b"\x30" + length(len(inside)) + inside
    places[at] = Node(b"\x30", inside)


def _swap(random: Random, places: list[Node], at: int) -> None:
    other = random.randrange(len(places))
    places[at], places[other] = places[other], places[at]


def _inner(random: Random, places: list[Node], at: int) -> None:
    node = places[at]
    places[at] = Node(node.tag, random.choice(BYTE_CHANGES)(random, node.encode()[len(node.tag) + 1 :]))


NODE_CHANGES: tuple[Callable[[Random, list[Node], int], None], ...] = (
    *(_tag, _drop, _twice, _empty, _number, _number, _other, _nest, _swap, _inner),
)


# --- the line ---


class Meddler:
    """Changes some answers of a card on their way, `rate` of them; counts the commands."""

    def __init__(self, card: Card, random: Random, rate: float) -> None:
        self.card, self.random, self.rate = card, random, rate
        self.apdus = self.changes = 0
        self._last = b"\x90\x00"

    def transmit(self, apdu: bytes) -> bytes:
        self.apdus += 1
        answer = self.card.transmit(apdu)
        last, self._last = self._last, answer
        if self.random.random() >= self.rate:
            return answer
        self.changes += 1
        return self._changed(answer, last)

    def _changed(self, answer: bytes, last: bytes) -> bytes:
        random = self.random
        status = bytes.fromhex(random.choice(STATUS))
        match random.randrange(9):
            case 0:
                return _flip(random, answer)
            case 1:
                return _cut(random, answer)
            case 2:
                return answer[:-2] + random.randbytes(random.choice((1, 20, 300))) + answer[-2:]
            case 3:
                return last
            case 4:
                return status
            case 5:
                return answer[:-2] + status
            case 6:
                return random.randbytes(random.choice((2, 50, 256, 65_530))) + status
            case 7:
                return spoilt(random, answer[:-2]) + answer[-2:]
        return answer + answer


def read_meddled(plan: ChipPlan, image: CardImage, random: Random, rate: float) -> tuple[ReadResult, Meddler]:
    """A read of the chip through a meddler."""
    card = Card(image)
    card.power_on()
    meddler = Meddler(card, random, rate)
    link = BytesLink(meddler.transmit)
    return read_document(link, key_of(plan), random=random.randbytes, groups=range(1, 17)), meddler


# --- chips ---


def hostile_plan(random: Random) -> ChipPlan:
    """A chip made to harm its reader: lengths without sense, files without end, depth, broken protocols."""
    bombs = (
        "80",
        "84FFFFFFFF",
        "88FFFFFFFFFFFFFFFF",
        "837FFFFF",
        "82FFFF",
        "83010000",
        "847FFFFFFF",
        "7F",
        "00",
    )
    some = random.sample(FILES, random.randrange(4))
    endless = tuple(random.sample(FILES, random.randrange(4)))
    deep = random.sample(FILES, random.randrange(3))
    habits = Behaviour(
        endless=endless,
        read_limit=random.choice((0, 0, 0, 160, 20, 5, 1)),
        short_ids=random.random() < 0.8,
        extended_length=random.random() < 0.8,
        past_end=random.choice(("6B00", "6282", "6A86", "6700", "9000")),
        across_end=random.choice(("6B00", "6282", "6700", "9000")),
        bad_mac_at=random.choice((0, 0, 0, *range(1, 30))),
        nonce_length=random.choice((0, 0, 0, 0, 15, 17, 32)),
        bad_token=random.random() < 0.05,
        long_answer=random.choice(("6700", "61")),
    )
    return replace(
        target("hostile"),
        pace=random.choice((CAM, GM, ())),
        extended_limit=random.choice((0, 0, 100, 1000, 65535)),
        bombs={name: random.choice(bombs) for name in some},
        nested={name: random.choice((3, 100, 3000)) for name in deep},
        behaviour=habits,
    )


def spoilt_image(random: Random, image: CardImage) -> CardImage:
    """The chip with one or several files changed behind its issuer's back."""
    files = dict(image.files)
    for name in random.sample(sorted(files), random.choice((1, 1, 2, 5))):
        files[name] = spoilt(random, files[name])
    return replace(image, files=files)
