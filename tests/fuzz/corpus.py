#!/usr/bin/env python3
"""Writes the targets' first corpora: small files of every format. Needs: pip install pillow pillow-heif"""
import io
from pathlib import Path

import pillow_heif
from PIL import Image, PngImagePlugin

pillow_heif.register_heif_opener()
FOLDER = Path(__file__).resolve().parent / "corpus"
XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="Some Tool"/></rdf:RDF></x:xmpmeta>"""


def picture(side: int = 16) -> Image.Image:
    return Image.frombytes("RGB", (side, side), bytes((x * 5 + y * 11 + c * 40) % 256 for y in range(side) for x in range(side) for c in range(3)))


def keep(target: str, name: str, data: bytes) -> None:
    (FOLDER / target).mkdir(parents=True, exist_ok=True)
    (FOLDER / target / name).write_bytes(data)


def saved(image: Image.Image, kind: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def exif() -> bytes:
    record = Image.Exif()
    record[0x0112], record[0x0131] = 6, "Some Tool"
    return record.tobytes()


def pdf(stream: bytes) -> bytes:
    return b"""%%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 40 30]/Contents 4 0 R/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>endobj
4 0 obj<</Length %d>>stream
%s
endstream endobj
trailer<</Root 1 0 R>>""" % (len(stream), stream)


SVGS = {
    "shapes": '<rect width="9" height="9" fill="red"/><circle cx="5" cy="5" r="3"/><path d="M0 0L9 9C1 2 3 4 5 6A2 3 0 0 1 8 8Z" stroke="#123"/>',
    "text": '<text x="1" y="8" font-size="6">A<tspan dx="1">b</tspan></text>',
    "paint": '<defs><linearGradient id="g"><stop stop-color="red"/><stop offset="1"/></linearGradient><clipPath id="c"><rect width="4" height="9"/>'
    '</clipPath><mask id="m"><rect width="9" height="9" fill="#888"/></mask></defs><g clip-path="url(#c)" mask="url(#m)"><rect fill="url(#g)" width="9" height="9"/></g>',
    "use": '<defs><g id="a"><rect width="3" height="3"/></g></defs><use href="#a" x="2"/><use href="#a" y="4" transform="rotate(9)"/>',
    "filter": '<filter id="f"><feGaussianBlur stdDeviation="1"/><feOffset dx="1"/></filter><rect width="5" height="5" filter="url(#f)"/>',
    "style": '<style>rect{fill:#0f0;opacity:.5}</style><rect width="5" height="5"/>',
    "picture": '<image width="9" height="9" href="data:image/gif;base64,R0lGODlhAQABAIAAAP8AAP///ywAAAAAAQABAAACAkQBADs="/>',
}

if __name__ == "__main__":
    for kind, options in {
        "JPEG": {}, "PNG": {}, "WEBP": {}, "GIF": {}, "BMP": {}, "TIFF": {"compression": "tiff_lzw"}, "HEIF": {"quality": 30}, "AVIF": {"quality": 30},
    }.items():
        keep("decode", kind.lower(), saved(picture(), kind, **options))
    frames = [picture().rotate(90 * turn) for turn in range(3)]
    keep("decode", "apng", saved(frames[0], "PNG", save_all=True, append_images=frames[1:]))
    keep("decode", "avis", saved(frames[0], "AVIF", quality=30, save_all=True, append_images=frames[1:]))
    keep("decode", "burst", saved(frames[0], "HEIF", quality=30, save_all=True, append_images=frames[1:]))
    keep("decode", "alpha.avif", saved(picture().convert("RGBA"), "AVIF", quality=30))
    keep("decode", "alpha.heic", saved(picture().convert("RGBA"), "HEIF", quality=30))
    keep("decode", "cmyk.jpg", saved(picture().convert("CMYK"), "JPEG"))
    keep("decode", "progressive.jpg", saved(picture(), "JPEG", progressive=True, exif=exif()))
    keep("decode", "deep.png", saved(picture().convert("L").convert("I;16"), "PNG"))
    for kind in ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"]:
        keep("metadata", kind.lower(), saved(picture(8), kind, exif=exif(), xmp=XMP) if kind not in ("PNG", "TIFF") else saved(picture(8), kind, exif=exif()))
    text = PngImagePlugin.PngInfo()
    text.add_text("parameters", "a castle\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 8x8", zip=True)
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    keep("metadata", "text.png", saved(picture(8), "PNG", pnginfo=text))
    keep("metadata", "drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><metadata>' + XMP + b"</metadata></svg>")
    keep("metadata", "document.pdf", b"%PDF-1.4\n" + XMP)
    for name, inside in SVGS.items():
        keep("svg", name, f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">{inside}</svg>'.encode())
    keep("svg", "doctype", b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>')
    keep("pdf", "picture", saved(picture(), "PDF"))
    keep("pdf", "shapes", pdf(b"1 0 0 rg 2 2 9 9 re f q 0 0 9 9 re W n 1 w 0 0 m 9 9 l S Q"))
    keep("pdf", "text", pdf(b"BT /F 9 Tf 2 9 Td (Ab) Tj ET"))
    keep("pdf", "inline", pdf(b"9 0 0 9 0 0 cm BI /W 2 /H 2 /BPC 8 /CS /G ID \x00\x80\xff\x40 EI"))
