#!/usr/bin/env python3
"""Measure the product on val: 247 whole images from repositories that trained and fitted nothing, each in four deliveries.

evaluate.py MODEL_FOLDER --binary PATH/touchstone --files FOLDER --work FOLDER [--write]     what the program says
evaluate.py MODEL_FOLDER --python --files FOLDER --work FOLDER [--write]                     what the model says under ONNX Runtime and Pillow

FOLDER holds what `data/bring.py extract val` wrote; images packed with the corpus are taken from there. Deliveries: clean = the original file, 1024 = JPEG q85 of
at most 1024 px, web = q60 of at most 768 px, hard = q40 of at most 512 px. Two judgements are measured: `pixels` (the model alone) and `final`
(the program's verdict with metadata and everything else; on `clean` it can be right because a file says where it comes from, which says nothing about
pixels). Writes WORK/measured.json and measured.md; --write also puts the tables into model.toml. No figure is written unless all 247 were judged.
"""
import argparse
import collections
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

import card
import corpus
import delivery
import judge

IMAGES = 247


def auc(y, p):
    """Area under the ROC curve, ties counted half."""
    from scipy.stats import rankdata

    ones = y.sum()
    return (rankdata(p)[y == 1].sum() - ones * (ones + 1) / 2) / (ones * (len(y) - ones))


def figures(y, p, threshold):
    """The figures of one draw of images."""
    ai, real = p[y == 1], p[y == 0]
    cuts = np.unique(p)
    above_ai = 1 - np.searchsorted(np.sort(ai), cuts) / len(ai)
    below_real = np.searchsorted(np.sort(real), cuts) / len(real)
    return {
        "auc": auc(y, p),
        "balanced_accuracy": ((ai >= threshold).mean() + (real < threshold).mean()) / 2,
        "best_balanced_accuracy": float(((above_ai + below_real) / 2).max()),
        "tpr_at_5_fpr": (ai > np.quantile(real, 0.95, method="higher")).mean(),
        "recall": (ai >= threshold).mean(),
        "fpr_on_real": (real >= threshold).mean(),
    }


def measure(rows, p, threshold, tier, score, judged_by):
    """One [[measured]] table: figures with 95 % bootstrap intervals (1,000 draws within each class), then families, kinds and sources."""
    y = np.array([row["label"] == "ai" for row in rows], int)
    p = np.asarray(p, float)
    rng = np.random.default_rng(1)
    ai, real = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    draws = [figures(y[d], p[d], threshold) for d in (np.concatenate([rng.choice(ai, len(ai)), rng.choice(real, len(real))]) for _ in range(1000))]
    made = {"tier": tier, "score": score, "judged_by": judged_by, "images": len(rows), "ai_images": len(ai), "real_images": len(real)}
    for key, found in figures(y, p, threshold).items():
        low, high = np.quantile([draw[key] for draw in draws], [0.025, 0.975])
        made[key] = round(float(found), 4)
        made[f"{key}_95"] = [round(float(low), 4), round(float(high), 4)]
    for table, key, label in (("family", "family_or_kind", "ai"), ("kind", "family_or_kind", "real"), ("source", "source_repo", "real")):
        groups = collections.defaultdict(list)
        for row, chance in zip(rows, p):
            if row["label"] == label:
                groups[row[key]].append(chance >= threshold)
        rate = "recall" if label == "ai" else "flagged"
        made[table] = [{"name": name, "images": len(hits), rate: round(float(np.mean(hits)), 4)} for name, hits in sorted(groups.items())]
    return made


def by_program(binary, rows, find, work, threshold):
    """{tier: {"pixels": […], "final": […]}} from `touchstone detect FOLDER --json`, and what went wrong."""
    chances, wrong = {}, []
    for tier in delivery.TIERS:
        folder = work / "copies" / tier
        folder.mkdir(parents=True, exist_ok=True)
        names = {}
        for number, row in enumerate(rows):
            source = find(row)
            target = folder / (f"{number:04}{source.suffix}" if tier == "clean" else f"{number:04}.jpg")
            names[target.name] = number
            if target.exists():
                continue
            if tier == "clean":
                shutil.copyfile(source, target)
            else:
                longest, quality = delivery.TIERS[tier]
                target.write_bytes(delivery.save(delivery.shrink(delivery.load(source), longest), quality))
        run = subprocess.run([str(binary), "detect", str(folder), "--json"], capture_output=True, text=True)
        judged = {"pixels": [None] * len(rows), "final": [None] * len(rows)}
        for line in run.stdout.splitlines():
            if not line.startswith("{"):
                continue
            answer = json.loads(line)
            number = names.get(Path(answer.get("path") or "").name)
            if number is None:
                continue
            if answer.get("error"):
                wrong.append(f"{tier} {rows[number]['path']}: {answer['error']}")
                continue
            pixels = [signal["score"] for signal in answer.get("signals") or [] if signal.get("stage") == "classifier" and signal.get("score") is not None]
            if pixels:
                judged["pixels"][number] = pixels[0] / 100
            if answer.get("result") is not None:
                judged["final"][number] = answer["result"] / 100
        if run.returncode != 0:
            wrong.append(f"{tier}: {binary} ended with {run.returncode}: {run.stderr.strip()[-500:]}")
        chances[tier] = judged
    return chances, wrong


