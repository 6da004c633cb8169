"""What is printed in a synthetic zone: invented people in all five formats of Doc 9303-4 to -7 and on the
French identity card of 1988, sometimes with a check digit that is printed wrong."""

from collections.abc import Callable
from dataclasses import dataclass

from card_io.errors import MalformedCardData
from card_io.lds.mrz import check_digit, parse
from card_io.lds.transliteration import name_field
from kiosk.capture.bench.dice import Dice

FORMATS = ("TD1", "TD2", "TD3", "MRVA", "MRVB", "FRA")
SHAPES = {"TD1": (3, 30), "TD2": (2, 36), "TD3": (2, 44), "MRVA": (2, 44), "MRVB": (2, 36), "FRA": (2, 36)}
_STATES = (
    "UTO UZB KGZ TJK RUS CHN KAZ D<< TKM AZE ARM GEO TUR IND PAK AFG IRN MNG UKR BLR MDA LVA EST "
    "FRA ITA ESP GBR USA CAN BRA KOR JPN VNM THA XXA XXB UNO RKS EUE XOM NLD HUN POL OMN COD"
)
STATES = _STATES.split()
_SOUNDS = "KA RI MO VA BEK ZHAN TU LEM SO RA DI NUR AI GUL MI SHO QO FOZ IL JON WEI XU OTT OBI"
_SYLLABLES = _SOUNDS.split()
_ENDINGS = ("OV", "EVA", "IN", "ULY", "ZODA", "SEN", "", "SKI", "EZ", "O", "II")
_ALPHANUMERIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_DIGITS = "0123456789"
_CODES = {
    "TD1": ("I<", "ID", "IR", "AR", "A<", "C<", "IP"),
    "TD2": ("I<", "ID", "AC", "C<"),
    "TD3": ("P<", "PP", "PD", "PO", "PE", "PM"),
    "MRVA": ("V<", "VB", "VA"),
    "MRVB": ("V<", "VC", "VN"),
}


@dataclass(frozen=True)
class Print:
    """The lines as printed and the names of the check digits that are wrong in print."""

    lines: tuple[str, ...]
    misprinted: tuple[str, ...]
    surname: str
    given_names: str


def compose(dice: Dice, form: str, *, misprint: bool = False) -> Print:
    """A zone of format `form`; with `misprint` one check digit is another digit than it should be."""
    surname, given = _name(dice), " ".join(_name(dice) for _ in range(dice.whole(1, 2)))
    makers = {"TD1": _td1, "FRA": _french}
    lines = makers[form](dice, surname, given) if form in makers else _two(dice, form, surname, given)
    wrong: tuple[str, ...] = ()
    if misprint:
        lines, wrong = _misprint(dice, form, lines)
    return Print(lines, wrong, surname, given)


def _name(dice: Dice) -> str:
    word = "".join(dice.pick(_SYLLABLES) for _ in range(dice.whole(1, 3))) + dice.pick(_ENDINGS)
    if dice.chance(0.12):
        word += " " + dice.pick(_SYLLABLES) + dice.pick(_SYLLABLES)
    return word


def _number(dice: Dice) -> str:
    kinds: tuple[Callable[[], str], ...] = (
        lambda: dice.letters("ABCDEFGHJKLMNPRSTUVWXYZ", 2) + dice.letters(_DIGITS, 7),
        lambda: dice.letters("NCPFEK", 1) + dice.letters(_DIGITS, 8),
        lambda: dice.letters(_DIGITS, 9),
        lambda: dice.letters(_ALPHANUMERIC, 9),
        lambda: dice.letters(_DIGITS, dice.whole(5, 8)),
    )
    return dice.pick(kinds)().ljust(9, "<")


def _dated(dice: Dice, *, unknown: float = 0.0) -> str:
    """YYMMDD and its check digit."""
    month, day = f"{dice.whole(1, 12):02}", f"{dice.whole(1, 28):02}"
    if dice.chance(unknown):
        month, day = dice.pick((("<<", "<<"), (month, "<<")))
    text = f"{dice.whole(0, 99):02}{month}{day}"
    return text + check_digit(text)


def _dates(dice: Dice) -> str:
    return _dated(dice, unknown=0.04) + dice.pick("MFMFMFMF<X") + _dated(dice)


def _optional(dice: Dice, width: int) -> str:
    kinds: tuple[Callable[[], str], ...] = (
        lambda: "",
        lambda: dice.letters(_DIGITS, min(width, dice.whole(6, 14))),
        lambda: "ZE" + dice.letters(_DIGITS, min(width - 3, 6)) + "B",
        lambda: dice.letters(_ALPHANUMERIC, min(width, dice.whole(4, 10))),
    )
    return dice.pick(kinds)()[:width].ljust(width, "<")


