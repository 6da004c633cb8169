"""The three networks in PyTorch. Small and plain, so that OpenCV runs them well on one core."""

import torch
from torch import Tensor, nn

from kiosk.capture.mrz.training.samples import REJECT

CLASSES = REJECT + 1


def _conv(inside: int, outside: int) -> nn.Sequential:
    """3 x 3 at stride 1: the one shape that OpenCV runs three times as fast as others (from 12 rows on)."""
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, 1, 1, bias=False), nn.BatchNorm2d(outside), nn.ReLU(inplace=True)
    )


class Finder(nn.Module):
    """Frame, folded by 4 (n x 16 x h/4 x w/4, h and w multiples of 32), to n x 7 x h/8 x w/8.

    Channels: four mask logits (the 2 x 2 quarters of a place), cos, sin, log2(pitch / 8).
    """

    def __init__(self, widths: tuple[int, int, int, int] = (24, 32, 48, 64)) -> None:
        super().__init__()
        a, b, c, d = widths
        self.eighth = nn.Sequential(_conv(16, a), nn.MaxPool2d(2), _conv(a, b), _conv(b, b))
        self.sixteenth = nn.Sequential(nn.MaxPool2d(2), _conv(b, c), _conv(c, c))
        self.deep = nn.Sequential(nn.MaxPool2d(2), _conv(c, d), _conv(d, d), _conv(d, d))
        self.to_sixteenth = nn.Conv2d(d, c, 1)
        self.to_eighth = nn.Conv2d(c, b, 1)
        self.join_sixteenth = _conv(c, c)
        self.join_eighth = _conv(b, b)
        self.head = nn.Conv2d(b, 7, 1)

    def forward(self, frames: Tensor) -> Tensor:
        fine = self.eighth(frames)
        middle = self.sixteenth(fine)
        deep = self.deep(middle)
        middle = self.join_sixteenth(middle + _doubled(self.to_sixteenth(deep)))
        fine = self.join_eighth(fine + _doubled(self.to_eighth(middle)))
        out: Tensor = self.head(fine)
        return out


def _doubled(values: Tensor) -> Tensor:
    return nn.functional.interpolate(values, scale_factor=2, mode="nearest")


class Centres(nn.Module):
    """Block picture, folded by 4 (n x 16 x 32 x 176), to n x 4 x 32 x 176.

    Channels: upright and inverted centre logits, dx, dy.
    """

    def __init__(self, widths: tuple[int, int] = (24, 32)) -> None:
        super().__init__()
        a, b = widths
        self.fine = nn.Sequential(_conv(16, a), _conv(a, a))
        self.coarse = nn.Sequential(
            nn.MaxPool2d(2), _conv(a, b), _conv(b, b), _conv(b, b), _conv(b, b)
        )  # 16 rows: no less, or OpenCV takes its slow path
        self.to_fine = nn.Conv2d(b, a, 1)
        self.join = _conv(a, a)
        self.head = nn.Conv2d(a, 4, 1)

    def forward(self, blocks: Tensor) -> Tensor:
        fine = self.fine(blocks)
        out: Tensor = self.head(self.join(fine + _doubled(self.to_fine(self.coarse(fine)))))
        return out


class Lines(nn.Sequential):
    """Strips of a document below each other, folded by 2 (b x 4 x 16 n x 10 k), to b x 40 x n x k.

    Channels: logits of 37 symbols and of no character, dx, dy.
    """

    def __init__(self, widths: tuple[int, int, int, int] = (24, 32, 48, 96)) -> None:
        a, b, c, d = widths
        super().__init__(
            _conv(4, a),
            _conv(a, b),
            nn.MaxPool2d(2),
            _conv(b, c),
            _conv(c, c),
            nn.Conv2d(c, d, (8, 5), (8, 5), bias=False),
            nn.BatchNorm2d(d),
            nn.ReLU(inplace=True),
            nn.Conv2d(d, d, (1, 3), 1, (0, 1), bias=False),
            nn.BatchNorm2d(d),
            nn.ReLU(inplace=True),
            nn.Conv2d(d, CLASSES + 2, 1),
        )


def finder_loss(out: Tensor, target: Tensor) -> Tensor:
    """Mask by cross-entropy and overlap; direction and pitch where there is a zone."""
    logits = nn.functional.pixel_shuffle(out[:, :4], 2)[:, 0]
    mask = target[:, 0]
    entropy = nn.functional.binary_cross_entropy_with_logits(logits, mask, reduction="none")
    entropy = (entropy * (1 + 2 * mask)).mean()
    guess = torch.sigmoid(logits)
    both, either = (guess * mask).sum((1, 2)), (guess + mask).sum((1, 2))
    overlap = (1 - (2 * both + 20) / (either + 20)).mean()
    counted = nn.functional.avg_pool2d(target[:, 4:5], 2)
    wanted = nn.functional.avg_pool2d(target[:, 1:4] * target[:, 4:5], 2) / counted.clamp(min=0.25)
    weight = (counted >= 0.25).float()
    apart = ((out[:, 4:7] - wanted).abs() * weight).sum() / (weight.sum() * 3 + 1)
    return entropy * 3 + 0.3 * overlap + apart


def centres_loss(out: Tensor, target: Tensor) -> Tensor:
    """Heat by weighted cross-entropy, offsets at the centres."""
    heat = target[:, :2]
    entropy = nn.functional.binary_cross_entropy_with_logits(out[:, :2], heat, reduction="none")
    known = target[:, 4:5]
    apart = ((out[:, 2:4] - target[:, 2:4]).abs() * known).sum() / (known.sum() * 2 + 1)
    return (entropy * (1 + 6 * heat)).mean() * 4 + apart


def by_strip(out: Tensor) -> Tensor:
    """b n x 40 x k of what Lines gives."""
    return out.transpose(1, 2).flatten(0, 1)


def lines_loss(out: Tensor, classes: Tensor, offsets: Tensor) -> Tensor:
    """Cross-entropy per cell, and offsets of cells that show a character; `out` is that of `by_strip`."""
    entropy = nn.functional.cross_entropy(out[:, :CLASSES], classes, ignore_index=-1)
    shown = ((classes >= 0) & (classes < REJECT)).float()[:, None]
    apart = ((out[:, CLASSES:] - offsets).abs() * shown).sum() / (shown.sum() * 2 + 1)
    return entropy + apart
