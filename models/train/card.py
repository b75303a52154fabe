"""Read and write a model's card, model.toml: what the product reads to run the model and people read to trust it or not."""
import hashlib
import tomllib
from pathlib import Path

ORDER = ("calibration", "thresholds", "training")


def read(folder: Path) -> dict:
    return tomllib.loads((folder / "model.toml").read_text())


def value(thing) -> str:
    if isinstance(thing, bool):
        return "true" if thing else "false"
    if isinstance(thing, float):
        return repr(round(thing, 6))
    if isinstance(thing, int):
        return str(thing)
    if isinstance(thing, (list, tuple)):
        return "[" + ", ".join(value(part) for part in thing) + "]"
    return '"' + str(thing).replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'


def name(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() else value(key)


def table(data: dict, prefix: str = "") -> list[str]:
    """The lines of a table: plain values first, then tables and lists of tables."""
    lines = [f"{name(key)} = {value(part)}" for key, part in data.items() if not nested(part)]
    for key, part in data.items():
        if not nested(part):
            continue
        path = f"{prefix}{name(key)}"
        if isinstance(part, dict):
            lines += ["", f"[{path}]", *table(part, path + ".")]
        else:
            for entry in part:
                lines += ["", f"[[{path}]]", *table(entry, path + ".")]
    return lines


def nested(part) -> bool:
    return isinstance(part, dict) or (isinstance(part, list) and bool(part) and isinstance(part[0], dict))


def write(folder: Path, card: dict) -> None:
    """Write the card, after checking that it reads back as the same thing."""
    text = "# The card of this model; models/README.md says what each line means. Written by models/train/*.py.\n" + "\n".join(table(card)) + "\n"
    tomllib.loads(text)
    (folder / "model.toml").write_text(text)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
