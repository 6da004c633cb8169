"""Where everything on the card is, and the captions: TD1 geometry of Doc 9303-5 as data.

All lengths are integer micrometres from the card's upper left corner; heights of letters are the
em of the font. Captions are Kazakh, Russian, English, in capitals, with a spaced slash between.
"""

from dataclasses import dataclass

CARD = (85_600, 53_980)
HEADER_HEIGHT = 11_000  # zone I, at most 11.0 mm
MARGIN = 2_000  # free of data but for the header zone

PORTRAIT = (4_000, 13_100, 26_000, 34_670)  # zone V: at least 26 x 32 mm; x, y, width, height
GHOST = (73_700, 31_700, 8_700, 11_600)

# Back: three lines of 30 characters, 2.54 mm pitch, 4.23 mm apart, middle line 11.5 mm above the
# lower edge, first character cell 5.0 mm from the left (figure 6).
MRZ_LEFT = 5_000
MRZ_PITCH = 2_540
MRZ_CENTRES = (38_250, 42_480, 46_710)
MRZ_ZONE_TOP = 30_680  # 23.3 mm above the lower edge
MRZ_COLUMNS, MRZ_ROWS = 30, 3

CAN_LEFT = 67_500  # six digits at the MRZ's pitch, on the level of an MRZ line (5 3.2.3)
CAN_CENTRE = MRZ_CENTRES[2]

SEAL = (60_000, 3_000, 23_400)  # x, y, side, quiet zone included: QR version 11 at 0.339 mm

TITLE = ("МИГРАНТТЫҢ ID-КАРТАСЫ", "ID-КАРТА МИГРАНТА", "MIGRANT ID CARD")
STATE = ("ҚАЗАҚСТАН РЕСПУБЛИКАСЫ", "РЕСПУБЛИКА КАЗАХСТАН", "REPUBLIC OF KAZAKHSTAN")
SPECIMEN = ("ҮЛГІ", "ОБРАЗЕЦ", "SPECIMEN")
FOUND = (
    "Тауып алған жағдайда кез келген ішкі істер органына тапсырыңыз",
    "При находке сдайте в любой орган внутренних дел",
    "If found, hand in at any police station",
)
CAPTION_EM = 1_420  # capitals 1.01 mm high: at least 1.0 (Doc 9303-3)
CAN_CAPTION = "CAN"


@dataclass(frozen=True)
class Slot:
    """A field: its caption above and its value below. `bold` marks what is read first."""

    name: str
    caption: tuple[str, str, str]
    x: int
    y: int  # top of the caption's capitals
    width: int
    em: int
    bold: bool = True

    @property
    def caption_text(self) -> str:
        """One line; a word that is the same in all three languages stands once."""
        return " / ".join(dict.fromkeys(self.caption))


_X = 33_000
_DATE_OF_BIRTH = ("ТУҒАН КҮНІ", "ДАТА РОЖДЕНИЯ", "DATE OF BIRTH")
_CITIZENSHIP = ("АЗАМАТТЫҒЫ", "ГРАЖДАНСТВО", "CITIZENSHIP")
_VALID_UNTIL = ("ҚОЛДАНЫЛУ МЕРЗІМІ", "СРОК ДЕЙСТВИЯ", "VALID UNTIL")
FRONT = (
    Slot("surname", ("ТЕГІ", "ФАМИЛИЯ", "SURNAME"), _X, 13_100, 49_600, 3_200),
    Slot("given_names", ("АТЫ", "ИМЯ", "GIVEN NAMES"), _X, 18_650, 49_600, 3_200),
    Slot("birth", _DATE_OF_BIRTH, _X, 27_300, 33_600, 2_750),
    Slot("sex", ("ЖЫНЫСЫ", "ПОЛ", "SEX"), 67_500, 27_300, 15_300, 2_750),
    Slot("nationality", _CITIZENSHIP, _X, 32_800, 33_600, 2_750),
    Slot("valid_until", _VALID_UNTIL, _X, 38_300, 39_500, 2_750),
    Slot("number", ("КАРТА НӨМІРІ", "НОМЕР КАРТЫ", "CARD NUMBER"), _X, 43_800, 33_600, 2_750),
)
NATIONAL_NAME = (_X, 24_150, 49_600, 2_150)  # no caption: x, top of capitals, width, em

_B = 4_000
_PASSPORT = ("ПАСПОРТ НӨМІРІ", "НОМЕР ПАСПОРТА", "PASSPORT NUMBER")
_CATEGORY = ("БОЛУ САНАТЫ", "КАТЕГОРИЯ ПРЕБЫВАНИЯ", "STAY CATEGORY")
_POST = ("КЕЛГЕН ӨТКІЗУ ПУНКТІ", "ПУНКТ ПРОПУСКА ВЪЕЗДА", "POST OF ENTRY")
_AUTHORITY = ("БЕРГЕН ОРГАН", "ОРГАН ВЫДАЧИ", "ISSUING AUTHORITY")
BACK = (
    Slot("passport_number", _PASSPORT, _B, 3_200, 41_200, 2_400),
    Slot("iin", ("ЖСН", "ИИН", "IIN"), 46_300, 3_200, 12_200, 2_300),
    Slot("category", _CATEGORY, _B, 8_000, 54_500, 2_400),
    Slot("entry_post", _POST, _B, 12_800, 54_500, 2_400),
    Slot("entry_date", ("КЕЛГЕН КҮНІ", "ДАТА ВЪЕЗДА", "DATE OF ENTRY"), _B, 17_600, 54_500, 2_400),
    Slot("authority", _AUTHORITY, _B, 22_400, 54_500, 2_400, bold=False),
)
FOUND_LINE = (_B, 27_200, 77_600, 1_330)  # x, top of capitals, width, em; two lines
FOUND_STEP = 1_620
