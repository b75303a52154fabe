//! Where the squares of each kind of view lie, worked out by hand from the trainer's rules.

use super::*;
use crate::model::{Activation, Outputs};

fn view(cut: Cut) -> View {
    let outputs = Outputs { image: "i".into(), activation: Activation::Logit, patches: None, families: None, kinds: None };
    let (mean, std, input) = ([127.0; 3], [128.0; 3], "pixels".into());
    View { name: "v".into(), file: "v.onnx".into(), sha256: String::new(), cut, mean, std, input, outputs, heatmap: false }
}

const fn of_tiles(side: u32, most: u32) -> Cut {
    Cut::Tiles { side, most, map: most }
}

const FRAME: Cut = Cut::Frame { longest: 320, shortest: 128 };

const fn plain(shorter: Option<u32>) -> Cut {
    Cut::Resized { side: 224, shorter, filter: Filter::Bilinear }
}

fn squares(cut: Cut, width: u32, height: u32) -> Vec<[u32; 2]> {
    Layout::new(cut, width, height).squares
}

#[test]
fn tiles_lie_where_the_trainer_cut_them() {
    let six = of_tiles(224, 6);
    assert_eq!(squares(six, 224, 224), [[0, 0]]);
    // 1024×1024: count 6, columns round(√6) = 2, rows 3.
    assert_eq!(squares(six, 1024, 1024), [[200, 133], [600, 133], [200, 400], [600, 400], [200, 666], [600, 666]]);
    // 640×480: count round(6.12) = 6, columns round(√8) = 3, rows 2.
    assert_eq!(squares(six, 640, 480), [[69, 64], [208, 64], [346, 64], [69, 192], [208, 192], [346, 192]]);
    // count 6, columns round(√(6 × 0.8)) = 2, rows 3 fit; with most 5 the larger of 2 and 3 shrinks.
    assert_eq!(squares(of_tiles(100, 5), 800, 1000).len(), 4);
}

#[test]
fn a_map_has_more_tiles_where_the_card_gives_more() {
    let cut = Cut::Tiles { side: 224, most: 6, map: 20 };
    assert_eq!([squares(cut, 1024, 1024).len(), squares(cut.for_map(), 1024, 1024).len()], [6, 20]);
    assert_eq!(squares(cut, 300, 300), squares(cut.for_map(), 300, 300), "a small picture has no more to show");
    assert_eq!(FRAME.for_map(), FRAME);
}

#[test]
fn small_pictures_are_enlarged_to_one_side() {
    let layout = Layout::new(of_tiles(224, 6), 100, 150);
    assert_eq!((layout.scaled, layout.squares.len()), ([224, 336], 2));
    assert!((layout.pixel()[0] - 100.0 / 224.0).abs() < 1e-6);
}

#[test]
fn the_whole_is_three_squares_on_the_diagonal_and_one_when_it_is_square() {
    let whole = Cut::Whole { side: 224, longest: 320 };
    assert_eq!(squares(whole, 1000, 800), [[0, 0], [48, 16], [96, 32]]);
    assert_eq!(squares(whole, 4000, 1000), [[0, 0], [336, 0], [672, 0]], "the shortest side still reaches the square");
    assert_eq!(squares(Cut::Whole { side: 224, longest: 224 }, 500, 500), [[0, 0]]);
    assert_eq!(Layout::new(whole, 64, 64).scaled, [224, 224]);
}

#[test]
fn a_frame_is_the_whole_picture_in_steps_of_the_stride() {
    let frame = |width, height| {
        let layout = Layout::new(FRAME, width, height);
        assert_eq!((layout.square, &layout.squares[..]), (layout.scaled, &[[0, 0]][..]));
        (layout.part, layout.scaled)
    };
    // 320 / 1000: 320×256 of 1000×800; 800 × 0.32 = 256.
    assert_eq!(frame(1000, 800), ([0, 0, 1000, 800], [320, 256]));
    // 1000×667: 213.44 / 32 = 6.67, so 7 steps.
    assert_eq!(frame(1000, 667), ([0, 0, 1000, 667], [320, 224]));
    assert_eq!(frame(667, 1000).1, [224, 320]);
    // Never enlarged but to the shortest side; 240 / 32 = 7.5 goes up.
    assert_eq!([frame(60, 50).1, frame(240, 200).1], [[128, 128], [256, 192]]);
    // Longer than 320 to 128: 100 × 320 / 128 = 250 in the middle of 1001.
    assert_eq!(frame(1001, 100), ([375, 0, 250, 100], [256, 128]));
    assert_eq!(frame(3, 32768), ([0, 16380, 3, 7], [128, 128]));
}

// X7
#[test]
fn a_plain_classifier_sees_the_centre_of_the_shrunk_picture() {
    // As torchvision's Resize(256), CenterCrop(224): 1000×667 becomes 383×256.
    let layout = Layout::new(plain(Some(256)), 1000, 667);
    assert_eq!((layout.part, layout.scaled, layout.squares), ([0, 0, 1000, 667], [383, 256], vec![[79, 16]]));
    assert_eq!(Layout::new(plain(Some(224)), 50, 50).scaled, [224, 224], "small ones are enlarged");
    let layout = Layout::new(plain(None), 1000, 667);
    assert_eq!((layout.scaled, layout.squares), ([224, 224], vec![[0, 0]]), "without resize it is stretched");
}

/// No picture within the decoder's limits may become more pixels than it had, beyond the stated bound.
#[test]
fn strips_are_bounded_and_every_square_lies_inside() {
    for cut in [of_tiles(224, 12), Cut::Whole { side: 224, longest: 320 }, FRAME, plain(Some(256)), plain(None)] {
        for (width, height) in [(1, 1), (32768, 10), (10, 32768), (1, 32768), (223, 9000), (32768, 300), (5000, 7000)] {
            let layout = Layout::new(cut, width, height);
            let ([w, h], [wide, high]) = (layout.scaled, layout.square);
            assert!(u64::from(w) * u64::from(h) <= (u64::from(width) * u64::from(height)).max(8192 * 256), "{width}×{height}: {w}×{h}");
            assert!(layout.squares.iter().all(|[left, top]| left + wide <= w && top + high <= h), "{width}×{height}");
            let [x, y, part_w, part_h] = layout.part;
            assert!(x + part_w <= width && y + part_h <= height && part_w > 0 && part_h > 0);
        }
    }
}

#[test]
fn pixels_are_normalised_planes() {
    let rgb = RgbImage::from_pixel(64, 32, image::Rgb([255, 127, 0]));
    for cut in [of_tiles(16, 1), Cut::Frame { longest: 64, shortest: 32 }] {
        let layout = Layout::new(cut, 64, 32);
        let pixels = super::cut(&view(cut), &layout, &rgb);
        let plane = (layout.square[0] * layout.square[1]) as usize;
        assert_eq!((pixels.len(), pixels[0], pixels[plane], pixels[2 * plane]), (3 * plane, 1.0, 0.0, -127.0 / 128.0));
    }
}
