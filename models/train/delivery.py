"""How pictures travel: the random saves, scalings and edits that stand between a maker and us, the same for AI images and real ones.

A network that sees PNG fakes and JPEG photos learns the file format and nothing else. Here every crop of either class draws its journey from one
distribution, so that format, quality and size carry no news; `probe.py` measures that they do not.
"""
import io
import random

import numpy as np
from PIL import Image, ImageDraw, ImageFile, ImageFilter, ImageOps

ImageFile.LOAD_TRUNCATED_IMAGES = True
Image.MAX_IMAGE_PIXELS = 400_000_000
KERNELS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS, Image.Resampling.BOX)
# The copies in which images are calibrated and measured: longest side in pixels and JPEG quality.
TIERS = {"clean": None, "1024": (1024, 85), "web": (768, 60), "hard": (512, 40)}


def load(path) -> Image.Image:
    """An upright RGB picture, on white where it was transparent."""
    with Image.open(path) as opened:
        image = ImageOps.exif_transpose(opened)
        if image.mode in ("RGBA", "LA", "PA", "P"):
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        return image.convert("RGB")


def shrink(image: Image.Image, longest: int, kernel=Image.Resampling.LANCZOS) -> Image.Image:
    """The picture with its longest side at most `longest`."""
    scale = longest / max(image.size)
    return image if scale >= 1 else image.resize([max(1, round(n * scale)) for n in image.size], kernel, reducing_gap=3.0)


def save(image: Image.Image, quality: int, form: str = "JPEG", subsampling: int = 2) -> bytes:
    out = io.BytesIO()
    image.save(out, form, quality=quality, **({"subsampling": subsampling} if form == "JPEG" else {"method": 1}))
    return out.getvalue()


def resave(image: Image.Image, quality: int, form: str = "JPEG", subsampling: int = 2) -> Image.Image:
    return Image.open(io.BytesIO(save(image, quality, form, subsampling))).convert("RGB")


def tier_copy(image: Image.Image, tier: str) -> Image.Image:
    """The picture as it arrives in one of TIERS."""
    if TIERS[tier] is None:
        return image
    longest, quality = TIERS[tier]
    return resave(shrink(image, longest), quality)


def fit(image: Image.Image, side: int, rng: random.Random, low: float, high: float, facts: dict) -> Image.Image:
    """Scale at random (never below `side`), then cut a square of `side`."""
    floor = side / min(image.size)
    if rng.random() < 0.75 or floor > 1:
        scale = max(rng.uniform(low, high), floor)
        image = image.resize([max(side, round(n * scale)) for n in image.size], rng.choice(KERNELS))
        facts["scale"] = scale
    x, y = (rng.randint(0, n - side) for n in image.size)
    return image.crop((x, y, x + side, y + side))


def last_save(image: Image.Image, rng: random.Random, facts: dict) -> Image.Image:
    """The save in which the picture reaches us; three in ten are saved twice, one in seven not at all."""
    for _ in range(2 if rng.random() < 0.3 else 1):
        if (u := rng.random()) < 0.68:
            facts["jpeg"] = rng.randint(38, 97)
            image = resave(image, facts["jpeg"], "JPEG", rng.choice((0, 2, 2)))
        elif u < 0.85:
            facts["webp"] = rng.randint(40, 95)
            image = resave(image, facts["webp"], "WEBP")
    return image


def journey(
    image, rng: random.Random, side: int, low: float, high: float, other: Image.Image | None = None, shrunk: bool = False,
    arrival: random.Random | None = None,
):  # fmt: skip
    """One delivery of one crop as uint8 [side, side, 3], the share of `other` at each pixel (None without it), and the facts of the trip.

    `rng` draws what is cut and pasted, `arrival` (by default the same) how it travels from there: two journeys with equal `rng` and different `arrival` are
    two deliveries of the very same crop.

    `other`, a crop of the opposite class, is pasted as a rectangle *before* the last save, so that both parts share the file they arrive in and only
    their own making tells them apart: that is what teaches single patches, and so the heatmap. `shrunk` pictures are made small after they arrived, which
    hides most of what saving did: they are saved in half of the cases and gently.
    """
    facts: dict = {}

    def first(picture):
        if rng.random() < 0.5:
            picture = resave(picture, rng.randint(75, 98), "JPEG", rng.choice((0, 2, 2)))
        return fit(picture, side, rng, low, high, facts)

    image, mask = first(image), None
    if other is not None:
        width, height = (rng.randint(side // 3, side * 4 // 5) for _ in range(2))
        x, y = rng.randint(0, side - width), rng.randint(0, side - height)
        image.paste(first(other).crop((x, y, x + width, y + height)), (x, y))
        mask = np.zeros((side, side), np.float32)
        mask[y : y + height, x : x + width] = 1
    if rng.random() < 0.5:
        image = ImageOps.mirror(image)
        mask = mask if mask is None else mask[:, ::-1]
    rng = arrival or rng
    if (u := rng.random()) < 0.07:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.2)))
    elif u < 0.13:
        image = image.filter(ImageFilter.UnsharpMask(1, rng.randint(30, 120), 0))
    if rng.random() < 0.03:
        image = image.convert("L").convert("RGB")
    if rng.random() < 0.05:
        border(image, rng)
    if rng.random() < 0.25:
        array = np.asarray(image, np.float32)
        array = (array - 128) * rng.uniform(0.8, 1.2) + 128 + rng.uniform(-20, 20)
        if rng.random() < 0.25:
            array = array + np.random.default_rng(rng.getrandbits(32)).normal(0, rng.uniform(1, 5), array.shape)
        image = Image.fromarray(array.clip(0, 255).astype(np.uint8))
    if not shrunk:
        image = last_save(image, rng, facts)
    elif rng.random() < 0.5:
        facts["jpeg"] = rng.randint(60, 97)
        image = resave(image, facts["jpeg"], "JPEG", rng.choice((0, 2, 2)))
    return np.asarray(image), mask, facts


def border(image: Image.Image, rng: random.Random) -> None:
    """A plain edge or bar of a screenshot, drawn in place."""
    draw, side = ImageDraw.Draw(image), image.width
    thick = rng.randint(4, side // 6)
    box = rng.choice([(0, 0, side, thick), (0, side - thick, side, side), (0, 0, thick, side), (side - thick, 0, side, side)])
    draw.rectangle(box, fill=rng.choice(["white", "black", "#202020", "#f4f4f4"]))
    if rng.random() < 0.5:
        draw.text((box[0] + 3, box[1] + 2), "".join(rng.choice("abcdefgh ijklmn 0123") for _ in range(16)), fill="gray")
