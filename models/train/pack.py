#!/usr/bin/env python3
"""Decode the training images once into memory-mapped files of crops, so that training never waits for a decoder.

pack.py train OUT                        the 320 px crops of train.csv
pack.py more|extra OUT --files FOLDER    whole files that data/bring.py, or extras.py, extracted to FOLDER
pack.py LIST.csv OUT --files FOLDER      whole files of another list (columns as more.csv, `path` below FOLDER), originals.py's for one

Of a whole file come two native crops and one of a shrunken copy (OUT.tiles), and the whole picture at 320 px (OUT.whole); each as .npy (uint8
[n,320,320,3]) and .json. Every row passes the rules of corpus.py first; rows of the calibration's sources are left out.
"""
import argparse
import json
import random
from pathlib import Path

import numpy as np

import corpus
import delivery

SIDE = 320


class Pack:
    """One growing file of pictures of at most SIDE px."""

    def __init__(self, out: str, room: int):
        self.out, self.meta = out, []
        self.pixels = np.lib.format.open_memmap(out + ".npy", mode="w+", dtype=np.uint8, shape=(room, SIDE, SIDE, 3))

    def add(self, image, row: dict) -> None:
        array = np.asarray(image)
        self.pixels[len(self.meta), : array.shape[0], : array.shape[1]] = array
        self.meta.append([row["label"], row["family_or_kind"], row["source_repo"], *array.shape[:2], row["path"]])

    def close(self) -> None:
        self.pixels.flush()
        Path(self.out + ".json").write_text(json.dumps(self.meta))
        print(f"{self.out}: {len(self.meta)} pictures of {len({m[5] for m in self.meta})} files")


def crops(image, rng: random.Random):
    """Two native crops of a whole file, and one of a copy shrunk as messengers and sites shrink pictures before anybody sees them."""
    longest = rng.choice([512, 640, 768, 1024, 1280])
    sources = [image] * (2 if max(image.size) >= 1.5 * SIDE else 1)
    if max(image.size) > longest:
        sources.append(delivery.shrink(image, longest, rng.choice(delivery.KERNELS)))
    for source in sources:
        # The lowest 48 rows are avoided: visible marks of generators live there, and a mark is not what the network should learn.
        w, h = source.size
        x, y = rng.randint(0, max(0, w - SIDE)), rng.randint(0, max(0, h - SIDE - 48))
        crop = source.crop((x, y, min(w, x + SIDE), min(h, y + SIDE)))
        if min(crop.size) >= 192:
            yield crop


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("list")
    parser.add_argument("out")
    parser.add_argument("--corpus", type=Path, default=corpus.root())
    parser.add_argument("--files", type=Path, help="folder that the rows' paths start from (default: the corpus' data/)")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    rows = corpus.read(args.list) if args.list.endswith(".csv") else corpus.rows(args.list, args.corpus)
    held = corpus.held(args.corpus)
    rows = [row for row in rows if row["source_repo"] not in held]
    corpus.check(rows, args.corpus)
    whole = args.list != "train"
    files = args.files or args.corpus / "data"
    tiles = Pack(args.out + ".tiles", len(rows) * (3 if whole else 1))
    small = Pack(args.out + ".whole", len(rows)) if whole else None
    missing = 0
    for row in rows:
        if not (files / row["path"]).exists():
            missing += 1
            continue
        try:
            image = delivery.load(files / row["path"])
        except Exception as error:
            print("left out:", row["path"], error)
            continue
        if not whole:
            tiles.add(image, row)
            continue
        for crop in crops(image, random.Random(f"{args.seed} {row['path']}")):
            tiles.add(crop, row)
        if min(image.size) * 4 >= max(image.size) and min(image.size) >= 100:
            small.add(delivery.shrink(image, SIDE), row)
    tiles.close()
    if small:
        small.close()
    print(f"{missing} files missing")


if __name__ == "__main__":
    main()
