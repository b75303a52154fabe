#!/usr/bin/env python3
"""Fine-tune the network on packed crops.

train.py NAME PACK… --minutes 50 [--whole-share 0.35] [--init CHECKPOINT] [--seed 1]

PACKs that end in .whole hold pictures shrunk to 320 px, all others native crops; with both, one network learns both views, and so serves both. Writes NAME.pt
about every minute (weights, their running average, optimiser, how far it is); the same command again goes on from there, also with further PACKs. Crop
number i is drawn from (seed, i) alone, so a run can be repeated. Crops come in pairs: --paired of them are one crop in two deliveries, and the network
is told to say the same of both. A graphics processor is used when there is one. bf16 is used there only: on a CPU without AMX or AVX-512-bf16 it is five
to ten times slower than float32 (measured).
"""
import argparse
import copy
import math
import os
import time

import torch
from torch.nn.functional import adaptive_avg_pool2d, binary_cross_entropy_with_logits, cross_entropy, logsigmoid
from torch.utils.data import DataLoader, IterableDataset

import corpus
import net as network
from crops import Crop, Crops

SMOOTH = 0.05


class Stream(IterableDataset):
    """The crops from number `start` on, in order, shared out to the loader's workers pair by pair."""

    def __init__(self, crops: Crops, start: int):
        self.crops, self.start = crops, start

    def __iter__(self):
        worker = torch.utils.data.get_worker_info()
        pair, step = (self.start // 2 + worker.id, worker.num_workers) if worker else (self.start // 2, 1)
        while True:
            yield self.crops.crop(2 * pair)[0]
            yield self.crops.crop(2 * pair + 1)[0]
            pair += step


def smooth(target):
    return target * (1 - 2 * SMOOTH) + SMOOTH


def losses(answer, crop: Crop, consistency: float):
    """The loss of a batch: image, map and cells (binary), two deliveries of one crop (symmetric Kullback-Leibler), family and kind (0.2 each)."""
    image, finer, families, kinds, coarse = (part.float() for part in answer)
    counts = crop.whole * crop.weight
    image_loss = (binary_cross_entropy_with_logits(image, smooth(crop.label), reduction="none") * counts).sum() / counts.sum().clamp(1)
    patch_weight = (torch.where(crop.whole > 0, 0.3, 0.7) * crop.weight)[:, None, None]
    loss = image_loss
    for patches in (finer, coarse):
        cells = adaptive_avg_pool2d(crop.cells[:, None], patches.shape[1:])[:, 0]
        loss = loss + (binary_cross_entropy_with_logits(patches, smooth(cells), reduction="none") * patch_weight).mean()
    one, two = image[0::2], image[1::2]
    apart = (one.sigmoid() - two.sigmoid()) * (logsigmoid(one) - logsigmoid(-one) - logsigmoid(two) + logsigmoid(-two))
    both = (crop.paired * crop.whole)[0::2]
    loss = loss + consistency * (apart * both).sum() / both.sum().clamp(1)
    for logits, wanted in ((families, crop.family), (kinds, crop.kind)):
        if (wanted >= 0).any():
            loss = loss + 0.2 * cross_entropy(logits, wanted, ignore_index=-1)
    return loss, image_loss


def phases(state: dict) -> list[dict]:
    """What was done to make a checkpoint, one entry a run: crops seen, minutes, seed."""
    arguments = state["arguments"]
    packs = [os.path.basename(pack) for pack in arguments["packs"]]
    facts = {"crops": state["seen"], "minutes": round(state["spent"] / 60, 1), "packs": packs, "seed": arguments["seed"], "rate": arguments["rate"]}
    more = {"frozen_blocks": arguments.get("frozen", 0)} | {key: arguments[key] for key in ("paired", "pasted", "whole_share") if key in arguments}
    return state.get("history", []) + [facts | more]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("packs", nargs="+")
    parser.add_argument("--whole-share", type=float, default=0.35, help="share of crops from .whole packs when both kinds are given")
    parser.add_argument("--minutes", type=float, default=50, help="how long in all: of one core's own time, or by the clock with a graphics processor")
    parser.add_argument("--init", help="start from the averaged weights of this checkpoint instead of ImageNet's")
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--pasted", type=float, default=0.15, help="share of crops with a rectangle of the other class")
    parser.add_argument("--paired", type=float, default=0.5, help="share of the crops that come in two deliveries")
    parser.add_argument("--consistency", type=float, default=0.5, help="weight of the loss that holds two deliveries together")
    parser.add_argument("--frozen", type=int, default=0, help="leave the first so many of the 16 blocks (and the stem) as they are: 1.4 times faster with 3")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    args.packs = [pack.removesuffix(".npy") for pack in args.packs]
    torch.manual_seed(args.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    path = args.name + ".pt"
    state = torch.load(path, map_location=device, weights_only=True) if os.path.exists(path) else None
    seen, spent = (state["seen"], state["spent"]) if state else (0, 0.0)
    crops = Crops(args.packs, args.whole_share, args.seed, args.pasted, args.paired)
    if state:
        crops.families = state["families"]  # packs that came later bring images, not answers
    history = []
    if args.init:
        first = torch.load(args.init, map_location=device, weights_only=True)
        net, history = network.named(first, crops.families, corpus.KINDS), phases(first)
    else:
        net = network.Patches(crops.families, corpus.KINDS)
    net = net.to(device, memory_format=torch.channels_last)
    ema = copy.deepcopy(net).eval()
    body = list(net.body.parameters())
    head = [part for name, part in net.named_parameters() if not name.startswith("body.")]
    optimiser = torch.optim.AdamW([{"params": body, "lr": args.rate}, {"params": head, "lr": 4 * args.rate}], weight_decay=0.02)
    if state:
        for module, key in ((net, "net"), (ema, "ema"), (optimiser, "optimiser")):
            module.load_state_dict(state[key])
        history = state.get("history", history)
        print(f"going on from {seen} crops, {spent / 60:.1f} minutes", flush=True)
    print(f"{len(crops.families)} families: {', '.join(crops.families)}", flush=True)

    def keep():
        parts = {"net": net.state_dict(), "ema": ema.state_dict(), "optimiser": optimiser.state_dict(), "seen": seen, "spent": spent}
        parts |= {"families": crops.families, "kinds": list(corpus.KINDS), "arguments": vars(args), "history": history}
        torch.save(parts, path + ".part")
        os.replace(path + ".part", path)

    data = iter(DataLoader(Stream(crops, seen), args.batch, num_workers=args.workers, prefetch_factor=4))
    # On a shared processor only the time it gave to this process counts, so that a busy hour does not end the schedule early.
    clock = time.time if device == "cuda" else time.process_time
    told, before = time.time(), clock()
    means: dict[str, float] = {}
    while (share := spent / 60 / args.minutes) < 1:
        for group, rate in zip(optimiser.param_groups, (args.rate, 4 * args.rate)):
            group["lr"] = rate * min(1, (seen + args.batch) / 1500) * (0.5 * (1 + math.cos(math.pi * share)) + 0.01)
        crop = Crop(*(part.to(device, non_blocking=True) for part in next(data)))
        pixels = ((crop.pixels.float() - network.MEAN) / network.STD).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cuda", torch.bfloat16, enabled=device == "cuda"):
            answer = net(pixels, crop.view, args.frozen)
        loss, image_loss = losses(answer, crop, args.consistency)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        seen += args.batch
        with torch.no_grad():
            hold = min(0.998, (seen / args.batch + 1) / (seen / args.batch + 20))
            for mean, now in zip(ema.state_dict().values(), net.state_dict().values()):
                mean.lerp_(now, 1 - hold) if mean.dtype.is_floating_point else mean.copy_(now)
            image, _, families, *_ = answer
            named = crop.family >= 0
            figures = {
                "loss": image_loss.item(),
                "right": ((((image > 0) == (crop.label > 0.5)).float() * crop.whole).sum() / crop.whole.sum().clamp(1)).item(),
                "named right": (families.argmax(1) == crop.family)[named].float().mean().item() if named.any() else means.get("named right", 0),
            }
        means = {name: 0.98 * means.get(name, value) + 0.02 * value for name, value in figures.items()}
        now = clock()
        spent, before = spent + now - before, now
        if time.time() - told > 60:
            told = time.time()
            print(f"{spent / 60:.1f} min, {seen} crops, " + ", ".join(f"{name} {value:.3f}" for name, value in means.items()), flush=True)
            keep()
    keep()
    print(f"done: {spent / 60:.1f} min, {seen} crops, " + ", ".join(f"{name} {value:.3f}" for name, value in means.items()), flush=True)


if __name__ == "__main__":
    main()
