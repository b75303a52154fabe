#!/usr/bin/env python3
"""Fit the calibration of a model on whole repositories that trained nothing, and write it into model.toml.

calibrate.py --manifest OUT.csv                  the images to judge: `touchstone bench accuracy OUT.csv --files FOLDER --dump DUMP.jsonl`
calibrate.py MODEL_FOLDER DUMP.jsonl [--write]   the fit, on what the program itself said of their pixels

Prints, for every set of features, the figures of a cross-validation over repositories (fitted on some sources, judged on others). The chosen set is fitted on
all; then a slope and an offset for each class of size, on the cross-validated logits, so that a likelihood of 80 means four in five at every size. At last
the threshold: the lowest at which no real source is flagged more often than WORST; all offsets are moved so that it lies at 0.5, where the verdict
changes. That is as if AI images were so much rarer than real ones. Nothing here looks at val.
"""
import argparse
import collections
import csv
import json
import sys
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.preprocessing import StandardScaler

import card
import corpus

BUCKETS = (("small", 640), ("medium", 1100), ("large", None))  # longest side in pixels, up to
MEANS = ["tiles.mean", "frame.mean"]
WORST = 0.5  # share of a real source's judgements that may be flagged, of sources with at least 20; they have twelve images each, so less is a matter of one picture
FEWEST = 60  # judgements from which a class of size is fitted; the next larger one covers it otherwise
# Without size and file quality, which tell more of where a picture was found than of how it was made.
PIXELS = [f"stat.{name}" for name in ("half", "quarter", "checker", "kurtosis", "energy", "diagonal", "lag4", "channels", "blockiness")]
SETS = {
    "tiles": ["tiles.mean"], "frame": ["frame.mean"], "means": MEANS, "means and largest tile": [*MEANS, "tiles.max"],
    "means and patches": [*MEANS, "tiles.max", "patch.p10", "patch.p50", "patch.p90", "patch.share"],
    "means and kinds": [*MEANS, "kind.*"], "means and statistics": [*MEANS, "stat.*"],
    "means and statistics of pixels": [*MEANS, *PIXELS], "means, patches and statistics of pixels": [*MEANS, "tiles.max", "patch.p10", "patch.p50", "patch.p90", *PIXELS],
    "all": [*MEANS, "tiles.max", "patch.p10", "patch.p90", "kind.*", "stat.*"],
}  # fmt: skip


def expand(wanted: list[str], known: list[str]) -> list[str]:
    return [name for want in wanted for name in known if name == want or (want.endswith("*") and name.startswith(want[:-1]))]


def fit(x, y, weight):
    """Weights and bias on the raw features of a regularised logistic regression on standardised ones."""
    scaler = StandardScaler().fit(x, sample_weight=weight)
    model = LogisticRegression(C=0.03, max_iter=2000).fit(scaler.transform(x), y, sample_weight=weight)
    weights = model.coef_[0] / scaler.scale_
    return weights, float(model.intercept_[0] - (weights * scaler.mean_).sum())


def held_out(x, y, weight, groups):
    """Logits of every image by fits that did not see its repository: the mean of three draws of six folds."""
    logits = np.zeros(len(y))
    for seed in range(3):
        for train, test in StratifiedGroupKFold(6, shuffle=True, random_state=seed).split(x, y, groups):
            weights, bias = fit(x[train], y[train], weight[train])
            logits[test] += (x[test] @ weights + bias) / 3
    return logits


def chance(logits):
    return 1 / (1 + np.exp(-logits))


def calibration_error(y, p, weight):
    """Expected calibration error over ten bins."""
    bins = np.minimum((p * 10).astype(int), 9)
    return sum(weight[bins == b].sum() * abs(np.average(y[bins == b] - p[bins == b], weights=weight[bins == b])) for b in set(bins)) / weight.sum()


def balance(y, groups):
    """Every source weighs by the root of its size and both classes the same, so 0.5 means "as likely as not" when half of all images are AI's."""
    count = collections.Counter(groups)
    weight = np.array([count[name] ** -0.5 for name in groups])
    for label in (0, 1):
        weight[y == label] *= len(y) / 2 / weight[y == label].sum()
    return weight


class Judgements:
    """What the program said of the calibration's images: a line of its dump each."""

    def __init__(self, dump: Path, held: set[str]):
        self.lines = [json.loads(line) for line in dump.read_text().splitlines()]
        if strangers := {line["source_repo"] for line in self.lines} - held:
            sys.exit(f"the dump holds images of repositories that are not kept for the calibration: {sorted(strangers)[:3]}")
        self.y = np.array([line["label"] == "ai" for line in self.lines], int)
        self.groups = np.array([line["source_repo"] for line in self.lines])
        self.tier = np.array([line["tier"] for line in self.lines])
        self.longest = np.array([max(line["width"], line["height"]) for line in self.lines])
        self.weight = balance(self.y, self.groups)
        self.known = sorted(self.lines[0]["features"])

    def features(self, names: list[str]):
        return np.array([[line["features"][name] for name in names] for line in self.lines])


