"""How an image is cut into the squares that a model sees. The product does exactly the same in Rust; change neither alone."""
import math

import numpy as np
from PIL import Image


def half_up(x: float) -> int:
    """Round as Rust's f64::round does for positive numbers (Python's round goes to even)."""
    return math.floor(x + 0.5)


def tiles(image: Image.Image, side: int = 224, most: int = 12) -> list[np.ndarray]:
    """Native-resolution squares on an even grid; a picture smaller than a square is enlarged to reach it."""
    if min(image.size) < side:
        scale = side / min(image.size)
        image = image.resize([max(side, half_up(n * scale)) for n in image.size], Image.Resampling.BICUBIC)
    (w, h), array = image.size, np.asarray(image)
    count = min(max(half_up(w * h / side**2), 1), most)
    columns = min(max(half_up(math.sqrt(count * w / h)), 1), count)
    rows = max(1, math.ceil(count / columns))
    while rows * columns > most:
        if rows > columns:
            rows -= 1
        else:
            columns -= 1
    tops = [math.floor((h - side) * (i + 0.5) / rows) for i in range(rows)]
    lefts = [math.floor((w - side) * (j + 0.5) / columns) for j in range(columns)]
    return [array[top : top + side, left : left + side] for top in tops for left in lefts]


def whole(image: Image.Image, side: int = 224, longest: int = 320) -> list[np.ndarray]:
    """The whole picture made small, then up to three overlapping squares along its longer axis (or its diagonal)."""
    scale = max(min(longest / max(image.size), 1), side / min(image.size))
    if scale != 1:
        image = image.resize([max(side, half_up(n * scale)) for n in image.size], Image.Resampling.LANCZOS)
    (w, h), array = image.size, np.asarray(image)
    corners = [((h - side) * k // 2, (w - side) * k // 2) for k in range(3)] if (w, h) != (side, side) else [(0, 0)]
    return [array[top : top + side, left : left + side] for top, left in corners]


def frame(image: Image.Image, longest: int = 320, shortest: int = 128) -> list[np.ndarray]:
    """The whole picture as one rectangle whose sides are multiples of the network's stride; of a strip only the middle part."""
    (w, h), step = image.size, 32
    wide, high = (min(n, other * longest // shortest) for n, other in ((w, h), (h, w)))
    left, top = (w - wide) // 2, (h - high) // 2
    scale = min(longest / max(wide, high), 1)
    size = [min(max(half_up(n * scale / step) * step, shortest), longest) for n in (wide, high)]
    return [np.asarray(image.resize(size, Image.Resampling.LANCZOS, box=(left, top, left + wide, top + high)))]
