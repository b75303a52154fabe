//! Scaling pictures, antialiased, in one place, so that every part of the pipeline resizes alike.

use fast_image_resize::{
    FilterType, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::U8x3,
};
use image::RgbImage;
use std::borrow::Cow;

/// Which kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// Pillow's BILINEAR.
    Bilinear,
    /// For enlarging: Pillow's BICUBIC.
    CatmullRom,
    /// For reducing: Pillow's LANCZOS.
    Lanczos3,
}

/// Scales `part` (left, top, width, height; not empty and inside the picture) to exactly `size` (not empty). Borrows the
/// picture when nothing changes.
pub(crate) fn resize(rgb: &RgbImage, part: [u32; 4], size: [u32; 2], filter: Filter) -> Cow<'_, RgbImage> {
    if part == [0, 0, size[0], size[1]] && rgb.dimensions() == (size[0], size[1]) {
        return Cow::Borrowed(rgb);
    }
    let kernel = match filter {
        Filter::Bilinear => FilterType::Bilinear,
        Filter::CatmullRom => FilterType::CatmullRom,
        Filter::Lanczos3 => FilterType::Lanczos3,
    };
    let [left, top, width, height] = part.map(f64::from);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(kernel)).crop(left, top, width, height);
    // The typed call: the untyped one would compile every pixel type's kernels into this crate.
    let source = TypedImageRef::<U8x3>::from_buffer(rgb.width(), rgb.height(), rgb.as_raw()).expect("an RgbImage holds 3 bytes a pixel");
    let mut scaled = RgbImage::new(size[0], size[1]);
    let mut target = TypedImage::<U8x3>::from_buffer(size[0], size[1], &mut scaled).expect("an RgbImage holds 3 bytes a pixel");
    Resizer::new().resize_typed(&source, &mut target, &options).expect("the part lies inside and both images are RGB");
    Cow::Owned(scaled)
}

/// The whole picture at exactly `size` (not empty), by Lanczos.
pub(crate) fn whole(rgb: &RgbImage, size: [u32; 2]) -> Cow<'_, RgbImage> {
    resize(rgb, [0, 0, rgb.width(), rgb.height()], size, Filter::Lanczos3)
}

/// The picture with its longest side at most `longest` pixels (Lanczos): same proportions, never enlarged, no side below 1.
#[must_use]
pub fn shrink(rgb: &RgbImage, longest: u32) -> Cow<'_, RgbImage> {
    whole(rgb, fitted([rgb.width(), rgb.height()], longest))
}

fn fitted(size: [u32; 2], longest: u32) -> [u32; 2] {
    let own = size[0].max(size[1]);
    if own <= longest {
        return size;
    }
    let scaled = |side: u32| (u64::from(side) * u64::from(longest) + u64::from(own) / 2) / u64::from(own);
    size.map(|side| u32::try_from(scaled(side)).unwrap_or(longest).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_shrinks_in_proportion_and_never_grows() {
        let sizes = [[4000, 3000], [100, 60], [512, 512], [30_000, 2]].map(|size| fitted(size, 512));
        assert_eq!(sizes, [[512, 384], [100, 60], [512, 512], [512, 1]]);
    }
}