def _states(dice: Dice) -> tuple[str, str]:
    issuer = dice.pick(STATES)
    return issuer, issuer if dice.chance(0.7) else dice.pick(STATES)


def _td1(dice: Dice, surname: str, given: str) -> tuple[str, ...]:
    issuer, nationality = _states(dice)
    if dice.chance(0.12):  # a long number runs on into the optional data (Doc 9303-5 4.2.2.4)
        number = dice.letters(_ALPHANUMERIC, 9) + dice.letters(_DIGITS, dice.whole(1, 4))
        rest = number[9:] + check_digit(number) + "<"
        numbered = number[:9] + "<" + rest + _optional(dice, 15 - len(rest))
    else:
        number = _number(dice)
        numbered = number + check_digit(number) + _optional(dice, 15)
    first = dice.pick(_CODES["TD1"]) + issuer + numbered
    second = _dates(dice) + nationality + _optional(dice, 11)
    composite = check_digit(first[5:] + second[:7] + second[8:15] + second[18:])
    return first, second + composite, name_field(surname, given, 30)


def _two(dice: Dice, form: str, surname: str, given: str) -> tuple[str, ...]:
    issuer, nationality = _states(dice)
    width = SHAPES[form][1]
    first = dice.pick(_CODES[form]) + issuer + name_field(surname, given, width - 5)
    number = _number(dice)
    second = number + check_digit(number) + nationality + _dates(dice)
    if form.startswith("MRV"):  # visas have no composite digit (Doc 9303-7)
        return first, second + _optional(dice, width - 28)
    if form == "TD3":
        personal = _optional(dice, 14)
        second += personal + ("<" if not personal.strip("<") and dice.chance(0.4) else check_digit(personal))
    else:
        second += _optional(dice, 7)
    return first, second + check_digit(second[:10] + second[13:20] + second[21:])


def _french(dice: Dice, surname: str, given: str) -> tuple[str, ...]:
    """Two lines of 36: no expiry, no nationality, a composite over both lines."""
    office = dice.letters(_DIGITS, 6) if dice.chance(0.7) else "<" * 6
    first = "IDFRA" + name_field(surname, "", 25) + office
    card = f"{dice.whole(88, 99)}{dice.whole(1, 12):02}{dice.letters(_DIGITS, 3)}{dice.letters(_DIGITS, 5)}"
    names = given.replace(" ", "<<")[:14].ljust(14, "<")
    second = card + check_digit(card) + names + _dated(dice) + dice.pick("MF")
    return first, second + check_digit(first + second)


_CHECKS: dict[str, dict[str, tuple[int, int]]] = {  # line and column of each check digit
    "TD1": {"birth": (1, 6), "expiry": (1, 14), "composite": (1, 29)},
    "TD2": {"document_number": (1, 9), "birth": (1, 19), "expiry": (1, 27), "composite": (1, 35)},
    "TD3": {"document_number": (1, 9), "birth": (1, 19), "expiry": (1, 27), "composite": (1, 43)},
    "MRVA": {"document_number": (1, 9), "birth": (1, 19), "expiry": (1, 27)},
    "MRVB": {"document_number": (1, 9), "birth": (1, 19), "expiry": (1, 27)},
    "FRA": {"document_number": (1, 12), "birth": (1, 33), "composite": (1, 35)},
}


def _misprint(dice: Dice, form: str, lines: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    row, column = _CHECKS[form][dice.pick(tuple(_CHECKS[form]))]
    right = int(lines[row][column])
    wrong = str((right + dice.whole(1, 9)) % 10)
    changed = lines[row][:column] + wrong + lines[row][column + 1 :]
    printed = tuple(changed if number == row else line for number, line in enumerate(lines))
    return printed, tuple(name for name, good in parse(printed).checks.items() if not good)


def key_fields(lines: tuple[str, ...]) -> tuple[str, ...]:
    """What opens the chip: number, birth and expiry with their check digits; () where the shape is wrong."""
    shape = (len(lines), {len(line) for line in lines})
    if shape == (3, {30}):
        number = lines[0][5:15] + (lines[0][15:30] if lines[0][14] == "<" else "")
        return number, lines[1][:7], lines[1][8:15]
    if shape not in ((2, {36}), (2, {44})):
        return ()
    if lines[0].startswith("IDFRA") and _is_old_french(lines):
        return lines[1][:13], lines[1][27:34], ""
    return lines[1][:10], lines[1][13:20], lines[1][21:28]


def _is_old_french(lines: tuple[str, ...]) -> bool:
    try:
        return parse(lines).expiry == ""
    except MalformedCardData:
        return False
