"""What the two networks beside this file share: pictures to train on, damage, and a minute of training.

The pictures are made up, soft colours behind hard-edged shapes, so that nothing has to be downloaded; `--picture`
takes crops of a photo of yours instead. The damage is noise and rain, each with a severity map of its own: uneven,
which is what a layer is for whose every pixel mixes its own update.
"""

import argparse
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from ceair.degradations import compose, severity_map
from ceair.image import read_picture

SIDE = 48


def made_up_pictures(count: int, generator: Generator) -> Tensor:
    """`count 3 48 48` in [0, 1]."""
    pictures = F.interpolate(torch.rand(count, 3, 3, 3, generator=generator), (SIDE, SIDE), mode="bicubic").clamp(0, 1)
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    for _ in range(6):
        top, left = torch.rand(2, count, 1, 1, generator=generator) * SIDE
        height, width = torch.rand(2, count, 1, 1, generator=generator) * 24 + 3
        down, right = (rows - top) / height, (columns - left) / width
        round_ones = torch.rand(count, 1, 1, generator=generator) < 0.5
        inside = torch.where(round_ones, down**2 + right**2 < 1, torch.maximum(down.abs(), right.abs()) < 1)
        colour = torch.rand(count, 3, 1, 1, generator=generator)
        pictures = torch.where(inside[:, None], colour, pictures)
    return pictures


def crops_of(path: str, count: int, generator: Generator) -> Tensor:
    """`count 3 48 48` in [0, 1], from places of a photo."""
    photo = torch.from_numpy(read_picture(Path(path)).pixels.copy()).movedim(-1, 0).expand(3, -1, -1)
    if min(photo.shape[1:]) < SIDE:
        raise SystemExit(f"{path} is smaller than {SIDE} pixels; give a larger photo")
    tops, lefts = (torch.randint(size - SIDE + 1, (count,), generator=generator) for size in photo.shape[1:])
    return torch.stack(
        [photo[:, t : t + SIDE, x : x + SIDE] for t, x in zip(tops.tolist(), lefts.tolist(), strict=True)]
    )


def damage(clean: Tensor, generator: Generator) -> Tensor:
    """Noise and rain, each by a smooth map of its own."""
    severities = {name: most * severity_map(clean, generator) for name, most in (("rain", 0.6), ("noise", 0.8))}
    return compose(clean, severities, generator)


def psnr(restored: Tensor, clean: Tensor) -> float:
    """In dB."""
    return float(-10 * torch.log10(F.mse_loss(restored.clamp(0, 1), clean)))


def train(
    network: nn.Module, seconds: float, picture: str | None = None, batch: int = 4, steps: int | None = None
) -> tuple[list[float], float, float]:
    """Train for so long, or for so many steps.

    Returns the loss of each step, and the mean PSNR of 32 held-out pictures before and after restoring, in dB.
    """
    generator = Generator().manual_seed(0)
    draw = made_up_pictures if picture is None else lambda count, source: crops_of(picture, count, source)
    clean = draw(32, Generator().manual_seed(1))
    degraded = damage(clean, Generator().manual_seed(2))
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.0)
    losses, start = [], time.monotonic()
    while (len(losses) < steps) if steps else (time.monotonic() - start < seconds):
        target = draw(batch, generator)
        loss = F.l1_loss(network(damage(target, generator)), target)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if len(losses) % 50 == 0:
            print(
                f"step {len(losses):5d}  loss {sum(losses[-50:]) / 50:.4f}  {time.monotonic() - start:4.0f} s",
                flush=True,
            )
    with torch.no_grad():
        restored = network.eval()(degraded)
    return losses, psnr(degraded, clean), psnr(restored, clean)


def run(make, description: str) -> None:
    """The command line of an example: `make(with_cea)` gives its network."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seconds", type=float, default=60.0, help="of training")
    parser.add_argument("--steps", type=int, help="of training, instead of seconds")
    parser.add_argument("--picture", help="train on crops of this photo, which should be clean")
    parser.add_argument("--without-cea", action="store_true", help="the same network without its CEA layers")
    words = parser.parse_args()
    torch.manual_seed(0)
    network = make(not words.without_cea)
    print(f"{sum(weight.numel() for weight in network.parameters()):,} parameters")
    losses, before, after = train(network, words.seconds, words.picture, steps=words.steps)
    tenth = max(1, len(losses) // 10)
    first, last = sum(losses[:tenth]) / tenth, sum(losses[-tenth:]) / tenth
    print(f"{len(losses)} steps: loss {first:.4f} -> {last:.4f}; held-out pictures {before:.2f} -> {after:.2f} dB")
