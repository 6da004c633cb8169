"""Basic Access Control (Doc 9303-11 section 4.3, appendices D.2 and D.3).

Owns the mutual authentication with keys from the MRZ. Documents without PACE need it until 2038.
"""

from __future__ import annotations

import hashlib
import hmac

from card_io.apdu import SW, Command, Ins, Link, Response, expect
from card_io.errors import AccessDenied, MalformedCardData, SecureMessagingError, StatusError
from card_io.secure_messaging import SecureMessaging
from crypto.primitives import (
    COUNTER_ENCRYPTION,
    COUNTER_MAC,
    Cipher,
    RandomBytes,
    decrypt_cbc,
    encrypt_cbc,
    kdf,
    mac8,
    pad,
)

_NONCE = 8  # RND.IC, RND.IFD
_SEED = 16  # Kseed, K.IFD, K.IC
_CRYPTOGRAM = 32
_ANSWER = 40
_IV = bytes(8)
# Besides 6300 and 63Cx (TR-03110-3 B.14), what chips in the field answer to a wrong key; 6A80 at the
# token of PACE comes from Greek, Dutch and Slovak ones.
_REFUSALS = frozenset(
    {
        SW.SECURITY_NOT_SATISFIED,
        SW.AUTHENTICATION_BLOCKED,
        SW.REFERENCE_DATA_UNUSABLE,
        SW.CONDITIONS_NOT_SATISFIED,
        SW.SM_OBJECT_INCORRECT,
        SW.WRONG_DATA,
    }
)


def get_challenge(link: Link) -> bytes:
    """RND.IC, eight bytes; StatusError from chips that do not speak BAC."""
    command = Command(0x00, Ins.GET_CHALLENGE, 0, 0, le=_NONCE)
    challenge = expect(link.send(command), command).data
    if len(challenge) != _NONCE:
        raise MalformedCardData("challenge is not eight bytes")
    return challenge


def basic_access(
    link: Link, mrz_information: bytes, random: RandomBytes, challenge: bytes
) -> SecureMessaging:
    """The session after mutual authentication in the selected application.

    AccessDenied when the chip refuses the key, SecureMessagingError when the chip does not prove that it
    has it.
    """
    seed = hashlib.sha1(mrz_information, usedforsecurity=False).digest()[:_SEED]
    encryption = kdf(seed, COUNTER_ENCRYPTION, Cipher.TDES)
    mac = kdf(seed, COUNTER_MAC, Cipher.TDES)
    own = random(_NONCE), random(_SEED)
    response = _authenticate(link, _cryptogram(encryption, mac, challenge, *own), _ANSWER)
    if response.sw == SW.WRONG_LENGTH:  # some chips want Le 00, and their challenge was good for one try
        challenge, own = get_challenge(link), (random(_NONCE), random(_SEED))
        response = _authenticate(link, _cryptogram(encryption, mac, challenge, *own), 0)
    chip_key = _open(_accepted(response), encryption, mac, challenge + own[0])
    nonce, own_key = own
    shared = bytes(mine ^ other for mine, other in zip(own_key, chip_key, strict=True))
    return SecureMessaging(
        link,
        Cipher.TDES,
        kdf(shared, COUNTER_ENCRYPTION, Cipher.TDES),
        kdf(shared, COUNTER_MAC, Cipher.TDES),
        challenge[4:] + nonce[4:],
    )


def is_refusal(sw: int) -> bool:
    """Whether a status word says that the key or password is wrong."""
    return sw >> 8 == SW.AUTHENTICATION_FAILED >> 8 or sw in _REFUSALS


def tries_left(sw: int) -> int | None:
    """What a refusal says about further tries: 63Cx leaves x, a block none, others do not tell."""
    if sw >> 4 == 0x63C:
        return sw & 0x0F
    return 0 if sw in (SW.AUTHENTICATION_BLOCKED, SW.REFERENCE_DATA_UNUSABLE) else None


def _cryptogram(encryption: bytes, mac: bytes, challenge: bytes, nonce: bytes, own_key: bytes) -> bytes:
    sealed = encrypt_cbc(Cipher.TDES, encryption, _IV, nonce + challenge + own_key)
    return sealed + mac8(Cipher.TDES, mac, pad(sealed, 8))


def _authenticate(link: Link, data: bytes, le: int) -> Response:
    return link.send(Command(0x00, Ins.EXTERNAL_AUTHENTICATE, 0, 0, data, le))


def _accepted(response: Response) -> bytes:
    if is_refusal(response.sw):
        raise AccessDenied(
            f"BAC key refused with status {response.sw:04X}", tries_left=tries_left(response.sw)
        )
    if response.sw != SW.OK:
        raise StatusError(response.sw, Ins.EXTERNAL_AUTHENTICATE)
    return response.data


def _open(answer: bytes, encryption: bytes, mac: bytes, nonces: bytes) -> bytes:
    """K.IC out of the chip's cryptogram, after its MAC and both nonces."""
    if len(answer) != _ANSWER:
        raise MalformedCardData("BAC answer is not forty bytes")
    cryptogram, received = answer[:_CRYPTOGRAM], answer[_CRYPTOGRAM:]
    if not hmac.compare_digest(mac8(Cipher.TDES, mac, pad(cryptogram, 8)), received):
        raise SecureMessagingError("BAC answer has a wrong MAC")
    plain = decrypt_cbc(Cipher.TDES, encryption, _IV, cryptogram)
    if not hmac.compare_digest(plain[:_SEED], nonces):
        raise SecureMessagingError("BAC answer has wrong nonces")
    return plain[_SEED:]
