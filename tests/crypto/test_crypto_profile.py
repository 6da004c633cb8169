"""The certificate table of Doc 9303-12 7.1: what we issue follows it, and every broken rule is noticed."""

import random
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import core, x509
from cryptography.hazmat.primitives.asymmetric import rsa

from crypto.certificates import Certificate, SignatureAlgorithm
from crypto.certificates import certificate as oids
from crypto.certificates.asn1 import elements, encode, framed, sequence, single
from crypto.errors import PolicyRefused
from crypto.issuing import (
    EXTENSIONS,
    Period,
    Role,
    Subject,
    build_csca,
    build_document_signer,
    build_link,
    build_list_signer,
    build_seal_signer,
    generate_ec_key,
    random_serial,
    require_profile,
    violations,
)
from crypto.signer import PrivateKey

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
YEARS = timedelta(days=365)
CSCA_PERIOD = Period(START, START + 5 * YEARS, START + 3 * YEARS)
DS_PERIOD = Period(START, START + timedelta(days=455), START + timedelta(days=90))
LATE = Period(
    datetime(2047, 1, 1, tzinfo=UTC), datetime(2062, 1, 1, tzinfo=UTC), datetime(2051, 1, 1, tzinfo=UTC)
)


@dataclass(frozen=True)
class Made:
    """One certificate of every kind, under the same authority."""

    key: PrivateKey
    by_role: dict[Role, Certificate]


def make(*, explicit: bool = True, curve: str = "secp384r1", period: Period = CSCA_PERIOD) -> Made:
    source = random.Random(9303)
    key, other = (generate_ec_key(curve, source.randbytes) for _ in range(2))
    signer = generate_ec_key("secp256r1", source.randbytes).public_key()
    first, second = (Subject("KZ", f"LAB CSCA KAZ 0{number}", "KAZ", "LAB") for number in (1, 2))
    options = {"explicit_parameters": explicit}
    csca = build_csca(key, first, period, serial=random_serial(source.randbytes), **options)
    new = build_csca(other, second, period, serial=random_serial(source.randbytes), **options)
    below = DS_PERIOD if period is CSCA_PERIOD else period
    name = Subject("KZ", "LAB DS KAZ 01", "KAZ", "LAB")
    serial = random_serial(source.randbytes)
    return Made(
        key,
        {
            Role.CSCA: csca,
            Role.LINK: build_link(csca, key, new, second, period, serial=serial),
            Role.DOCUMENT_SIGNER: build_document_signer(
                csca, key, signer, name, below, serial=serial, document_types=["ID", "AR"], **options
            ),
            Role.LIST_SIGNER: build_list_signer(
                csca, key, signer, name, below, serial=serial, purpose=oids.MASTER_LIST_SIGNER, **options
            ),
            Role.SEAL_SIGNER: build_seal_signer(
                csca, key, signer, "KZBP", "1A2", (below.not_before, below.not_after), **options
            ),
        },
    )


@pytest.fixture(scope="module")
def made() -> Made:
    return make()


def remade(certificate: Certificate, change: Callable[[list[bytes]], list[bytes]]) -> Certificate:
    """The certificate with other elements in its TBS; the signature does not fit any more."""
    body = change([item.encoded for item in sequence(certificate.tbs, "tbs")])
    algorithm = SignatureAlgorithm.parse(certificate.signature_algorithm)
    return Certificate.parse(framed(encode(0x30, b"".join(body)), algorithm, certificate.signature))


def with_extensions(
    certificate: Certificate, change: Callable[[dict[str, tuple[bool, bytes]]], None]
) -> Certificate:
    def changed(body: list[bytes]) -> list[bytes]:
        found: dict[str, tuple[bool, bytes]] = {}
        for entry in sequence(single(body[7], 0xA3, "x").content, "x"):
            name, *flag, value = sequence(entry.encoded, "x")
            found[core.ObjectIdentifier.load(name.encoded).dotted] = (bool(flag), value.content)
        change(found)
        entries = b"".join(
            encode(
                0x30,
                core.ObjectIdentifier(oid).dump() + (b"\x01\x01\xff" if critical else b"") + encode(4, value),
            )
            for oid, (critical, value) in found.items()
        )
        return [*body[:7], encode(0xA3, encode(0x30, entries))]

    return remade(certificate, changed)


def element(position: int, value: Callable[[bytes], bytes]) -> Callable[[list[bytes]], list[bytes]]:
    return lambda body: [*body[:position], value(body[position]), *body[position + 1 :]]


