"""What we issue before a third reader of ASN.1, which shares no code with ours nor with openssl (pyasn1).

It decodes DER and encodes it again: the same bytes mean that nothing is BER, out of order or left over.
"""

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyasn1_modules", reason="pyasn1-modules is not installed")

from pyasn1.codec.der.decoder import decode
from pyasn1.codec.der.encoder import encode
from pyasn1_modules import rfc5280, rfc5652

from crypto.certificates.asn1 import single
from crypto.issuing import Charter, FileKeys, Office, generate_ec_key
from crypto.signer import KeySigner
from crypto.sod import build_sod

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    directory, randbytes = tmp_path_factory.mktemp("third") / "ca", random.Random(3).randbytes
    made, _ = Office.found(
        directory, Charter("lab", "KZ", "Shekara"), FileKeys(directory, randbytes), now=NOW, random=randbytes
    )
    key = generate_ec_key("secp256r1", randbytes)
    made.issue_document_signer(key.public_key(), ["AR", "ID"], now=NOW)
    made.issue_seal_signer(key.public_key(), "KZBP", "1A", now=NOW)
    made.revoke(made.register.of("seal")[0].serial, "test", now=NOW)
    made.roll_over(now=NOW)
    made.publish_master_list([], now=NOW)
    made.key = key  # type: ignore[attr-defined]
    return made


def read(data: bytes, spec: Any) -> Any:
    value, rest = decode(data, asn1Spec=spec)
    assert rest == b""
    assert encode(value) == data
    return value


def signed_data(data: bytes) -> Any:
    outer = read(data, rfc5652.ContentInfo())
    assert outer["contentType"] == rfc5652.id_signedData
    return read(bytes(outer["content"]), rfc5652.SignedData())


def test_the_security_object(office: Office) -> None:
    certificate = office.certificate(office.register.of("ds")[0])
    first = office.certificate(office.register.of("csca")[0])
    signer = KeySigner(office.key, certificate, authority=first)  # type: ignore[attr-defined]
    sod = build_sod({1: b"a", 2: b"b", 14: b"c"}, signer, signing_time=NOW)
    signed = signed_data(single(sod, 0x77, "EF.SOD").content)
    assert int(signed["version"]) == 3
    assert str(signed["encapContentInfo"]["eContentType"]) == "2.23.136.1.1.1"
    info = signed["signerInfos"][0]
    assert int(info["version"]) == 1
    assert int(info["sid"]["issuerAndSerialNumber"]["serialNumber"]) == certificate.serial
    names = {str(item["attrType"]) for item in info["signedAttrs"]}
    assert names == {"1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4", "1.2.840.113549.1.9.5"}
    assert encode(signed["certificates"][0]["certificate"]) == certificate.der


def test_the_master_list(office: Office) -> None:
    signed = signed_data((office.directory / "KAZ.ml").read_bytes())
    assert str(signed["encapContentInfo"]["eContentType"]) == "2.23.136.1.1.2"
    assert int(signed["signerInfos"][0]["version"]) == 3
    assert signed["signerInfos"][0]["sid"].getName() == "subjectKeyIdentifier"
    assert len(signed["certificates"]) == 2


def test_the_revocation_list(office: Office) -> None:
    listed = read((office.directory / "KAZ.crl").read_bytes(), rfc5280.CertificateList())["tbsCertList"]
    assert int(listed["version"]) == 1  # v2
    assert [int(item["userCertificate"]) for item in listed["revokedCertificates"]] == [0x1A]
    assert {str(item["extnID"]) for item in listed["crlExtensions"]} == {"2.5.29.20", "2.5.29.35"}


def test_every_certificate(office: Office) -> None:
    files = sorted(Path(office.directory).glob("*.cer"))
    assert len(files) == 6
    for file in files:
        body = read(file.read_bytes(), rfc5280.Certificate())["tbsCertificate"]
        assert int(body["version"]) == 2  # v3
        for extension in body["extensions"]:
            if extension["extnID"] in rfc5280.certificateExtensionsMap:
                spec = rfc5280.certificateExtensionsMap[extension["extnID"]]
                read(bytes(extension["extnValue"]), spec)
