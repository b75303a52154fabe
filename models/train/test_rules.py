"""The rules that keep the detector's figures honest, as tests: `python -m unittest discover -s models/train`. Needs NumPy and Pillow, no torch."""
import csv
import hashlib
import json
import tempfile
import unittest
from pathlib import Path

import numpy as np

import corpus
import delivery
import views
from crops import Crops

ROW = {"label": "ai", "family_or_kind": "sdxl", "detail": "", "path": "ai/1.png", "source_path": "1.png", "source_repo": "somebody/gallery", "sha256": "1"}


def small_corpus(folder: str) -> Path:
    data = Path(folder) / "data"
    data.mkdir()
    (data / "reserved.txt").write_text(hashlib.sha256(b"hidden/holdout").hexdigest() + "\n")
    for name in ("val", "more"):
        with open(data / f"{name}.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, list(ROW))
            writer.writeheader()
            if name == "val":
                writer.writerow(ROW | {"source_repo": "measured/gallery", "sha256": "2"})
    return Path(folder)


class TrainingRules(unittest.TestCase):
    def refused(self, **change) -> str:
        with tempfile.TemporaryDirectory() as folder, self.assertRaises(SystemExit) as end:
            corpus.check([ROW | change], small_corpus(folder))
        return str(end.exception)

    def test_an_ordinary_row_passes(self):
        with tempfile.TemporaryDirectory() as folder:
            corpus.check([ROW], small_corpus(folder))

    def test_a_source_reserved_for_the_hidden_hold_out_is_refused_in_any_case(self):
        self.assertIn("is reserved", self.refused(source_repo="Hidden/HoldOut"))

    def test_a_repository_or_a_file_that_is_measured_is_refused(self):
        self.assertIn("is measured in val", self.refused(source_repo="Measured/gallery"))
        self.assertIn("the very file", self.refused(sha256="2"))

    def test_a_generator_of_val_alone_is_refused_wherever_it_is_named(self):
        for column in ("family_or_kind", "detail", "path", "source_path", "source_repo"):
            self.assertIn("names a family of val alone", self.refused(**{column: "my/Kolors-2"}))

    def test_a_source_of_the_calibration_is_refused(self):
        self.assertIn("kept for the calibration", self.refused(source_repo=sorted(corpus.CALIBRATION)[0]))

    def test_the_lists_of_the_project_keep_the_rules(self):
        if not (corpus.root() / "data" / "val.csv").exists():
            self.skipTest("no corpus: set TOUCHSTONE_CORPUS")
        held = corpus.held(corpus.root())
        corpus.check([row for row in corpus.rows("extra", corpus.root()) if row["source_repo"] not in held], corpus.root())
        kept = corpus.reserved(corpus.root())
        self.assertEqual([name for name in held if corpus.is_reserved(name, kept)], [])
        lists = sorted(Path(__file__).parents[1].glob("*/sources.csv"))
        self.assertTrue(lists, "the model that ships lists what trained it")
        for listed in lists:
            corpus.check([row | {"source_repo": row["repository"], "source_path": row["path"]} for row in corpus.read(listed)], corpus.root())


class Deliveries(unittest.TestCase):
    def pack(self, folder: str, name: str, label: str, side: int, count: int) -> str:
        rng, out = np.random.default_rng(side), f"{folder}/{name}"
        np.save(out + ".npy", rng.integers(0, 255, (count, side, side, 3), np.uint8))
        Path(out + ".json").write_text(json.dumps([[label, "sdxl" if label == "ai" else "photo", f"source{i % 3}", side, side, str(i)] for i in range(count)]))
        return out

    def test_no_fact_of_the_trip_tells_the_classes_apart(self):
        """The quick half of probe.py, on made-up packs: quality, format and scale of either class come from one distribution."""
        with tempfile.TemporaryDirectory() as folder:
            packs = [self.pack(folder, f"{label}.tiles", label, 256, 6) for label in ("ai", "real")]
            crops = Crops(packs, 0.35, 1, 0.0)
            made = [crops.crop(number) for number in range(700)]
        labels = np.array([crop.label for crop, _ in made]) > 0
        for fact in ("jpeg", "webp", "scale"):
            values = np.array([facts.get(fact, -1) for _, facts in made])
            higher = values[labels][:, None] - values[~labels]
            auc = ((higher > 0) + 0.5 * (higher == 0)).mean()
            self.assertLess(abs(auc - 0.5), 0.07, fact)

    def test_a_pair_is_one_crop_in_two_deliveries_and_every_number_repeats_itself(self):
        with tempfile.TemporaryDirectory() as folder:
            packs = [self.pack(folder, f"{label}.tiles", label, 256, 3) for label in ("ai", "real")]
            crops = Crops(packs, 0.35, 1, 0.0, paired=1.0)
            one, two, again = crops.crop(8)[0], crops.crop(9)[0], crops.crop(8)[0]
        self.assertTrue((one.pixels == again.pixels).all())
        self.assertEqual((one.label, one.view, one.paired), (two.label, two.view, 1))
        self.assertFalse((one.pixels == two.pixels).all())


class Views(unittest.TestCase):
    def test_a_frame_is_the_whole_picture_in_multiples_of_the_stride(self):
        sizes = {(1000, 750): (320, 256), (500, 2000): (128, 320), (100, 80): (128, 128), (320, 320): (320, 320), (1600, 900): (320, 192)}
        for size, expected in sizes.items():
            (square,) = views.frame(delivery.Image.new("RGB", size))
            self.assertEqual(square.shape, (expected[1], expected[0], 3), size)


if __name__ == "__main__":
    unittest.main()
