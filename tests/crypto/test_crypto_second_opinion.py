"""What we sign and issue holds before other libraries, which share no ASN.1 code with us."""

import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from crypto.certificates.asn1 import single
from crypto.pki_lab import LabPki

OPENSSL = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="no openssl program")


def openssl(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    command = [str(OPENSSL), *(str(item) for item in arguments)]
    return subprocess.run(command, capture_output=True, check=False)


@needs_openssl
@pytest.mark.parametrize(
    ("country", "name"),
    [("KZ", "default"), ("KZ", "p521"), ("KZ", "pss"), ("UZ", "default"), ("UT", "default")],
)
def test_openssl_accepts_the_security_object(
    zoo: LabPki, data_groups, tmp_path: Path, country: str, name: str
) -> None:
    sod = zoo.sign_sod(country, data_groups, name=name)
    file, content = tmp_path / "sod.der", tmp_path / "content"
    file.write_bytes(single(sod, 0x77, "EF.SOD").content)
    done = openssl("cms", "-verify", "-noverify", "-inform", "DER", "-in", file, "-out", content)
    assert done.returncode == 0, done.stderr
    assert content.read_bytes()[:1] == b"\x30"
    broken = bytearray(file.read_bytes())
    broken[-1] ^= 1
    file.write_bytes(broken)
    assert openssl("cms", "-verify", "-noverify", "-inform", "DER", "-in", file).returncode != 0


def test_library_verifies_the_chain_with_explicit_nist_parameters(zoo: LabPki) -> None:
    csca = x509.load_der_x509_certificate(zoo.csca("UZ").der)
    signer = x509.load_der_x509_certificate(zoo.signer("UZ").certificate.der)
    signer.verify_directly_issued_by(csca)
    csca.verify_directly_issued_by(csca)
    crl = x509.load_der_x509_crl((zoo.trust_directory / "UZ.crl").read_bytes())
    assert crl.is_signature_valid(csca.public_key())  # type: ignore[arg-type]


@needs_openssl
def test_brainpool_chain_verifies_after_openssl_names_the_curve(zoo: LabPki, tmp_path: Path) -> None:
    """OpenSSL turns the explicit key into a named one, the library verifies: none of it is ours."""
    file, pem, named = tmp_path / "csca.der", tmp_path / "key.pem", tmp_path / "named.der"
    file.write_bytes(zoo.csca("KZ").der)
    pem.write_bytes(openssl("x509", "-inform", "DER", "-in", file, "-noout", "-pubkey").stdout)
    convert = ("pkey", "-pubin", "-in", pem, "-ec_param_enc", "named_curve", "-outform", "DER", "-out", named)
    assert openssl(*convert).returncode == 0
    key = load_der_public_key(named.read_bytes())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "brainpoolP384r1"
    for name in ("default", "expired", "pss"):
        signer = x509.load_der_x509_certificate(zoo.signer("KZ", name).certificate.der)
        assert signer.signature_hash_algorithm is not None
        key.verify(signer.signature, signer.tbs_certificate_bytes, ec.ECDSA(signer.signature_hash_algorithm))


@needs_openssl
def test_openssl_validates_a_whole_chain_and_its_crl(zoo: LabPki, tmp_path: Path, now: datetime) -> None:
    """With named curves (the profile's explicit ones are refused in chains) nothing else is bent."""
    trusted, leaf, crl = tmp_path / "csca.pem", tmp_path / "ds.der", tmp_path / "crl.pem"
    source = zoo.trust_directory / "UT_csca.cer"
    trusted.write_bytes(openssl("x509", "-inform", "DER", "-in", source).stdout)
    leaf.write_bytes(zoo.signer("UT").certificate.der)
    crl.write_bytes(openssl("crl", "-inform", "DER", "-in", zoo.trust_directory / "UT.crl").stdout)
    done = openssl(
        "verify", "-x509_strict", "-crl_check", "-attime", str(int(now.timestamp()) + 60),
        "-CAfile", trusted, "-CRLfile", crl, leaf,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_library_reads_every_extension(zoo: LabPki) -> None:
    signer = x509.load_der_x509_certificate(zoo.signer("UT").certificate.der)
    csca = x509.load_der_x509_certificate(zoo.csca("UT").der)
    wanted = {"2.5.29.35", "2.5.29.14", "2.5.29.15", "2.5.29.16", "2.5.29.17", "2.5.29.18", "2.5.29.31"}
    assert {item.oid.dotted_string for item in signer.extensions} == wanted | {"2.23.136.1.1.6.2"}
    assert {item.oid.dotted_string for item in csca.extensions} == wanted | {"2.5.29.19"}
    critical = {item.oid.dotted_string for item in csca.extensions if item.critical}
    assert critical == {"2.5.29.15", "2.5.29.19"}
    assert csca.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    names = signer.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DirectoryName)[0].rfc4514_string() == "L=UTO"
