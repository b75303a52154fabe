#!/usr/bin/env python3
"""Fit the calibration of a model folder on whole repositories that trained nothing, in all four deliveries, and write it into model.toml.

calibrate.py MODEL_FOLDER --files FOLDER --work FOLDER

FOLDER holds what data/bring.py extracted of more.csv. Prints, for every set of features, the figures of a cross-validation over repositories (fitted on
some sources, judged on others); the chosen set is fitted on all. Nothing here looks at val.
"""
import argparse
import json
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.preprocessing import StandardScaler

import card
import corpus
import delivery
import judge


def fit(x: np.ndarray, y: np.ndarray, weight: np.ndarray):
    """Weights and bias on the raw features of a regularised logistic regression on standardised ones."""
    scaler = StandardScaler().fit(x, sample_weight=weight)
    model = LogisticRegression(C=0.1, max_iter=1000).fit(scaler.transform(x), y, sample_weight=weight)
    weights = model.coef_[0] / scaler.scale_
    return weights, float(model.intercept_[0] - (weights * scaler.mean_).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--files", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, default=corpus.root())
    parser.add_argument("--most", type=int, default=25, help="at most so many images a repository")
    parser.add_argument("--tiers", default=",".join(delivery.TIERS))
    parser.add_argument("--features", help="comma-separated; default: the set with the best cross-validated log loss")
    parser.add_argument("--only-cut", action="store_true", help="only prepare the squares")
    args = parser.parse_args()

    model = judge.Model(args.model)
    rows = [row for row in corpus.calibration(args.corpus, args.most) if (args.files / row["path"]).exists()]
    find = lambda row: args.files / row["path"]
    if args.only_cut:
        judge.keep_squares(rows, find, model.card["view"], args.work, "calibration")
        return
    tiers = args.tiers.split(",")
    images = judge.judge(model, rows, find, args.work, "calibration", tiers)
    (args.work / "calibration.features.json").write_text(json.dumps(images))
    y = np.tile([image["label"] == "ai" for image in images], len(tiers)).astype(int)
    source = [image["source_repo"] for image in images]
    count = {name: source.count(name) for name in source}
    weight = np.tile([count[name] ** -0.5 for name in source], len(tiers))
    for label in (0, 1):  # both classes weigh the same, so 0.5 means "as likely as not" when half of all images are AI's
        weight[y == label] *= len(y) / 2 / weight[y == label].sum()
    groups = np.tile(source, len(tiers))
    views = [view["name"] for view in model.card["view"]]
    candidates = {"mean": ["mean"], "mean max": ["mean", "max"], "mean max min": ["mean", "max", "min"], "all": ["mean", "max", "min", "median"]}
    sets = {f"{name} of {' and '.join(used)}": [f"{view}.{f}" for view in used for f in wanted]
            for used in ([views] if len(views) == 1 else [[v] for v in views] + [views]) for name, wanted in candidates.items()}  # fmt: skip
    best, results = None, {}
    for name, wanted in sets.items():
        x = np.array([[image["features"][tier][f] for f in wanted] for tier in tiers for image in images])
        p = np.zeros(len(y))
        for seed in range(3):
            for train, test in StratifiedGroupKFold(6, shuffle=True, random_state=seed).split(x, y, groups):
                weights, bias = fit(x[train], y[train], weight[train])
                p[test] += 1 / (1 + np.exp(-(x[test] @ weights + bias))) / 3
        loss = -np.average(np.log(np.where(y == 1, p, 1 - p).clip(1e-6)), weights=weight)
        auc = roc_auc_score(y, p, sample_weight=weight)
        balanced = ((p[y == 1] >= 0.5).mean() + (p[y == 0] < 0.5).mean()) / 2
        print(f"{name}: log loss {loss:.4f}, AUC {auc:.3f}, balanced accuracy {balanced:.3f}")
        results[name] = (loss, wanted, x, p)
    if args.features:
        wanted = args.features.split(",")
        x = np.array([[image["features"][tier][f] for f in wanted] for tier in tiers for image in images])
        p = next((r[3] for r in results.values() if r[1] == wanted), None)
    else:
        best = min(results, key=lambda name: results[name][0])
        print("chosen:", best)
        _, wanted, x, p = results[best]
    weights, bias = fit(x, y, weight)
    model.card["calibration"] = {"bias": bias, "weights": {f: float(w) for f, w in zip(wanted, weights)}}
    print(model.card["calibration"])
    if p is not None:  # "unsure" is where fewer than about three in four verdicts were right on sources not fitted
        for edge in (0.55, 0.6, 0.65, 0.7, 0.75, 0.8):
            inside = np.abs(p - 0.5) < edge - 0.5
            right = (p >= 0.5) == (y == 1)
            print(f"unsure {1 - edge:.2f}–{edge:.2f}: {inside.mean():.0%} of the verdicts, {right[inside].mean():.0%} right inside, {right[~inside].mean():.0%} outside")
    facts = {"images": len(images), "deliveries": tiers, "repositories": sorted(count)}
    model.card["training"] = model.card.get("training", {}) | {"calibration": facts}
    card.write(args.model, model.card)


if __name__ == "__main__":
    main()
