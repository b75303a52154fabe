"""Judge images with a model folder in Python (ONNX Runtime and Pillow), exactly as the product judges them.

The product decodes with its own decoders, which differ from Pillow's by a level here and there; figures of this judge are close to the product's, not equal.
Decoding and cutting take longer than judging, so the squares of a set are kept in a work folder and used again for the next model. (The folder must not outlive a change of the files it was cut from.)
"""
import json
import math
from pathlib import Path

import numpy as np
import onnxruntime

import card
import delivery
import views


def features(logits: dict[str, np.ndarray]) -> dict[str, float]:
    """<view>.mean, .max, .min, .median of the squares' image logits: what the calibration weighs."""
    made = {}
    for view, values in logits.items():
        for name, function in (("mean", np.mean), ("max", np.max), ("min", np.min), ("median", np.median)):
            made[f"{view}.{name}"] = float(function(values))
    return made


class Model:
    def __init__(self, folder: Path, threads: int = 1):
        self.card = card.read(folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.sessions = {v["name"]: onnxruntime.InferenceSession(str(folder / v["file"]), options, providers=["CPUExecutionProvider"]) for v in self.card["view"]}

    def logits(self, view: dict, squares: np.ndarray) -> np.ndarray:
        """Image logits of uint8 squares [N,S,S,3]."""
        pixels = (squares.astype(np.float32) - np.float32(view["mean"])) / np.float32(view["std"])
        return self.sessions[view["name"]].run(["image_logit"], {"pixels": np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))})[0]

    def probability(self, made: dict[str, float]) -> float:
        fit = self.card["calibration"]
        logit = fit["bias"] + sum(weight * made[name] for name, weight in fit["weights"].items())
        return 1 / (1 + math.exp(-max(-60.0, min(60.0, logit))))


def sizes(view: dict) -> dict:
    return {"side": view["side"], **({"most": view["most"]} if view["kind"] == "tiles" else {"longest": view["longest"]})}


def keep_squares(rows: list[dict], find, view_cards: list[dict], work: Path, name: str) -> list[dict]:
    """Cut every row's tiers into squares once; the answer says for each image and tier where its squares lie in the view's file."""
    index_path = work / f"{name}.json"
    if index_path.exists():
        index = json.loads(index_path.read_text())
        cut = {image["path"]: image for image in index["images"]}
        if all(sizes(v) | {"name": v["name"]} in index["views"] for v in view_cards) and all(row["path"] in cut for row in rows):
            return [cut[row["path"]] for row in rows]
    work.mkdir(parents=True, exist_ok=True)
    files = {v["name"]: open(work / f"{name}.{v['name']}.bin", "wb") for v in view_cards}
    at, images = dict.fromkeys(files, 0), []
    for row in rows:
        image = delivery.load(find(row))
        entry = {key: row[key] for key in ("label", "family_or_kind", "source_repo", "path")} | {"tiers": {}}
        for tier in delivery.TIERS:
            copy, places = delivery.tier_copy(image, tier), {}
            for v in view_cards:
                cut = np.stack(getattr(views, v["kind"])(copy, **sizes(v)))
                files[v["name"]].write(cut.tobytes())
                places[v["name"]] = [at[v["name"]], len(cut)]
                at[v["name"]] += len(cut)
            entry["tiers"][tier] = places
        images.append(entry)
    for file in files.values():
        file.close()
    index_path.write_text(json.dumps({"views": [sizes(v) | {"name": v["name"]} for v in view_cards], "images": images}))
    return images


def judge(model: Model, rows: list[dict], find, work: Path, name: str, tiers=tuple(delivery.TIERS)) -> list[dict]:
    """Features of every row in every tier: the rows of keep_squares with `features` {tier: {feature: value}} added.

    The logits are kept beside the squares under the hash of the weights, so each is computed once.
    """
    images = keep_squares(rows, find, model.card["view"], work, name)
    for image in images:
        image["features"] = {tier: {} for tier in tiers}
    for view in model.card["view"]:
        kept = work / f"{name}.{view['name']}.{view['sha256'][:16]}.npy"
        squares = np.memmap(work / f"{name}.{view['name']}.bin", np.uint8, "r").reshape(-1, view["side"], view["side"], 3)
        logits = np.load(kept) if kept.exists() else np.full(len(squares), np.nan, np.float32)
        for image in images:
            for tier in tiers:
                start, count = image["tiers"][tier][view["name"]]
                place = slice(start, start + count)
                if np.isnan(logits[place]).any():
                    logits[place] = model.logits(view, np.asarray(squares[place]))
                image["features"][tier] |= features({view["name"]: logits[place]})
        np.save(kept, logits)
    return images
