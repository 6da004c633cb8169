"""Keys on PKCS#11 tokens (OASIS PKCS#11 2.40): found by label or serial number, made there, never taken out.

A key is found by its public half, so nothing but the certificate has to be remembered. Hashing is done
here: tokens differ in what they hash (CKM_ECDSA, CKM_RSA_PKCS, CKM_RSA_PKCS_PSS sign a given digest). Every
error of a driver becomes a code of ours; a wrong PIN is never tried again by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

import pkcs11
from asn1crypto import algos, core
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from pkcs11 import exceptions as token_errors

from crypto.certificates import PublicKey, SignatureAlgorithm, digest
from crypto.certificates.asn1 import AlgorithmIdentifier, single
from crypto.certificates.keys import hash_identifier, library_curve
from crypto.ecmath import CURVES
from crypto.errors import CryptoErrorCode as Code
from crypto.errors import KeyUnavailable, UnsupportedAlgorithm
from crypto.signer import read_private_file

_ID_BYTES = 16
_RSA_EXPONENT = 65537
_Result = TypeVar("_Result")
# CKM_RSA_PKCS_PSS names its hashes; the value is the Python package's
_PSS_HASHES = MappingProxyType(
    {"sha224": "SHA224", "sha256": "SHA256", "sha384": "SHA384", "sha512": "SHA512"}
)
_CODES: Mapping[type[Exception], Code] = MappingProxyType(
    {
        token_errors.PinIncorrect: Code.CRYPTO_PIN_WRONG,
        token_errors.PinLenRange: Code.CRYPTO_PIN_WRONG,
        token_errors.PinInvalid: Code.CRYPTO_PIN_WRONG,
        token_errors.PinLocked: Code.CRYPTO_PIN_LOCKED,
        token_errors.PinExpired: Code.CRYPTO_PIN_LOCKED,
        token_errors.UserPinNotInitialized: Code.CRYPTO_PIN_LOCKED,
        token_errors.NoSuchToken: Code.CRYPTO_HSM_GONE,
        token_errors.TokenNotPresent: Code.CRYPTO_HSM_GONE,
        token_errors.TokenNotRecognised: Code.CRYPTO_HSM_GONE,
        token_errors.DeviceRemoved: Code.CRYPTO_HSM_GONE,
        token_errors.SlotIDInvalid: Code.CRYPTO_HSM_GONE,
        token_errors.SessionHandleInvalid: Code.CRYPTO_SESSION_LOST,
        token_errors.SessionClosed: Code.CRYPTO_SESSION_LOST,
        token_errors.UserNotLoggedIn: Code.CRYPTO_SESSION_LOST,
        token_errors.ObjectHandleInvalid: Code.CRYPTO_SESSION_LOST,
        token_errors.KeyHandleInvalid: Code.CRYPTO_SESSION_LOST,
        token_errors.NoSuchKey: Code.CRYPTO_KEY_UNAVAILABLE,
    }
)


@dataclass(frozen=True)
class TokenCriteria:
    """Which token: the driver (a shared library), and its label, its serial number, or both.

    Never a slot number: slots move when readers are plugged in another order.
    """

    module: str
    label: str = ""
    serial: str = ""

    def __post_init__(self) -> None:
        if not self.module or not (self.label or self.serial):
            raise KeyUnavailable("a token is named by its driver and its label or serial number")

    def __str__(self) -> str:
        return self.label or self.serial


class PinPrompt(Protocol):
    """Asks somebody for a PIN."""

    def pin(self, token: str, *, wrong: bool) -> str:
        """The PIN of the token; `wrong`: the last was not accepted. KeyUnavailable (CRYPTO_PIN_MISSING)."""


class PinFile:
    """A PIN in a file that only its owner can read. A wrong one is not offered a second time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def pin(self, token: str, *, wrong: bool) -> str:
        """As in `PinPrompt`."""
        if wrong:
            raise KeyUnavailable(
                f"the PIN in {self._path.name} is not that of {token}", code=Code.CRYPTO_PIN_WRONG
            )
        return read_private_file(self._path).decode("utf-8", errors="replace").strip()


def load_driver(module: str) -> Any:
    """The driver; KeyUnavailable (CRYPTO_HSM_FAILED) when it cannot be loaded."""
    with _told():
        return pkcs11.lib(module)


