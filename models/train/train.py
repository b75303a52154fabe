#!/usr/bin/env python3
"""Fine-tune the network on packed crops.

train.py NAME PACK… --minutes 50 [--whole-share 0.35] [--init CHECKPOINT] [--seed 1]

PACKs that end in .whole hold pictures shrunk to 320 px, all others native crops; with both, one network learns both views, and so serves both. Writes NAME.pt
about every minute (weights, their running average, optimiser, how far it is); the same command again goes on from there, also with further PACKs. Crop
number i is drawn from (seed, i) alone, so a run can be repeated. A graphics processor is used when there is one. bf16 is used there only: on a CPU
without AMX or AVX-512-bf16 it is five to ten times slower than float32 (measured).
"""
import argparse
import collections
import copy
import json
import math
import os
import random
import time

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import adaptive_avg_pool2d, binary_cross_entropy_with_logits
from torch.utils.data import DataLoader, IterableDataset

import delivery
import net as network

SIZES = {"tiles": (192, 0.6, 1.2), "whole": (192, 0.72, 1.15)}  # side of a training crop, scale from, scale to
SMOOTH = 0.05


class Crops(IterableDataset):
    """Endless deliveries, half AI and half real; families and sources by the root of their size, so that no gallery rules."""

    def __init__(self, packs, whole_share, seed, start, pasted):
        self.pixels = [np.load(pack + ".npy", mmap_mode="r") for pack in packs]
        self.meta = [json.load(open(pack + ".json")) for pack in packs]
        self.seed, self.start, self.pasted = seed, start, pasted
        groups = collections.defaultdict(lambda: collections.defaultdict(lambda: collections.defaultdict(list)))
        for pack, rows in enumerate(self.meta):
            view = "whole" if packs[pack].endswith(".whole") else "tiles"
            for index, (label, family, source, *_) in enumerate(rows):
                groups[view, label][family][source].append((pack, index))
        views = {view for view, _ in groups}
        self.whole_share = whole_share if len(views) == 2 else float("whole" in views)
        self.groups = {}
        for key, families in groups.items():
            chosen = []
            for sources in families.values():
                lists = list(sources.values())
                chosen.append((lists, [len(s) ** 0.6 for s in lists], sum(map(len, lists)) ** 0.5))
            self.groups[key] = (chosen, [weight for *_, weight in chosen])

    def pick(self, rng, view, label):
        families, weights = self.groups[view, label]
        lists, shares, _ = rng.choices(families, weights)[0]
        pack, index = rng.choice(rng.choices(lists, shares)[0])
        height, width = self.meta[pack][index][3:5]
        return Image.fromarray(self.pixels[pack][index, :height, :width])

    def crop(self, number):
        """Pixels, AI share of every 32 px cell, weight of the image loss, image label."""
        rng = random.Random(f"{self.seed} {number}")
        label, view = rng.choice(("ai", "real")), "whole" if rng.random() < self.whole_share else "tiles"
        image = self.pick(rng, view, label)
        other = self.pick(rng, view, "real" if label == "ai" else "ai") if rng.random() < self.pasted else None
        side, low, high = SIZES[view]
        array, mask, _ = delivery.journey(image, rng, side, low, high, other, view == "whole")
        ai = np.full((side, side), float(label == "ai"), np.float32)
        if mask is not None:
            ai = np.abs(ai - mask)
        cells = side // network.STRIDE
        ai = ai.reshape(cells, network.STRIDE, cells, network.STRIDE).mean((1, 3))
        return np.ascontiguousarray(array.transpose(2, 0, 1)), ai, np.float32(mask is None), np.float32(label == "ai")

    def __iter__(self):
        worker = torch.utils.data.get_worker_info()
        number, step = (self.start + worker.id, worker.num_workers) if worker else (self.start, 1)
        while True:
            yield self.crop(number)
            number += step


