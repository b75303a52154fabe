//! AVIF: `rav1d` decodes each AV1 picture; which items make up the picture is read here: one, a grid of tiles, or another's copy.

use image::{GenericImage, RgbImage};
use re_rav1d::dav1d::{Decoder, Error, Picture, PixelLayout, PlanarImageComponent as Component, Settings, pixel::YUVRange};
use touchstone_core::media::Format;

use super::{
    Frame,
    heif::{self, Alpha, DEEPEST},
    yuv::{self, Color, Plane, Samples, Yuv},
};
use crate::{
    container::heif::{Heif, Item},
    picture::{Unreadable, check_size},
    settings::Limits,
};

const FORMAT: Format = Format::Avif;

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Frame, Unreadable> {
    let heif = Heif::read(bytes);
    let item = heif::primary(&heif, FORMAT, limits)?;
    let reader = Reader { heif: &heif, limits };
    let rgb = reader.shown(item, DEEPEST)?;
    heif::frame(&heif, rgb, limits)
}

struct Reader<'r> {
    heif: &'r Heif<'r>,
    limits: &'r Limits,
}

impl Reader<'_> {
    /// An item as a viewer shows it: on white, cropped, turned.
    fn shown(&self, item: &Item, depth: u32) -> Result<RgbImage, Unreadable> {
        let mut rgb = self.colors(item, depth)?;
        if let Some((found, premultiplied)) = heif::alpha(self.heif, item) {
            self.alpha(found, premultiplied)?.lay_on_white(&mut rgb);
        }
        Ok(heif::transformed(self.heif, item, rgb))
    }

    fn colors(&self, item: &Item, depth: u32) -> Result<RgbImage, Unreadable> {
        if depth == 0 {
            return Err(heif::damaged(FORMAT, "its pictures are made of each other"));
        }
        match &item.kind {
            b"av01" => Ok(yuv::rgb(&Planes::of(&self.picture(item)?).yuv(heif::stated_color(self.heif, item)))),
            b"grid" => self.grid(item, |tile| self.colors(tile, depth - 1)),
            b"iden" => {
                let source = self.heif.targets(b"dimg", item.id).next().and_then(|id| self.heif.item(id));
                self.shown(source.ok_or_else(|| heif::damaged(FORMAT, "its picture is not there"))?, depth - 1)
            }
            kind => Err(heif::unsupported(FORMAT, format!("pictures of the kind \"{}\"", kind.escape_ascii()))),
        }
    }

    /// Transparency, kept as an ordinary grey picture of its own.
    fn alpha(&self, item: &Item, premultiplied: bool) -> Result<Alpha, Unreadable> {
        if &item.kind == b"grid" {
            let grid = self.grid(item, |tile| Ok(yuv::rgb(&Yuv { chroma: None, ..Planes::of(&self.picture(tile)?).yuv(None) })))?;
            let levels = grid.pixels().map(|pixel| pixel.0[0]).collect();
            return Ok(Alpha { width: grid.width(), height: grid.height(), levels, premultiplied });
        }
        let picture = self.picture(item)?;
        let levels = yuv::levels(&Planes::of(&picture).yuv(None));
        Ok(Alpha { width: picture.width(), height: picture.height(), levels, premultiplied })
    }

    /// Tiles laid beside each other (ISO/IEC 23008-12 §6.6.2.3); what reaches over the edge is cut off.
    fn grid(&self, item: &Item, tile: impl Fn(&Item) -> Result<RgbImage, Unreadable>) -> Result<RgbImage, Unreadable> {
        let incomplete = || heif::damaged(FORMAT, "its grid is incomplete");
        let head = self.heif.data(item).ok_or_else(incomplete)?;
        let [_, flags, rows, columns] = *head.first_chunk::<4>().ok_or_else(incomplete)?;
        let columns = u32::from(columns) + 1;
        let side = |index: usize| match flags & 1 {
            0 => head.get(4 + 2 * index..).and_then(|rest| rest.first_chunk()).map(|side| u32::from(u16::from_be_bytes(*side))),
            _ => heif::number(&head, 4 + 4 * index),
        };
        let (width, height) = side(0).zip(side(1)).ok_or_else(incomplete)?;
        check_size(FORMAT, width, height, self.limits)?;
        let mut page = RgbImage::new(width, height);
        let mut sources = self.heif.targets(b"dimg", item.id);
        let mut corner = (0, 0);
        for place in 0..columns * (u32::from(rows) + 1) {
            let source = sources.next().and_then(|id| self.heif.item(id)).ok_or_else(incomplete)?;
            let drawn = tile(source)?;
            if place == 0 {
                corner = drawn.dimensions();
            }
            let (left, top) = (place % columns * corner.0, place / columns * corner.1);
            if left < width && top < height {
                let (across, down) = (drawn.width().min(width - left), drawn.height().min(height - top));
                let part = image::imageops::crop_imm(&drawn, 0, 0, across, down).to_image();
                page.copy_from(&part, left, top).map_err(|_| incomplete())?;
            }
        }
        Ok(page)
    }

    /// One coded picture: the first that its data give.
    fn picture(&self, item: &Item) -> Result<Picture, Unreadable> {
        let data = self.heif.data(item).ok_or(Unreadable::CutOff(FORMAT))?.into_owned();
        let told = |error: Error| match error {
            Error::NotEnoughMemory => Unreadable::TooMuchMemory { limit: self.limits.max_memory },
            Error::UnsupportedBitstream => heif::unsupported(FORMAT, error.to_string()),
            Error::Again => Unreadable::CutOff(FORMAT),
            error => heif::damaged(FORMAT, error.to_string()),
        };
        let mut settings = Settings::new();
        settings.set_n_threads(1);
        settings.set_max_frame_delay(1);
        settings.set_all_layers(false);
        settings.set_frame_size_limit(u32::try_from(self.limits.max_pixels).unwrap_or(u32::MAX));
        let mut decoder = Decoder::with_settings(&settings).map_err(told)?;
        match decoder.send_data(data, None, None, None) {
            Ok(()) | Err(Error::Again) => {}
            Err(error) => return Err(told(error)),
        }
        let picture = decoder.get_picture().map_err(told)?;
        check_size(FORMAT, picture.width(), picture.height(), self.limits)?;
        Ok(picture)
    }
}

