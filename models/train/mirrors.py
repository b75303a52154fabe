"""Read files out of git mirrors: MIRRORS holds one folder a repository, named owner+name, with a git directory in it, as data/bring.py wants them."""
import subprocess
from pathlib import Path


def git_directory(mirrors: Path, repository: str) -> Path | None:
    base = mirrors / repository.replace("/", "+")
    return next((head.parent for pattern in ("HEAD", "*/HEAD", "*/.git/HEAD") for head in sorted(base.glob(pattern))), None)


def git(directory: Path, *command: str) -> bytes | None:
    """What a git command prints, None when it fails (the object is not in this mirror)."""
    run = subprocess.run(["git", "--git-dir", directory, *command], capture_output=True)
    return run.stdout if run.returncode == 0 else None


def blob(mirrors: Path, repository: str, commit: str, path: str) -> bytes | None:
    """One file of one commit, None when the mirror or the file is not there."""
    directory = git_directory(mirrors, repository)
    return git(directory, "cat-file", "blob", f"{commit}:{path}") if directory else None
