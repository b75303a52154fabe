#!/usr/bin/env python3
"""How much depends on which sources were seen: five folds grouped by source repository, on embeddings of the frozen network.

folds.py CHECKPOINT MANIFEST.csv… --files FOLDER [--files …] [--tiers clean,web]

Every image becomes one vector: the features of its tiles and of its frame, averaged under the network's own weights. In each fold a new linear head is fitted
on four fifths of the sources and judged on the fifth. The backbone itself saw none of these sources when the manifests are val's and the calibration's;
given others, say so with the figures. Sources, not images, are drawn for the 95 % intervals.
"""
import argparse
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import corpus
import delivery
import net as network
import views
from crops import SIZES

SQUARES = 5  # as many as the card's `most`


def embed(net: network.Patches, image) -> np.ndarray:
    """[2 x 1280] features and the two mean logits."""
    parts, logits = [], []
    for index, squares in enumerate((views.tiles(image, SIZES["tiles"][0], SQUARES), views.frame(image))):
        pixels = torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2)
        with torch.no_grad():
            _, last = net.features((pixels.float() - network.MEAN) / network.STD)
            logit, share, pooled = net.pool(last, torch.full((len(squares),), index))
            parts.append(pooled.mean(0).numpy())
            logits.append(float((logit.flatten(1) * share).sum(1).mean()))
    return np.concatenate([*parts, logits])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("manifests", nargs="+")
    parser.add_argument("--files", type=Path, action="append", required=True)
    parser.add_argument("--tiers", default="clean,web")
    args = parser.parse_args()
    torch.set_num_threads(1)
    net, missing = network.load(args.checkpoint), 0
    rows = [row for manifest in args.manifests for row in corpus.read(manifest)]
    tiers, vectors, y, groups = args.tiers.split(","), [], [], []
    for row in rows:
        place = corpus.find(row, args.files)
        if place is None:
            missing += 1
            continue
        image = delivery.load(place)
        vectors.append([embed(net, delivery.tier_copy(image, tier)) for tier in tiers])
        y.append(row["label"] == "ai")
        groups.append(row["source_repo"])
    x, y, groups = np.array(vectors), np.array(y, int), np.array(groups)
    print(f"{len(y)} images ({y.sum()} AI) of {len(set(groups))} sources, {missing} files missing")
    for index, tier in enumerate(tiers):
        head = make_pipeline(StandardScaler(), LogisticRegression(C=0.001, max_iter=3000))
        p, found = np.zeros(len(y)), []
        for train, test in StratifiedGroupKFold(5, shuffle=True, random_state=1).split(x[:, 0], y, groups):
            head.fit(x[train][:, :, :].reshape(-1, x.shape[2]), np.repeat(y[train], len(tiers)))
            p[test] = head.predict_proba(x[test, index])[:, 1]
            found.append(roc_auc_score(y[test], p[test]) if len(set(y[test])) == 2 else float("nan"))
        rng, names, draws = np.random.default_rng(1), sorted(set(groups)), []
        for _ in range(500):
            chosen = np.concatenate([np.flatnonzero(groups == name) for name in rng.choice(names, len(names))])
            if len(set(y[chosen])) == 2:
                draws.append(roc_auc_score(y[chosen], p[chosen]))
        low, high = np.quantile(draws, [0.025, 0.975])
        right = ((p[y == 1] >= 0.5).mean() + (p[y == 0] < 0.5).mean()) / 2
        own = roc_auc_score(y, x[:, index, -2:].sum(1))
        print(f"{tier}: AUC {roc_auc_score(y, p):.3f} ({low:.2f} to {high:.2f}), by fold {' '.join(f'{f:.3f}' for f in found)}, balanced accuracy {right:.3f}; the network's own two logits, added: {own:.3f}")


if __name__ == "__main__":
    main()
