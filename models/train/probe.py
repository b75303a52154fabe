#!/usr/bin/env python3
"""Can format, size and quality alone tell AI from real, before and after the delivery chain?

probe.py PACK…      prints two AUC figures: of the corpus' files as they are listed, and of training crops after their journey

A boosted-trees probe sees only facts of the file, never the picture. Before the chain: container, width and height of the source file. After it: the last
quality, the format and the scale. Cross-validated over crops. Above 0.55 after the chain, the chain is not the same for both classes: exit 1.
"""
import argparse
import sys
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

import corpus
from crops import Crops


def chance(x, y):
    folds = StratifiedKFold(5, shuffle=True, random_state=1)
    p = cross_val_predict(HistGradientBoostingClassifier(max_iter=60, random_state=1), x, y, cv=folds, method="predict_proba")[:, 1]
    return roc_auc_score(y, p)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packs", nargs="+")
    parser.add_argument("--crops", type=int, default=4000)
    parser.add_argument("--corpus", type=Path, default=corpus.root())
    args = parser.parse_args()
    rows = corpus.rows("train", args.corpus)
    formats = sorted({row["source_format"] for row in rows})
    before = np.array([[formats.index(r["source_format"]), float(r["source_width"]), float(r["source_height"])] for r in rows])
    print(f"source files: AUC {chance(before, np.array([r['label'] == 'ai' for r in rows], int)):.3f} (why the chain is needed)")
    drawn = Crops(args.packs, 0.35, 7, 0.0)
    made = [drawn.crop(number) for number in range(args.crops)]
    facts_of, labels = [facts for _, facts in made], [int(crop.label) for crop, _ in made]
    x = np.array([[f.get("jpeg", -1), f.get("webp", -1), f.get("scale", 1.0)] for f in facts_of])
    found = chance(x, np.array(labels))
    print(f"after the delivery chain, {args.crops} crops: AUC {found:.3f} (must stay at or below 0.55)")
    sys.exit(int(found > 0.55))


if __name__ == "__main__":
    main()