def markdown(tables):
    lines = ["| judgement | tier | images | AUC | balanced accuracy | best | TPR at 5 % FPR | recall | reals flagged |", "|---|---|---|---|---|---|---|---|---|"]
    for m in tables:
        cell = lambda key: f"{m[key]:.3f} ({m[key + '_95'][0]:.2f}–{m[key + '_95'][1]:.2f})"
        keys = ("auc", "balanced_accuracy", "best_balanced_accuracy", "tpr_at_5_fpr", "recall", "fpr_on_real")
        lines.append(f"| {m['score']}, {m['judged_by']} | {m['tier']} | {m['images']} | " + " | ".join(map(cell, keys)) + " |")
    for score in dict.fromkeys(m["score"] for m in tables):
        chosen = [m for m in tables if m["score"] == score]
        for table, rate in (("family", "recall"), ("kind", "flagged"), ("source", "flagged")):
            lines += ["", f"{score}: {rate} by {table}", "", f"| {table} | images | " + " | ".join(m["tier"] for m in chosen) + " |", "|---|---|" + "---|" * len(chosen)]
            for place, entry in enumerate(chosen[0][table]):
                lines.append(f"| {entry['name']} | {entry['images']} | " + " | ".join(f"{m[table][place][rate]:.2f}" for m in chosen) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--binary", type=Path)
    parser.add_argument("--python", action="store_true")
    parser.add_argument("--files", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, default=corpus.root())
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--only-cut", action="store_true", help="with --python: only prepare the squares")
    args = parser.parse_args()
    if bool(args.binary) == args.python:
        parser.error("give either --binary PATH or --python")

    rows = corpus.rows("val", args.corpus)
    find = lambda row: next((p for p in (args.corpus / "data" / row["path"], args.files / row["path"]) if p.exists()), None)
    missing = [row["path"] for row in rows if find(row) is None]
    if missing or len(rows) != IMAGES:
        sys.exit(f"{len(rows)} rows, {len(missing)} files missing; figures need all {IMAGES}: bring them with data/bring.py. First missing: {missing[:3]}")
    args.work.mkdir(parents=True, exist_ok=True)
    threshold = card.read(args.model)["thresholds"]["ai"]
    if args.python:
        model = judge.Model(args.model)
        if args.only_cut:
            judge.keep_squares(rows, find, model.card["view"], args.work, "val")
            return
        images = judge.judge(model, rows, find, args.work, "val")
        (args.work / "val.features.json").write_text(json.dumps(images))
        chances = {tier: {"pixels": [model.probability(image["features"][tier]) for image in images]} for tier in delivery.TIERS}
        judged_by, wrong = "python", []
    else:
        chances, wrong = by_program(args.binary, rows, find, args.work, threshold)
        judged_by = "touchstone"
    print("\n".join(wrong))
    counts = {(tier, score): sum(p is not None for p in found) for tier, both in chances.items() for score, found in both.items()}
    for (tier, score), count in counts.items():
        print(f"{tier}, {score}: {count} of {IMAGES} judged")
    if any(count != IMAGES for count in counts.values()):
        sys.exit("not all images were judged: no figures are written")
    scores = list(next(iter(chances.values())))
    tables = [measure(rows, chances[tier][s], threshold if s == "pixels" else 0.5, tier, s, judged_by) for s in scores for tier in delivery.TIERS]
    (args.work / "measured.json").write_text(json.dumps(tables, indent=1))
    (args.work / "measured.md").write_text(markdown(tables))
    print(markdown(tables))
    if args.write:
        full = card.read(args.model)
        full["measured"] = tables
        card.write(args.model, full)


if __name__ == "__main__":
    main()
