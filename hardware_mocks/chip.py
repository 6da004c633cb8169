"""The simulated card: an eMRTD chip that can be blank, issued, or a passport's.

Doc 9303-10 (application, files, access) and 9303-11 (BAC, PACE, secure messaging, Active Authentication) on
ISO/IEC 7816-4 commands. A blank accepts the personalisation profile "iso7816" in the clear until ACTIVATE;
from then on nothing can be written and the application's files need PACE or BAC. Every change is handed to
`on_persist` before its 9000 leaves the card.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace

from hardware_mocks import chip_authentication
from hardware_mocks.chip_access import (
    CAN_PASSWORD,
    MRZ_PASSWORD,
    RandomBytes,
    SecureChannel,
    Suite,
    active_authentication,
    basic_access,
)
from hardware_mocks.chip_apdu import SW, ChipCommand, Refusal, decode_command, objects
from hardware_mocks.chip_authentication import ChipKey
from hardware_mocks.chip_behaviour import IDEAL, Behaviour
from hardware_mocks.chip_files import APPLICATION, EMRTD_AID, MF, FileSystem
from hardware_mocks.chip_memory import CardImage, ImageError, SeededRandom, cplc, seeded
from hardware_mocks.chip_pace import Pace, offered_pace
from hardware_mocks.chip_personalisation import HANDLERS, PrivateKey, pkcs8

__all__ = [
    "ATR",
    "EMRTD_AID",
    "Card",
    "CardImage",
    "ImageError",
    "SeededRandom",
    "blank_image",
    "passport_image",
    "seeded",
]

# Longest answer body the chip sends: vpcd carries 65535 octets with the status word.
MAX_ANSWER = 65000
# Instructions a terminated card still knows: SELECT and GET DATA.
ALWAYS_ANSWERED = (0xA4, 0xCA)
CHALLENGE_LENGTH = 8
# EXTERNAL AUTHENTICATE must follow its GET CHALLENGE, GENERAL AUTHENTICATE its predecessor.
EXTERNAL_AUTHENTICATE, GENERAL_AUTHENTICATE = 0x82, 0x86


def _atr(capabilities: str) -> bytes:
    # PC/SC part 3 contactless form; card capabilities 73.
    historical = bytes.fromhex("8073" + capabilities)
    atr = bytes([0x3B, 0x80 | len(historical), 0x80, 0x01]) + historical
    check = 0
    for octet in atr[1:]:
        check ^= octet
    return atr + bytes([check])


# Selection by name, FID and SFI; with and without extended length.
ATR = _atr("942140")
ATR_SHORT_ONLY = _atr("942100")


class Card:
    """One chip. transmit never raises: whatever comes in, a status word goes out."""

    def __init__(
        self,
        image: CardImage,
        random: RandomBytes | None = None,
        on_persist: Callable[[CardImage], None] | None = None,
    ) -> None:
        """random None: the image's seeded stream if it has one, else the system's randomness.

        on_persist must make the image durable or raise OSError, which the chip answers with 6581.
        """
        self._files = FileSystem(image, random, on_persist or (lambda _: None))
        self._handlers: Mapping[int, Callable[[ChipCommand], bytes]] = {
            0x22: self._manage_environment,
            EXTERNAL_AUTHENTICATE: self._external_authenticate,
            0x84: self._get_challenge,
            GENERAL_AUTHENTICATE: self._general_authenticate,
            0x88: self._internal_authenticate,
            0xA4: self._files.select,
            0xB0: lambda command: self._files.read(command, self._room),
            0xB1: lambda command: self._files.read_odd(command, self._room),
            0xD6: self._files.update,
            0xD7: self._files.update_odd,
        }
        self.powered = False
        self._reset()

    @property
    def image(self) -> CardImage:
        """The non-volatile memory as last persisted."""
        return self._files.image

    def power_on(self) -> bytes:
        """Cold or warm reset: every session ends; the ATR."""
        self.powered = True
        self._reset()
        return ATR if self.image.behaviour.announces_extended_length else ATR_SHORT_ONLY

    def power_off(self) -> None:
        self.powered = False
        self._reset()

    def transmit(self, apdu: bytes, *, torn: bool = False) -> bytes:
        """Answer one command APDU.

        torn: power fails in the middle of the command, so UPDATE BINARY persists only the first half of
        its data; the caller takes the card away and drops the answer.
        """
        if not self.powered:
            return SW.NO_PRECISE_DIAGNOSIS.to_bytes(2, "big")
        self._files.torn = torn
        try:
            answer = self._dispatch(self._decode(apdu))
            self._files.commit_randomness()
        except Refusal as refusal:
            answer = refusal.sw.to_bytes(2, "big")
        return answer

    def _reset(self) -> None:
        self._files.reset()
        self._challenge: bytes | None = None
        self._pace: Pace | None = None
        self._key_choice: tuple[ChipKey, Suite] | None = None
        self._next_channel: SecureChannel | None = None
        self._protected = 0
        self._room = MAX_ANSWER
        self._set_channel(None)

    def _set_channel(self, channel: SecureChannel | None) -> None:
        self._channel = channel
        self._files.authenticated = channel is not None

    def _decode(self, apdu: bytes) -> ChipCommand:
        try:
            command = decode_command(apdu)
            if command.extended and not self.image.behaviour.extended_length:
                raise Refusal(SW.WRONG_LENGTH)
            return command
        except Refusal:
            self._set_channel(None)  # what is no command is not a protected one either
            raise

    def _dispatch(self, command: ChipCommand) -> bytes:
        if command.ins != EXTERNAL_AUTHENTICATE:
            self._challenge = None
        if command.ins != GENERAL_AUTHENTICATE:
            self._pace = self._key_choice = None
        if command.cla in (0x0C, 0x1C):
            return self._dispatch_secure(command)
        # Doc 9303-11 §9.8: a plain command ends the session and its rights.
        self._set_channel(None)
        if command.cla not in (0x00, 0x10):
            raise Refusal(SW.CHANNEL_NOT_SUPPORTED if command.cla in (1, 2, 3) else SW.CLA_NOT_SUPPORTED)
        if command.cla == 0x10 and command.ins != GENERAL_AUTHENTICATE:
            raise Refusal(SW.CHAINING_NOT_SUPPORTED)
        data, sw = self._execute(command, MAX_ANSWER)
        return data + sw.to_bytes(2, "big")

    def _dispatch_secure(self, command: ChipCommand) -> bytes:
        channel = self._channel
        self._set_channel(None)  # given back only to a message that proves right (§9.8)
        if channel is None or command.cla != 0x0C:
            raise Refusal(SW.SM_OBJECT_WRONG)
        plain = channel.unwrap(command)
        self._set_channel(channel)
        data, sw = self._execute(plain, channel.capacity(min(command.le or 0x100, MAX_ANSWER)))
        answer = channel.wrap(plain.ins, data, sw)
        renewed, self._next_channel = self._next_channel, None
        if renewed is not None and sw == SW.OK:  # the old keys protect the last answer (§6.2)
            self._set_channel(renewed)
        self._protected += 1
        if self._protected == self.image.behaviour.bad_mac_at:
            return answer[:-3] + bytes([answer[-3] ^ 1]) + answer[-2:]
        return answer

    def _execute(self, command: ChipCommand, room: int) -> tuple[bytes, int]:
        """Data and status word of a plain command whose answer can hold `room` octets of data."""
        self._room = room
        try:
            data, sw = self._handle(command), int(SW.OK)
        except Refusal as refusal:
            data, sw = refusal.data, refusal.sw
        if len(data) > room and command.le is not None and self.image.behaviour.long_answer == "61":
            return data[:room], 0x6100 | min(0xFF, len(data) - room)
        if data and (command.le is None or len(data) > room):
            return b"", SW.WRONG_LENGTH
        if data and command.le is not None and len(data) > command.le:
            return b"", SW.WRONG_LE | len(data) if len(data) < 0x100 else SW.WRONG_LENGTH
        return data, sw

    def _handle(self, command: ChipCommand) -> bytes:
        if self.image.life_cycle == "terminated" and command.ins not in ALWAYS_ANSWERED:
            raise Refusal(SW.CONDITIONS_OF_USE)
        if command.ins in HANDLERS:
            return HANDLERS[command.ins](self._files, command)
        handler = self._handlers.get(command.ins)
        if handler is None:
            raise Refusal(SW.INS_NOT_SUPPORTED)
        return handler(command)

    # --- access protocols ------------------------------------------------------------------------

    def _require_protocol(self, command: ChipCommand, *, directory: str, offered: bool) -> None:
        """An access protocol starts in the clear, in its directory, on a personalised chip that has it."""
        ready = self.image.life_cycle == "operational" and offered
        if not ready or self._channel is not None or self._files.directory != directory:
            raise Refusal(SW.CONDITIONS_OF_USE)
        if command.ins != 0x22 and command.p1p2:
            raise Refusal(SW.WRONG_P1P2)

    def _get_challenge(self, command: ChipCommand) -> bytes:
        self._require_protocol(command, directory=APPLICATION, offered=self.image.bac)
        if command.data or not (command.any_length or command.le == CHALLENGE_LENGTH):
            raise Refusal(SW.WRONG_LENGTH)
        self._challenge = self._files.random(CHALLENGE_LENGTH)
        return self._challenge

    def _external_authenticate(self, command: ChipCommand) -> bytes:
        challenge, self._challenge = self._challenge, None
        self._require_protocol(command, directory=APPLICATION, offered=self.image.bac)
        password = self.image.mrz_password
        if challenge is None or password is None:
            raise Refusal(SW.CONDITIONS_OF_USE)
        if command.le == 0x28 and not self.image.behaviour.bac_le_28:
            raise Refusal(SW.WRONG_LENGTH)
        try:
            answer, channel = basic_access(password, challenge, command.data, self._files.random)
        except Refusal as refusal:
            raise self._password_refusal(refusal) from refusal
        self._set_channel(channel)
        return answer

    def _password_refusal(self, refusal: Refusal) -> Refusal:
        """The refusal, in this chip's own word for a wrong password."""
        wrong = refusal.sw == SW.AUTHENTICATION_FAILED
        return Refusal(int(self.image.behaviour.wrong_password, 16)) if wrong else refusal

    def _manage_environment(self, command: ChipCommand) -> bytes:
        """MSE: Set AT for PACE, Set KAT and Set AT for Chip Authentication."""
        if command.le is not None and "mse" in self.image.behaviour.refuses_le:
            raise Refusal(SW.WRONG_LENGTH)
        match command.p1p2:
            case 0xC1A4:
                self._set_pace(command)
            case 0x41A6:
                self._require_session()
                self._next_channel = chip_authentication.set_key_agreement(self.image.ca_keys, command.data)
            case 0x41A4:
                self._require_session()
                self._key_choice = chip_authentication.set_authentication(self.image.ca_keys, command.data)
            case _:
                raise Refusal(SW.WRONG_P1P2)
        return b""

    def _require_session(self) -> None:
        """Chip Authentication runs under secure messaging in the application (Doc 9303-11 §6.2)."""
        if self._channel is None or self._files.directory != APPLICATION or not self.image.ca_keys:
            raise Refusal(SW.CONDITIONS_OF_USE)

    def _set_pace(self, command: ChipCommand) -> None:
        """MSE:Set AT for PACE (Doc 9303-11 §4.4.4.1): 80 protocol, 83 password, 84 domain parameters."""
        self._require_protocol(command, directory=MF, offered=self.image.pace)
        fields = {item.tag: item.value for item in objects(command.data)}
        if not {0x80, 0x83} <= set(fields) <= {0x80, 0x83, 0x84}:
            raise Refusal(SW.WRONG_DATA)
        offered = offered_pace(self.image.files.get("mf/011C", b"")).get(fields[0x80])
        if not offered:
            raise Refusal(SW.WRONG_DATA)
        parameter = int.from_bytes(fields[0x84], "big") if 0x84 in fields else None
        if parameter is None and self.image.behaviour.needs_parameter:
            raise Refusal(SW.INCONSISTENT_LENGTH)
        if parameter is None and len(offered) == 1:
            parameter = next(iter(offered))
        if parameter not in offered:
            raise Refusal(SW.REFERENCE_NOT_FOUND)
        static = [key.private for key in self.image.cam_keys if key.parameter == parameter]
        self._pace = Pace(
            fields[0x80],
            parameter,
            self._password(fields[0x83]),
            self._files.random,
            static_key=static[0] if static else None,
            behaviour=self.image.behaviour,
        )

    def _password(self, reference: bytes) -> bytes:
        """The secret of a password reference: SHA-1(MRZ_information), or the CAN's digits."""
        secret: bytes | None = None
        if reference == bytes([MRZ_PASSWORD]):
            secret = self.image.mrz_password
        elif reference == bytes([CAN_PASSWORD]) and self.image.can is not None:
            secret = self.image.can.encode("ascii")
        if secret is None:
            raise Refusal(SW.REFERENCE_NOT_FOUND)
        return secret

    def _general_authenticate(self, command: ChipCommand) -> bytes:
        """The four steps of PACE, chained: CLA 10 for all but the last (§4.4.4.2); or Chip Authentication."""
        choice, self._key_choice = self._key_choice, None
        if choice is not None and self._channel is not None and not command.p1p2:
            answer, self._next_channel = chip_authentication.general_authenticate(choice, command.data)
            return answer
        pace, self._pace = self._pace, None
        if pace is None or command.p1p2:
            raise Refusal(SW.CONDITIONS_OF_USE if pace is None else SW.WRONG_P1P2)
        last = pace.done == 3
        if (command.cla == 0x10) is last:
            raise Refusal(SW.LAST_OF_CHAIN_EXPECTED if last else SW.CONDITIONS_OF_USE)
        try:
            answer, channel = pace.step(command.data)
        except Refusal as refusal:
            raise self._password_refusal(refusal) from refusal
        if channel is None:
            self._pace = pace
        else:
            self._set_channel(channel)
        return answer

    def _internal_authenticate(self, command: ChipCommand) -> bytes:
        if command.p1p2:
            raise Refusal(SW.WRONG_P1P2)
        if self._files.directory != APPLICATION or self.image.life_cycle != "operational":
            raise Refusal(SW.CONDITIONS_OF_USE)
        self._files.require_access(f"{APPLICATION}/010F")
        if len(command.data) != CHALLENGE_LENGTH:
            raise Refusal(SW.WRONG_LENGTH)
        if self.image.aa_key is None:
            raise Refusal(SW.REFERENCE_NOT_FOUND)
        image = self.image
        return active_authentication(
            image.aa_key or b"", image.aa_hash, command.data, self._files.random, image.behaviour
        )