class Token:
    """One token: its session is opened when needed, and opened again once when the token has lost it."""

    def __init__(
        self,
        criteria: TokenCriteria,
        prompt: PinPrompt,
        *,
        driver: Callable[[str], Any] = load_driver,
    ) -> None:
        self._criteria, self._prompt, self._driver = criteria, prompt, driver
        self._session: Any = None
        self._pin_was_wrong = False

    def __repr__(self) -> str:
        return f"Token({self._criteria})"

    def generate_ec(self, curve: str, label: str, random: Callable[[int], bytes]) -> TokenKey:
        """A new key pair on the token: sensitive, not extractable, for signing only."""
        known = CURVES[curve]
        library_curve(known)  # the library must be able to verify what the token signs
        parameters = core.ObjectIdentifier(known.oid).dump()
        return self._generate(
            lambda session: (
                session.create_domain_parameters(
                    pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: parameters}, local=True
                ).generate_keypair
            ),
            label,
            random,
        )

    def generate_rsa(self, bits: int, label: str, random: Callable[[int], bytes]) -> TokenKey:
        """As `generate_ec`, RSA."""

        def maker(session: Any) -> Any:
            return lambda **options: session.generate_keypair(pkcs11.KeyType.RSA, bits, **options)

        return self._generate(maker, label, random)

    def key(self, public_key: PublicKey) -> TokenKey:
        """The key whose public half this is; KeyUnavailable when the token does not hold it."""
        identifier = self.run(lambda session: _identifier(session, public_key))
        return TokenKey(self, public_key, identifier)

    def destroy(self, key: TokenKey) -> None:
        """Removes both halves from the token (Doc 9303-12: at the end of the key's period)."""

        def remove(session: Any) -> None:
            for item in list(session.get_objects({pkcs11.Attribute.ID: key.identifier})):
                item.destroy()

        self.run(remove, write=True)

    def run(self, work: Callable[[Any], _Result], *, write: bool = False) -> _Result:
        """Runs `work` in a session; once more in a new one when the token lost the first."""
        try:
            return self._attempt(work, write)
        except KeyUnavailable as error:
            if error.code is not Code.CRYPTO_SESSION_LOST:
                raise
        return self._attempt(work, write)

    def close(self) -> None:
        """Ends the session; the next use opens another."""
        session, self._session = self._session, None
        if session is None:
            return
        try:
            session.close()
        except token_errors.PKCS11Error:
            return  # a session that is lost already is closed

    def _attempt(self, work: Callable[[Any], _Result], write: bool) -> _Result:
        try:
            with _told():
                return work(self._open(write))
        except KeyUnavailable:
            self.close()
            raise

    def _open(self, write: bool) -> Any:
        if self._session is not None and (self._session.rw or not write):
            return self._session
        self.close()
        found = self._driver(self._criteria.module).get_token(**self._wanted())
        try:
            pin = self._prompt.pin(str(self._criteria), wrong=self._pin_was_wrong)
            self._session = found.open(rw=write, user_pin=pin)
        except token_errors.UserAlreadyLoggedIn:
            self._session = found.open(rw=write)  # another of our sessions is logged in at this token
        except (token_errors.PinIncorrect, token_errors.PinLenRange, token_errors.PinInvalid):
            self._pin_was_wrong = True
            raise
        self._pin_was_wrong = False
        return self._session

    def _wanted(self) -> dict[str, Any]:
        wanted: dict[str, Any] = {}
        if self._criteria.label:
            wanted["token_label"] = self._criteria.label
        if self._criteria.serial:
            wanted["token_serial"] = self._criteria.serial.encode("ascii", errors="replace")
        return wanted

    def _generate(self, maker: Callable[[Any], Any], label: str, random: Callable[[int], bytes]) -> TokenKey:
        identifier = random(_ID_BYTES)
        attribute = pkcs11.Attribute

        def work(session: Any) -> PublicKey:
            public, _ = maker(session)(
                store=True,
                id=identifier,
                label=label,
                public_template={attribute.VERIFY: True, attribute.ENCRYPT: False, attribute.WRAP: False},
                private_template={
                    attribute.SENSITIVE: True,
                    attribute.EXTRACTABLE: False,
                    attribute.SIGN: True,
                    attribute.DECRYPT: False,
                    attribute.UNWRAP: False,
                },
            )
            return _public_key(public)

        return TokenKey(self, self.run(work, write=True), identifier)


class TokenKey:
    """A private key on a token (`crypto.signer.SigningKey`)."""

    def __init__(self, token: Token, public_key: PublicKey, identifier: bytes) -> None:
        self._token, self.public_key, self.identifier = token, public_key, identifier
        self._handle: tuple[Any, Any] | None = None  # session and object: an object lives as long as it

    def sign(self, algorithm: SignatureAlgorithm, data: bytes) -> bytes:
        """DER ECDSA or RSA signature; KeyUnavailable with the code of what the token said."""
        return self.sign_digest(algorithm, digest(algorithm.hash_name, data))

    def sign_digest(self, algorithm: SignatureAlgorithm, hashed: bytes) -> bytes:
        """As `sign`, over a hash of `algorithm` that was made elsewhere."""
        if isinstance(self.public_key, ec.EllipticCurvePublicKey) and algorithm.scheme == "ecdsa":
            size = (self.public_key.curve.key_size + 7) // 8
            raw = self._sign(hashed[:size], mechanism=pkcs11.Mechanism.ECDSA)
            half = len(raw) // 2
            return encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))
        if isinstance(self.public_key, rsa.RSAPublicKey) and algorithm.scheme == "rsa":
            return self._sign(_digest_info(algorithm.hash_name, hashed), mechanism=pkcs11.Mechanism.RSA_PKCS)
        if isinstance(self.public_key, rsa.RSAPublicKey) and algorithm.scheme == "rsa_pss":
            return self._sign(
                hashed,
                mechanism=pkcs11.Mechanism.RSA_PKCS_PSS,
                mechanism_param=_pss_parameters(algorithm),
            )
        raise UnsupportedAlgorithm(f"{algorithm.scheme} does not fit the type of the key")

    def exportable(self) -> bool:
        """Does the token say that the private half could leave it? Ours never do."""
        attribute = pkcs11.Attribute

        def work(session: Any) -> bool:
            key = _private(session, self.identifier)
            return bool(key[attribute.EXTRACTABLE]) or not key[attribute.SENSITIVE]

        return self._token.run(work)

    def _sign(self, data: bytes, **options: Any) -> bytes:
        return bytes(self._token.run(lambda session: self._object(session).sign(data, **options)))

    def _object(self, session: Any) -> Any:
        if self._handle is None or self._handle[0] is not session:
            self._handle = (session, _private(session, self.identifier))
        return self._handle[1]


