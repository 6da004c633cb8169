"""Test documents and lists with one defect each, from TOML: what every reason code is tested with.

[[document]] and [[list]] tables stand beside the lab PKI's own; `zoo.toml` is the standard set. A defect is
made on the finished bytes, as a broken issuer or a forger would have made it (Doc 9303-10 4.6.2).
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from importlib import resources
from types import MappingProxyType
from typing import Any, TypeVar

from crypto.certificates import Certificate, digest
from crypto.certificates.asn1 import elements, encode, sequence, single
from crypto.cms import SIGNED_DATA, build_signed_data
from crypto.errors import MalformedData
from crypto.issuing import build_master_list
from crypto.pki_lab.lab import LabPki
from crypto.pki_lab.lists import DeviationEntry, build_deviation_list
from crypto.pki_lab.spec import LabSpec
from crypto.sod import EF_SOD_TAG, LDS_SECURITY_OBJECT, SecurityObject, build_sod

_WHAT = "zoo"
_SHA256, _SHA3 = bytes.fromhex("0609608648016503040201"), bytes.fromhex("0609608648016503040208")
_INFO, _OTHER_INFO = encode(0x30, b"\x02\x01\x0c"), encode(0x30, b"\x02\x01\x0d")
GROUPS: Mapping[int, bytes] = MappingProxyType(
    {1: b"\x61\x05first", 2: b"\x75\x06second", 11: b"\x6b\x04more"}
)


@dataclass(frozen=True)
class DocumentSpec:
    """One test document: who signs it, what is wrong with it, and the reason it must end in ("" is none)."""

    name: str
    country: str = "KZ"
    signer: str = "default"
    defect: str = "none"
    state: str = "KAZ"
    code: str = "P<"
    outcome: str = "failed"
    reason: str = ""
    also: tuple[str, ...] = ()
    """Reasons that follow from the first."""


@dataclass(frozen=True)
class ListSpec:
    """One test list: kind ("master_list", "deviation_list"), its signer, its defect, and the reason."""

    name: str
    kind: str = "master_list"
    country: str = "KZ"
    signer: str = "lists"
    defect: str = "none"
    reason: str = ""


@dataclass(frozen=True)
class Specimen:
    """What an inspection reads of a test document; `sod` None is a chip without EF.SOD."""

    sod: bytes | None = field(repr=False)
    data_groups: Mapping[int, bytes]
    listed_in_com: frozenset[int] | None
    document_code: str
    issuing_state: str
    card_access: bytes | None = None
    com_lds_version: str | None = None

    def arguments(self) -> dict[str, Any]:
        """For `crypto.trust.passive_authentication`."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


_Table = TypeVar("_Table", DocumentSpec, ListSpec)


@dataclass(frozen=True)
class Zoo:
    """A lab PKI, and the documents and lists to issue with it."""

    spec: LabSpec
    documents: tuple[DocumentSpec, ...]
    lists: tuple[ListSpec, ...]

    @classmethod
    def from_toml(cls, text: str) -> Zoo:
        """Raises MalformedData for what is not TOML, unknown fields and unknown defects."""
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise MalformedData("zoo is not TOML") from error
        documents = tuple(_build(DocumentSpec, item) for item in _tables(document, "document"))
        lists = tuple(_build(ListSpec, item) for item in _tables(document, "list"))
        if any(item.defect not in DEFECTS for item in documents):
            raise MalformedData("zoo: unknown defect of a document")
        if any(item.defect not in LIST_DEFECTS or item.kind not in _KINDS for item in lists):
            raise MalformedData("zoo: unknown kind or defect of a list")
        rest = {key: value for key, value in document.items() if key not in ("document", "list")}
        return cls(LabSpec.from_mapping(rest), documents, lists)

    @classmethod
    def standard(cls) -> Zoo:
        """The set that ships with the product."""
        return cls.from_toml(resources.files("crypto.pki_lab").joinpath("zoo.toml").read_text("utf-8"))


def issue_document(lab: LabPki, spec: DocumentSpec, now: datetime) -> Specimen:
    """The document with its defect. Raises KeyUnavailable for a signer that the lab lacks."""
    return DEFECTS[spec.defect](_Case(lab, spec, now))