def blank_image(serial: int, *, rng_seed: bytes | None = None, batch: int = 1) -> CardImage:
    """A blank as it leaves the box: no files, life cycle CREATION; serial is below 2**32."""
    return CardImage(kind="blank", cplc=cplc(serial, batch=batch), rng_seed=rng_seed)


def passport_image(
    files: Mapping[str, bytes],
    mrz_information: bytes,
    *,
    can: str | None = None,
    pace: bool = True,
    bac: bool = True,
    aa_private_key: PrivateKey | None = None,
    aa_hash: str | None = None,
    serial: int,
    rng_seed: bytes | None = None,
    ca_keys: tuple[ChipKey, ...] = (),
    cam_keys: tuple[ChipKey, ...] = (),
    behaviour: Behaviour = IDEAL,
) -> CardImage:
    """A passport chip with these files ('mf/011C', 'app/0101', ...), locked.

    PACE runs with what its EF.CardAccess offers. Neither pace nor bac: an old chip readable in the clear.
    """
    image = CardImage(
        kind="passport",
        cplc=cplc(serial, fabricator=0x4250),
        files=dict(files),
        life_cycle="operational",
        mrz_password=hashlib.sha1(mrz_information, usedforsecurity=False).digest(),
        can=can,
        pace=pace,
        bac=bac,
        aa_hash=aa_hash,
        rng_seed=rng_seed,
        ca_keys=ca_keys,
        cam_keys=cam_keys,
        behaviour=behaviour,
    )
    return replace(image, aa_key=pkcs8(aa_private_key)) if aa_private_key is not None else image