/// The planes of a decoded picture, held while they are read.
struct Planes<'p> {
    picture: &'p Picture,
    planes: Vec<re_rav1d::dav1d::Plane>,
}

impl<'p> Planes<'p> {
    fn of(picture: &'p Picture) -> Self {
        let grey = picture.pixel_layout() == PixelLayout::I400;
        let components: &[Component] = if grey { &[Component::Y] } else { &[Component::Y, Component::U, Component::V] };
        Self { picture, planes: components.iter().map(|component| picture.plane(*component)).collect() }
    }

    /// The planes under a colour description, or the stream's own.
    fn yuv(&self, color: Option<Color>) -> Yuv<'_> {
        let [width, height] = [self.picture.width(), self.picture.height()].map(|side| side as usize);
        let (chroma_width, chroma_height) = match self.picture.pixel_layout() {
            PixelLayout::I420 => (width.div_ceil(2), height.div_ceil(2)),
            PixelLayout::I422 => (width.div_ceil(2), height),
            PixelLayout::I400 | PixelLayout::I444 => (width, height),
        };
        let deep = self.picture.bit_depth() > 8;
        let plane = |index: usize, component, width, height| {
            let (bytes, stride) = (self.planes[index].as_ref(), self.picture.stride(component) as usize);
            if deep {
                Plane { samples: Samples::Pairs(bytes), stride: stride / 2, width, height }
            } else {
                Plane { samples: Samples::Bytes(bytes), stride, width, height }
            }
        };
        let chroma = (self.planes.len() == 3)
            .then(|| [plane(1, Component::U, chroma_width, chroma_height), plane(2, Component::V, chroma_width, chroma_height)]);
        let depth = self.picture.bits_per_component().map_or(8, |bits| u32::try_from(bits.0).unwrap_or(8));
        Yuv { luma: plane(0, Component::Y, width, height), chroma, depth, color: color.unwrap_or_else(|| self.color()) }
    }

    fn color(&self) -> Color {
        Color {
            primaries: self.picture.color_primaries() as u16,
            transfer: self.picture.transfer_characteristic() as u16,
            matrix: self.picture.matrix_coefficients() as u16,
            full_range: self.picture.color_range() == YUVRange::Full,
        }
    }
}
