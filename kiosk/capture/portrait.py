"""Portraits for chip and print: checked, measured, compressed at most once (ISO/IEC 19794-5)."""

from kiosk.capture.images import decode_image, encode_jpeg, encode_png
from kiosk.ports import Image, Portrait

JPEG = b"\xff\xd8\xff"
MAX_PIXELS = 4_000_000  # of a portrait from a chip: BSI TR-03121-3 knows 1200 x 1600 at most, some scan more


class JpegStudio:
    """Takes the portrait as it was read: a JPEG stays byte for byte what it was."""

    def prepare(self, image: bytes) -> Portrait:
        """IMAGE_UNREADABLE when it is not a picture; JPEG 2000 and PNG become JPEG once."""
        pixels = decode_image(image)
        height, width = pixels.shape[:2]
        data = image if image.startswith(JPEG) else encode_jpeg(pixels)
        return Portrait(data, "image/jpeg", width, height)


def decode_portrait(image: bytes) -> Image:
    """BGR pixels of a picture from a chip (DG2, DG5: JPEG or JPEG 2000), which nobody has to trust.

    IMAGE_UNREADABLE for what is no picture, IMAGE_TOO_LARGE beyond MAX_PIXELS.
    """
    return decode_image(image, MAX_PIXELS)


def portrait_png(image: bytes) -> Portrait:
    """The same as a PNG file with its size; the same errors."""
    pixels = decode_portrait(image)
    height, width = pixels.shape[:2]
    return Portrait(encode_png(pixels), "image/png", width, height)
