"""PACE, chip side: generic, integrated and chip authentication mapping over DH and ECDH.

Doc 9303-11 §4.4.3 (protocol), §4.4.4 (commands), §4.4.3.3 (mappings), §9.2.1 (PACEInfo), appendix B (point
encoding), TR-03110-3 A.3.4. The identifier 0.4.0.127.0.7.2.2.4.m.a names mapping and cipher.
"""

import hmac

from hardware_mocks.chip_access import (
    SUITES,
    TDES,
    RandomBytes,
    SecureChannel,
    Suite,
    authenticate,
    derive_key,
    encrypt,
    pad,
)
from hardware_mocks.chip_agreement import AGREEMENTS, Agreement
from hardware_mocks.chip_apdu import SW, Refusal, objects, template, tlv
from hardware_mocks.chip_behaviour import IDEAL, Behaviour

# 0.4.0.127.0.7.2.2.4: the last two arcs follow.
PACE_ARC = bytes.fromhex("04007F0007020204")
DH_GM, ECDH_GM, DH_IM, ECDH_IM, ECDH_CAM = 1, 2, 3, 4, 6
PACE_ECDH_GM = PACE_ARC + bytes([ECDH_GM])
INTEGRATED = (DH_IM, ECDH_IM)
# Constants of the pseudo-random function (appendix B.1), c0 and c1, by length of the nonce in octets.
_CONSTANTS = {
    16: ("a668892a7c41e3ca739f40b057d85904", "a4e136ac725f738b01c1f60217c188ad"),
    32: (
        "d463d65234124ef7897054986dca0a174e28df758cbaa03f240616414d5a1676",
        "54bd7255f0aaf831bec3423fcf39d69b6cbf066677d0faae5aadd99df8e53517",
    ),
}


def runs(oid: bytes, parameter_id: int) -> bool:
    """Whether this chip can run the protocol in these domain parameters."""
    agreement = AGREEMENTS.get(parameter_id)
    if agreement is None or len(oid) != 10 or oid[:8] != PACE_ARC or oid[9] not in SUITES:
        return False
    mapping, suite = oid[8], SUITES[oid[9]]
    if mapping in (DH_GM, DH_IM):
        return agreement.oid_arc == 1
    if agreement.oid_arc != 2:
        return False
    if mapping == ECDH_IM:
        return agreement.prime % 4 == 3
    return mapping == ECDH_GM or (mapping == ECDH_CAM and suite is not TDES)


def offered_pace(card_access: bytes) -> dict[bytes, set[int]]:
    """PACE identifiers in an EF.CardAccess that this chip runs, each with its parameter ids."""
    offered: dict[bytes, set[int]] = {}
    try:
        infos = [item.value for top in objects(card_access) if top.tag == 0x31 for item in objects(top.value)]
        for info in infos:
            fields = list(objects(info))
            if len(fields) == 3 and fields[0].tag == 0x06 and fields[2].tag == 0x02:
                offered.setdefault(fields[0].value, set()).add(int.from_bytes(fields[2].value, "big"))
    except Refusal:
        return {}
    return {oid: {number for number in numbers if runs(oid, number)} for oid, numbers in offered.items()}


def nonce_length(mapping: int, suite: Suite) -> int:
    """Octets of the nonce: for integrated mapping whole blocks, no fewer than the key has."""
    return 32 if mapping in INTEGRATED and suite.key_length > 16 else 16


