//! PDF: the first picture in page order within the first pages; where there is none, the first page is drawn (row T15).
//!
//! A stencil, which only paints a colour through holes, is no picture. A page is drawn at 150 dpi, within the bounds that `raster`
//! sets. Scripts, forms, links and attachments are not looked at, and nothing outside the file is read.

use hayro::{
    PixmapSettings, RenderCache, RenderSettings,
    hayro_interpret::{
        BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageData, ImageDrawProps, InterpreterCache, InterpreterSettings,
        LumaData, RasterImage, SoftMask, font::GlyphRun, interpret_page,
    },
    hayro_syntax::{LoadPdfError, Pdf, page::Page},
    kurbo::{Affine, BezPath, Rect},
    vello_cpu::color::palette::css::WHITE,
};
use image::RgbImage;
use touchstone_core::media::Format;

use super::{Frame, heif::Alpha, raster};
use crate::{picture::Unreadable, settings::Limits};

/// Pages on which a picture is looked for (row T15).
const PAGES: usize = 20;

/// Pixels for each of a page's points (1/72 inch): 150 dpi.
const PER_POINT: f64 = 150.0 / 72.0;

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Frame, Unreadable> {
    let pdf = Pdf::new(bytes.to_vec()).map_err(|error| match error {
        LoadPdfError::Decryption(_) => unsupported("it is encrypted and needs a password"),
        LoadPdfError::Invalid => damaged("its structure cannot be read"),
    })?;
    let pages = pdf.pages();
    let first = pages.first().ok_or_else(|| damaged("it has no page"))?;
    let frames = u32::try_from(pages.len()).unwrap_or(u32::MAX);
    for page in pages.iter().take(PAGES) {
        if let Some(rgb) = picture_on(page, &pdf, limits)? {
            return Ok(Frame { rgb, frames });
        }
    }
    Ok(Frame { rgb: drawn(first, limits)?, frames })
}

fn unsupported(reason: &str) -> Unreadable {
    Unreadable::Unsupported { format: Format::Pdf, reason: reason.to_owned() }
}

fn damaged(reason: &str) -> Unreadable {
    Unreadable::Damaged { format: Format::Pdf, reason: reason.to_owned() }
}

/// The first picture that a page shows.
fn picture_on(page: &Page<'_>, pdf: &Pdf, limits: &Limits) -> Result<Option<RgbImage>, Unreadable> {
    let cache = InterpreterCache::new();
    let nowhere = Rect::new(0.0, 0.0, 1.0, 1.0);
    let mut context = Context::new(Affine::IDENTITY, nowhere, &cache, pdf.xref(), InterpreterSettings::default());
    let mut finder = Finder { limits, found: None };
    interpret_page(page, &mut context, &mut finder);
    finder.found.transpose()
}

/// A device that draws nothing and keeps the first picture.
struct Finder<'l> {
    limits: &'l Limits,
    found: Option<Result<RgbImage, Unreadable>>,
}

impl Device<'_> for Finder<'_> {
    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'_>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'_>>, _: BlendMode) {}
    fn draw_glyph_run(&mut self, _: &GlyphRun<'_, '_>, _: DrawProps<'_>, _: &DrawMode) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}

    fn draw_image(&mut self, image: Image<'_, '_>, _: ImageDrawProps<'_>) {
        if let (None, Image::Raster(image)) = (&self.found, &image) {
            self.found = match crate::picture::check_size(Format::Pdf, image.width(), image.height(), self.limits) {
                Err(refusal) => Some(Err(refusal)),
                // One that cannot be decoded is passed over, as a viewer passes it over.
                Ok(()) => pixels(image).map(Ok),
            };
        }
    }
}

fn pixels(image: &RasterImage<'_>) -> Option<RgbImage> {
    let mut picture = None;
    image.with_rgba(|colours, alpha| picture = on_white(colours, alpha), None);
    picture
}

fn on_white(colours: ImageData, alpha: Option<LumaData>) -> Option<RgbImage> {
    let mut rgb = match colours {
        ImageData::Rgb(rgb) => RgbImage::from_raw(rgb.width, rgb.height, rgb.data)?,
        ImageData::Luma(grey) => {
            let data = grey.data.iter().flat_map(|level| [*level; 3]).collect();
            RgbImage::from_raw(grey.width, grey.height, data)?
        }
    };
    if let Some(alpha) = alpha {
        Alpha { width: alpha.width, height: alpha.height, levels: alpha.data, premultiplied: false }.lay_on_white(&mut rgb);
    }
    (rgb.width() > 0 && rgb.height() > 0).then_some(rgb)
}

/// A page as pixels.
fn drawn(page: &Page<'_>, limits: &Limits) -> Result<RgbImage, Unreadable> {
    let (width, height) = page.render_dimensions();
    let (across, down) = (f64::from(width) * PER_POINT, f64::from(height) * PER_POINT);
    let (pixels_across, pixels_down) = raster::size(across, down, limits).ok_or_else(|| damaged("its first page has no size"))?;
    // Half a pixel more, since the renderer rounds the product down.
    let scale = |pixels: u32, points: f32| (pixels as f32 + 0.5) / points;
    let settings = PixmapSettings { x_scale: scale(pixels_across, width), y_scale: scale(pixels_down, height), bg_color: WHITE };
    let page = hayro::render(page, &RenderCache::new(), &InterpreterSettings::default(), &RenderSettings::default(), &settings);
    let rgb: Vec<u8> = page.data_as_u8_slice().chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
    RgbImage::from_raw(page.width().into(), page.height().into(), rgb).ok_or_else(|| damaged("its first page could not be drawn"))
}
