"""Forty-eight document layouts, drawn once by a fixed seed: sizes, zones, colours and how the MRZ is set."""

from dataclasses import dataclass

from kiosk.capture.bench.dice import Dice

# Millimetres: Doc 9303-5 (TD1), -6 (TD2, ID-2), -4 (TD3), -7 (visas); the French card is ID-2.
SIZES = {
    "TD1": (85.6, 53.98),
    "TD2": (105.0, 74.0),
    "TD3": (125.0, 88.0),
    "MRVA": (120.0, 80.0),
    "MRVB": (105.0, 74.0),
    "FRA": (105.0, 74.0),
}
COUNTS = {"TD1": 13, "TD2": 7, "TD3": 15, "MRVA": 5, "MRVB": 4, "FRA": 4}
PITCH = 2.54  # Doc 9303-3 4.4
_PAPERS = (
    *((236, 240, 244), (222, 236, 240), (228, 238, 226), (246, 236, 226), (232, 226, 242)),
    *((250, 248, 246), (214, 226, 236), (238, 222, 224), (224, 214, 204), (206, 222, 214)),
)
_INKS = ((150, 120, 60), (90, 140, 70), (80, 80, 170), (160, 90, 130), (60, 120, 150), (120, 120, 120))

Colour = tuple[int, int, int]  # BGR


@dataclass(frozen=True)
class Layout:
    """One document model. Millimetres unless said; colours BGR; densities 0 to 1."""

    name: str
    form: str
    width: float
    height: float
    left: float  # page edge to the first character cell
    bottom: float  # page edge to the middle of the lowest line
    step: float  # between the middles of two lines
    cut: str  # OCR-B cut: "round" or "sharp"
    size: float  # glyph size against the pitch
    gain: float  # thickening (+) or thinning (-) of strokes, parts of the pitch
    paper: Colour
    ink: Colour
    print_level: int  # grey of the print, 0 is black
    guilloche: float  # density of lines under the whole page
    under_mrz: float  # share of that density under the MRZ
    band: int  # how much the MRZ zone is lighter than the page, grey levels; 0 draws none
    frame: str  # "", "box", "rule" or "text": what is drawn right around the MRZ
    visual: str  # style of the visual zone: "left", "right", "back", "dense" or "sparse"
    serif: bool
    micro: bool  # a row of tiny text right above the MRZ
    bearer: bool  # second, OCR-B number on the page: looks like a line of an MRZ
    upper_page: bool  # the facing page is in the picture, too

    @property
    def tight(self) -> bool:
        """Rows closer than 4 mm: characters of two lines nearly touch."""
        return self.step < 4.0


def _layout(form: str, number: int) -> Layout:
    dice = Dice(f"layout {form}", number)
    width, height = SIZES[form]
    columns = {"TD1": 30, "TD3": 44, "MRVA": 44}.get(form, 36)
    room = width - columns * PITCH
    visuals = (
        ("back", "back", "dense", "left", "sparse") if form == "TD1" else ("left", "left", "right", "dense")
    )
    return Layout(
        name=f"{form}-{number + 1:02}",
        form=form,
        width=width + dice.around(0.4),
        height=height + dice.around(0.4),
        left=min(room - 1.0, dice.between(3.5, 7.0)),
        bottom=dice.between(5.4, 8.4),
        step=dice.weighted(((4.23, 3.0), (4.0, 1.5), (3.6, 1.0), (3.3, 0.7), (5.2, 0.8), (6.35, 1.0))),
        cut=dice.pick(("round", "round", "sharp")),
        size=dice.between(0.92, 1.05),
        gain=dice.weighted(((0.0, 3.0), (0.03, 1.0), (0.06, 1.0), (-0.025, 1.0))),
        paper=dice.pick(_PAPERS),
        ink=dice.pick(_INKS),
        print_level=dice.pick((10, 20, 30, 45, 60)),
        guilloche=dice.between(0.1, 1.0),
        under_mrz=dice.weighted(((0.0, 2.0), (0.4, 2.0), (0.8, 2.0), (1.0, 2.0))),
        band=dice.pick((0, 0, 8, 16)),
        frame=dice.weighted((("", 4.0), ("box", 2.0), ("rule", 2.0), ("text", 2.0))),
        visual=dice.pick(visuals),
        serif=dice.chance(0.3),
        micro=dice.chance(0.3),
        bearer=dice.chance(0.3),
        upper_page=form == "TD3" and dice.chance(0.5),
    )


LAYOUTS = tuple(_layout(form, number) for form, count in COUNTS.items() for number in range(count))
