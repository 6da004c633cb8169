"""Training: `python -m kiosk.capture.mrz.training.train --help`.

Every network sees fresh samples of the same pool of pages; the weights kept are a running mean. The result
is one ONNX file per network and a report of its measures on pages of another seed.
"""

import argparse
import json
import math
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from kiosk.capture.mrz.networks import SHAPES
from kiosk.capture.mrz.straighten import FOLD, folded, stacked
from kiosk.capture.mrz.training import samples
from kiosk.capture.mrz.training.nets import (
    CLASSES,
    Centres,
    Finder,
    Lines,
    by_strip,
    centres_loss,
    finder_loss,
    lines_loss,
)
from kiosk.capture.mrz.training.pool import Pool, load_or_draw

TRAIN_SEED, TEST_SEED = 1, 2  # of pages; the bench's seeds are its own
STRIP_COLUMNS = 30
FRAME_SIZES = ((640, 480), (480, 640), (512, 512), (640, 416))
MEAN_DECAY = 0.997

Random = np.random.Generator
Losses = Callable[[nn.Module, Random, Pool], Tensor]


@dataclass(frozen=True)
class Plan:
    """One network's recipe; `steps` is for the shipped model."""

    make: Callable[[], nn.Module]
    loss: Losses
    measure: Callable[[nn.Module, Random, Pool, int], dict[str, float]]
    steps: int
    rate: float


def _frames(random: Random, pool: Pool, count: int) -> tuple[Tensor, Tensor]:
    size = FRAME_SIZES[random.integers(0, len(FRAME_SIZES))]
    drawn = [samples.frame(random, *pool, size) for _ in range(count)]
    pictures = folded(np.stack([picture for picture, _ in drawn]), FOLD)
    return torch.from_numpy(pictures), torch.from_numpy(np.stack([target for _, target in drawn]))


def _blocks(random: Random, pool: Pool, count: int) -> tuple[Tensor, Tensor]:
    sheets, empties = pool
    drawn = [
        samples.block(random, sheets[random.integers(0, len(sheets))])
        if random.random() < 0.88
        else samples.block_nothing(random, empties[random.integers(0, len(empties))])
        for _ in range(count)
    ]
    pictures = folded(np.stack([picture for picture, _ in drawn]), FOLD)
    return torch.from_numpy(pictures), torch.from_numpy(np.stack([target for _, target in drawn]))


