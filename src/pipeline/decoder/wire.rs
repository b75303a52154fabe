//! What parent and child say to each other: one argument there; back a length, as many bytes of JSON, and the pixels.

use std::io::{self, Read, Write};

use image::RgbImage;
use serde::{Deserialize, Serialize};
use touchstone_core::media::Format;

use super::{Frame, Undecoded};
use crate::{
    picture::{Unreadable, one_line},
    settings::Limits,
};

/// Longest head of an answer, in bytes: a refusal is a few sentences.
const LONGEST_HEAD: u32 = 16 * 1024;

/// What the child is to do. The file follows on its standard input.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) format: Format,
    pub(super) limits: Limits,
    /// Seconds of processor time.
    pub(super) seconds: u64,
    /// Bytes beside the program itself.
    pub(super) memory: u64,
}

/// The head of an answer.
#[derive(Debug, Serialize, Deserialize)]
enum Head {
    /// `width` × `height` × 3 bytes follow.
    Frame {
        width: u32,
        height: u32,
        frames: u32,
    },
    Unreadable(Unreadable),
    Failed(String),
}

pub(super) fn write(answer: &Result<Frame, Undecoded>, to: &mut impl Write) -> io::Result<()> {
    let (head, pixels) = match answer {
        Ok(Frame { rgb, frames }) => (Head::Frame { width: rgb.width(), height: rgb.height(), frames: *frames }, rgb.as_raw().as_slice()),
        Err(Undecoded::Unreadable(why)) => (Head::Unreadable(why.clone().brief()), &[][..]),
        Err(Undecoded::Failed(why)) => (Head::Failed(one_line(why)), &[][..]),
    };
    let head = serde_json::to_vec(&head)?;
    to.write_all(&u32::try_from(head.len()).map_err(io::Error::other)?.to_be_bytes())?;
    to.write_all(&head)?;
    to.write_all(pixels)?;
    to.flush()
}

/// Reads an answer, and never more than the limits allow: whoever answers may have been taken over by the file.
pub(super) fn read(from: &mut impl Read, limits: &Limits) -> io::Result<Result<Frame, Undecoded>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length > LONGEST_HEAD {
        return Err(io::Error::other("the answer's head is too long"));
    }
    let mut head = vec![0; length as usize];
    from.read_exact(&mut head)?;
    let (width, height, frames) = match serde_json::from_slice(&head)? {
        Head::Frame { width, height, frames } => (width, height, frames),
        Head::Unreadable(why) => return Ok(Err(why.into())),
        Head::Failed(why) => return Ok(Err(Undecoded::Failed(why))),
    };
    let count = u64::from(width) * u64::from(height);
    if count == 0 || count > limits.max_pixels || width.max(height) > limits.max_side {
        return Err(io::Error::other("the answer breaks the limits"));
    }
    let mut rgb = RgbImage::new(width, height);
    from.read_exact(&mut rgb)?;
    Ok(Ok(Frame { rgb, frames: frames.max(1) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::tests::{LIMITS, flag};

    fn told(answer: &Result<Frame, Undecoded>, limits: &Limits) -> io::Result<Result<Frame, Undecoded>> {
        let mut said = Vec::new();
        write(answer, &mut said).unwrap();
        read(&mut said.as_slice(), limits)
    }

    #[test]
    fn what_is_said_is_what_is_heard() {
        let answers = [
            Ok(Frame { rgb: flag(), frames: 3 }),
            Err(Unreadable::CutOff(Format::Heic).into()),
            Err(Undecoded::Failed("no memory".into())),
        ];
        for answer in answers {
            assert_eq!(told(&answer, &LIMITS).unwrap(), answer);
        }
    }

    #[test]
    fn what_a_file_makes_a_decoder_say_is_told_in_one_short_line() {
        let long = Unreadable::Damaged { format: Format::Svg, reason: "no such\n tag ".repeat(10_000) };
        let Err(Undecoded::Unreadable(heard)) = told(&Err(long.into()), &LIMITS).unwrap() else { panic!("a refusal") };
        let told = heard.to_string();
        assert!(told.contains("no such tag no such tag") && told.len() < 400, "{told}");
    }

    #[test]
    fn an_answer_beyond_the_limits_is_not_read() {
        let answer = Ok(Frame { rgb: flag(), frames: 1 });
        assert!(told(&answer, &Limits { max_side: 40, ..LIMITS }).is_err());
        assert!(told(&answer, &Limits { max_pixels: 100, ..LIMITS }).is_err());
        assert!(read(&mut &b"\xFF\xFF\xFF\xFF{}"[..], &LIMITS).is_err());
        assert!(read(&mut &b"\0\0\0\x02{}"[..], &LIMITS).is_err());
        assert!(read(&mut &b""[..], &LIMITS).is_err());
    }
}
