#!/usr/bin/env python3
"""Judge the images of a manifest in Python (ONNX Runtime and Pillow), as the product does: the twin of `touchstone bench accuracy --dump`.

judge.py MODEL_FOLDER MANIFEST.csv OUT.jsonl --files FOLDER [--files …] [--tiers clean,web] [--compare DUMP.jsonl]

OUT gets a line for each image and delivery, with the networks' features. For a look at a model while it is trained, and for the parity test: with --compare
the statistics and the calibrated P of the product's own dump stand beside, and the mean difference of P must stay below 0.01 (exit 1). The product decodes
with its own decoders, which differ from Pillow's by a level here and there.
"""
import argparse
import json
import math
import sys
from pathlib import Path

import numpy as np
import onnxruntime

import card
import corpus
import delivery
import views


def pooled(values: np.ndarray, prefix: str) -> dict[str, float]:
    """<prefix>.mean, .max, .min, .median: what the calibration may weigh."""
    return {f"{prefix}.{name}": float(of(values)) for name, of in (("mean", np.mean), ("max", np.max), ("min", np.min), ("median", np.median))}


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


class Model:
    def __init__(self, folder: Path, threads: int = 1):
        self.card = card.read(folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        make = lambda file: onnxruntime.InferenceSession(str(folder / file), options, providers=["CPUExecutionProvider"])
        self.sessions = {file: make(file) for file in {view["file"] for view in self.card["view"]}}

    def squares(self, view: dict, image) -> list[np.ndarray]:
        sizes = {key: view[key] for key in ("side", "most", "longest", "shortest") if key in view}
        return getattr(views, view["kind"])(image, **sizes)

    def features(self, image) -> dict[str, float]:
        made, patches, kinds = {}, [], []
        for view in self.card["view"]:
            outputs = view["outputs"]
            wanted = [outputs[part] for part in ("image", "patches", "kinds")]
            logits = []
            for square in self.squares(view, image):
                pixels = (square.astype(np.float32) - np.float32(view["mean"])) / np.float32(view["std"])
                found = self.sessions[view["file"]].run(wanted, {"pixels": np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])})
                logits.append(found[0][0])
                patches.append(found[1].ravel())
                kinds.append(found[2][0])
            made |= pooled(np.array(logits), view["name"])
        cells = np.concatenate(patches)
        made |= {f"patch.p{share}": float(np.percentile(cells, share)) for share in (10, 50, 90)} | {"patch.share": float((cells > 0).mean())}
        return made | {f"kind.{name}": float(share) for name, share in zip(self.card["heads"]["kinds"], softmax(np.mean(kinds, 0)))}

    def probability(self, made: dict[str, float], longest: int) -> float:
        fit = self.card["calibration"]
        logit = fit["bias"] + sum(weight * made[name] for name, weight in fit["weights"].items())
        for bucket in fit.get("bucket", []):
            if longest <= bucket.get("longest_to", math.inf):
                logit = bucket["scale"] * logit + bucket["bias"]
                break
        return 1 / (1 + math.exp(-max(-60.0, min(60.0, logit))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--files", type=Path, action="append", required=True)
    parser.add_argument("--tiers", default=",".join(delivery.TIERS))
    parser.add_argument("--compare", type=Path)
    args = parser.parse_args()
    model, told = Model(args.model), {}
    if args.compare:
        told = {(line["path"], line["tier"]): line for line in map(json.loads, args.compare.read_text().splitlines())}
    rows = corpus.read(args.manifest)
    apart, missing = [], 0
    with open(args.out, "w") as out:
        for row in rows:
            place = corpus.find(row, args.files)
            if place is None:
                missing += 1
                continue
            image = delivery.load(place)
            for tier in args.tiers.split(","):
                copy = delivery.tier_copy(image, tier)
                line = {key: row.get(key) for key in ("path", "label", "family_or_kind", "source_repo")} | {"tier": tier, "width": copy.width, "height": copy.height}
                line["features"] = model.features(copy)
                theirs = told.get((row["path"], tier))
                if theirs:
                    known = {name: value for name, value in theirs["features"].items() if name.startswith("stat.")}
                    line["p"] = model.probability(known | line["features"], max(copy.size))
                    apart.append(abs(line["p"] - theirs["p"]))
                out.write(json.dumps(line) + "\n")
    print(f"{len(rows) - missing} of {len(rows)} images judged")
    if args.compare:
        print(f"P of Python and of the product: mean difference {np.mean(apart):.4f}, 95 % below {np.quantile(apart, 0.95):.4f}, largest {max(apart):.4f}, {len(apart)} judgements")
    sys.exit(int(bool(missing) or (args.compare is not None and float(np.mean(apart)) > 0.01)))


if __name__ == "__main__":
    main()
