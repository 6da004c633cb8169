"""Certificate requests (PKCS#10, RFC 2986): how the public half of a key comes to the authority.

The signature proves that the sender has the key; the authority decides name, period and purpose itself.
"""

from __future__ import annotations

from asn1crypto import core, csr, pem, x509

from crypto.certificates import PublicKey, SignatureAlgorithm, load_public_key, verify_signature
from crypto.certificates.asn1 import encode, framed, load, outside_bytes, sequence
from crypto.errors import MalformedData
from crypto.issuing.certificates import public_key_info
from crypto.signer import AnyKey, default_algorithm, public_key_of, sign_with

_WHAT = "certificate request"


def build_request(key: AnyKey, common_name: str) -> bytes:
    """DER, signed with the key; `common_name` only tells people whose it is."""
    name = x509.Name.build({"common_name": common_name}, use_printable=True)
    info = public_key_info(public_key_of(key), explicit=False)
    body = encode(0x30, core.Integer(0).dump() + name.dump() + info + b"\xa0\x00")
    algorithm = default_algorithm(key)
    return framed(body, algorithm, sign_with(key, algorithm, body))


def read_request(data: bytes) -> PublicKey:
    """The public key of a DER or PEM request whose signature fits; MalformedData, SignatureInvalid."""
    der = _from_pem(data)
    load(csr.CertificationRequest, der, _WHAT)
    with outside_bytes(_WHAT):
        body, algorithm, signature = sequence(der, _WHAT)
        info = sequence(body.encoded, _WHAT)[2]
        key = load_public_key(info.encoded)
        if (signature.identifier, signature.content[:1]) != (0x03, b"\x00"):
            raise MalformedData(f"{_WHAT}: signature")
        signed_by = SignatureAlgorithm.parse(algorithm.encoded)
        verify_signature(key, signed_by, signature.content[1:], body.encoded)
    return key


def _from_pem(data: bytes) -> bytes:
    if not data.lstrip().startswith(b"-----"):
        return data
    with outside_bytes(_WHAT):
        kind, _, der = pem.unarmor(data)
        if kind not in ("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"):
            raise MalformedData(f"{_WHAT}: PEM of another kind")
        return bytes(der)
