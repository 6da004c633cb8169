"""Who signs: the port that a key file, a token or a service fills, and the rules around every signature."""

from crypto.signer.guard import ClockSense, GuardedSigner, SignatureLog, SignatureRecord
from crypto.signer.keyfile import (
    FileSigner,
    KeySigner,
    load_private_key,
    read_private_file,
    save_private_key,
    write_private_file,
)
from crypto.signer.port import (
    AnyKey,
    PrivateKey,
    Signer,
    SigningKey,
    algorithm_of,
    check_chain,
    check_period,
    default_algorithm,
    public_key_of,
    same_key,
    sign_digest_with,
    sign_with,
)
from crypto.signer.worlds import LAB_MARK, World, is_lab, require_world

__all__ = [
    "LAB_MARK",
    "AnyKey",
    "ClockSense",
    "FileSigner",
    "GuardedSigner",
    "KeySigner",
    "PrivateKey",
    "SignatureLog",
    "SignatureRecord",
    "Signer",
    "SigningKey",
    "World",
    "algorithm_of",
    "check_chain",
    "check_period",
    "default_algorithm",
    "is_lab",
    "load_private_key",
    "public_key_of",
    "read_private_file",
    "require_world",
    "same_key",
    "save_private_key",
    "sign_digest_with",
    "sign_with",
    "write_private_file",
]
