"""Words, dates and numbers: complete in three languages, switched live, never mixed."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

import ui
from kiosk import messages
from ui.i18n import LANGUAGES, Words, catalogue
from ui.widgets.declaration import PURPOSES
from ui.widgets.verdict import ICONS, PENDING

SOURCES = sorted(Path(ui.__file__).parent.rglob("*.py"))


def test_every_word_has_all_three_languages_and_the_same_places() -> None:
    for key, texts in catalogue().items():
        assert set(texts) == set(LANGUAGES), key
        places = {language: set(re.findall(r"{(\w+)}", text)) for language, text in texts.items()}
        assert len({frozenset(found) for found in places.values()}) == 1, key
        assert all(text.strip() == text and text for text in texts.values()), key


def test_kazakh_and_russian_are_not_left_in_english() -> None:
    wordless = {"step.of"}  # "{time} / {budget}"
    for key in set(catalogue()) - wordless:
        texts = catalogue()[key]
        for language in ("kk", "ru"):
            assert re.search("[А-Яа-яЁёӘәІіҢңҒғҮүҰұҚқӨөҺһ№]", texts[language]), (key, language)
            assert texts[language] != texts["en"], (key, language)


def test_no_word_mixes_latin_and_cyrillic_letters() -> None:
    """Look-alikes such as Latin i in a Kazakh word cannot be found by search."""
    for key, texts in catalogue().items():
        for text in texts.values():
            for word in re.findall(r"\w+", re.sub(r"{\w+}", " ", text)):
                assert not (re.search("[A-Za-z]", word) and re.search("[А-Яа-яЁёӘ-ӿ]", word)), (key, word)


def test_every_key_used_in_the_code_exists_and_every_key_is_used() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    sections = {key.partition(".")[0] for key in catalogue()}
    pattern = re.compile(rf"""["']((?:{"|".join(sections)})\.[\w.]+)["']""")
    used = set(pattern.findall(code))
    assert used <= set(catalogue())
    families = {key.partition(".")[0] for key in re.findall(r'"(\w+\.)\{', code)}
    families |= set(re.findall(r'tr\.code\(\s*"(\w+)"', code))
    unused = {k for k in set(catalogue()) - used if k.partition(".")[0] not in families}
    assert unused == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_shared_labels_we_rely_on_exist(language: str) -> None:
    wanted = {*PURPOSES, *ICONS, *(str(group["name"]) for group in PENDING)}
    assert wanted <= messages.known_labels(language)


def test_dates_numbers_and_days_follow_the_language() -> None:
    words = Words("en")
    day = date(2026, 12, 22)
    assert words.date(day) == "22\u00a0Dec\u00a02026"
    assert words.days(1) == "1\u00a0day"
    assert words.seconds(3.4) == "3.4\u00a0s"
    assert words.percent(0.62) == "62%"
    words.switch("ru")
    assert words.date(day) == "22\u00a0дек.\u00a02026\u00a0г."
    forms = [words.days(n).split("\u00a0")[1] for n in (1, 2, 5, 11, 21, 22, 30)]
    assert forms == ["день", "дня", "дней", "дней", "день", "дня", "дней"]
    assert words.kilobytes(8100) == "8,1\u00a0кБ"
    words.switch("kk")
    assert words.date(day) == "2026\u00a0ж.\u00a022\u00a0жел."
    assert words.days(5) == "5\u00a0күн"


def test_times_are_those_of_the_post() -> None:
    words = Words("en")
    words.zone = timezone(timedelta(hours=5))
    moment = datetime(2026, 11, 22, 20, 30, tzinfo=UTC)
    assert words.moment(moment) == "23\u00a0Nov\u00a02026, 01:30"


def test_unknown_languages_and_words_are_refused() -> None:
    words = Words()
    with pytest.raises(ValueError, match="unknown language"):
        words.switch("de")
    with pytest.raises(KeyError):
        words("no.such.word")


def test_codes_get_our_word_then_a_shared_text_then_themselves() -> None:
    words = Words("en")
    assert words.code("reason", "ADDITIONAL_CHECK") == "Additional check"
    assert words.code("reason", "STAY_NO_DAYS_LEFT") == messages.text("STAY_NO_DAYS_LEFT").text.rstrip(".")
    assert words.code("country", "XYZ") == "XYZ"
    assert words.item("write:DG2").endswith(" DG2")