def issue_list(lab: LabPki, spec: ListSpec, now: datetime) -> bytes:
    """The list with its defect: a master list of the lab's authorities, or a deviation list of its country.

    The deviation list says that DG2 hashes of the country's default signer are wrong.
    """
    signer = lab.signer(spec.country, spec.signer)
    if spec.kind == "master_list":
        certificates = [lab.csca(country) for country in lab.countries if country != "TJ"]
        built = build_master_list(certificates, signer, signing_time=now)
    else:
        entry = DeviationEntry("2.2", lab.signer(spec.country).certificate, "P", group=2)
        built = build_deviation_list([entry], signer, signing_time=now)
    return LIST_DEFECTS[spec.defect](built, signer.certificate)


@dataclass(frozen=True)
class _Case:
    """A document in the making."""

    lab: LabPki
    spec: DocumentSpec
    now: datetime

    def signed(self, groups: Mapping[int, bytes] = GROUPS, *, hash_name: str = "sha256") -> Specimen:
        signer = self.lab.signer(self.spec.country, self.spec.signer)
        return self.around(build_sod(groups, signer, hash_name=hash_name), groups)

    def around(self, sod: bytes | None, groups: Mapping[int, bytes] = GROUPS) -> Specimen:
        return Specimen(sod, groups, frozenset(groups), self.spec.code, self.spec.state)

    def resigned(self, content_type: str, content: bytes, at: datetime | None = None) -> Specimen:
        signer = self.lab.signer(self.spec.country, self.spec.signer)
        signed = build_signed_data(content_type, content, signer, signing_time=at)
        return self.around(encode(EF_SOD_TAG, signed))

    @property
    def sod(self) -> bytes:
        return self.signed().sod or b""

    @property
    def content(self) -> bytes:
        return SecurityObject.parse(self.sod).signed_data.content

    @property
    def certificate(self) -> Certificate:
        return self.lab.signer(self.spec.country, self.spec.signer).certificate


def rebuilt(ef_sod: bytes, certificates: bytes | None = None, infos: bytes | None = None) -> bytes:
    """EF.SOD around its own content, with other certificates (b"": none) or signer infos; not signed anew."""
    cms = single(ef_sod, EF_SOD_TAG, _WHAT).content
    return encode(EF_SOD_TAG, _rebuilt(cms, certificates, infos))


def _rebuilt(cms: bytes, certificates: bytes | None = None, infos: bytes | None = None) -> bytes:
    oid, wrapped = sequence(cms, SIGNED_DATA)
    parts = sequence(wrapped.content, SIGNED_DATA)
    middle = parts[3].content if certificates is None else certificates
    inner = b"".join(part.encoded for part in parts[:3]) + (encode(0xA0, middle) if middle else b"")
    last = parts[4].encoded if infos is None else encode(0x31, infos)
    return encode(0x30, oid.encoded + encode(0xA0, encode(0x30, inner + last)))


def indefinite(ef_sod: bytes) -> bytes:
    """The same EF.SOD in BER: indefinite lengths around the content, which is cut in two strings."""
    oid, wrapped = sequence(single(ef_sod, EF_SOD_TAG, _WHAT).content, _WHAT)
    version, digests, info, *rest = sequence(wrapped.content, _WHAT)
    kind, value = sequence(info.encoded, _WHAT)
    octets = elements(value.content, _WHAT)[0].content
    half = len(octets) // 2
    cut = _endless(0x24, encode(0x04, octets[:half]) + encode(0x04, octets[half:]))
    content = _endless(0x30, kind.encoded + _endless(0xA0, cut))
    tail = b"".join(item.encoded for item in rest)
    signed = _endless(0x30, version.encoded + digests.encoded + content + tail)
    return encode(EF_SOD_TAG, _endless(0x30, oid.encoded + _endless(0xA0, signed)))


def _endless(identifier: int, content: bytes) -> bytes:
    return bytes((identifier, 0x80)) + content + b"\x00\x00"


def reversed_attributes(ef_sod: bytes) -> bytes:
    """The same EF.SOD with its signed attributes in the wrong SET order, signed in the right one."""
    cms = single(ef_sod, EF_SOD_TAG, _WHAT).content
    parts = sequence(sequence(cms, _WHAT)[1].content, _WHAT)
    fields_ = sequence(parts[4].content, _WHAT)
    attributes = elements(fields_[3].content, _WHAT)[::-1]
    turned = encode(0xA0, b"".join(item.encoded for item in attributes))
    info = [item.encoded for item in fields_]
    return rebuilt(ef_sod, infos=encode(0x30, b"".join((*info[:3], turned, *info[4:]))))


