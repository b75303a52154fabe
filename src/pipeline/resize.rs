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
pub(crate) enum Filter {
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
