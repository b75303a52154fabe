//! SVG: a drawing becomes pixels on white (`raster` says how many).
//!
//! Nothing outside the file is ever read: no script runs (there is no engine), no address and no path is followed, declared entities
//! are refused, and only raster pictures embedded in the drawing are shown. Text is set in DejaVu, which travels inside the program.

use std::sync::Arc;

use image::RgbImage;
use resvg::{
    tiny_skia::{Color, Pixmap, Transform},
    usvg::{self, ImageHrefResolver, ImageKind, Options, Tree, fontdb::Database},
};
use touchstone_core::media::Format;

use super::{Frame, raster};
use crate::{picture::Unreadable, settings::Limits};

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Frame, Unreadable> {
    let format = Format::Svg;
    let told = |reason: &str| Unreadable::Damaged { format, reason: reason.to_owned() };
    let text = std::str::from_utf8(bytes).map_err(|_| told("it is no UTF-8 text"))?;
    if text.contains("<!ENTITY") {
        return Err(Unreadable::Unsupported { format, reason: "it declares entities, which are never followed".to_owned() });
    }
    let tree = Tree::from_str(text, &options()).map_err(|error| told(&error.to_string()))?;
    let size = tree.size();
    let (width, height) = raster::size(f64::from(size.width()), f64::from(size.height()), limits).ok_or_else(|| told("it has no size"))?;
    let mut page = Pixmap::new(width, height).ok_or(Unreadable::TooMuchMemory { limit: limits.max_memory })?;
    page.fill(Color::WHITE);
    let stretch = Transform::from_scale(width as f32 / size.width(), height as f32 / size.height());
    resvg::render(&tree, stretch, &mut page.as_mut());
    // On an opaque page nothing is transparent, so that the fourth channel can go.
    let rgb: Vec<u8> = page.data().chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
    let rgb = RgbImage::from_raw(width, height, rgb).ok_or_else(|| told("it could not be drawn"))?;
    Ok(Frame { rgb, frames: 1 })
}

fn options() -> Options<'static> {
    let mut fonts = Database::new();
    for font in [dejavu::sans::regular(), dejavu::sans::bold(), dejavu::sans_mono::regular(), dejavu::serif::regular()] {
        fonts.load_font_data(font.to_vec());
    }
    fonts.set_sans_serif_family("DejaVu Sans");
    fonts.set_serif_family("DejaVu Serif");
    fonts.set_monospace_family("DejaVu Sans Mono");
    fonts.set_cursive_family("DejaVu Sans");
    fonts.set_fantasy_family("DejaVu Sans");
    Options {
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(|_, data, _| embedded(data)),
            resolve_string: Box::new(|_, _| None),
        },
        fontdb: Arc::new(fonts),
        font_family: "DejaVu Sans".to_owned(),
        ..usvg::Options::default()
    }
}

/// A raster picture inside the drawing, by its content. Another drawing is none: it would be read by other rules.
fn embedded(data: Arc<Vec<u8>>) -> Option<ImageKind> {
    match Format::sniff(&data)? {
        Format::Jpeg => Some(ImageKind::JPEG(data)),
        Format::Png => Some(ImageKind::PNG(data)),
        Format::Gif => Some(ImageKind::GIF(data)),
        Format::WebP => Some(ImageKind::WEBP(data)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::tests::LIMITS;

    fn drawn(inside: &str) -> RgbImage {
        let svg = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="40" height="20">{inside}</svg>"#
        );
        decode(svg.as_bytes(), &LIMITS).unwrap().rgb
    }

    // T15
    #[test]
    fn a_drawing_is_drawn_on_white_with_its_text() {
        let rgb = drawn(r#"<rect width="20" height="20" fill="red"/>"#);
        assert_eq!(rgb.dimensions(), (1024, 512));
        assert_eq!((rgb.get_pixel(10, 10).0, rgb.get_pixel(1000, 10).0), ([255, 0, 0], [255; 3]));
        let text = drawn(r#"<text x="2" y="15" font-family="Some Font Nobody Has">Ag</text>"#);
        assert!(text.pixels().any(|pixel| pixel.0[0] < 50), "no font of the system is needed");
    }

    // T15
    #[test]
    fn nothing_outside_the_drawing_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("red.png");
        RgbImage::from_pixel(8, 8, image::Rgb([255, 0, 0])).save(&file).unwrap();
        let path = file.display();
        for href in [format!("{path}"), format!("file://{path}"), "http://127.0.0.1:9/red.png".into(), "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='9' height='9'%3E%3Crect width='9' height='9'/%3E%3C/svg%3E".into()] {
            let rgb = drawn(&format!(r#"<image xlink:href="{href}" width="40" height="20"/>"#));
            assert!(rgb.pixels().all(|pixel| pixel.0 == [255; 3]), "{href} was followed");
        }
        let declared =
            br#"<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/hostname">]><svg xmlns="http://www.w3.org/2000/svg"><text>&a;</text></svg>"#;
        assert!(matches!(decode(declared, &LIMITS), Err(Unreadable::Unsupported { .. })));
    }

    // T15
    #[test]
    fn a_raster_picture_inside_is_shown() {
        // A red GIF of one pixel.
        let gif = "data:image/gif;base64,R0lGODlhAQABAIAAAP8AAP///ywAAAAAAQABAAACAkQBADs=";
        let rgb = drawn(&format!(r#"<image xlink:href="{gif}" width="20" height="20"/>"#));
        assert_eq!(rgb.get_pixel(200, 200).0, [255, 0, 0]);
    }

    // T15
    #[test]
    fn a_drawing_without_bounds_is_drawn_small_and_one_without_size_is_refused() {
        let huge = br#"<svg xmlns="http://www.w3.org/2000/svg" width="1000000" height="1000000"/>"#;
        assert_eq!(decode(huge, &LIMITS).unwrap().rgb.dimensions(), (4096, 4096));
        assert!(decode(br#"<svg xmlns="http://www.w3.org/2000/svg" width="0" height="5"/>"#, &LIMITS).is_err());
        assert!(decode(b"<svg><", &LIMITS).is_err());
    }
}
