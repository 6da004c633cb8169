"""What the simulated printer says of itself (RFC 8011 5.4, PWG 5100.12, PWG 5101.1 media names)."""

from typing import Final

from hardware_mocks.ipp_codec import Attributes, Tag, one

OPERATIONS: Final = {
    "Print-Job": 0x0002,
    "Validate-Job": 0x0004,
    "Create-Job": 0x0005,
    "Send-Document": 0x0006,
    "Cancel-Job": 0x0008,
    "Get-Job-Attributes": 0x0009,
    "Get-Jobs": 0x000A,
    "Get-Printer-Attributes": 0x000B,
}
DEFAULT_FORMAT: Final = "image/pwg-raster"
FORMATS: Final = (DEFAULT_FORMAT, "application/octet-stream")
MEDIA: Final = "custom_cr80_85.6x53.98mm"
SIDES: Final = ("one-sided", "two-sided-long-edge", "two-sided-short-edge")
MAKE: Final = "Shekara Simulated CR80 Card Printer"
_DPI: Final = ((300, 300, 3), (600, 600, 3))  # units 3: dots per inch
# Job template attributes as a group name selects them (RFC 8011 5.2).
TEMPLATE: Final = frozenset(
    f"{name}-{kind}"
    for name in (
        "copies",
        "finishings",
        "media",
        "media-col",
        "orientation-requested",
        "output-bin",
        "print-quality",
        "printer-resolution",
        "sides",
        "print-color-mode",
        "multiple-document-handling",
    )
    for kind in ("default", "supported", "ready")
)


def describe(uri: str, state: int, reasons: tuple[str, ...], up_time: int, queued: int) -> Attributes:
    """All attributes of the printer as it stands."""
    home = uri.replace("ipp://", "http://").removesuffix("/ipp/print") + "/"
    now: Attributes = {
        "printer-uri-supported": one(Tag.URI, uri),
        "uri-security-supported": one(Tag.KEYWORD, "none"),
        "uri-authentication-supported": one(Tag.KEYWORD, "none"),
        "printer-more-info": one(Tag.URI, home),
        "printer-state": one(Tag.ENUM, state),
        "printer-state-reasons": one(Tag.KEYWORD, *reasons),
        "printer-is-accepting-jobs": one(Tag.BOOLEAN, True),
        "printer-up-time": one(Tag.INTEGER, up_time),
        "queued-job-count": one(Tag.INTEGER, queued),
    }
    return {**now, **_DESCRIPTION, **_JOB_TEMPLATE}


_DESCRIPTION: Final[Attributes] = {
    "printer-name": one(Tag.NAME, "shekara-sim"),
    "printer-info": one(Tag.TEXT, MAKE),
    "printer-location": one(Tag.TEXT, "Simulated desk"),
    "printer-make-and-model": one(Tag.TEXT, MAKE),
    "printer-uuid": one(Tag.URI, "urn:uuid:6f1a30a2-7d0e-5c57-9c7e-4b7a1c0de001"),
    "operations-supported": one(Tag.ENUM, *OPERATIONS.values()),
    "ipp-versions-supported": one(Tag.KEYWORD, "1.1", "2.0"),
    "charset-configured": one(Tag.CHARSET, "utf-8"),
    "charset-supported": one(Tag.CHARSET, "utf-8", "us-ascii"),
    "natural-language-configured": one(Tag.LANGUAGE, "en"),
    "generated-natural-language-supported": one(Tag.LANGUAGE, "en"),
    "document-format-default": one(Tag.MIME, DEFAULT_FORMAT),
    "document-format-supported": one(Tag.MIME, *FORMATS),
    "compression-supported": one(Tag.KEYWORD, "none"),
    "pdl-override-supported": one(Tag.KEYWORD, "not-attempted"),
    "color-supported": one(Tag.BOOLEAN, True),
    "pages-per-minute": one(Tag.INTEGER, 4),
    "pages-per-minute-color": one(Tag.INTEGER, 4),
    "multiple-document-jobs-supported": one(Tag.BOOLEAN, False),
    "multiple-operation-time-out": one(Tag.INTEGER, 60),
    "job-ids-supported": one(Tag.BOOLEAN, True),
    "which-jobs-supported": one(Tag.KEYWORD, "completed", "not-completed"),
    "job-creation-attributes-supported": one(Tag.KEYWORD, "copies", "media", "sides", "printer-resolution"),
    "pwg-raster-document-resolution-supported": one(Tag.RESOLUTION, *_DPI),
    "pwg-raster-document-sheet-back": one(Tag.KEYWORD, "normal"),
    "pwg-raster-document-type-supported": one(Tag.KEYWORD, "srgb_8", "sgray_8"),
    "marker-names": one(Tag.NAME, "YMCKO ribbon"),
    "marker-types": one(Tag.KEYWORD, "ribbon-wax"),
    "marker-colors": one(Tag.NAME, "none"),
    "marker-levels": one(Tag.INTEGER, 80),
}
_JOB_TEMPLATE: Final[Attributes] = {
    "copies-default": one(Tag.INTEGER, 1),
    "copies-supported": one(Tag.RANGE, (1, 1)),
    "finishings-default": one(Tag.ENUM, 3),
    "finishings-supported": one(Tag.ENUM, 3),
    "media-default": one(Tag.KEYWORD, MEDIA),
    "media-ready": one(Tag.KEYWORD, MEDIA),
    "media-supported": one(Tag.KEYWORD, MEDIA),
    "orientation-requested-default": one(Tag.ENUM, 3),
    "orientation-requested-supported": one(Tag.ENUM, 3, 4),
    "output-bin-default": one(Tag.KEYWORD, "face-up"),
    "output-bin-supported": one(Tag.KEYWORD, "face-up"),
    "print-quality-default": one(Tag.ENUM, 5),
    "print-quality-supported": one(Tag.ENUM, 4, 5),
    "printer-resolution-default": one(Tag.RESOLUTION, _DPI[0]),
    "printer-resolution-supported": one(Tag.RESOLUTION, *_DPI),
    "sides-default": one(Tag.KEYWORD, "two-sided-long-edge"),
    "sides-supported": one(Tag.KEYWORD, *SIDES),
    "print-color-mode-default": one(Tag.KEYWORD, "color"),
    "print-color-mode-supported": one(Tag.KEYWORD, "color", "monochrome"),
}