def _flipped(data: bytes, at: int = -1) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


def _with_sod(change: Callable[[bytes], bytes]) -> Callable[[_Case], Specimen]:
    return lambda case: case.around(change(case.sod))


def _changed_content(case: _Case) -> Specimen:
    """DG2 and its hash are exchanged together: only the signed digest tells."""
    other = {**GROUPS, 2: b"\x75\x05other"}
    sod = case.sod.replace(digest("sha256", GROUPS[2]), digest("sha256", other[2]))
    return case.around(sod, other)


def _forged_signer(case: _Case) -> Specimen:
    signature = case.certificate.signature
    return case.around(case.sod.replace(signature, _flipped(signature)))


def _other_certificate(case: _Case) -> Specimen:
    other = next(
        item for item in case.lab.spec.signers if item.country == case.spec.country and item.name != "default"
    )
    return case.around(rebuilt(case.sod, case.lab.signer(other.country, other.name).certificate.der))


def _card_access(case: _Case) -> Specimen:
    signed = case.signed({**GROUPS, 14: encode(0x6E, encode(0x31, _INFO))})
    return replace(signed, card_access=encode(0x31, _OTHER_INFO))


def _unread(case: _Case) -> Specimen:
    signed = case.signed({**GROUPS, 15: b"\x6f\x03key"})
    return replace(signed, data_groups=GROUPS)


def _com(case: _Case) -> Specimen:
    return replace(case.signed(), listed_in_com=frozenset({1, 2}))


def _extra(case: _Case) -> Specimen:
    return replace(case.signed(), data_groups={**GROUPS, 15: b"\x6f\x03key"})


DEFECTS: Mapping[str, Callable[[_Case], Specimen]] = MappingProxyType(
    {
        "none": lambda case: case.signed(),
        "sha1": lambda case: case.signed(hash_name="sha1"),
        "ber": _with_sod(indefinite),
        "set_order": _with_sod(reversed_attributes),
        "no_sod": lambda case: case.around(None),
        "truncated": lambda case: case.around(case.sod[: len(case.sod) // 2]),
        "content_type": lambda case: case.resigned("1.2.3.4", b"\x30\x00"),
        "no_certificate": _with_sod(lambda sod: rebuilt(sod, b"")),
        "other_certificate": _other_certificate,
        "changed_content": _changed_content,
        "bad_signature": _with_sod(_flipped),
        "unknown_hash": _with_sod(lambda sod: sod.replace(_SHA256, _SHA3)),
        "forged_signer": _forged_signer,
        "late_signing": lambda case: case.resigned(
            LDS_SECURITY_OBJECT, case.content, case.now + timedelta(days=200)
        ),
        "changed_group": lambda case: case.around(case.sod, {**GROUPS, 2: b"\x75\x05other"}),
        "extra_group": _extra,
        "unread_group": _unread,
        "no_portrait": lambda case: case.signed({1: GROUPS[1], 11: GROUPS[11]}),
        "com_list": _com,
        "com_version": lambda case: replace(case.signed(), com_lds_version="0107"),
        "card_access": _card_access,
    }
)
LIST_DEFECTS: Mapping[str, Callable[[bytes, Certificate], bytes]] = MappingProxyType(
    {
        "none": lambda built, _signer: built,
        "bad_signature": lambda built, _signer: _flipped(built),
        "no_certificate": lambda built, _signer: _rebuilt(built, b""),
        "truncated": lambda built, _signer: built[: len(built) // 2],
    }
)
_KINDS = ("master_list", "deviation_list")


def _tables(document: Mapping[str, Any], name: str) -> list[Any]:
    found = document.get(name, [])
    if not isinstance(found, list):
        raise MalformedData(f"zoo: {name} is not a list of tables")
    return found


def _build(spec: type[_Table], table: Any) -> _Table:
    known = {item.name for item in fields(spec)}
    if not isinstance(table, dict) or set(table) - known or "name" not in table:
        raise MalformedData("zoo: a table without name, or with unknown fields")
    values = dict(table)
    also = values.get("also", [])
    if not isinstance(also, list) or not all(isinstance(item, str) for item in also):
        raise MalformedData("zoo: also is not a list of reasons")
    if not all(isinstance(value, str) for key, value in values.items() if key != "also"):
        raise MalformedData("zoo: a value is not text")
    return spec(**(values | ({"also": tuple(also)} if also else {})))
