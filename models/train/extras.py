#!/usr/bin/env python3
"""Bring the images of extra.csv, real pictures added to the corpus, out of git mirrors: extras.py MIRRORS OUT writes OUT/<path>, SHA-256 checked.

What was added, and why it is surely no AI's work, stands in the list's `evidence`: sample photographs of face-analysis and segmentation projects of 2015 to
2020, box art and screenshots of consoles of the 1990s. Portraits and drawings are what detectors flag most often without reason.
"""
import argparse
import csv
import hashlib
import subprocess
import sys
from pathlib import Path

from originals import git_directory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mirrors", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    missing: dict[str, int] = {}
    with open(Path(__file__).with_name("extra.csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        git = git_directory(args.mirrors, row["source_repo"])
        name = f"{row['commit']}:{row['source_path']}"
        blob = subprocess.run(["git", "--git-dir", git, "cat-file", "blob", name], capture_output=True).stdout if git else b""
        if hashlib.sha256(blob).hexdigest() != row["sha256"]:
            missing[row["source_repo"]] = missing.get(row["source_repo"], 0) + 1
            continue
        (args.out / row["path"]).parent.mkdir(parents=True, exist_ok=True)
        (args.out / row["path"]).write_bytes(blob)
    print(f"{len(rows) - sum(missing.values())} there; missing: {missing or 'none'}")
    sys.exit(bool(missing))


if __name__ == "__main__":
    main()
