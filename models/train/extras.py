#!/usr/bin/env python3
"""Bring the images of extra.csv, added to the corpus' own lists, out of git mirrors.

extras.py MIRRORS OUT     writes OUT/<path>, SHA-256 checked
extras.py --repos         the repositories that are needed, one a line

What was added and why its label is sure stands in the list's `evidence`. Human-made drawings, portraits and graded photographs are what detectors flag most
often without reason; generators nobody trained on are what they miss. Repositories whose `use` is "calibration" train nothing.
"""
import argparse
import hashlib
import sys
from pathlib import Path

import corpus
import mirrors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mirrors", type=Path, nargs="?")
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--repos", action="store_true")
    args = parser.parse_args()
    missing: dict[str, int] = {}
    rows = corpus.read(corpus.EXTRA)
    if args.repos:
        return print("\n".join(sorted({row["source_repo"] for row in rows})))
    if not args.out:
        parser.error("give MIRRORS and OUT, or --repos")
    for row in rows:
        content = mirrors.blob(args.mirrors, row["source_repo"], row["commit"], row["source_path"])
        if content is None or hashlib.sha256(content).hexdigest() != row["sha256"]:
            missing[row["source_repo"]] = missing.get(row["source_repo"], 0) + 1
            continue
        (args.out / row["path"]).parent.mkdir(parents=True, exist_ok=True)
        (args.out / row["path"]).write_bytes(content)
    print(f"{len(rows) - sum(missing.values())} there; missing: {missing or 'none'}")
    sys.exit(bool(missing))


if __name__ == "__main__":
    main()