@pytest.mark.parametrize("role", Role)
def test_what_we_issue_follows_its_profile(made: Made, role: Role) -> None:
    assert violations(made.by_role[role], role) == ()
    require_profile(made.by_role[role], role)


@pytest.mark.parametrize("curve", ["secp256r1", "secp521r1", "brainpoolP256r1", "brainpoolP512r1"])
def test_on_every_curve_and_past_2050(curve: str) -> None:
    for role, certificate in make(curve=curve, period=LATE).by_role.items():
        assert violations(certificate, role) == ()


@pytest.mark.parametrize("role", Role)
def test_named_curves_are_the_lab_profile_only(role: Role) -> None:
    certificate = make(explicit=False).by_role[role]
    assert violations(certificate, role, named_curves=True) == ()
    found = violations(certificate, role)
    assert found == ("EC parameters are named, not explicit",) or role is Role.LINK
    assert role is Role.LINK or found


def cells(letter: str) -> list[tuple[Role, str]]:
    return [
        (role, oid)
        for column, role in enumerate(Role)
        for oid, row in EXTENSIONS.items()
        if row.split()[column][0] == letter
    ]


@pytest.mark.parametrize(("role", "oid"), cells("m"))
def test_a_mandatory_extension_is_missed(made: Made, role: Role, oid: str) -> None:
    broken = with_extensions(made.by_role[role], lambda found: found.pop(oid) and None)
    assert f"extension {oid} is missing" in violations(broken, role)


@pytest.mark.parametrize(("role", "oid"), cells("m"))
def test_wrong_criticality_is_noticed(made: Made, role: Role, oid: str) -> None:
    def turned(found: dict[str, tuple[bool, bytes]]) -> None:
        found[oid] = (not found[oid][0], found[oid][1])

    broken = with_extensions(made.by_role[role], turned)
    assert any(oid in item and "critical" in item for item in violations(broken, role))


@pytest.mark.parametrize(("role", "oid"), cells("x"))
def test_a_forbidden_extension_is_noticed(made: Made, role: Role, oid: str) -> None:
    sample = {oids.NAME_CHANGE: b"\x05\x00", oids.DOCUMENT_TYPE: bytes.fromhex("3009020100310413024152")}
    donor = dict.fromkeys(EXTENSIONS, b"\x30\x00") | sample
    for other in made.by_role.values():
        for entry in x509.Certificate.load(other.der)["tbs_certificate"]["extensions"]:
            donor[entry["extn_id"].dotted] = entry["extn_value"].contents
    broken = with_extensions(made.by_role[role], lambda found: found.update({oid: (False, donor[oid])}))
    assert f"extension {oid} is forbidden" in violations(broken, role)


def test_an_extension_nobody_knows_is_noticed(made: Made) -> None:
    broken = with_extensions(
        made.by_role[Role.CSCA], lambda found: found.update({"1.2.3": (False, b"\x05\x00")})
    )
    assert violations(broken, Role.CSCA) == ("extension 1.2.3 is not of the profile",)


def lower(name: bytes) -> bytes:
    return name.replace(b"\x13\x02KZ", b"\x13\x02kz")


BODY: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "version is not 3": element(0, lambda _: bytes.fromhex("a003020101")),
    "serial number is not positive": element(1, lambda _: b"\x02\x01\x80"),
    "longer than 20 octets": element(1, lambda _: encode(0x02, b"\x01" * 21)),
    "two signature algorithms": element(2, lambda _: SignatureAlgorithm("ecdsa", "sha512").dump()),
    "a time is not UTCTime": element(
        4, lambda _: encode(0x30, encode(0x18, b"20260301120000Z") + encode(0x18, b"20310228120000Z"))
    ),
    "in seconds and Z": element(
        4, lambda _: encode(0x30, encode(0x17, b"2603011200Z") + encode(0x17, b"310228120000Z"))
    ),
    "issuer country is not": element(3, lower),
    "subject country is not": element(5, lower),
    "in PrintableString": element(5, lambda value: value.replace(b"\x13\x02KZ", b"\x0c\x02KZ")),
    "neither PrintableString nor UTF8String": element(
        5, lambda value: value.replace(b"\x13\x0dLAB", b"\x16\x0dLAB")
    ),
    "different countries": element(5, lambda value: value.replace(b"\x13\x02KZ", b"\x13\x02UZ")),
    "issuer lacks country": element(3, lambda value: value.replace(b"\x55\x04\x06", b"\x55\x04\x07")),
    "subject lacks country or common name": element(
        5, lambda value: value.replace(b"\x55\x04\x03", b"\x55\x04\x05")
    ),
    "unique identifiers": lambda body: [*body[:7], encode(0x81, b"\x00\x01"), *body[7:]],
}


