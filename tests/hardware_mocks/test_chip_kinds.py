"""Every shipped chip does what its plan says, before a small terminal that was written for this test.

The terminal takes ciphers and groups from the chip's modules, where published vectors hold them; the order of
the steps, what is sent and what is checked, is its own.
"""

import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key

from card_io.lds import mrz
from card_io.lds.data_groups import parse_dg1
from hardware_mocks.chip import Card, CardImage
from hardware_mocks.chip_access import (
    SUITES,
    TDES,
    Suite,
    authenticate,
    decrypt,
    derive_key,
    encrypt,
    pad,
    unpad,
)
from hardware_mocks.chip_agreement import AGREEMENTS
from hardware_mocks.chip_apdu import objects, template, tlv
from hardware_mocks.chip_authentication import CA_ARC
from hardware_mocks.chip_build import build_chip
from hardware_mocks.chip_pace import pseudo_random, token
from hardware_mocks.chip_plan import ChipPlan, PaceOffer, kinds, load_plan

AID = bytes.fromhex("A0000002471001")
CHALLENGE = bytes(range(8))
# These never come as far as a read DG1.
FAILING = ("hostile-nonce", "hostile-token", "hostile-mirror")


class Terminal:
    """One card, and the session once there is one."""

    def __init__(self, image: CardImage, information: bytes) -> None:
        self.card = Card(image)
        self.card.power_on()
        self.secret = hashlib.sha1(information).digest()
        self.suite: Suite = TDES
        self.enc = self.mac = b""
        self.ssc = 0

    def plain(self, apdu: bytes) -> bytes:
        """The data of an answer that must be 9000."""
        answer = self.card.transmit(apdu)
        assert answer[-2:] == b"\x90\x00", answer.hex()
        return answer[:-2]

    def renew(self, suite: Suite, secret: bytes, ssc: int = 0) -> None:
        self.suite, self.ssc = suite, ssc
        self.enc, self.mac = (derive_key(secret, counter, suite) for counter in (1, 2))

    def send(self, header: str, data: bytes = b"", *, le: bool = True) -> tuple[bytes, int]:
        """A protected command in extended length; its answer must be authentic."""
        head, block = bytes.fromhex(header), self.suite.block
        self.ssc += 1
        body = b""
        if data:
            body = tlv(0x87, b"\x01" + encrypt(self.suite, self.enc, pad(data, block), self._iv()))
        body += tlv(0x97, b"\x01\x00") if le else b""
        body += tlv(0x8E, self._checksum(pad(head, block) + pad(body, block)))
        short = not self.card.image.behaviour.extended_length
        size = bytes([len(body)]) if short else b"\x00" + len(body).to_bytes(2, "big")
        answer = self.card.transmit(head + size + body + bytes(1 if short else 2))
        self.ssc += 1
        found = {item.tag: item for item in objects(answer[:-2])}
        shown = found.pop(0x8E).value
        assert shown == self._checksum(pad(b"".join(item.raw for item in found.values()), block))
        sealed = found[0x87].value[1:] if 0x87 in found else b""
        text = unpad(decrypt(self.suite, self.enc, sealed, self._iv())) if sealed else b""
        return text, int.from_bytes(answer[-2:], "big")

    def _iv(self) -> bytes:
        counter = self.ssc.to_bytes(self.suite.block, "big")
        return bytes(8) if self.suite is TDES else encrypt(self.suite, self.enc, counter)

    def _checksum(self, padded: bytes) -> bytes:
        return authenticate(self.suite, self.mac, self.ssc.to_bytes(self.suite.block, "big") + padded)

    def bac(self) -> None:
        self.plain(bytes.fromhex("00A4040C07") + AID)
        challenge = self.plain(bytes.fromhex("0084000008"))
        keys = [derive_key(self.secret[:16], counter, TDES) for counter in (1, 2)]
        sealed = encrypt(TDES, keys[0], bytes(8) + challenge + bytes(16))
        sealed += authenticate(TDES, keys[1], pad(sealed, 8))
        answer = self.plain(bytes.fromhex("0082000028") + sealed + b"\x00")
        assert answer[32:] == authenticate(TDES, keys[1], pad(answer[:32], 8))
        opened = decrypt(TDES, keys[0], answer[:32])
        assert opened[:16] == challenge + bytes(8)
        self.renew(TDES, opened[16:], int.from_bytes(challenge[4:] + bytes(4), "big"))

    def general_authenticate(self, cla: int, tag: int, value: bytes) -> dict[int, bytes]:
        data = tlv(0x7C, tlv(tag, value) if tag else b"")
        apdu = bytes([cla, 0x86, 0, 0, 0]) + len(data).to_bytes(2, "big") + data + b"\x00\x00"
        if not self.card.image.behaviour.extended_length:
            apdu = bytes([cla, 0x86, 0, 0, len(data)]) + data + b"\x00"
        return template(self.plain(apdu), 0x7C)

    def pace(self, offer: PaceOffer, password: bytes, reference: int) -> None:
        group, suite = AGREEMENTS[offer.parameter], SUITES[offer.oid[-1]]
        choice = tlv(0x80, offer.oid) + bytes([0x83, 1, reference, 0x84, 1, offer.parameter])
        self.plain(bytes([0, 0x22, 0xC1, 0xA4, len(choice)]) + choice)
        sealed = self.general_authenticate(0x10, 0, b"")[0x80]
        nonce = decrypt(suite, derive_key(password, 3, suite), sealed)
        mapping = b""
        if offer.mapping == "IM":
            challenge = bytes(suite.key_length)
            assert self.general_authenticate(0x10, 0x81, challenge) == {0x82: b""}
            generator = group.integrated(pseudo_random(suite, nonce, challenge, group.prime))
        else:
            mapping = self.general_authenticate(0x10, 0x81, group.times(0xFACE, group.base))[0x82]
            scaled = group.times(int.from_bytes(nonce, "big"), group.base)
            generator = group.combine(scaled, group.times(0xFACE, mapping))
        public = group.times(0xDECAF, generator)
        theirs = self.general_authenticate(0x10, 0x83, public)[0x84]
        assert theirs != public
        secret = group.secret(group.times(0xDECAF, theirs))
        mac = derive_key(secret, 2, suite)
        answer = self.general_authenticate(0x00, 0x85, token(suite, mac, offer.oid, group, theirs))
        assert answer[0x86] == token(suite, mac, offer.oid, group, public)
        self.renew(suite, secret)
        if offer.mapping == "CAM":
            (static,) = (k for k in self.card.image.cam_keys if k.parameter == offer.parameter)
            iv = encrypt(suite, self.enc, b"\xff" * 16)
            factor = int.from_bytes(unpad(decrypt(suite, self.enc, answer[0x8A], iv)), "big")
            assert group.times(factor, static.public) == mapping
        assert self.send("0CA4040C", AID, le=False) == (b"", 0x9000)

    def chip_authentication(self, image: CardImage) -> None:
        for key in image.ca_keys:
            group = AGREEMENTS[key.parameter]
            public = group.times(0xBEAD, group.base)
            reference = b"" if key.key_id is None else bytes([0x84, 1, key.key_id])
            suite = SUITES[key.ciphers[0]]
            if "AT" in key.forms:
                protocol = tlv(0x80, CA_ARC + bytes([group.oid_arc, key.ciphers[0]]))
                assert self.send("0C2241A4", protocol + reference, le=False) == (b"", 0x9000)
                agreed = self.send("0C860000", tlv(0x7C, tlv(0x80, public)))
                assert agreed == (b"\x7c\x00", 0x9000)
            else:
                assert self.send("0C2241A6", tlv(0x91, public) + reference, le=False) == (b"", 0x9000)
            self.renew(suite, group.secret(group.times(0xBEAD, key.public)))


