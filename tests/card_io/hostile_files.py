"""Every parser that bytes of a chip or of a trust list reach, by the file that it is for."""

import contextlib
from collections.abc import Callable, Mapping
from random import Random
from types import MappingProxyType

from card_io.apdu import Command, Response
from card_io.emrtd.access import AccessResult
from card_io.emrtd.authentication import active_authentication
from card_io.emrtd.cam import security_infos
from card_io.emrtd.card_security import card_security_check
from card_io.emrtd.chip_authentication import offers
from card_io.emrtd.domain_parameters import parse_public_key
from card_io.emrtd.key_agreement import load_agreement_key
from card_io.emrtd.pace_offers import read_offers
from card_io.errors import CardError
from card_io.lds.card_info import parse_atr, parse_atr_info, parse_dir
from card_io.lds.data_groups import parse_dg1
from card_io.lds.face import parse_dg2
from card_io.lds.index import parse_com
from card_io.lds.optional_groups import parse_group
from card_io.lds.security_infos import parse_dg14, parse_dg15
from card_io.tlv import parse_all
from crypto.certificates import Certificate, CertificateRevocationList
from crypto.errors import CryptoError
from crypto.sod import SecurityObject
from crypto.trust import DeviationList, MasterList, TrustStore
from crypto.trust.bundles import parts
from tests.card_io.chip_bench import NOW

Parser = Callable[[bytes], object]


def agreed(dg14: bytes) -> None:
    """An agreement with every key that is offered."""
    for offer in offers(dg14):
        private, _ = offer.key.ephemeral(Random(1).randbytes)
        offer.key.agree(private)


def keys(infos: bytes) -> None:
    for info in security_infos(infos).chip_authentication_keys:
        for parse in (parse_public_key, load_agreement_key):
            quietly(parse, info.public_key)


class Signs:
    """A chip that signs everything with the same bytes."""

    def __init__(self, signature: bytes) -> None:
        self.signature = signature

    def send(self, command: Command) -> Response:
        return Response(self.signature, 0x9000)


def active(dg15: bytes) -> None:
    for size in (1, 64, 128, 256):
        active_authentication(Signs(b"\x5a" * size), dg15, None, Random(2).randbytes)


def certificate(der: bytes) -> None:
    parsed = Certificate.parse(der)
    quietly(lambda _: parsed.verify_signed_by(parsed), der)


def revocations(der: bytes) -> None:
    assert CertificateRevocationList.parse(der).revoked is not None


def master_list(data: bytes) -> None:
    parsed = MasterList.parse(data)
    parsed.anchor(parsed.certificates)


def bundle(data: bytes) -> None:
    for part in parts(data):
        assert part.called


def group(number: int) -> Parser:
    return lambda ef: parse_group(number, ef)


PARSERS: Mapping[str, tuple[Parser, ...]] = MappingProxyType(
    {
        "answer to reset": (parse_atr,),
        "EF.ATR/INFO": (parse_atr_info,),
        "EF.DIR": (parse_dir, parse_all),
        "EF.CardAccess": (read_offers,),
        "EF.CardSecurity": (keys, security_infos),
        "EF.COM": (parse_com,),
        "EF.SOD": (SecurityObject.parse,),
        "DG1": (parse_dg1, group(1)),
        "DG2": (parse_dg2, group(2)),
        **{f"DG{number}": (group(number),) for number in (3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16)},
        "DG14": (parse_dg14, agreed, group(14)),
        "DG15": (parse_dg15, active, group(15)),
        "certificate": (certificate, bundle),
        "revocation list": (revocations, bundle),
        "master list": (master_list, bundle),
        "deviation list": (DeviationList.parse, bundle),
        "LDIF": (bundle,),
    }
)


def quietly(parse: Parser, data: bytes) -> None:
    """Our errors are what a parser is for; any other escapes."""
    with contextlib.suppress(CardError, CryptoError):
        parse(data)


def open_all(files: Mapping[str, bytes], access: AccessResult | None, store: TrustStore) -> None:
    """Everything that is ever done with files of a chip."""
    for name, content in files.items():
        for parse in PARSERS.get(name, ()):
            quietly(parse, content)
    proof = access.chip_mapping if access else None
    if proof is not None:
        quietly(keys, proof.card_security or b"")
        card_security_check(proof.card_security, store, now=NOW, issuing_state="UTO", document_code="P<")
