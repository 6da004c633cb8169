"""From a chip's plan to the memory of a chip: data groups, security infos, keys, signatures, and sabotage.

Doc 9303-10 (files), 9303-11 §9.2 (security infos). Keys but those of RSA follow from the plan's name, so the
same plan gives the same chip.
"""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from types import MappingProxyType

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from card_io.lds import data_groups as dg
from card_io.lds import mrz
from card_io.lds.face import build_dg2
from card_io.lds.index import FILES, build_com, group_tag
from crypto.cms import ContentSigner, build_signed_data
from crypto.sod import build_sod
from hardware_mocks import chip_infos
from hardware_mocks.chip import CardImage, passport_image
from hardware_mocks.chip_agreement import AGREEMENTS
from hardware_mocks.chip_apdu import tlv
from hardware_mocks.chip_authentication import ChipKey
from hardware_mocks.chip_memory import SeededRandom
from hardware_mocks.chip_personalisation import PrivateKey
from hardware_mocks.chip_plan import ChipPlan, PlanError
from hardware_mocks.portraits import Look, portrait

_SMALL = (210, 270)  # pixels
_COMMENT_MOST = 0xFFFF - 2
# What the chip holds where nothing is asked of the content: DG3 and DG4 are empty shells (Doc 9303-10 §4.7).
_FINGERS = bytes.fromhex("7F6103020100")
_SECURITY_FEATURE = bytes.fromhex("020101") + tlv(0x5F40, b"lab")
_SIGNATURE = bytes.fromhex("020101") + tlv(0x5F43, b"lab")
_RELATIVE = tlv(0x5F50, b"20240102") + tlv(0x5F51, b"SPECIMEN<<BERTA") + tlv(0x5F52, b"000")


def build_chip(
    plan: ChipPlan, signer: ContentSigner | None, content: Mapping[int, bytes] = MappingProxyType({})
) -> CardImage:
    """The chip. Without a signer it has neither EF.SOD nor EF.CardSecurity.

    `content` takes the place of what the plan's own data groups would hold; numbers not in the plan are
    left out.

    PlanError for what the plan's files cannot hold; the signer's own errors.
    """
    random = SeededRandom(hashlib.sha256(f"shekara chip/{plan.name}".encode()).digest(), 0)
    ca_keys = tuple(item.key(_private(item.parameter, random)) for item in plan.chip_authentication)
    cam_keys = _mapping_keys(plan, random)
    aa_key = _aa_key(plan, random)
    groups = _groups(plan, ca_keys, aa_key)
    groups |= {number: content[number] for number in groups if number in content}
    files = {"EF.COM": build_com([group_tag(number) for number in groups])}
    files |= {f"DG{number}": content for number, content in groups.items()}
    if plan.pace:
        files["EF.CardAccess"] = chip_infos.set_of(_pace_infos(plan))
    if plan.extended_limit:
        limit = chip_infos.integer(plan.extended_limit)
        files["EF.ATR/INFO"] = tlv(0x47, bytes.fromhex("942140")) + tlv(0x7F66, limit + limit)
    if signer is not None:
        files["EF.SOD"] = build_sod(groups, signer)
        if cam_keys:
            files["EF.CardSecurity"] = _card_security(plan, cam_keys, signer)
    endless = tuple(_path(name) for name in plan.behaviour.endless)
    return passport_image(
        {_path(name): content for name, content in _sabotaged(plan, files).items()},
        mrz.parse(plan.lines).access_information(),
        can=plan.can or None,
        pace=bool(plan.pace),
        bac=plan.bac,
        aa_private_key=aa_key,
        aa_hash=plan.active_authentication.hash if plan.active_authentication else None,
        serial=int.from_bytes(random(4), "big"),
        rng_seed=random(32),
        ca_keys=ca_keys,
        cam_keys=cam_keys,
        behaviour=replace(plan.behaviour, endless=endless),
    )


def _path(name: str) -> str:
    file = FILES[name]
    return f"{'mf' if file.in_mf else 'app'}/{file.fid:04X}"


def _private(parameter: int, random: SeededRandom) -> int:
    return AGREEMENTS[parameter].draw(random)


def _mapping_keys(plan: ChipPlan, random: SeededRandom) -> tuple[ChipKey, ...]:
    """A static key for each set of parameters with chip authentication mapping."""
    parameters = sorted({offer.parameter for offer in plan.pace if offer.mapping == "CAM"})
    return tuple(ChipKey(number, _private(number, random), number) for number in parameters)


def _aa_key(plan: ChipPlan, random: SeededRandom) -> PrivateKey | None:
    wanted = plan.active_authentication
    if wanted is None:
        return None
    if wanted.kind == "RSA":
        return rsa.generate_private_key(public_exponent=65537, key_size=wanted.bits)
    curves: Mapping[str, type[ec.EllipticCurve]] = {
        curve.name: curve
        for curve in (
            *(ec.SECP192R1, ec.SECP224R1, ec.SECP256R1, ec.SECP384R1, ec.SECP521R1),
            *(ec.BrainpoolP256R1, ec.BrainpoolP384R1, ec.BrainpoolP512R1),
        )
    }
    if wanted.curve not in curves:
        raise PlanError(f"active_authentication.curve: choose from {', '.join(curves)}")
    secret = int.from_bytes(random(20), "big") + 1  # below the order of every curve above
    return ec.derive_private_key(secret, curves[wanted.curve]())


