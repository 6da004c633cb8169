"""Card side of the personalisation profile "iso7816": a blank becomes an issued card, once.

ISO/IEC 7816-9 CREATE FILE and ACTIVATE, 7816-8 GENERATE ASYMMETRIC KEY PAIR, 7816-4 PUT DATA and GET DATA.
Everything here is refused with 6985 once the life cycle has left CREATION.
"""

from collections.abc import Callable, Mapping

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from hardware_mocks import chip_math
from hardware_mocks.chip_agreement import draw_below
from hardware_mocks.chip_apdu import SW, ChipCommand, Refusal, template, tlv
from hardware_mocks.chip_files import FileSystem
from hardware_mocks.chip_memory import MRZ_PASSWORD_LENGTH

# EF.CardAccess, EF.COM, EF.SOD, DG1, DG2: without them no card leaves CREATION.
REQUIRED_TO_ACTIVATE = ("mf/011C", "app/011E", "app/011D", "app/0101", "app/0102")
RESERVED_FIDS = (0x0000, 0x3F00, 0x3FFF, 0xFFFF)
TRANSPARENT = 0x01
P256_PARAMETER_ID = 12
AA_KEY_REFERENCE = 1
CAN_LENGTH = 6
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
POLICIES: Mapping[int, bool] = {1: False, 3: True}  # PACE only; PACE and BAC


def create_file(files: FileSystem, command: ChipCommand) -> bytes:
    """CREATE FILE with an FCP: 80 size, 82 descriptor, 83 identifier, 88 short identifier; body zeroed."""
    files.require_creation()
    if command.p1p2:
        raise Refusal(SW.WRONG_P1P2)
    fields = template(command.data, 0x62)
    size, fid = _number(fields, 0x80, 2), _number(fields, 0x83, 2)
    sfi = _number(fields, 0x88, 1) if fields.get(0x88) else 0
    if (
        _number(fields, 0x82, 1) != TRANSPARENT
        or fid in RESERVED_FIDS
        or not size
        or sfi & 7
        or sfi >> 3 == 31
    ):
        raise Refusal(SW.WRONG_DATA)
    name = f"{files.directory}/{fid:04X}"
    _require_free(files, name, size, sfi >> 3)
    image = files.image
    sfis = {**image.sfis, name: sfi >> 3} if sfi else image.sfis
    files.commit(files={**image.files, name: bytes(size)}, sfis=sfis)
    files.current = name
    return b""


def _number(fields: Mapping[int, bytes], tag: int, size: int) -> int:
    if len(fields.get(tag, b"")) != size:
        raise Refusal(SW.WRONG_DATA)
    return int.from_bytes(fields[tag], "big")


def _require_free(files: FileSystem, name: str, size: int, sfi: int) -> None:
    image = files.image
    siblings = [taken for taken in image.sfis if taken.startswith(f"{files.directory}/")]
    if name in image.files or (sfi and sfi in [image.sfis[taken] for taken in siblings]):
        raise Refusal(SW.FILE_EXISTS)
    if size + sum(map(len, image.files.values())) > image.capacity:
        raise Refusal(SW.NO_MEMORY)


def generate_key(files: FileSystem, command: ChipCommand) -> bytes:
    """GENERATE ASYMMETRIC KEY PAIR for Active Authentication; P1 80 makes a new one, 81 reads the present."""
    files.require_creation()
    if command.p1p2 not in (0x8000, 0x8100):
        raise Refusal(SW.WRONG_P1P2)
    if template(command.data, 0xAC) != {0x80: bytes([P256_PARAMETER_ID]), 0x84: bytes([AA_KEY_REFERENCE])}:
        raise Refusal(SW.WRONG_DATA)
    if command.p1 == 0x80:
        key = chip_math.p256_key(draw_below(chip_math.P256.n, chip_math.P256.size, files.random))
        files.commit(aa_key=pkcs8(key))
    if files.image.aa_key is None:
        raise Refusal(SW.REFERENCE_NOT_FOUND)
    return tlv(0x7F49, tlv(0x86, _public_point(files.image.aa_key)))


def pkcs8(key: PrivateKey) -> bytes:
    """DER of a private key as the image keeps it."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def _public_point(key: bytes) -> bytes:
    private = load_der_private_key(key, password=None)
    return private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def put_data(files: FileSystem, command: ChipCommand) -> bytes:
    """PUT DATA 0101 MRZ password, 0102 CAN, 0103 access policy."""
    files.require_creation()
    setter = _SETTERS.get(command.p1p2)
    if setter is None:
        raise Refusal(SW.REFERENCE_NOT_FOUND)
    setter(files, command.data)
    return b""


def _exactly(data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise Refusal(SW.WRONG_LENGTH)
    return data


def _put_mrz_password(files: FileSystem, data: bytes) -> None:
    files.commit(mrz_password=_exactly(data, MRZ_PASSWORD_LENGTH))


def _put_can(files: FileSystem, data: bytes) -> None:
    if not _exactly(data, CAN_LENGTH).isdigit():
        raise Refusal(SW.WRONG_DATA)
    files.commit(can=data.decode("ascii"))


def _put_policy(files: FileSystem, data: bytes) -> None:
    policy = _exactly(data, 1)[0]
    if policy not in POLICIES:
        raise Refusal(SW.WRONG_DATA)
    files.commit(pace=True, bac=POLICIES[policy])


_SETTERS: Mapping[int, Callable[[FileSystem, bytes], None]] = {
    0x0101: _put_mrz_password,
    0x0102: _put_can,
    0x0103: _put_policy,
}


def get_data(files: FileSystem, command: ChipCommand) -> bytes:
    """GET DATA 9F7F: the CPLC, in every life cycle state."""
    if command.p1p2 != 0x9F7F:
        raise Refusal(SW.REFERENCE_NOT_FOUND)
    return tlv(0x9F7F, files.image.cplc)


def activate(files: FileSystem, command: ChipCommand) -> bytes:
    """ACTIVATE: CREATION becomes OPERATIONAL for ever, if the mandatory contents are there."""
    files.require_creation()
    if command.p1p2:
        raise Refusal(SW.WRONG_P1P2)
    image = files.image
    if image.mrz_password is None or not set(REQUIRED_TO_ACTIVATE) <= set(image.files):
        raise Refusal(SW.CONDITIONS_OF_USE)
    files.commit(life_cycle="operational", kind="issued")
    return b""


HANDLERS: Mapping[int, Callable[[FileSystem, ChipCommand], bytes]] = {
    0x44: activate,
    0x46: generate_key,
    0xCA: get_data,
    0xDA: put_data,
    0xE0: create_file,
}
