#!/usr/bin/env python3
"""List every file that trained a model's weights: sources.py MODEL_FOLDER PACK… [--list LIST.csv …]

Takes the paths that the packs say they hold and writes what the corpus' lists (and those given) know of them to MODEL_FOLDER/sources.csv; also puts the
families, the real kinds and their numbers into model.toml. Reconstructions count under the real file they were made of. The rows pass corpus.check once more.
"""
import argparse
import collections
import csv
import json
import sys
from pathlib import Path

import card
import corpus

COLUMNS = ("repository", "commit", "path", "licence", "label", "family_or_kind", "detail", "sha256", "crop_of_corpus")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("packs", nargs="+")
    parser.add_argument("--list", action="append", default=[])
    parser.add_argument("--corpus", type=Path, default=corpus.root())
    args = parser.parse_args()
    known = {row["path"]: row for which in ("train", "more", "extra") for row in corpus.rows(which, args.corpus)}
    for path in args.list:
        known |= {row["path"]: row for row in corpus.read(path)}
    used = sorted({entry[5] for pack in args.packs for entry in json.loads(Path(pack.removesuffix(".npy") + ".json").read_text())})
    if lost := [path for path in used if path not in known]:
        sys.exit(f"{len(lost)} packed paths are in no list, {lost[0]} for one: give their list with --list")
    rows = [known[path] for path in used]
    corpus.check(rows, args.corpus)
    lines = {}
    for row in rows:
        key = (row["source_repo"], row["source_path"])
        line = lines.setdefault(key, dict.fromkeys(COLUMNS, ""))
        found = {"repository": row["source_repo"], "path": row["source_path"], "licence": row["source_licence"], "label": row["label"],
                 "family_or_kind": row["family_or_kind"], "detail": row["detail"], "commit": row.get("commit"), "sha256": row.get("sha256"),
                 "crop_of_corpus": row["path"] if row["path"].startswith("train/") else ""}  # fmt: skip
        line |= {column: text for column, text in found.items() if text}
    with open(args.model / "sources.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines[key] for key in sorted(lines))
    names = {label: collections.Counter(line["family_or_kind"] for line in lines.values() if line["label"] == label) for label in ("ai", "real")}
    full = card.read(args.model)
    full["training"] = full.get("training", {}) | {
        "files": len(lines), "ai_files": sum(names["ai"].values()), "real_files": sum(names["real"].values()),
        "repositories": len({line["repository"] for line in lines.values()}), "families": sorted(names["ai"]), "real_kinds": sorted(names["real"]),
    }  # fmt: skip
    card.write(args.model, full)
    print(f"{len(lines)} files of {full['training']['repositories']} repositories; AI {dict(names['ai'])}; real {dict(names['real'])}")


if __name__ == "__main__":
    main()
