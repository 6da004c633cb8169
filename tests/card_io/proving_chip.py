"""A small chip for tests that proves itself by chip authentication: files in the clear, then AES-128.

Written from the standard with the primitives alone. It is honest unless told otherwise.
"""

from collections.abc import Mapping

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from card_io.apdu import Command, Response
from card_io.lds.index import FILES
from card_io.lds.security_infos import ChipAuthenticationInfo, ChipAuthenticationPublicKey
from card_io.tlv import Tlv, parse_all
from crypto.primitives import (
    COUNTER_ENCRYPTION,
    COUNTER_MAC,
    Cipher,
    decrypt_cbc,
    encrypt_block,
    encrypt_cbc,
    kdf,
    mac8,
    pad,
    unpad,
)

KEY = ec.derive_private_key(0xCA, ec.SECP256R1())
SPKI = KEY.public_key().public_bytes(
    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
)
INFOS = (
    ChipAuthenticationInfo("0.4.0.127.0.7.2.2.3.2.2", 1, 5),
    ChipAuthenticationPublicKey("0.4.0.127.0.7.2.2.1.2", SPKI, 5),
)


class ProvingChip:
    """`key` is what it really holds; `refusal` answers GENERAL AUTHENTICATE; `longest` ends the session."""

    def __init__(
        self,
        files: Mapping[str, bytes],
        *,
        key: ec.EllipticCurvePrivateKey = KEY,
        refusal: int = 0x9000,
        longest: int = 65536,
    ) -> None:
        self.files = {FILES[name].sfi: data for name, data in files.items() if not FILES[name].in_mf}
        self.key, self.refusal, self.longest = key, refusal, longest
        self.application = False
        self.current = b""
        self.keys: tuple[bytes, bytes] | None = None
        self.counter = 0
        self.log: list[Command] = []

    def send(self, command: Command) -> Response:
        self.log.append(command)
        if not command.cla & 0x0C:
            self.keys = None
            return self.answer(command)
        if self.keys is None:
            return Response(b"", 0x6982)
        plain = self.uncover(command)
        if plain is None or (plain.le or 0) > self.longest:
            self.keys = None
            return Response(b"", 0x6988 if plain is None else 0x6700)
        keys = self.keys
        return self.cover(self.answer(plain), keys)

    def answer(self, command: Command) -> Response:
        if command.ins == 0xA4:
            return self.select(command)
        if command.ins == 0x22:
            return Response(b"", 0x9000)
        if command.ins == 0x86:
            return self.agree(command)
        if command.ins != 0xB0 or not self.application:
            return Response(b"", 0x6D00)
        if command.p1 & 0x80:
            self.current = self.files.get(command.p1 & 0x1F, b"")
        offset = command.p2 if command.p1 & 0x80 else command.p1 << 8 | command.p2
        return Response(self.current[offset:][: command.le or 256], 0x9000 if self.current else 0x6A82)

    def select(self, command: Command) -> Response:
        if command.p1 == 4 or command.p1 == 0:
            self.application = command.p1 == 4
            return Response(b"", 0x9000)
        self.current = self.files.get(command.data[1], b"") if self.application else b""
        return Response(b"", 0x9000 if self.current else 0x6A82)

    def agree(self, command: Command) -> Response:
        if self.refusal != 0x9000:
            return Response(b"", self.refusal)
        public = Tlv(command.data).require(0x80).value
        other = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
        secret = self.key.exchange(ec.ECDH(), other)
        aes = Cipher.AES128
        self.keys = kdf(secret, COUNTER_ENCRYPTION, aes), kdf(secret, COUNTER_MAC, aes)
        self.counter = 0
        return Response(b"\x7c\x00", 0x9000)

    def iv(self, key: bytes) -> bytes:
        return encrypt_block(Cipher.AES128, key, self.counter.to_bytes(16, "big"))

    def uncover(self, command: Command) -> Command | None:
        assert self.keys is not None
        encryption, mac = self.keys
        self.counter += 1
        objects = {item.tag: item for item in parse_all(command.data)}
        body = b"".join(item for tag, item in objects.items() if tag != 0x8E)
        content = (
            self.counter.to_bytes(16, "big") + pad(command.header, 16) + (pad(body, 16) if body else b"")
        )
        if mac8(Cipher.AES128, mac, content) != objects[0x8E].value:
            return None
        data = b""
        if 0x87 in objects:
            data = unpad(decrypt_cbc(Cipher.AES128, encryption, self.iv(encryption), objects[0x87].value[1:]))
        le = int.from_bytes(objects[0x97].value, "big") if 0x97 in objects else None
        return Command(0x00, *command.header_values[1:], data, le)

    def cover(self, answer: Response, keys: tuple[bytes, bytes]) -> Response:
        if self.counter == 0:  # the agreement itself ran in the old session: there was none
            return answer
        self.counter += 1
        body = bytes(Tlv.of(0x99, answer.sw.to_bytes(2, "big")))
        if answer.data:
            cryptogram = encrypt_cbc(Cipher.AES128, keys[0], self.iv(keys[0]), pad(answer.data, 16))
            body = Tlv.of(0x87, b"\x01" + cryptogram) + body
        mac = mac8(Cipher.AES128, keys[1], self.counter.to_bytes(16, "big") + pad(body, 16))
        return Response(body + Tlv.of(0x8E, mac), answer.sw)