def _strips(random: Random, pool: Pool, count: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Documents of two lines, then those of three: stacks as in use, classes and offsets by strip."""
    sheets, empties = pool
    drawn = [
        samples.lines(random, sheets[random.integers(0, len(sheets))], STRIP_COLUMNS) for _ in range(count)
    ]
    rows = 2 + int(random.integers(0, 2))
    empty = empties[random.integers(0, len(empties))]
    columns = drawn[0][1].shape[1]
    drawn.append(
        (
            samples.lines_nothing(random, empty, rows, STRIP_COLUMNS),
            np.full((rows, columns), samples.REJECT, np.int64),
            np.zeros((rows, 2, columns), np.float32),
        )
    )
    return [_together(part) for rows in (2, 3) if (part := [one for one in drawn if len(one[0]) == rows])]


def _together(drawn: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> tuple[Tensor, Tensor, Tensor]:
    pictures, classes, offsets = zip(*drawn, strict=True)
    return (
        torch.from_numpy(np.concatenate([stacked(one) for one in pictures])),
        torch.from_numpy(np.concatenate(classes)),
        torch.from_numpy(np.concatenate(offsets)),
    )


def _finder_loss(net: nn.Module, random: Random, pool: Pool) -> Tensor:
    frames, target = _frames(random, pool, 6)
    return finder_loss(net(frames), target)


def _centres_loss(net: nn.Module, random: Random, pool: Pool) -> Tensor:
    blocks, target = _blocks(random, pool, 10)
    return centres_loss(net(blocks), target)


def _lines_loss(net: nn.Module, random: Random, pool: Pool) -> Tensor:
    parts = _strips(random, pool, 12)
    out = torch.cat([by_strip(net(strips)) for strips, _, _ in parts])
    return lines_loss(out, torch.cat([part[1] for part in parts]), torch.cat([part[2] for part in parts]))


def _measure_finder(net: nn.Module, random: Random, pool: Pool, count: int) -> dict[str, float]:
    overlap, direction, pitch, seen = 0.0, 0.0, 0.0, 0
    for _ in range(count):
        frames, target = _frames(random, pool, 1)
        out = net(frames)
        guess = (nn.functional.pixel_shuffle(out[:, :4], 2)[0, 0] > 0).float()
        mask = target[0, 0]
        both, either = float((guess * mask).sum()), float(((guess + mask) > 0).sum())
        overlap += both / either if either else 1.0
        counted = nn.functional.avg_pool2d(target[:, 4:5], 2)[0, 0] == 1
        if counted.any():
            wanted = nn.functional.avg_pool2d(target[:, 1:4], 2)[0][:, counted]
            had = out[0, 4:7][:, counted]
            seen += 1
            direction += float((had[0] * wanted[0] + had[1] * wanted[1] > 0).float().mean())
            pitch += float((had[2] - wanted[2]).abs().mean())
    return {"overlap": overlap / count, "upright": direction / max(1, seen), "pitch": pitch / max(1, seen)}


def _measure_centres(net: nn.Module, random: Random, pool: Pool, count: int) -> dict[str, float]:
    found, wanted, false, apart = 0.0, 0.0, 0.0, 0.0
    for _ in range(count):
        blocks, target = _blocks(random, pool, 1)
        out = net(blocks)[0]
        known = target[0, 4] > 0
        way = 0 if target[0, 0].max() >= target[0, 1].max() else 1
        heat = torch.sigmoid(out[way])
        wanted += float(known.sum())
        found += float((heat[known] > 0.5).sum())
        false += float(((heat > 0.5) & (target[0, way] < 0.05)).sum())
        if known.any():
            apart += float((out[2:4] - target[0, 2:4]).abs()[:, known].mean())
    return {"found": found / wanted, "false_share": false / wanted, "apart": apart / count}


def _measure_lines(net: nn.Module, random: Random, pool: Pool, count: int) -> dict[str, float]:
    right, cells, refused, beyond, apart = 0.0, 0.0, 0.0, 0.0, 0.0
    for _ in range(count):
        for strips, classes, offsets in _strips(random, pool, 1):
            out = by_strip(net(strips))
            guess = out[:, :CLASSES].argmax(1)
            shown = (classes >= 0) & (classes < samples.REJECT)
            none = classes == samples.REJECT
            right += float((guess == classes)[shown].sum())
            cells += float(shown.sum())
            refused += float((guess == classes)[none].sum())
            beyond += float(none.sum())
            apart += float(((out[:, CLASSES:] - offsets).abs() * shown[:, None]).sum()) / 2
    return {"right": right / cells, "refused": refused / beyond, "apart": apart / cells}


PLANS = {
    "finder": Plan(Finder, _finder_loss, _measure_finder, 8000, 3e-3),
    "centres": Plan(Centres, _centres_loss, _measure_centres, 5000, 4e-3),
    "lines": Plan(Lines, _lines_loss, _measure_lines, 6500, 3e-3),
}


def train(
    name: str, pool: Pool, test: Pool, out: Path, steps: int, say: Callable[[str], None]
) -> dict[str, float]:
    """Train one network of PLANS and write `out`/name.onnx every tenth of the way."""
    plan = PLANS[name]
    torch.manual_seed(0)
    random = np.random.default_rng([TRAIN_SEED, len(name)])
    net = plan.make().train()
    mean = deepcopy(net).eval()
    optimiser = torch.optim.AdamW(net.parameters(), plan.rate, weight_decay=1e-4)
    begun, total = time.monotonic(), 0.0
    result: dict[str, float] = {}
    every = max(1, steps // 12)
    for step in range(1, steps + 1):
        share = step / steps
        for group in optimiser.param_groups:
            group["lr"] = (
                plan.rate * min(1.0, step / 100) * (0.01 + 0.99 * (1 + math.cos(math.pi * share)) / 2)
            )
        loss = plan.loss(net, random, pool)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        _follow(mean, net, min(MEAN_DECAY, step / (step + 20)))
        total += loss.item()
        if step % every == 0 or step == steps:
            with torch.no_grad():
                result = plan.measure(mean, np.random.default_rng(TEST_SEED), test, 150)
            told = ", ".join(f"{key} {value:.4f}" for key, value in result.items())
            minutes = (time.monotonic() - begun) / 60
            say(f"{name} step {step} of {steps}, {minutes:.1f} min: loss {total / every:.4f}; {told}")
            total = 0.0
            export(name, mean, out)
    return result


@torch.no_grad()
def _follow(mean: nn.Module, net: nn.Module, decay: float) -> None:
    for kept, new in zip(mean.state_dict().values(), net.state_dict().values(), strict=True):
        if kept.dtype.is_floating_point:
            kept.mul_(decay).add_(new, alpha=1 - decay)
        else:
            kept.copy_(new)


def export(name: str, net: nn.Module, out: Path) -> None:
    """ONNX with any batch size and width, batch norms folded in."""
    temporary = out / f"{name}.onnx.new"
    torch.onnx.export(
        net,
        (torch.zeros(SHAPES[name]),),
        str(temporary),
        dynamo=False,
        input_names=["pictures"],
        output_names=["out"],
        opset_version=13,
        dynamic_axes={"pictures": {0: "n", 2: "h", 3: "w"}, "out": {0: "n", 2: "h", 3: "w"}},
    )
    temporary.replace(out / f"{name}.onnx")
    torch.save(net.state_dict(), out / f"{name}.pt")


def main(arguments: list[str] | None = None) -> int:
    """Train the named networks one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "networks", nargs="*", metavar="NETWORK", help=f"of {', '.join(PLANS)} (default: all)"
    )
    parser.add_argument("--out", type=Path, required=True, help="directory for pages, models and report")
    parser.add_argument("--pages", type=int, default=2400, help="pages to draw (default: 2400)")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="of the shipped number of steps (default: 1)"
    )
    parser.add_argument("--threads", type=int, default=2, help="cores to use (default: 2)")
    args = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()

    def say(text: str) -> None:
        print(f"[{(time.monotonic() - begun) / 60:5.1f} min] {text}", flush=True)  # noqa: T201

    pool = load_or_draw(args.out / "pages.pickle", TRAIN_SEED, args.pages, args.pages // 6, args.threads, say)
    test = load_or_draw(args.out / "pages-test.pickle", TEST_SEED, 150, 40, args.threads, say)
    report: dict[str, Any] = {}
    for name in args.networks or PLANS:
        report[name] = train(name, pool, test, args.out, round(PLANS[name].steps * args.scale), say)
        (args.out / f"{name}.json").write_text(json.dumps(report[name], indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
