"""Machine readable zones against the published samples of Doc 9303 and by properties."""

from __future__ import annotations

import contextlib
import datetime as dt
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from card_io.errors import CardError, MalformedCardData
from card_io.lds import mrz

TODAY = dt.date(2026, 11, 22)
PASSPORT = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
CARD = ("I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<")
TD2 = ("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6")
MRV_A = ("V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C<3UTO6908061F9406236ZE184226B<<<<<<<")
MRV_B = ("V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "L898902C<3UTO6908061F9406236ZE184226")


@pytest.mark.parametrize(
    ("text", "digit"),
    [
        ("L898902C3", "6"),
        ("740812", "2"),
        ("120415", "9"),
        ("ZE184226B<<<<<", "1"),
        ("D23145890", "7"),
        ("D23145890734", "9"),
        ("L898902C<", "3"),
        ("690806", "1"),
        ("940623", "6"),
        ("HA672242<658022549601086<<<<<<<<<<<<<<0", "8"),
        ("D231458907<<<<<<<<<<<<<<<34071279507122<<<<<<<<<<<", "2"),
        ("HA672242<658022549601086<<<<<<<", "8"),
        ("<<<<<<", "0"),
    ],
)
def test_published_check_digits(text: str, digit: str) -> None:
    assert mrz.check_digit(text) == digit


@pytest.mark.parametrize(
    ("lines", "form"), [(PASSPORT, "TD3"), (CARD, "TD1"), (TD2, "TD2"), (MRV_A, "MRVA"), (MRV_B, "MRVB")]
)
def test_published_samples_are_valid(lines: tuple[str, ...], form: str) -> None:
    zone = mrz.parse(lines)
    assert (zone.format, zone.valid) == (form, True)
    assert (zone.issuer, zone.nationality, zone.sex) == ("UTO", "UTO", "F")
    assert (zone.surname, zone.given_names) == ("ERIKSSON", "ANNA MARIA")
    assert mrz.parse("\n".join(lines)) == mrz.parse("".join(lines)) == zone
    assert zone.text == "".join(lines)


@pytest.mark.parametrize(
    "lines",
    [
        ("P<YTO" + "A" * 39, "HA672242<6YTO5802254M9601086<<<<<<<<<<<<<<08"),
        ("I<YTOD231458907<<<<<<<<<<<<<<<", "3407127M9507122YTO<<<<<<<<<<<2", "A" * 30),
        ("I<YTO" + "A" * 31, "HA672242<6YTO5802254M9601086<<<<<<<8"),
    ],
)
def test_worked_composite_digits_of_part_3(lines: tuple[str, ...]) -> None:
    assert mrz.parse(lines).valid


def test_fields_of_a_passport() -> None:
    zone = mrz.parse(PASSPORT)
    assert (zone.document_code, zone.document_number, zone.optional) == ("P", "L898902C3", "ZE184226B")
    assert (zone.birth, zone.expiry) == ("740812", "120415")
    assert dict(zone.checks) == dict.fromkeys(
        ("document_number", "birth", "expiry", "optional", "composite"), True
    )
    assert "ERIKSSON" not in repr(zone)


@pytest.mark.parametrize("check", ["0", "<"])
def test_an_empty_personal_number_may_have_no_digit(check: str) -> None:
    second = "L898902C36UTO7408122F1204159<<<<<<<<<<<<<<" + check
    composite = mrz.check_digit(second[:10] + second[13:20] + second[21:43])
    assert mrz.parse((PASSPORT[0], second + composite)).valid


@pytest.mark.parametrize(
    ("column", "check"),
    [(9, "document_number"), (19, "birth"), (27, "expiry"), (42, "optional"), (43, "composite")],
)
def test_a_wrong_digit_is_a_finding(column: int, check: str) -> None:
    second = PASSPORT[1][:column] + "7" + PASSPORT[1][column + 1 :]
    zone = mrz.parse((PASSPORT[0], second))
    assert not zone.valid
    assert not zone.checks[check]


def test_long_document_number_of_a_card() -> None:
    first = "I<UTOD23145890<7349<<<<<<<<<<<"
    second = "3407127M9507122UTO<<<<<<<<<<<2"
    zone = mrz.parse((first, second, "STEVENSON<<PETER<JOHN<<<<<<<<<"))
    assert zone.document_number == "D23145890734"
    assert zone.checks["document_number"]
    assert zone.valid
    assert zone.optional == ""
    assert zone.access_information() == b"D23145890734934071279507122"


def test_filler_without_overflow_is_a_missing_digit() -> None:
    zone = mrz.parse(("I<UTOD23145890<<<<<<<<<<<<<<<<", *CARD[1:]))
    assert zone.document_number == "D23145890"
    assert not zone.checks["document_number"]


def test_access_information_of_the_worked_example() -> None:
    assert mrz.access_information("L898902C", "690806", "940623") == b"L898902C<369080619406236"
    assert mrz.parse(MRV_A).access_information() == b"L898902C<369080619406236"


def test_old_french_card() -> None:
    zone = mrz.parse(("IDFRALOISEAU<<<<<<<<<<<<<<<<<<<<<<<<", "970675K002774HERVE<<DJAMEL<7303216M4"))
    assert zone.valid
    assert (zone.issuer, zone.surname, zone.given_names) == ("FRA", "LOISEAU", "HERVE DJAMEL")
    assert (zone.document_number, zone.birth, zone.sex, zone.expiry) == ("970675K00277", "730321", "M", "")
    assert zone.expiry_date(TODAY) is None
    assert zone.birth_date(TODAY) == dt.date(1973, 3, 21)


def test_names_with_digits_and_an_empty_expiry_parse() -> None:
    zone = mrz.parse(
        ("PNRUSIVANOV2<<PETR<SERGEEVI3<<<<<<<<<<<<<<<<", "1234567897RUS7408122M<<<<<<<5010101123456<58")
    )
    assert (zone.surname, zone.given_names) == ("IVANOV2", "PETR SERGEEVI3")
    assert zone.checks["expiry"]
    assert zone.expiry_date(TODAY) is None


def test_german_and_missing_nationalities_parse() -> None:
    for code in ("D<<", "<<<", "XXA", "UNK"):
        zone = mrz.parse((PASSPORT[0], PASSPORT[1][:10] + code + PASSPORT[1][13:]))
        assert (zone.nationality, zone.valid) == (code.rstrip("<"), True)


@pytest.mark.parametrize("mark", ["X", "<", "0"])
def test_any_other_sex_reads_as_unspecified(mark: str) -> None:
    assert mrz.parse((PASSPORT[0], PASSPORT[1][:20] + mark + PASSPORT[1][21:])).sex == "X"


@pytest.mark.parametrize(
    "lines",
    [
        (),
        "",
        ("P<UTO",),
        PASSPORT[:1],
        (*PASSPORT, PASSPORT[0]),
        (PASSPORT[0], TD2[1]),
        (PASSPORT[0].lower(), PASSPORT[1]),
        (PASSPORT[0].replace("<", "\u00ab"), PASSPORT[1]),
        (PASSPORT[0][:-1] + "\n", PASSPORT[1]),
        "x" * 100_000,
    ],
)
def test_other_shapes_are_refused(lines: tuple[str, ...] | str) -> None:
    with pytest.raises(MalformedCardData):
        mrz.parse(lines)


@pytest.mark.parametrize(
    ("birth", "expiry", "born", "expires"),
    [
        ("740812", "120415", dt.date(1974, 8, 12), dt.date(2012, 4, 15)),
        ("100101", "301231", dt.date(2010, 1, 1), dt.date(2030, 12, 31)),
        ("261122", "311122", dt.date(2026, 11, 22), dt.date(2031, 11, 22)),
        ("261123", "411231", dt.date(1926, 11, 23), dt.date(2041, 12, 31)),
        ("200505", "100101", dt.date(1920, 5, 5), dt.date(2010, 1, 1)),
        ("000229", "420101", dt.date(1900 + 0, 1, 1), dt.date(1942, 1, 1)),
        ("74<<<<", "991231", None, dt.date(1999, 12, 31)),
        ("741399", "300230", None, None),
    ],
)
def test_centuries(birth: str, expiry: str, born: dt.date | None, expires: dt.date | None) -> None:
    second = PASSPORT[1][:13] + birth + PASSPORT[1][19:21] + expiry + PASSPORT[1][27:]
    zone = mrz.parse((PASSPORT[0], second))
    assert zone.expiry_date(TODAY) == expires
    if birth != "000229":
        assert zone.birth_date(TODAY) == born
    else:  # 1900 had no leap day and 2000 lies after that expiry
        assert zone.birth_date(TODAY) is None


# --- writing


@pytest.mark.parametrize(
    ("surname", "given_names", "width", "written"),
    [
        ("NILAVADHANANANDA", "CHAYAPA DEJTHAMRONG KRASUANG", 30, "NILAVADHANANANDA<<CHAYAPA<DE<K"),
        ("NILAVADHANANANDA", "CHAYAPA DEJTHAMRONG KRASUANG", 31, "NILAVADHANANANDA<<CHAYAPA<DEJ<K"),
        ("NILAVADHANANANDA", "CHAYAPA DEJTHAMRONG KRASUANG", 39, "NILAVADHANANANDA<<CHAYAPA<DEJTHAMRONG<K"),
        ("NILAVADHANANANDA", "ARNPOL PETCH CHARONGUANG", 31, "NILAVADHANANANDA<<ARNPOL<PETC<C"),
        ("NILAVADHANANANDA", "ARNPOL PETCH CHARONGUANG", 39, "NILAVADHANANANDA<<ARNPOL<PETCH<CHARONGU"),
        (
            "BENNELONG WOOLOOMOOLOO WARRANDYTE WARNAMBOOL",
            "DINGO POTOROO",
            30,
            "BENNELONG<WOOLOOMOOLOO<W<W<<DI",
        ),
        (
            "BENNELONG WOOLOOMOOLOO WARRANDYTE WARNAMBOOL",
            "DINGO POTOROO",
            31,
            "BENNELONG<WOOLOOMOOLOO<W<W<<D<P",
        ),
        (
            "BENNELONG WOOLOOMOOLOO WARRANDYTE WARNAMBOOL",
            "DINGO POTOROO",
            39,
            "BENNELONG<WOOLOOMOOLOO<WARRANDYTE<W<<DI",
        ),
        ("PAPANDROPOULOUS", "JONATHON ALEC", 30, "PAPANDROPOULOUS<<JONATHON<ALEC"),
        ("PAPANDROPOULOUS", "JONATHON WARREN TREVOR", 39, "PAPANDROPOULOUS<<JONATHON<WARREN<TREVOR"),
        ("AL-BASRI", "HUDA MUHAMMAD JAWAD", 30, "AL<BASRI<<HUDA<MUHAMMAD<JAWAD<"),
        ("O'CONNOR", "ENYA SIOBHAN", 39, "OCONNOR<<ENYA<SIOBHAN<<<<<<<<<<<<<<<<<<"),
        ("SMITH-JONES", "SUSIE MARGARET", 30, "SMITH<JONES<<SUSIE<MARGARET<<<"),
        ("ARKFREITH", "", 30, "ARKFREITH<<<<<<<<<<<<<<<<<<<<<"),
        ("SATRIYA SUDARPA", "", 30, "SATRIYA<SUDARPA<<<<<<<<<<<<<<<"),
        ("VAN DER MUELLEN", "MARTIN", 30, "VAN<DER<MUELLEN<<MARTIN<<<<<<<"),
    ],
)
def test_published_name_fields(surname: str, given_names: str, width: int, written: str) -> None:
    assert mrz.name_field(surname, given_names, width) == written


def test_td1_as_published() -> None:
    lines = mrz.format_td1(
        document_code="I",
        issuer="UTO",
        document_number="D23145890",
        birth=dt.date(1974, 8, 12),
        sex="F",
        expiry="120415",
        nationality="UTO",
        surname="Eriksson",
        given_names="Anna Maria",
    )
    assert lines == CARD


def test_td1_with_a_long_number_as_published() -> None:
    lines = mrz.format_td1(
        document_code="I",
        issuer="UTO",
        document_number="D23145890734",
        birth="340712",
        sex="M",
        expiry="950712",
        nationality="UTO",
        surname="STEVENSON",
        given_names="PETER JOHN",
    )
    assert lines[:2] == ("I<UTOD23145890<7349<<<<<<<<<<<", "3407127M9507122UTO<<<<<<<<<<<2")


def test_td3_as_published() -> None:
    lines = mrz.format_td3(
        document_code="P",
        issuer="UTO",
        document_number="L898902C3",
        birth="740812",
        sex="F",
        expiry=dt.date(2012, 4, 15),
        nationality="UTO",
        surname="ERIKSSON",
        given_names="ANNA MARIA",
        optional="ZE184226B",
    )
    assert lines == PASSPORT


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "UTOPIA"},
        {"sex": "?"},
        {"birth": "1974-08-12"},
        {"optional": "ЖШС"},
        {"surname": "", "given_names": ""},
        {"surname": "МУРАТОВ"},
        {"surname": "LOUIS 14"},
        {"document_number": "A" * 23},
        {"document_number": "A" * 15, "optional": "12345678"},
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, str]) -> None:
    fields = {
        "document_code": "AR",
        "issuer": "KAZ",
        "document_number": "AB1000001",
        "birth": "740812",
        "sex": "X",
        "expiry": "270415",
        "nationality": "UZB",
        "surname": "KARIMOV",
        "given_names": "AZIZ",
        **change,
    }
    with pytest.raises(MalformedCardData):
        mrz.format_td1(**fields)


