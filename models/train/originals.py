#!/usr/bin/env python3
"""Bring the whole original files that train.csv's crops were cut from, out of git mirrors.

originals.py MIRRORS OUT      -> OUT/files/…, OUT/originals.csv (a list for pack.py)

train.csv names repository and path but no commit; the mirror's newest commit is taken and the file is used only when its size in pixels is still the one
that train.csv gives. MIRRORS holds one folder a repository, named owner+name, with a git directory in it, as data/bring.py wants them.
"""
import argparse
import csv
import hashlib
import io
from pathlib import Path

from PIL import Image

import corpus
import mirrors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mirrors", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--corpus", type=Path, default=corpus.root())
    args = parser.parse_args()
    rows, seen, found, lost = corpus.rows("train", args.corpus), set(), [], {}
    corpus.check(rows, args.corpus)
    commits: dict[str, str] = {}
    for row in rows:
        key = (row["source_repo"], row["source_path"])
        directory = mirrors.git_directory(args.mirrors, row["source_repo"])
        if key in seen or not directory:
            continue
        seen.add(key)
        if row["source_repo"] not in commits:
            commits[row["source_repo"]] = (mirrors.git(directory, "rev-parse", "HEAD") or b"").decode().strip()
        commit = commits[row["source_repo"]]
        content = mirrors.blob(args.mirrors, row["source_repo"], commit, row["source_path"]) or b""
        try:
            size = Image.open(io.BytesIO(content)).size
        except OSError:  # not there, or no picture
            size = None
        if size is None or sorted(map(str, size)) != sorted((row["source_width"], row["source_height"])):
            lost[row["source_repo"]] = lost.get(row["source_repo"], 0) + 1
            continue
        digest = hashlib.sha256(content).hexdigest()
        path = f"files/{row['label']}/{row['family_or_kind']}/{digest[:16]}{Path(row['source_path']).suffix.lower()}"
        (args.out / path).parent.mkdir(parents=True, exist_ok=True)
        (args.out / path).write_bytes(content)
        keep = ("label", "family_or_kind", "detail", "source_repo", "source_path", "source_licence")
        found.append({"path": path, "commit": commit, "sha256": digest} | {k: row[k] for k in keep})
    with open(args.out / "originals.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(found[0]))
        writer.writeheader()
        writer.writerows(found)
    print(f"{len(found)} originals; not found as listed: {lost or 'none'}")


if __name__ == "__main__":
    main()
