"""Which images may be used, and for what: the one place that reads the corpus' lists and enforces its rules.

The rules exist because a detector is easily fooled about itself: a figure is only honest when the sources that trained the weights, the sources that
fitted the calibration and the sources that are measured are different *repositories*, and when the generators kept for measuring were never trained on.
Every command of this folder gets its rows from here, so none can go round them.
"""
import csv
import hashlib
import os
import sys
from pathlib import Path

EXTRA = Path(__file__).with_name("extra.csv")
VAL_ONLY = ("hunyuan", "infinity", "fibo", "kolors")

# What the model's answer calls the generators that the lists name differently: versions that share their decoder are one family.
CALLED = {
    "sd14": "sd15", "sd_early": "sd15", "bing_dalle2": "dalle2", "flux1_kontext": "flux1", "flux1_fill": "flux1", "stylegan_mountain": "stylegan2",
    "mindalle_kakao": "dalle_mini", "siren_clip": "vqgan_clip", "simulacra_pixray": "vqgan_clip", "glid3_xl": "latent_diffusion",
}  # fmt: skip
# Names that stand for several generators: such images train the verdict, never the attribution.
SEVERAL = {
    "misc_modern", "diffusion_mixed", "gan_mixed", "mixed_art", "mixed_flux_recraft", "gpt_image_or_nano_banana", "sd_mixed_art", "autoencoder", "other",
}  # fmt: skip
KINDS = ("photo", "portrait", "art", "illustration", "render", "screenshot", "document", "meme", "chart")

# Whole repositories kept back from training to fit the calibration and the thresholds. None of them has a row in train.csv. Those of extra.csv are marked
# there (`use`); `held` knows both.
CALIBRATION = {
    "EchoAbstract/dall-e-gallery", "yukittm/midjourney-explore", "garystafford/amazon-nova-canvas-prompting-assistant", "VectorSpaceLab/OmniGen",
    "asahi417/panna", "Anopoke/Text2Image", "THUDM/CogView4", "HouseoLogy/daz-2024-genai-workshop-guide", "QwenLM/Qwen-Image",
    "goodlookingprokim/edulovesai_blog", "ecomimagelab/ecommerce-gpt-image-prompts",
    "opencart/opencart", "clarklab/chowdown", "skin-soc/photography", "FabianSchmick/photography", "nextcloud/photos", "nrennie/tidytuesday",
    "OCR-D/assets", "libretro-thumbnails/Tomb_Raider", "KDE/plasma-workspace-wallpapers", "naev/naev-artwork", "jcjohnson/fast-neural-style",
    "ELY3M/my-wallpapers-and-images", "alicevision/dataset_buddha", "shaunsaker/astrid-bradley-photography", "OlafenwaMoses/ImageAI",
}  # fmt: skip


def called(family: str) -> str | None:
    """The family that the model answers for an AI image of the lists, None when its name stands for several."""
    return None if family in SEVERAL else CALLED.get(family, family)


def root() -> Path:
    """The folder that holds data/: TOUCHSTONE_CORPUS, else `shared` beside the checkout."""
    return Path(os.environ.get("TOUCHSTONE_CORPUS") or Path(__file__).resolve().parents[2] / ".." / "shared").resolve()


def read(listed: Path) -> list[dict]:
    """The rows of a list of images."""
    with open(listed, newline="") as file:
        return list(csv.DictReader(file))


def find(row: dict, folders: list[Path]) -> Path | None:
    """Where a row's file lies: in the first of the folders that has it."""
    return next((folder / row["path"] for folder in folders if (folder / row["path"]).exists()), None)


def rows(which: str, corpus: Path) -> list[dict]:
    """The rows of train, val or more, or of the project's own list extra, each with a `path` below the folder its file lies in."""
    listed = EXTRA if which == "extra" else corpus / "data" / f"{which}.csv"
    if not listed.exists():
        sys.exit(f"no {listed}: give the corpus with --corpus or TOUCHSTONE_CORPUS")
    found = read(listed)
    for row in found:
        if not row.get("path"):
            ending = os.path.splitext(row["source_path"])[1].lower()
            row["path"] = f"more/{row['label']}/{row['family_or_kind']}/{row['sha256'][:16]}{ending}"
    return found


def held(corpus: Path) -> set[str]:
    """Every repository that is kept for the calibration."""
    return CALIBRATION | {row["source_repo"] for row in rows("extra", corpus) if row.get("use") == "calibration"}


def reserved(corpus: Path) -> set[str]:
    """Hashes of the repositories that belong to the hidden hold-out."""
    return set((corpus / "data" / "reserved.txt").read_text().split())


def is_reserved(repository: str, kept: set[str]) -> bool:
    return hashlib.sha256(repository.strip().lower().encode()).hexdigest() in kept


def check(training: list[dict], corpus: Path) -> None:
    """End the run if a training row breaks a rule: reserved source, val-only family, repository shared with val or with the calibration."""
    kept = reserved(corpus)
    val = rows("val", corpus)
    measured, files = {row["source_repo"].lower() for row in val}, {row["sha256"] for row in val}
    kept_back = {name.lower() for name in held(corpus)}
    wrong = []
    for row in training:
        source = row["source_repo"]
        text = " ".join(row.get(key) or "" for key in ("family_or_kind", "detail", "path", "source_path", "source_repo")).lower()
        if is_reserved(source, kept):
            wrong.append(f"{row['path']}: {source} is reserved")
        if source.lower() in measured:
            wrong.append(f"{row['path']}: {source} is measured in val")
        if row.get("sha256") in files:
            wrong.append(f"{row['path']}: the very file of {source} is measured in val")
        if source.lower() in kept_back:
            wrong.append(f"{row['path']}: {source} is kept for the calibration")
        if any(name in text for name in VAL_ONLY):
            wrong.append(f"{row['path']}: names a family of val alone ({source}, {row.get('detail')})")
    if wrong:
        sys.exit("training refused:\n" + "\n".join(wrong[:20]) + (f"\n… and {len(wrong) - 20} more" if len(wrong) > 20 else ""))


def calibration(corpus: Path, most: int = 40) -> list[dict]:
    """The held-out rows, at most `most` a repository so that no gallery rules the fit, evenly spread over its list."""
    groups: dict[str, list[dict]] = {}
    kept = held(corpus)
    for row in rows("more", corpus) + rows("extra", corpus):
        if row["source_repo"] in kept:
            groups.setdefault(row["source_repo"], []).append(row)
    return [row for group in groups.values() for row in sorted(group, key=lambda r: r["sha256"])[:most]]