def compare(all: Judgements) -> dict:
    """Every set of features that the dump has, cross-validated and told: name -> log loss, features, held-out logits."""
    results = {}
    for name, wanted in SETS.items():
        names = expand(wanted, all.known)
        if len(names) < len(wanted):
            continue
        logits = held_out(all.features(names), all.y, all.weight, all.groups)
        p = chance(logits)
        loss = -np.average(np.log(np.where(all.y == 1, p, 1 - p).clip(1e-6)), weights=all.weight)
        by_tier = " ".join(f"{t} {roc_auc_score(all.y[all.tier == t], p[all.tier == t]):.3f}" for t in sorted(set(all.tier)))
        right = ((p[all.y == 1] >= 0.5).mean() + (p[all.y == 0] < 0.5).mean()) / 2
        print(f"{name}: log loss {loss:.4f}, AUC {by_tier}, balanced accuracy {right:.3f}")
        results[name] = (loss, names, logits)
    return results


def by_size(all: Judgements, logits):
    """A slope and an offset for each class of size, and every judgement's probability under them."""
    buckets, p, low = [], np.zeros(len(all.y)), 0
    for name, to in BUCKETS:
        inside = (all.longest > low) & (all.longest <= (to or np.inf))
        if inside.sum() < FEWEST:
            if to is None:
                sys.exit(f"only {inside.sum()} judgements of pictures longer than {low} px, {FEWEST} are needed: judge more of them, or change BUCKETS")
            continue
        y, weight = all.y[inside], all.weight[inside]
        model = LogisticRegression(C=1.0).fit(logits[inside, None], y, sample_weight=weight)
        scale, offset = float(model.coef_[0, 0]), float(model.intercept_[0])
        p[inside] = chance(scale * logits[inside] + offset)
        print(f"{name} (to {to} px, {inside.sum()} judgements): scale {scale:.2f}, offset {offset:+.2f}, calibration error "
              f"{calibration_error(y, chance(logits[inside]), weight):.3f} -> {calibration_error(y, p[inside], weight):.3f}")  # fmt: skip
        buckets.append({"name": name} | ({"longest_to": to} if to else {}) | {"scale": scale, "bias": offset})
        low = to
    return buckets, p


def threshold(all: Judgements, p):
    """The lowest threshold at which no real source is flagged more often than WORST, and what it does there."""
    real = all.y == 0
    sources = [name for name in sorted(set(all.groups[real])) if ((all.groups == name) & real).sum() >= 20]
    flagged = lambda at: {name: float((p[(all.groups == name) & real] >= at).mean()) for name in sources}
    if not sources:
        sys.exit("no real source has 20 judgements, so no threshold can be fixed: judge more images a source")
    at = next((step / 100 for step in range(50, 100) if max(flagged(step / 100).values()) <= WORST), None)
    if at is None:
        sys.exit(f"whatever the threshold, a real source is flagged in more than {WORST:.0%} of its judgements: {flagged(0.99)}")
    shares = flagged(at)
    source = max(shares, key=shares.get)
    print(f"threshold {at:.2f}: reals flagged {np.mean(p[real] >= at):.3f}, of the worst of {len(sources)} sources {shares[source]:.3f} ({source}), "
          f"AI found {np.mean(p[~real] >= at):.3f}")  # fmt: skip
    facts = {"ai_rarer_by": round(at / (1 - at), 2), "reals_flagged": round(float(np.mean(p[real] >= at)), 4)}
    return at, facts | {"worst_source": source, "worst_source_flagged": round(shares[source], 4)}


def write_manifest(rows: list[dict], out: Path) -> None:
    with open(out, "w", newline="") as file:
        writer = csv.DictWriter(file, ["path", "label", "family_or_kind", "source_repo"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(rows)} images of {len({row['source_repo'] for row in rows})} repositories")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("dump", type=Path, nargs="?")
    parser.add_argument("--manifest", type=Path)
    parser.add_argument("--corpus", type=Path, default=corpus.root())
    parser.add_argument("--most", type=int, default=25, help="at most so many images a repository")
    parser.add_argument("--features", help="one of the sets; default: the one with the best cross-validated log loss")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    if args.manifest:
        return write_manifest(corpus.calibration(args.corpus, args.most), args.manifest)
    if not args.dump:
        parser.error("give MODEL_FOLDER and DUMP.jsonl, or --manifest OUT.csv")

    all = Judgements(args.dump, corpus.held(args.corpus))
    results = compare(all)
    chosen = args.features or min(results, key=lambda name: results[name][0])
    _, names, logits = results[chosen]
    weights, bias = fit(all.features(names), all.y, all.weight)
    print(f"chosen: {chosen}")
    buckets, p = by_size(all, logits)
    at, facts = threshold(all, p)
    shift = float(np.log(at / (1 - at)))
    p = chance(np.log(p / (1 - p)) - shift)
    for edge in (0.525, 0.55, 0.6, 0.65, 0.7):
        inside, right = np.abs(p - 0.5) < edge - 0.5, (p >= 0.5) == (all.y == 1)
        print(f"{1 - edge:.3f} to {edge:.3f}: {inside.mean():.0%} of the verdicts, {right[inside].mean():.0%} right inside, {right[~inside].mean():.0%} outside")
    if args.write:
        full = card.read(args.model)
        buckets = [bucket | {"bias": bucket["bias"] - shift} for bucket in buckets]
        full["calibration"] = {"bias": bias, "weights": {f: float(w) for f, w in zip(names, weights)}, "bucket": buckets}
        facts |= {"judgements": len(all.lines), "deliveries": sorted(set(all.tier)), "features": chosen, "repositories": sorted(set(all.groups))}
        full["training"]["calibration"] = facts
        card.write(args.model, full)


if __name__ == "__main__":
    main()