@pytest.mark.parametrize("problem", BODY)
def test_a_broken_field_is_noticed(made: Made, problem: str) -> None:
    broken = remade(made.by_role[Role.DOCUMENT_SIGNER], BODY[problem])
    assert any(problem in item for item in violations(broken, Role.DOCUMENT_SIGNER))


def key_without_cofactor(spki: bytes) -> bytes:
    algorithm, bits = sequence(spki, "spki")
    oid, parameters = sequence(algorithm.encoded, "spki")
    fields = [item.encoded for item in sequence(parameters.encoded, "ec")][:5]
    return encode(0x30, encode(0x30, oid.encoded + encode(0x30, b"".join(fields))) + bits.encoded)


def key_with_compressed_base(spki: bytes) -> bytes:
    algorithm, bits = sequence(spki, "spki")
    oid, parameters = sequence(algorithm.encoded, "spki")
    fields = [item.encoded for item in sequence(parameters.encoded, "ec")]
    base = elements(fields[3], "base")[0].content
    fields[3] = encode(0x04, bytes((2 + base[-1] % 2,)) + base[1 : 1 + len(base) // 2])
    return encode(0x30, encode(0x30, oid.encoded + encode(0x30, b"".join(fields))) + bits.encoded)


def compressed_point(spki: bytes) -> bytes:
    algorithm, bits = sequence(spki, "spki")
    point = bits.content[1:]
    short = bytes((2 + point[-1] % 2,)) + point[1 : 1 + len(point) // 2]
    return encode(0x30, algorithm.encoded + encode(0x03, b"\x00" + short))


@pytest.mark.parametrize(
    ("problem", "change"),
    [
        ("lack the cofactor", key_without_cofactor),
        ("base point is compressed", key_with_compressed_base),
        ("public point is compressed", compressed_point),
    ],
)
def test_ec_parameters_are_whole_and_uncompressed(
    made: Made, problem: str, change: Callable[[bytes], bytes]
) -> None:
    broken = remade(made.by_role[Role.CSCA], element(6, change))
    assert any(problem in item for item in violations(broken, Role.CSCA))


def value(oid: str, new: bytes, *, critical: bool = False) -> Callable[[Certificate], Certificate]:
    return lambda certificate: with_extensions(
        certificate, lambda found: found.update({oid: (critical, new)})
    )


PLACES = x509.GeneralNames([x509.GeneralName(name="rfc822_name", value="office@lab.invalid")]).dump()
VALUES = [
    (Role.CSCA, "key usage is not", value(oids.KEY_USAGE, bytes.fromhex("03020780"), critical=True)),
    (
        Role.DOCUMENT_SIGNER,
        "key usage is not",
        value(oids.KEY_USAGE, bytes.fromhex("030206c0"), critical=True),
    ),
    (Role.CSCA, "path length 0", value(oids.BASIC_CONSTRAINTS, bytes.fromhex("30030101ff"), critical=True)),
    (
        Role.CSCA,
        "path length 0",
        value(oids.BASIC_CONSTRAINTS, bytes.fromhex("30060101ff020101"), critical=True),
    ),
    (
        Role.LIST_SIGNER,
        "extended key usage",
        value(oids.EXTENDED_KEY_USAGE, x509.ExtKeyUsageSyntax(["1.2.3"]).dump(), critical=True),
    ),
    (
        Role.SEAL_SIGNER,
        "extended key usage",
        value(
            oids.EXTENDED_KEY_USAGE, x509.ExtKeyUsageSyntax([oids.MASTER_LIST_SIGNER]).dump(), critical=True
        ),
    ),
    (
        Role.DOCUMENT_SIGNER,
        "not two times",
        value(oids.PRIVATE_KEY_USAGE, encode(0x30, encode(0x80, b"20260301120000Z"))),
    ),
    (
        Role.DOCUMENT_SIGNER,
        "not within the validity",
        value(
            oids.PRIVATE_KEY_USAGE,
            encode(0x30, encode(0x80, b"20260301120000Z") + encode(0x81, b"20290301120000Z")),
        ),
    ),
    (Role.DOCUMENT_SIGNER, "names no directory", value(oids.SUBJECT_ALT_NAME, PLACES)),
    (Role.CSCA, "names no directory", value(oids.ISSUER_ALT_NAME, PLACES)),
    (Role.CSCA, "name no place", value(oids.CRL_DISTRIBUTION, bytes.fromhex("30023000"))),
    (
        Role.DOCUMENT_SIGNER,
        "document types is not 0",
        value(oids.DOCUMENT_TYPE, bytes.fromhex("3009020101310413024152")),
    ),
    (
        Role.DOCUMENT_SIGNER,
        "one or two characters",
        value(oids.DOCUMENT_TYPE, bytes.fromhex("300a02010031051303415242")),
    ),
    (
        Role.DOCUMENT_SIGNER,
        "one or two characters",
        value(oids.DOCUMENT_TYPE, bytes.fromhex("30050201003100")),
    ),
    (Role.DOCUMENT_SIGNER, "holds no key identifier", value(oids.AUTHORITY_KEY_ID, b"\x30\x00")),
    (Role.CSCA, "is not its own", value(oids.AUTHORITY_KEY_ID, encode(0x30, encode(0x80, b"another")))),
    (Role.LINK, "is not NULL", value(oids.NAME_CHANGE, b"\x04\x00")),
    (
        Role.LINK,
        "what happened to the name",
        lambda found: with_extensions(found, lambda e: e.pop(oids.NAME_CHANGE) and None),
    ),
]


@pytest.mark.parametrize(("role", "problem", "change"), VALUES)
def test_a_wrong_value_is_noticed(
    made: Made, role: Role, problem: str, change: Callable[[Certificate], Certificate]
) -> None:
    broken = change(made.by_role[role])
    assert any(problem in item for item in violations(broken, role)), violations(broken, role)
    with pytest.raises(PolicyRefused):
        require_profile(broken, role)


def test_an_encoded_default_is_noticed(made: Made) -> None:
    certificate = made.by_role[Role.CSCA]

    def changed(body: list[bytes]) -> list[bytes]:
        entries = [item.encoded for item in sequence(single(body[7], 0xA3, "x").content, "x")]
        with_default = [
            encode(0x30, sequence(item, "x")[0].encoded + b"\x01\x01\x00" + sequence(item, "x")[-1].encoded)
            if bytes.fromhex("0603551d0e") in item else item
            for item in entries
        ]  # fmt: skip
        return [*body[:7], encode(0xA3, encode(0x30, b"".join(with_default)))]

    assert "a default value is encoded" in violations(remade(certificate, changed), Role.CSCA)


def test_the_sheets_own_bytes(made: Made) -> None:
    signer = made.by_role[Role.DOCUMENT_SIGNER]
    assert bytes.fromhex("300D02010031081302415213024944".lower()) in signer.der
    assert b"\x30\x22\x80\x0f20260301120000Z\x81\x0f20260530120000Z" in signer.der


def test_a_seal_signer_is_named_by_its_seals(made: Made) -> None:
    seal = made.by_role[Role.SEAL_SIGNER]
    assert (seal.subject, seal.serial) == ("C=KZ, CN=BP", 0x1A2)
    csca = made.by_role[Role.CSCA]
    key = generate_ec_key("secp256r1", random.Random(1).randbytes).public_key()
    validity = (START, START + YEARS)
    for name, reference in (("KZB", "1"), ("kzbp", "1"), ("KZBP", "0"), ("KZBP", "XY"), ("UZBP", "1")):
        with pytest.raises(PolicyRefused):
            build_seal_signer(csca, made.key, key, name, reference, validity)
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    with pytest.raises(PolicyRefused):
        build_seal_signer(csca, made.key, rsa_key, "KZBP", "1", validity)
    with pytest.raises(PolicyRefused):
        build_seal_signer(csca, made.key, key, "KZBP", "1", (START, START + 9 * YEARS))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl program")
def test_openssl_verifies_the_named_curve_profile_in_full(tmp_path: Path) -> None:
    """Root, link and signers: names, constraints, key identifiers, signatures, strictly (RFC 5280)."""
    by_role = make(explicit=False).by_role

    def pem(name: str, certificate: Certificate) -> Path:
        from cryptography import x509 as library
        from cryptography.hazmat.primitives.serialization import Encoding

        path = tmp_path / name
        path.write_bytes(library.load_der_x509_certificate(certificate.der).public_bytes(Encoding.PEM))
        return path

    root = pem("root.pem", by_role[Role.CSCA])
    moment = str(int((START + timedelta(days=5)).timestamp()))
    for role in (Role.DOCUMENT_SIGNER, Role.LIST_SIGNER, Role.SEAL_SIGNER):
        leaf = pem("leaf.pem", by_role[role])
        strict = [] if role is Role.SEAL_SIGNER else ["-x509_strict"]  # 7.1.3 leaves out key identifiers
        done = subprocess.run(
            ["openssl", "verify", *strict, "-ignore_critical", "-attime", moment, "-CAfile", root, leaf],
            capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
