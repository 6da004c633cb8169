"""Portraits for chip and print: checked, measured, compressed at most once (ISO/IEC 19794-5)."""

from kiosk.capture.images import decode_image, encode_jpeg
from kiosk.ports import Portrait

JPEG = b"\xff\xd8\xff"


class JpegStudio:
    """Takes the portrait as it was read: a JPEG stays byte for byte what it was."""

    def prepare(self, image: bytes) -> Portrait:
        """IMAGE_UNREADABLE when it is not a picture; JPEG 2000 and PNG become JPEG once."""
        pixels = decode_image(image)
        height, width = pixels.shape[:2]
        data = image if image.startswith(JPEG) else encode_jpeg(pixels)
        return Portrait(data, "image/jpeg", width, height)