def pseudo_random(suite: Suite, nonce: bytes, challenge: bytes, prime: int) -> int:
    """R(s, t) modulo the prime (appendix B.1): s the chip's nonce, t the terminal's, a key long."""
    c0, c1 = map(bytes.fromhex, _CONSTANTS[len(nonce)])
    rounds = -(-(prime.bit_length() + 64) // (8 * len(nonce)))
    key = encrypt(suite, challenge, nonce)[: suite.key_length]
    stream = b""
    for _ in range(rounds):
        stream += encrypt(suite, key, c1)
        key = encrypt(suite, key, c0)[: suite.key_length]
    return int.from_bytes(stream, "big") % prime


def public_key_object(oid: bytes, agreement: Agreement, public: bytes) -> bytes:
    """7F49 with protocol and public key: what the tokens are computed over (§4.4.3.4)."""
    return tlv(0x7F49, tlv(0x06, oid) + tlv(agreement.tag, public))


def token(suite: Suite, key: bytes, oid: bytes, agreement: Agreement, public: bytes) -> bytes:
    """Authentication token over the other side's public key: 8 octets."""
    body = public_key_object(oid, agreement, public)
    # CMAC takes the object as it is; the retail MAC needs method 2 padding (§4.4.3.4).
    return authenticate(suite, key, pad(body, 8) if suite is TDES else body)


def chip_authentication_data(suite: Suite, key: bytes, factor: int, order: int) -> bytes:
    """Encrypted CA_IC of chip authentication mapping: padded, IV the encrypted block of ones (§4.4.3.3.3)."""
    plain = factor.to_bytes((order.bit_length() + 7) // 8, "big")
    iv = encrypt(suite, key, b"\xff" * suite.block)
    return encrypt(suite, key, pad(plain, suite.block), iv)


class Pace:
    """One run of PACE."""

    def __init__(
        self,
        oid: bytes,
        parameter_id: int,
        password: bytes,
        random: RandomBytes,
        *,
        static_key: int | None = None,
        behaviour: Behaviour = IDEAL,
    ) -> None:
        """static_key: the private key of chip authentication mapping;
        behaviour: what is hostile in this run.

        Refusal 6A80 when the chip cannot run this protocol with these parameters.
        """
        if not runs(oid, parameter_id) or (oid[8] == ECDH_CAM and static_key is None):
            raise Refusal(SW.WRONG_DATA)
        self._oid = oid
        self._mapping = oid[8]
        self._suite = SUITES[oid[9]]
        self._group = AGREEMENTS[parameter_id]
        self._password_key = derive_key(password, 3, self._suite)
        self._random = random
        self._static_key = static_key
        self._behaviour = behaviour
        self._nonce = b""
        self._generator = b""
        self._mapping_key = 0
        self._terminal_public = self._own_public = b""
        self._channel: SecureChannel | None = None
        self._keys = (b"", b"")
        self._steps = iter((self._encrypted_nonce, self._map, self._agree, self._confirm))
        self.done = 0

    def step(self, data: bytes) -> tuple[bytes, SecureChannel | None]:
        """Answer to the next GENERAL AUTHENTICATE, with the last one the session; Refusal ends the run."""
        request = template(data, 0x7C)
        action = next(self._steps)
        self.done += 1
        return tlv(0x7C, action(request)), self._channel

    def _encrypted_nonce(self, request: dict[int, bytes]) -> bytes:
        if request:
            raise Refusal(SW.WRONG_DATA)
        self._nonce = self._random(nonce_length(self._mapping, self._suite))
        cryptogram = encrypt(self._suite, self._password_key, self._nonce)
        if size := self._behaviour.nonce_length:
            cryptogram = (cryptogram * (size // len(cryptogram) + 1))[:size]
        return tlv(0x80, cryptogram)

    def _map(self, request: dict[int, bytes]) -> bytes:
        received = _only(request, 0x81)
        if self._mapping in INTEGRATED:
            if len(received) != self._suite.key_length:
                raise Refusal(SW.WRONG_DATA)
            number = pseudo_random(self._suite, self._nonce, received, self._group.prime)
            self._generator = self._group.integrated(number)
            return tlv(0x82, b"")
        self._mapping_key = self._group.draw(self._random)
        shared = self._group.times(self._mapping_key, received)
        scaled = self._group.times(int.from_bytes(self._nonce, "big"), self._group.base)
        self._generator = self._group.combine(scaled, shared)
        return tlv(0x82, self._group.times(self._mapping_key, self._group.base))

    def _agree(self, request: dict[int, bytes]) -> bytes:
        self._terminal_public = _only(request, 0x83)
        private = self._group.draw(self._random)
        self._own_public = self._group.times(private, self._generator)
        if hmac.compare_digest(self._own_public, self._terminal_public):
            raise Refusal(SW.AUTHENTICATION_FAILED)
        secret = self._group.secret(self._group.times(private, self._terminal_public))
        self._keys = derive_key(secret, 1, self._suite), derive_key(secret, 2, self._suite)
        if self._behaviour.reflects_key:
            return tlv(0x84, self._terminal_public)
        return tlv(0x84, self._own_public)

    def _confirm(self, request: dict[int, bytes]) -> bytes:
        received = _only(request, 0x85)
        if not hmac.compare_digest(received, self._token(self._own_public)):
            raise Refusal(SW.AUTHENTICATION_FAILED)
        self._channel = SecureChannel(self._suite, *self._keys)
        proof = self._token(self._terminal_public)
        answer = tlv(0x86, bytes(8) if self._behaviour.bad_token else proof)
        if self._mapping == ECDH_CAM and self._static_key is not None:
            order = self._group.order
            factor = pow(self._static_key, -1, order) * self._mapping_key % order
            answer += tlv(0x8A, chip_authentication_data(self._suite, self._keys[0], factor, order))
        return answer

    def _token(self, public: bytes) -> bytes:
        return token(self._suite, self._keys[1], self._oid, self._group, public)


def _only(request: dict[int, bytes], tag: int) -> bytes:
    if set(request) != {tag}:
        raise Refusal(SW.WRONG_DATA)
    return request[tag]
