#!/usr/bin/env python3
"""Make aligned fakes: real crops sent through a generator's own autoencoder, so that nothing but its decoder's traces tells them from the photograph.

reconstruct.py MIRRORS PACK OUT [--autoencoder taef2] [--crops 1000]     -> OUT.npy and OUT.json, a pack for train.py

PACK holds native crops; the real ones are drawn evenly over its sources. The weights are those of the tiny autoencoders of the repository
madebyollin/taesd (MIT), read out of its mirror. High frequencies of the original are blended back in by half at most: a decoder that merely blurs would
teach the network to call every soft photograph AI.
"""
import argparse
import collections
import io
import json
import random
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import avg_pool2d

import mirrors

REPOSITORY = "madebyollin/taesd"
CHANNELS = {"taesd": 4, "taesdxl": 4, "taesd3": 16, "taef1": 16, "taef2": 32}
POOLED = {"taef2"}  # autoencoders whose deepest blocks see the mean of the whole picture
SIDE, WIDTH = 224, 64


class Block(nn.Module):
    """Three convolutions around a shortcut. Names and order are those of the published weights."""

    def __init__(self, pooled: bool = False):
        super().__init__()
        layers = [layer for _ in range(3) for layer in (nn.Conv2d(WIDTH, WIDTH, 3, padding=1), nn.ReLU())]
        self.conv = nn.Sequential(*layers[:-1])
        inner = 4 * WIDTH
        self.pool = nn.Sequential(
            nn.Conv2d(WIDTH, inner, 1, bias=False), nn.GroupNorm(4, inner), nn.ReLU(), nn.Conv2d(inner, WIDTH, 1, bias=False)
        ) if pooled else None  # fmt: skip

    def forward(self, x):
        if self.pool is not None:
            x = x + self.pool(x)
        return torch.relu(self.conv(x) + x)


class Clamp(nn.Module):
    def forward(self, x):
        return torch.tanh(x / 3) * 3


def encoder(channels: int, pooled: bool) -> nn.Sequential:
    halve = lambda: nn.Conv2d(WIDTH, WIDTH, 3, stride=2, padding=1, bias=False)
    levels = [[Block()], [Block() for _ in range(3)], [Block() for _ in range(3)], [Block(pooled) for _ in range(3)]]
    layers = [nn.Conv2d(3, WIDTH, 3, padding=1), *levels[0]]
    for level in levels[1:]:
        layers += [halve(), *level]
    return nn.Sequential(*layers, nn.Conv2d(WIDTH, channels, 3, padding=1))


def decoder(channels: int, pooled: bool) -> nn.Sequential:
    layers = [Clamp(), nn.Conv2d(channels, WIDTH, 3, padding=1), nn.ReLU()]
    for level in ([Block(pooled) for _ in range(3)], [Block() for _ in range(3)], [Block() for _ in range(3)]):
        layers += [*level, nn.Upsample(scale_factor=2), nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False)]
    return nn.Sequential(*layers, Block(), nn.Conv2d(WIDTH, 3, 3, padding=1))


def autoencoder(folder: Path, name: str) -> nn.Sequential:
    parts = []
    for half, make in (("encoder", encoder), ("decoder", decoder)):
        weights = mirrors.blob(folder, REPOSITORY, "HEAD", f"{name}_{half}.pth")
        if weights is None:
            raise SystemExit(f"no {name}_{half}.pth in a mirror of {REPOSITORY} below {folder}; others are {', '.join(CHANNELS)}")
        part = make(CHANNELS[name], name in POOLED)
        part.load_state_dict(torch.load(io.BytesIO(weights), map_location="cpu", weights_only=True))
        parts.append(part)
    return nn.Sequential(*parts).eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mirrors", type=Path)
    parser.add_argument("pack")
    parser.add_argument("out")
    parser.add_argument("--autoencoder", choices=CHANNELS, default="taef2")
    parser.add_argument("--crops", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    meta, pixels = json.loads(Path(args.pack + ".json").read_text()), np.load(args.pack + ".npy", mmap_mode="r")
    sources = collections.defaultdict(list)
    for index, (label, _, source, height, width, _) in enumerate(meta):
        if label == "real" and min(height, width) >= SIDE:
            sources[source].append(index)
    queues = [rng.sample(places, len(places)) for places in sources.values()]
    chosen = [queue[turn] for turn in range(max(map(len, queues))) for queue in queues if turn < len(queue)][: args.crops]
    net = autoencoder(args.mirrors, args.autoencoder).to(memory_format=torch.channels_last)
    made = np.lib.format.open_memmap(args.out + ".npy", mode="w+", dtype=np.uint8, shape=(len(chosen), SIDE, SIDE, 3))
    rows, error = [], 0.0
    for place, index in enumerate(chosen):
        _, _, source, height, width, path = meta[index]
        top, left = rng.randint(0, (height - SIDE) // 8) * 8, rng.randint(0, (width - SIDE) // 8) * 8
        real = torch.from_numpy(np.ascontiguousarray(pixels[index, top : top + SIDE, left : left + SIDE])).permute(2, 0, 1)[None] / 255
        with torch.no_grad():
            fake = net(real.contiguous(memory_format=torch.channels_last)).clamp(0, 1)
        error += (fake - real).abs().mean().item()
        detail = lambda x: x - avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        fake = (fake + rng.uniform(0, 0.5) * (detail(real) - detail(fake))).clamp(0, 1)
        made[place] = (fake[0].permute(1, 2, 0) * 255).round().byte().numpy()
        rows.append(["ai", "autoencoder", source, SIDE, SIDE, path])
    made.flush()
    Path(args.out + ".json").write_text(json.dumps(rows))
    print(f"{args.out}: {len(rows)} reconstructions by {args.autoencoder} of crops of {len(queues)} sources, mean difference {255 * error / len(rows):.1f} levels")


if __name__ == "__main__":
    main()