def check_signature(dg15: bytes, plan: ChipPlan, signature: bytes) -> None:
    """Active Authentication, by the library and by the frame of ISO/IEC 9796-2."""
    wanted = plan.active_authentication
    assert wanted is not None
    key: Any = load_der_public_key(next(objects(dg15)).value)
    known: dict[str, hashes.HashAlgorithm] = {
        "sha1": hashes.SHA1(),
        "sha256": hashes.SHA256(),
        "sha384": hashes.SHA384(),
    }
    digest = known[wanted.hash]
    if isinstance(key, ec.EllipticCurvePublicKey):
        half = len(signature) // 2
        if plan.behaviour.aa_encoding == "plain":
            r, s = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
            signature = encode_dss_signature(r, s)
        key.verify(signature, CHALLENGE, ec.ECDSA(digest))
        return
    assert isinstance(key, rsa.RSAPublicKey)
    numbers = key.public_numbers()
    value = pow(int.from_bytes(signature, "big"), numbers.e, numbers.n)
    frame = (value if value & 15 == 12 else numbers.n - value).to_bytes(key.key_size // 8, "big")
    end = -1 if frame[-1] == 0xBC else -2
    body, shown = frame[1 : end - digest.digest_size], frame[end - digest.digest_size : end]
    assert frame[0] == 0x6A
    assert shown == hashlib.new(wanted.hash, body + CHALLENGE).digest()


def accesses(plan: ChipPlan) -> list[tuple[str, PaceOffer | None, int]]:
    """Ways in; a chip whose EF.CardAccess is spoilt runs no PACE."""
    spoilt = "EF.CardAccess" in {*plan.bombs, *plan.nested}
    runs: list[tuple[str, PaceOffer | None, int]] = [
        (f"pace-{number}", offer, reference)
        for number, offer in enumerate(() if spoilt else plan.pace)
        for reference in ((1, 2) if plan.can else (1,))
    ]
    return runs + ([("bac", None, 0)] if plan.bac else [])


RUNS = [
    pytest.param(kind, offer, reference, id=f"{kind}-{name}-{reference}")
    for kind in kinds()
    if kind not in FAILING
    for name, offer, reference in accesses(load_plan(kind))
]


@pytest.mark.parametrize(("kind", "offer", "reference"), RUNS)
def test_every_way_into_every_chip(kind: str, offer: PaceOffer | None, reference: int) -> None:
    plan = load_plan(kind)
    image = build_chip(plan, None)
    terminal = Terminal(image, mrz.parse(plan.lines).access_information())
    if offer is None:
        terminal.bac()
    else:
        terminal.pace(offer, plan.can.encode() if reference == 2 else terminal.secret, reference)
    terminal.chip_authentication(image)
    if plan.behaviour.read_limit:
        assert terminal.send("0CB08100") == (b"", 0x6700)
        return
    if plan.behaviour.bad_mac_at:
        for _ in range(1 if offer else 2):  # SELECT after PACE was the first protected answer
            terminal.send("0CB08100")
        with pytest.raises(AssertionError):
            terminal.send("0CB08100")
        return
    if plan.behaviour.short_ids:
        content, sw = terminal.send("0CB08100")
    else:
        assert terminal.send("0CB08100") == (b"", 0x6A86)
        assert terminal.send("0CA4020C", b"\x01\x01", le=False) == (b"", 0x9000)
        content, sw = terminal.send("0CB00000")
    assert content == image.files["app/0101"][:256] or plan.behaviour.endless or sw in (0x6B00, 0x6700)
    if sw == 0x9000 and not (plan.bombs or plan.nested):
        assert parse_dg1(content).lines == plan.lines
    if plan.active_authentication:
        signature, sw = terminal.send("0C880000", CHALLENGE)
        assert sw == 0x9000
        check_signature(image.files["app/010F"], plan, signature)


@pytest.mark.parametrize("kind", ["hostile-token", "hostile-mirror"])
def test_a_careful_terminal_stops_at_a_hostile_pace(kind: str) -> None:
    plan = load_plan(kind)
    terminal = Terminal(build_chip(plan, None), mrz.parse(plan.lines).access_information())
    with pytest.raises(AssertionError):
        terminal.pace(plan.pace[0], terminal.secret, 1)
    assert terminal.enc == b""
