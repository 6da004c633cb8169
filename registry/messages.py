"""Text and advice for every `RegistryErrorCode` in Kazakh, Russian and English."""

from collections.abc import Mapping

from registry.errors import RegistryErrorCode as Code

LANGUAGES = ("kk", "ru", "en")
_Words = tuple[str, str]  # what happened, what is safe to do

_MESSAGES: Mapping[Code, Mapping[str, _Words]] = {
    Code.REGISTRY_NOT_CREATED: {
        "kk": ("Бұл қалтада тізілім жоқ.", "Оны «registry create --world lab» командасымен жасаңыз."),
        "ru": ("В этой папке нет реестра.", "Создайте его командой «registry create --world lab»."),
        "en": ("There is no registry in this directory.", "Make one with “registry create --world lab”."),
    },
    Code.REGISTRY_DAMAGED: {
        "kk": ("Тізілім файлы бүлінген немесе басқаларға ашық.", "Файлды өзгертпей, әкімшіні шақырыңыз."),
        "ru": ("Файл реестра повреждён или открыт другим.", "Не меняйте файл и позовите администратора."),
        "en": (
            "A registry file is damaged or open to others.",
            "Leave it and call the administrator.",
        ),
    },
    Code.REGISTRY_TOO_NEW: {
        "kk": ("Дерекқорды бағдарламаның жаңарақ нұсқасы жазған.", "Бағдарламаны жаңартыңыз."),
        "ru": ("База записана более новой версией программы.", "Обновите программу."),
        "en": ("The database was written by a newer version.", "Update the program."),
    },
    Code.REGISTRY_WORLD_REFUSED: {
        "kk": (
            "Тізілім басқа ортаға арналған (сынақ немесе өндіріс).",
            "Дұрыс қалтаны немесе жаңа қалтаны таңдаңыз.",
        ),
        "ru": (
            "Реестр создан для другой среды (учебной или рабочей).",
            "Выберите верную папку или новую.",
        ),
        "en": ("The registry belongs to the other world (lab or production).", "Choose another directory."),
    },
    Code.REGISTRY_ADDRESS_IN_USE: {
        "kk": ("Бұл мекенжайда тыңдау мүмкін емес.", "Басқа портты беріңіз немесе 0 жазыңыз."),
        "ru": ("Этот адрес нельзя занять.", "Укажите другой порт или 0."),
        "en": ("This address cannot be listened on.", "Give another port, or 0 for a free one."),
    },
    Code.REGISTRY_SIGNER_REFUSED: {
        "kk": (
            "Қол қою кілтін бұл тізілімде пайдалануға болмайды.",
            "signers.json файлын, токенді және PIN файлын тексеріңіз.",
        ),
        "ru": (
            "Ключ подписи нельзя использовать в этом реестре.",
            "Проверьте signers.json, токен и файл с PIN.",
        ),
        "en": (
            "A signing key cannot be used in this registry.",
            "Check signers.json, the token, the PIN file.",
        ),
    },
    Code.REGISTRY_NAME_INVALID: {
        "kk": (
            "Бекет идентификаторы жарамсыз.",
            "1–32 таңба: латын әріптері, сандар, нүкте, сызықша, астыңғы сызық.",
        ),
        "ru": (
            "Недопустимый идентификатор поста.",
            "1–32 знака: латинские буквы, цифры, точка, дефис, подчёркивание.",
        ),
        "en": ("That is no station id.", "Use 1–32 of A–Z, a–z, 0–9, dot, hyphen, underscore."),
    },
}


def message(code: Code, language: str) -> _Words:
    """Text and advice; English for a language that is not spoken here."""
    words = _MESSAGES[code]
    return words.get(language, words["en"])