@contextmanager
def _told() -> Iterator[None]:
    """The driver's errors become KeyUnavailable with a code; their texts hold no PIN and no key."""
    try:
        yield
    except token_errors.PKCS11Error as error:
        code = next(
            (code for kind, code in _CODES.items() if isinstance(error, kind)), Code.CRYPTO_HSM_FAILED
        )
        raise KeyUnavailable(f"token: {type(error).__name__}", code=code) from error


def _identifier(session: Any, public_key: PublicKey) -> bytes:
    """CKA_ID of the pair whose public half this is."""
    attribute = pkcs11.Attribute
    for template in _templates(public_key):
        wanted = {attribute.CLASS: pkcs11.ObjectClass.PUBLIC_KEY, **template}
        for found in list(session.get_objects(wanted)):  # a search must be ended before the next
            identifier = bytes(found[attribute.ID])
            _private(session, identifier)
            return identifier
    raise KeyUnavailable("the token does not hold the key of this certificate")


def _templates(public_key: PublicKey) -> list[dict[Any, Any]]:
    """What to look for; the point of an EC key stands with and, on some tokens, without its wrapper."""
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        point = _point(public_key)
        return [{pkcs11.Attribute.EC_POINT: value} for value in (core.OctetString(point).dump(), point)]
    if isinstance(public_key, rsa.RSAPublicKey):
        modulus = public_key.public_numbers().n
        return [{pkcs11.Attribute.MODULUS: modulus.to_bytes((modulus.bit_length() + 7) // 8, "big")}]
    raise UnsupportedAlgorithm("key type for signing")


def _point(public_key: ec.EllipticCurvePublicKey) -> bytes:
    numbers, size = public_key.public_numbers(), (public_key.curve.key_size + 7) // 8
    return b"\x04" + numbers.x.to_bytes(size, "big") + numbers.y.to_bytes(size, "big")


def _private(session: Any, identifier: bytes) -> Any:
    attribute = pkcs11.Attribute
    wanted = {attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY, attribute.ID: identifier}
    for found in list(session.get_objects(wanted)):
        return found
    raise KeyUnavailable("the token holds the public half of the key only")


def _public_key(public: Any) -> PublicKey:
    """The public half as the library's object."""
    attribute = pkcs11.Attribute
    if public.key_type is pkcs11.KeyType.RSA:
        exponent, modulus = (
            int.from_bytes(public[name], "big") for name in (attribute.PUBLIC_EXPONENT, attribute.MODULUS)
        )
        return rsa.RSAPublicNumbers(exponent, modulus).public_key()
    oid = core.ObjectIdentifier.load(public[attribute.EC_PARAMS]).dotted
    curve = next(item for item in CURVES.values() if item.oid == oid)
    point = bytes(public[attribute.EC_POINT])
    if len(point) != 1 + 2 * curve.size:
        point = single(point, 0x04, "EC point of a token").content
    return ec.EllipticCurvePublicKey.from_encoded_point(library_curve(curve), point)


def _digest_info(hash_name: str, hashed: bytes) -> bytes:
    """RFC 8017 9.2: DigestInfo, parameters NULL."""
    oid = hash_identifier(hash_name)["algorithm"].dotted
    identifier = AlgorithmIdentifier({"algorithm": oid, "parameters": core.Null()})
    info = algos.DigestInfo(
        {"digest_algorithm": algos.DigestAlgorithm.load(identifier.dump()), "digest": hashed}
    )
    return bytes(info.dump())


def _pss_parameters(algorithm: SignatureAlgorithm) -> tuple[Any, Any, int]:
    names = (_PSS_HASHES.get(algorithm.hash_name), _PSS_HASHES.get(algorithm.mgf_hash))
    if None in names:
        raise UnsupportedAlgorithm("hash of the PSS parameters")
    return pkcs11.Mechanism[str(names[0])], pkcs11.MGF[str(names[1])], algorithm.salt_length
