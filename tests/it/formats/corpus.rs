//! The table test over the odd files beside the project: each gives the expected answer, within the child's limits.
//!
//! `expected.csv` says for each file what comes of it: the decoded size and the number of frames, or the refusal's name. A row is
//! checked against the corpus's own column too (`decode`, `refuse`, `either`), and the few that differ are listed with their reason.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use touchstone_core::media::{Format, UploadKind};
use touchstone_pipeline::{
    decoder::{Children, Undecoded},
    picture::{Picture, Unreadable},
    settings::{Decoder, Limits},
};

use crate::support::{root, skip};

/// Files of which the corpus hopes for something else, each with the reason.
const KNOWN: [(&str, &str); 5] = [
    ("nokia_alpha.heic", "a picture laid over another (iovl), which no camera writes; refused as a variant that is not read"),
    ("C014.heic", "a picture that is another one turned (iden), which no camera writes; refused as a variant that is not read"),
    ("G31D_MULTI.TIF", "the TIFF decoder knows fax group 4 only; refused as a variant that is not read"),
    ("tiff_tiled_planar_lzw.tiff", "the TIFF decoder panics on tiles in planes; refused as damaged"),
    ("tiff_tiled_ycbcr_jpeg_2x2_sampling.tif", "the TIFF decoder turns no YCbCr into RGB; refused as a variant that is not read"),
];

/// The limits that the manual states.
pub(super) fn limits() -> Limits {
    Limits { max_side: 32_768, max_pixels: 100_000_000, max_memory: 512 << 20, max_frames: 2_000 }
}

/// The decoder's settings, with the program itself.
pub(super) fn settings() -> Decoder {
    Decoder { program: env!("CARGO_BIN_EXE_touchstone").into(), ..Decoder::default() }
}

/// The id of a running decoding child of this process.
pub(super) fn a_child_of_ours() -> Option<u32> {
    let own = std::process::id().to_string();
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).find(|id| {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{id}/{file}")).unwrap_or_default();
        // The parent's id is the second field behind the name in brackets.
        let parent = read("stat").rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1).map(str::to_owned));
        parent.as_deref() == Some(&own) && read("cmdline").contains("decode-child") && read("cmdline").contains("\"svg\"")
    })
}

fn corpus() -> PathBuf {
    std::env::var_os("TOUCHSTONE_CORPUS").map_or_else(|| root().join("../shared"), PathBuf::from)
}

/// The columns of the corpus's table that are used here: path and expectation. No field before them holds a comma.
fn rows(table: &str) -> Vec<(String, String)> {
    let field = |line: &str, column: &str, header: &[&str]| {
        let at = header.iter().position(|name| *name == column).unwrap();
        fields(line)[at].clone()
    };
    let mut lines = table.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    lines.map(|line| (field(line, "path", &header), field(line, "expect", &header))).collect()
}

/// One line of comma-separated values, quotes doubled inside quotes.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            letter => fields.last_mut().unwrap().push(letter),
        }
    }
    fields
}

/// What the server would say of a file: by its name, by its first bytes, by its pixels.
fn answer(path: &Path, children: &Children) -> String {
    let name = path.file_name().unwrap().to_string_lossy();
    let Some(UploadKind::Image(expected)) = UploadKind::from_file_name(&name) else { return "NotAccepted".into() };
    let bytes = std::fs::read(path).unwrap();
    if !bytes.is_empty() && !Format::sniff(&bytes).is_some_and(|found| expected.agrees_with(found)) {
        return "InvalidFileType".into();
    }
    match Picture::decode_with(bytes.into(), &limits(), children) {
        Ok(picture) => format!("{}x{} {}", picture.facts.width, picture.facts.height, picture.facts.frames),
        Err(Undecoded::Unreadable(why)) => named(&why).into(),
        Err(Undecoded::Failed(why)) => panic!("{name}: {why}"),
    }
}

const fn named(why: &Unreadable) -> &'static str {
    match why {
        Unreadable::Empty => "Empty",
        Unreadable::Unknown => "Unknown",
        Unreadable::TooLong { .. } => "TooLong",
        Unreadable::TooManyPixels { .. } => "TooManyPixels",
        Unreadable::TooManyFrames { .. } => "TooManyFrames",
        Unreadable::TooMuchMemory { .. } => "TooMuchMemory",
        Unreadable::CutOff(_) => "CutOff",
        Unreadable::Damaged { .. } => "Damaged",
        Unreadable::Unsupported { .. } => "Unsupported",
        Unreadable::TooSlow { .. } => "TooSlow",
        Unreadable::Broke { .. } => "Broke",
    }
}

// T15
#[test]
fn every_odd_file_gives_the_expected_answer() {
    let Ok(table) = std::fs::read_to_string(corpus().join("formats.csv")) else {
        return skip("every odd file", "no corpus here (TOUCHSTONE_CORPUS names another place)");
    };
    let expected = include_str!("expected.csv").lines().skip(1).filter_map(|line| line.split_once(','));
    let expected: BTreeMap<&str, &str> = expected.collect();
    let children = Children::new(&settings(), 2);
    let (mut wrong, mut checked, mut longest) = (Vec::new(), 0, Duration::ZERO);
    let mut report = String::from("file,answer\n");
    for (path, hoped) in rows(&table) {
        let begun = Instant::now();
        let answer = answer(&corpus().join(&path), &children);
        longest = longest.max(begun.elapsed());
        checked += 1;
        println!("{:6} ms  {path}: {answer}", begun.elapsed().as_millis());
        let name = path.strip_prefix("formats/").unwrap_or(&path);
        report += &format!("{name},{answer}\n");
        if expected.get(name) != Some(&answer.as_str()) {
            wrong.push(format!("{name}: {answer}, not {:?}", expected.get(name)));
        }
        let decoded = answer.starts_with(|first: char| first.is_ascii_digit());
        let differs = (hoped == "decode" && !decoded) || (hoped == "refuse" && decoded);
        if differs && !KNOWN.iter().any(|(known, _)| name.ends_with(known)) {
            wrong.push(format!("{name}: {answer}, but the corpus says {hoped}"));
        }
    }
    if let Some(target) = std::env::var_os("TOUCHSTONE_WRITE_EXPECTED") {
        std::fs::write(target, report).unwrap();
    }
    println!("odd files: {checked} checked, the longest took {longest:?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(checked, expected.len(), "every row is of a file");
}