def phases(state: dict) -> list[dict]:
    """What was done to make a checkpoint, one entry a run: crops seen, minutes, seed."""
    arguments = state["arguments"]
    packs = [os.path.basename(pack) for pack in arguments["packs"]]
    facts = {"crops": state["seen"], "minutes": round(state["spent"] / 60, 1), "packs": packs, "seed": arguments["seed"], "rate": arguments["rate"]}
    return state.get("history", []) + [facts | {"frozen_blocks": arguments.get("frozen", 0)}]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("packs", nargs="+")
    parser.add_argument("--whole-share", type=float, default=0.35, help="share of crops from .whole packs when both kinds are given")
    parser.add_argument("--minutes", type=float, default=50)
    parser.add_argument("--init", help="start from the averaged weights of this checkpoint instead of ImageNet's")
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--pasted", type=float, default=0.15, help="share of crops with a rectangle of the other class")
    parser.add_argument("--frozen", type=int, default=0, help="leave the first so many of the 16 blocks (and the stem) as they are: 1.4 times faster with 3")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    net = network.Patches().to(device, memory_format=torch.channels_last)
    history = []
    if args.init:
        first = torch.load(args.init, map_location=device, weights_only=True)
        net.load_state_dict(first["ema"])
        history = phases(first)
    ema = copy.deepcopy(net).eval()
    head = list(net.head.parameters())
    body = list(net.body.parameters())
    optimiser = torch.optim.AdamW([{"params": body, "lr": args.rate}, {"params": head, "lr": 4 * args.rate}], weight_decay=0.02)
    seen, spent, path = 0, 0.0, args.name + ".pt"
    if os.path.exists(path):
        state = torch.load(path, map_location=device, weights_only=True)
        for module, key in ((net, "net"), (ema, "ema"), (optimiser, "optimiser")):
            module.load_state_dict(state[key])
        seen, spent, history = state["seen"], state["spent"], state.get("history", history)
        print(f"going on from {seen} crops, {spent / 60:.1f} minutes", flush=True)

    def keep():
        parts = {"net": net.state_dict(), "ema": ema.state_dict(), "optimiser": optimiser.state_dict(), "seen": seen, "spent": spent}
        torch.save(parts | {"arguments": vars(args), "history": history}, path + ".part")
        os.replace(path + ".part", path)

    crops = Crops(args.packs, args.whole_share, args.seed, seen, args.pasted)
    data = iter(DataLoader(crops, args.batch, num_workers=args.workers, prefetch_factor=4))
    told, before = 0.0, time.time()
    loss_mean = right_mean = None
    while (share := spent / 60 / args.minutes) < 1:
        for group, rate in zip(optimiser.param_groups, (args.rate, 4 * args.rate)):
            group["lr"] = rate * min(1, (seen + args.batch) / 1500) * (0.5 * (1 + math.cos(math.pi * share)) + 0.01)
        pixels, cells, counts, y = (part.to(device, non_blocking=True) for part in next(data))
        pixels = ((pixels.float() - network.MEAN) / network.STD).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cuda", torch.bfloat16, enabled=device == "cuda"):
            image, patches = net(pixels, args.frozen)
        image, patches = image.float(), patches.float()
        cells = adaptive_avg_pool2d(cells[:, None], patches.shape[1:])[:, 0]
        smooth = lambda target: target * (1 - 2 * SMOOTH) + SMOOTH
        image_loss = (binary_cross_entropy_with_logits(image, smooth(y), reduction="none") * counts).sum() / counts.sum().clamp(1)
        patch_weight = torch.where(counts > 0, 0.3, 0.7)[:, None, None]
        patch_loss = (binary_cross_entropy_with_logits(patches, smooth(cells), reduction="none") * patch_weight).mean()
        loss = image_loss + patch_loss
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        seen += args.batch
        with torch.no_grad():
            hold = min(0.997, (seen / args.batch + 1) / (seen / args.batch + 20))
            for mean, now in zip(ema.state_dict().values(), net.state_dict().values()):
                mean.lerp_(now, 1 - hold) if mean.dtype.is_floating_point else mean.copy_(now)
            hit = ((((image > 0) == (y > 0.5)).float() * counts).sum() / counts.sum().clamp(1)).item()
        loss_mean = image_loss.item() if loss_mean is None else 0.98 * loss_mean + 0.02 * image_loss.item()
        right_mean = hit if right_mean is None else 0.98 * right_mean + 0.02 * hit
        now = time.time()
        spent, before = spent + now - before, now
        if now - told > 60:
            told = now
            print(f"{spent / 60:.1f} min, {seen} crops, loss {loss_mean:.3f}, right {right_mean:.3f}", flush=True)
            keep()
    keep()
    print(f"done: {spent / 60:.1f} min, {seen} crops, loss {loss_mean}, right {right_mean}", flush=True)


if __name__ == "__main__":
    main()
