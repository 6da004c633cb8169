"""Keys on tokens: SoftHSM for what a driver does, a false driver for what a good one never does."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from crypto.certificates import SignatureAlgorithm, verify_signature
from crypto.errors import CryptoErrorCode, KeyUnavailable, UnsupportedAlgorithm
from crypto.signer import default_algorithm

pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed")

import pkcs11
from pkcs11 import exceptions as errors

from crypto.hsm import PinFile, Token, TokenCriteria

PSS = SignatureAlgorithm("rsa_pss", "sha256", 32, "sha256")


class Asked:
    """A prompt that answers from a list and remembers what it was told."""

    def __init__(self, *pins: str) -> None:
        self.pins = list(pins)
        self.calls: list[tuple[str, bool]] = []

    def pin(self, token: str, *, wrong: bool) -> str:
        self.calls.append((token, wrong))
        return self.pins.pop(0) if len(self.pins) > 1 else self.pins[0]


@pytest.fixture
def token(softhsm) -> Any:
    made = Token(TokenCriteria(softhsm.module, "LAB ds"), Asked(softhsm.pin))
    yield made
    made.close()


@pytest.mark.parametrize("curve", ["secp256r1", "secp384r1", "brainpoolP256r1", "brainpoolP384r1"])
def test_a_key_made_on_the_token_signs_and_is_found_by_its_public_half(token: Token, curve: str) -> None:
    made = token.generate_ec(curve, f"LAB {curve}", secrets.token_bytes)
    algorithm = default_algorithm(made)
    found = token.key(made.public_key)
    assert found.identifier == made.identifier
    for key in (made, found):
        verify_signature(key.public_key, algorithm, key.sign(algorithm, b"data"), b"data")
    with pytest.raises(UnsupportedAlgorithm):
        made.sign(PSS, b"data")


def test_rsa_keys_sign_in_both_ways(token: Token) -> None:
    made = token.generate_rsa(2048, "LAB rsa", secrets.token_bytes)
    for algorithm in (SignatureAlgorithm("rsa", "sha256"), PSS):
        signature = token.key(made.public_key).sign(algorithm, b"data")
        verify_signature(made.public_key, algorithm, signature, b"data")


def test_the_private_half_never_leaves(token: Token) -> None:
    made = token.generate_ec("secp256r1", "LAB stays", secrets.token_bytes)
    assert not made.exportable()

    def read(session: Any) -> bytes:
        kind = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY}
        found = list(session.get_objects({**kind, pkcs11.Attribute.ID: made.identifier}))
        return bytes(found[0][pkcs11.Attribute.VALUE])

    with pytest.raises(KeyUnavailable):
        token.run(read)


def test_a_destroyed_key_signs_no_more(token: Token) -> None:
    made = token.generate_ec("secp256r1", "LAB gone", secrets.token_bytes)
    token.destroy(made)
    with pytest.raises(KeyUnavailable) as missing:
        token.key(made.public_key)
    assert missing.value.code is CryptoErrorCode.CRYPTO_KEY_UNAVAILABLE


def test_a_key_of_another_token_is_not_found(softhsm, token: Token) -> None:
    made = token.generate_ec("secp256r1", "LAB here", secrets.token_bytes)
    other = Token(TokenCriteria(softhsm.module, "spare"), Asked(softhsm.pin))
    with pytest.raises(KeyUnavailable):
        other.key(made.public_key)
    other.close()


def test_the_token_is_chosen_by_label_or_serial(softhsm, token: Token) -> None:
    made = token.generate_ec("secp256r1", "LAB by serial", secrets.token_bytes)
    serial = next(
        slot.get_token().serial.decode()
        for slot in pkcs11.lib(softhsm.module).get_slots(token_present=True)
        if slot.get_token().label == "LAB ds"
    )
    by_serial = Token(TokenCriteria(softhsm.module, serial=serial), Asked(softhsm.pin))
    assert by_serial.key(made.public_key).identifier == made.identifier
    by_serial.close()
    for wrong in (TokenCriteria(softhsm.module, "nobody"), TokenCriteria(softhsm.module, "LAB ds", "0000")):
        with pytest.raises(KeyUnavailable) as gone:
            Token(wrong, Asked(softhsm.pin)).key(made.public_key)
        assert gone.value.code is CryptoErrorCode.CRYPTO_HSM_GONE
    with pytest.raises(KeyUnavailable):
        TokenCriteria(softhsm.module)


def test_a_wrong_pin_is_asked_for_again_by_a_person_only(softhsm) -> None:
    prompt = Asked("wrong", softhsm.pin)
    token = Token(TokenCriteria(softhsm.module, "spare"), prompt)
    with pytest.raises(KeyUnavailable) as wrong:
        token.generate_ec("secp256r1", "LAB x", secrets.token_bytes)
    assert wrong.value.code is CryptoErrorCode.CRYPTO_PIN_WRONG
    assert prompt.calls == [("spare", False)]
    token.generate_ec("secp256r1", "LAB x", secrets.token_bytes)
    assert prompt.calls == [("spare", False), ("spare", True)]
    token.close()


def test_a_session_that_the_token_ended_is_opened_again(softhsm) -> None:
    prompt = Asked(softhsm.pin)
    token = Token(TokenCriteria(softhsm.module, "spare"), prompt)
    key = token.generate_ec("secp256r1", "LAB y", secrets.token_bytes)
    algorithm = default_algorithm(key)
    key.sign(algorithm, b"before")
    token.run(lambda session: session.close())
    verify_signature(key.public_key, algorithm, key.sign(algorithm, b"data"), b"data")
    assert len(prompt.calls) == 2
    token.close()


def test_a_driver_that_is_not_there(tmp_path: Path) -> None:
    token = Token(TokenCriteria(str(tmp_path / "none.so"), "x"), Asked("1"))
    with pytest.raises(KeyUnavailable) as failed:
        token.run(lambda session: session)
    assert failed.value.code is CryptoErrorCode.CRYPTO_HSM_FAILED


def test_a_pin_file_is_private_and_offered_once(tmp_path: Path) -> None:
    path = tmp_path / "pin"
    path.write_text("1234\n")
    path.chmod(0o600)
    assert PinFile(path).pin("ds", wrong=False) == "1234"
    with pytest.raises(KeyUnavailable) as wrong:
        PinFile(path).pin("ds", wrong=True)
    assert wrong.value.code is CryptoErrorCode.CRYPTO_PIN_WRONG
    path.chmod(0o644)
    with pytest.raises(KeyUnavailable):
        PinFile(path).pin("ds", wrong=False)


class False_:
    """A driver, token and session in one, which raises what it is told, once each."""

    def __init__(self, at_open: list[Exception], at_sign: list[Exception]) -> None:
        self.at_open, self.at_sign = at_open, at_sign
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.rw = True
        self.opened = 0

    def get_token(self, **_wanted: Any) -> "False_":
        return self

    def open(self, **_options: Any) -> "False_":
        self.opened += 1
        if self.at_open:
            raise self.at_open.pop(0)
        return self

    def get_objects(self, _template: Any) -> list[Any]:
        return [self]

    def __getitem__(self, _attribute: Any) -> bytes:
        return b"id"

    def sign(self, hashed: bytes, **_options: Any) -> bytes:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature

        if self.at_sign:
            raise self.at_sign.pop(0)
        r, s = decode_dss_signature(self.key.sign(hashed, ec.ECDSA(Prehashed(hashes.SHA256()))))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def close(self) -> None:
        if self.at_sign and isinstance(self.at_sign[0], errors.DeviceRemoved):
            raise errors.SessionHandleInvalid


def _behind(driver: False_) -> Callable[[], bytes]:
    token = Token(TokenCriteria("false", "x"), Asked("1"), driver=lambda _module: driver)
    key = token.key(driver.key.public_key())
    return lambda: key.sign(default_algorithm(key), b"data")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.PinIncorrect, "CRYPTO_PIN_WRONG"),
        (errors.PinLocked, "CRYPTO_PIN_LOCKED"),
        (errors.PinExpired, "CRYPTO_PIN_LOCKED"),
        (errors.TokenNotPresent, "CRYPTO_HSM_GONE"),
        (errors.DeviceError, "CRYPTO_HSM_FAILED"),
        (errors.GeneralError, "CRYPTO_HSM_FAILED"),
    ],
)
def test_every_refusal_at_login_has_a_code_and_is_survived(error: type[Exception], code: str) -> None:
    driver = False_([error()], [])
    with pytest.raises(KeyUnavailable) as told:
        _behind(driver)
    assert told.value.code == code
    assert driver.opened == 1
    assert _behind(driver)()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.DeviceRemoved, "CRYPTO_HSM_GONE"),
        (errors.TokenNotPresent, "CRYPTO_HSM_GONE"),
        (errors.DeviceMemory, "CRYPTO_HSM_FAILED"),
        (errors.MechanismInvalid, "CRYPTO_HSM_FAILED"),
    ],
)
def test_a_token_pulled_out_is_told_and_the_next_signature_works(error: type[Exception], code: str) -> None:
    driver = False_([], [])
    sign = _behind(driver)
    driver.at_sign = [error()]
    with pytest.raises(KeyUnavailable) as told:
        sign()
    assert told.value.code == code
    signature = sign()
    verify_signature(driver.key.public_key(), SignatureAlgorithm("ecdsa", "sha256"), signature, b"data")


def test_a_session_lost_twice_is_told() -> None:
    driver = False_([], [])
    sign = _behind(driver)
    driver.at_sign = [errors.SessionHandleInvalid(), errors.SessionHandleInvalid()]
    with pytest.raises(KeyUnavailable) as told:
        sign()
    assert told.value.code is CryptoErrorCode.CRYPTO_SESSION_LOST
    assert sign()


def test_a_locked_pin_is_not_tried_again() -> None:
    driver = False_([], [])
    sign = _behind(driver)
    driver.at_sign, driver.at_open = [errors.UserNotLoggedIn()], [errors.PinLocked()]
    with pytest.raises(KeyUnavailable) as told:
        sign()
    assert told.value.code is CryptoErrorCode.CRYPTO_PIN_LOCKED
    assert driver.opened == 2


def test_a_key_made_elsewhere_is_not_a_token_key(softhsm, token: Token) -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    with pytest.raises(KeyUnavailable):
        token.key(stranger)
