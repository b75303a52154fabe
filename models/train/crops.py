"""What the network is shown while it learns: endless crops in random deliveries, drawn from packs.

Knows nothing of the network but its stride and views, and needs no torch: the probe and the tests draw the very same crops.
"""
import collections
import json
import random
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

import corpus
import delivery

STRIDE = 16  # of the heatmap
VIEWS = ("tiles", "frame")
SIZES = {"tiles": (192, 0.6, 1.2), "frame": (192, 0.66, 1.05)}  # side of a training crop, scale from, scale to
FEWEST = 6  # files of a family below which it is not named


class Crop(NamedTuple):
    """One training example."""

    pixels: np.ndarray  # uint8 [3, side, side]
    cells: np.ndarray  # AI share of every 16 px cell
    whole: np.float32  # 1 when the crop is all of one class: only then its image logit is judged
    label: np.float32  # 1 AI, 0 real
    weight: np.float32  # of its losses
    view: int  # index in VIEWS
    family: int  # index in the families, -1 unknown
    kind: int  # index in the kinds, -1 unknown
    paired: np.float32  # 1 when the crop before or after is the same crop, delivered otherwise


class Crops:
    """Endless deliveries, half AI and half real; families and sources by the root of their size, so that no gallery rules."""

    def __init__(self, packs, whole_share, seed, pasted, paired=0.0):
        self.pixels = [np.load(pack + ".npy", mmap_mode="r") for pack in packs]
        self.meta = [json.loads(Path(pack + ".json").read_text()) for pack in packs]
        self.seed, self.pasted, self.paired = seed, pasted, paired
        groups = collections.defaultdict(lambda: collections.defaultdict(lambda: collections.defaultdict(list)))
        files = collections.defaultdict(set)
        for pack, rows in enumerate(self.meta):
            view = "frame" if packs[pack].endswith(".whole") else "tiles"
            for index, (label, family, source, _, _, path) in enumerate(rows):
                groups[view, label][family][source].append((pack, index))
                if label == "ai":
                    files[corpus.called(family)].add(path)
        self.families = sorted(name for name, paths in files.items() if name and len(paths) >= FEWEST)
        views = {view for view, _ in groups}
        self.whole_share = whole_share if len(views) == 2 else float("frame" in views)
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
        _, family, _, height, width, _ = self.meta[pack][index]
        return Image.fromarray(self.pixels[pack][index, :height, :width]), family

    def crop(self, number: int) -> tuple[Crop, dict]:
        """Crop `number` and the facts of its trip. Numbers 2k and 2k+1 are a pair, of one crop or of two."""
        paired = random.Random(f"{self.seed} {number // 2}").random() < self.paired
        arrival = random.Random(f"{self.seed} {number}")
        rng = random.Random(f"{self.seed} pair {number // 2}") if paired else arrival
        label, view = rng.choice(("ai", "real")), "frame" if rng.random() < self.whole_share else "tiles"
        image, family = self.pick(rng, view, label)
        other = self.pick(rng, view, "real" if label == "ai" else "ai")[0] if rng.random() < self.pasted else None
        side, low, high = SIZES[view]
        array, mask, facts = delivery.journey(image, rng, side, low, high, other, view == "frame", arrival)
        ai = np.full((side, side), float(label == "ai"), np.float32)
        if mask is not None:
            ai = np.abs(ai - mask)
        cells = side // STRIDE
        ai = ai.reshape(cells, STRIDE, cells, STRIDE).mean((1, 3))
        named = corpus.called(family) if label == "ai" and mask is None else None
        crop = Crop(
            pixels=np.ascontiguousarray(array.transpose(2, 0, 1)), cells=ai, whole=np.float32(mask is None), label=np.float32(label == "ai"),
            weight=np.float32(0.5 if family == "autoencoder" else 1), view=VIEWS.index(view),
            family=self.families.index(named) if named in self.families else -1,
            kind=corpus.KINDS.index(family) if label == "real" and mask is None and family in corpus.KINDS else -1, paired=np.float32(paired),
        )  # fmt: skip
        return crop, facts
