"""Names are read the same by our own few lines and by asn1crypto, whose comparison form is the measure."""

from asn1crypto import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.certificates.names import normal_name, read_name
from crypto.errors import MalformedData

PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=24)
KINDS = st.sampled_from(["country_name", "organization_name", "common_name", "serial_number", "title"])


def _name(pairs: list[tuple[str, str]], string: str) -> x509.Name:
    return x509.Name.build(dict(pairs), use_printable=string == "printable")


@given(st.lists(st.tuples(KINDS, PRINTABLE), min_size=1, max_size=4), st.sampled_from(["printable", "utf8"]))
@settings(max_examples=150, deadline=None)
def test_plain_names_compare_as_asn1crypto_says(pairs: list[tuple[str, str]], string: str) -> None:
    pairs = [(kind, value[:2] if kind == "country_name" else value) for kind, value in pairs]
    name = _name(pairs, string)
    found = read_name(name.dump())
    assert found.normal == normal_name(x509.Name.load(name.dump()))
    country = dict(pairs).get("country_name", "")
    assert found.country == country.upper()


def test_other_letters_take_the_long_way_to_the_same_form() -> None:
    name = x509.Name.build({"country_name": "KZ", "common_name": "Қазақстан  CSCA"})
    found = read_name(name.dump())
    assert found.text == "C=KZ, CN=Қазақстан  CSCA"
    assert found.normal == normal_name(name)
    assert found.country == "KZ"


@given(st.binary(max_size=60), st.integers(0, 59), st.integers(0, 255))
@settings(max_examples=150, deadline=None)
def test_what_is_no_name_raises_only_our_error(data: bytes, at: int, value: int) -> None:
    damaged = bytearray(x509.Name.build({"country_name": "KZ", "common_name": "Signer 1"}).dump())
    damaged[at % len(damaged)] = value
    for encoded in (data, bytes(damaged)):
        try:
            read_name(encoded)
        except MalformedData:
            continue