LETTERS = st.text(string.ascii_uppercase, min_size=1, max_size=14)
NAMES = st.lists(LETTERS, min_size=1, max_size=6).map(" ".join)
DATES = st.dates(dt.date(1930, 1, 1), dt.date(2040, 12, 31))


def test_a_truncated_name_never_ends_in_a_filler() -> None:
    """One place is left over behind these components: the surname gives one of its letters."""
    lines = mrz.format_td1(
        document_code="AR",
        issuer="KAZ",
        document_number="L01000001",
        birth="900101",
        sex="M",
        expiry="300101",
        nationality="UZB",
        surname="AA AA AAAAA AAAAAAAAAAAAAA",
        given_names="A A",
    )
    assert lines[2] == "AA<AA<AAAAA<AAAAAAAAAAAAA<<A<A"


@settings(deadline=None, max_examples=150)
@given(
    number=st.text(string.ascii_uppercase + string.digits, min_size=1, max_size=22),
    birth=DATES,
    expiry=DATES,
    sex=st.sampled_from("MFX"),
    surname=NAMES,
    given_names=NAMES,
    optional_2=st.text(string.ascii_uppercase + string.digits, max_size=11),
)
def test_a_written_card_reads_back(
    number: str, birth: dt.date, expiry: dt.date, sex: str, surname: str, given_names: str, optional_2: str
) -> None:
    lines = mrz.format_td1(
        document_code="AR",
        issuer="KAZ",
        document_number=number,
        birth=birth,
        sex=sex,
        expiry=expiry,
        nationality="UZB",
        surname=surname,
        given_names=given_names,
        optional_2=optional_2,
    )
    zone = mrz.parse(lines)
    assert zone.valid
    assert (zone.document_number, zone.sex, zone.optional_2) == (number, sex, optional_2)
    assert zone.birth == birth.strftime("%y%m%d")
    whole = f"{surname}<<{given_names}".replace(" ", "<")
    assert len(lines[2]) == 30
    if len(whole) > 30:
        assert all(part for part in (zone.surname, zone.given_names))
        assert lines[2][-1].isalpha()
        assert surname.startswith(zone.surname.split(" ")[0])
    else:
        assert lines[2].rstrip("<") == whole


@settings(deadline=None, max_examples=200)
@given(
    st.one_of(st.text(max_size=140), st.lists(st.text(string.ascii_uppercase + "<", max_size=45), max_size=4))
)
def test_garbage_raises_only_our_errors(lines: list[str] | str) -> None:
    with contextlib.suppress(CardError):
        mrz.parse(lines)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from([(90, 30), (72, 36), (88, 44)]), st.data())
def test_every_text_of_the_right_shape_parses(shape: tuple[int, int], data: st.DataObject) -> None:
    size, _ = shape
    text = data.draw(st.text(string.ascii_uppercase + string.digits + "<", min_size=size, max_size=size))
    zone = mrz.parse(text)
    assert zone.text == text
    zone.access_information()
    zone.birth_date(TODAY)
    zone.expiry_date(TODAY)