def _groups(plan: ChipPlan, keys: tuple[ChipKey, ...], aa_key: PrivateKey | None) -> dict[int, bytes]:
    groups = {1: dg.build_dg1(plan.lines), 2: _face(plan)}
    groups |= {number: _filler(plan, number) for number in plan.groups if number > 2}
    infos = _pace_infos(plan)
    for item, key in zip(plan.chip_authentication, keys, strict=True):
        infos += chip_infos.chip_authentication_infos(key, declared=item.declared, form=item.key_form)
    if {3, 4} & set(plan.groups):
        infos.append(chip_infos.terminal_authentication_info())
    if plan.active_authentication and plan.active_authentication.kind == "ECDSA":
        infos.append(chip_infos.active_authentication_info(plan.active_authentication.hash))
    if infos:
        groups[14] = tlv(group_tag(14), chip_infos.set_of(set(infos)))
    if aa_key is not None:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        groups[15] = tlv(group_tag(15), aa_key.public_key().public_bytes(serialization.Encoding.DER, form))
    return dict(sorted(groups.items()))


def _pace_infos(plan: ChipPlan) -> list[bytes]:
    return [chip_infos.pace_info(offer.oid, offer.parameter) for offer in plan.pace]


def _filler(plan: ChipPlan, number: int) -> bytes:
    person = mrz.parse(plan.lines)
    match number:
        case 3 | 4:
            return tlv(group_tag(number), _FINGERS)
        case 7:
            return tlv(group_tag(7), _SIGNATURE)
        case 16:
            return tlv(group_tag(16), bytes.fromhex("020101") + tlv(0xA1, _RELATIVE))
        case 11:
            names = tuple(filter(None, (person.surname, person.given_names)))
            return dg.build_dg11(dg.PersonalDetails(full_name=names))
        case 12:
            return dg.build_dg12(dg.DocumentDetails(issuing_authority="UTOPIA", issue_date="20240102"))
        case _:
            return tlv(group_tag(number), _SECURITY_FEATURE)


def _face(plan: ChipPlan) -> bytes:
    image = _picture()
    if plan.portrait:
        image = _filled(image, plan.portrait)
    return build_dg2(image, *_SMALL)


@cache
def _picture() -> bytes:
    """The drawn face of nobody, small; the same on every chip."""
    out = io.BytesIO()
    portrait(Look(seed="chip specimen")).resize(_SMALL).save(out, "JPEG", quality=60)
    return out.getvalue()


def _filled(image: bytes, size: int) -> bytes:
    """The JPEG made `size` octets long by a comment after its first marker."""
    surplus = size - len(image)
    if not 4 <= surplus <= _COMMENT_MOST:
        raise PlanError(f"portrait: {len(image) + 4} to {len(image) + _COMMENT_MOST} octets")
    return image[:2] + b"\xff\xfe" + (surplus - 2).to_bytes(2, "big") + bytes(surplus - 4) + image[2:]


def _card_security(plan: ChipPlan, keys: tuple[ChipKey, ...], signer: ContentSigner) -> bytes:
    """EF.CardSecurity: the infos of EF.CardAccess and the static keys, signed (Doc 9303-11 §9.2.11)."""
    infos = _pace_infos(plan)
    for key in keys:
        infos += chip_infos.chip_authentication_infos(key, declared=False, form="standard")
    return build_signed_data(chip_infos.SECURITY_OBJECT, chip_infos.set_of(infos), signer)


def _sabotaged(plan: ChipPlan, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files after everything that the plan does to them behind the signer's back."""
    result = {name: content for name, content in files.items() if name not in plan.missing}
    if plan.tamper in result:
        content = result[plan.tamper]
        result[plan.tamper] = content[:-1] + bytes([content[-1] ^ 1])
    for name, octets in plan.bombs.items():
        result[name] = _first_octet(name, result) + bytes.fromhex(octets) + result.get(name, b"")[2:]
    for name, depth in plan.nested.items():
        result[name] = _first_octet(name, result) + _nest(depth)
    return result


def _first_octet(name: str, files: Mapping[str, bytes]) -> bytes:
    return files.get(name, b"\x30")[:1]


def _nest(depth: int) -> bytes:
    """Length and content of a sequence that holds `depth` sequences, one in the other."""
    parts = [b"\x00"]
    size = 1
    for _ in range(depth):
        size += 1  # the tag of what is now inside
        head = size.to_bytes((size.bit_length() + 7) // 8, "big")
        length = bytes([size]) if size < 0x80 else bytes([0x80 | len(head)]) + head
        parts += [b"\x30", length]
        size += len(length)
    return b"".join(reversed(parts))
