//! The policy against archives that are honest, odd, and hostile.

use std::{cell::Cell, io};

use super::{
    Image, Limits, Plan, ReaderAt, Unusable, inflate, plan,
    zips::{self, File, archive, archive_counting, with_zip64_end},
};

/// Noise that begins like a JPEG: it does not compress.
fn jpeg(seed: u32, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let noise = (0..size - 4).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    [0xFF, 0xD8, 0xFF, 0xE0].into_iter().chain(noise).collect()
}

fn photo(name: &str) -> File {
    File::stored(name, jpeg(7, 2000))
}

fn limits() -> Limits {
    Limits { images: 5, entries: 20, directory_bytes: 4096, image_bytes: 1024..=10_000, ratio: 20, inflated_bytes: 30_000 }
}

fn planned(bytes: &[u8]) -> Result<Plan, Unusable> {
    plan(bytes, bytes.len() as u64, &limits())
}

/// The reason why this file is skipped beside a good one.
fn skipped(file: File) -> String {
    let Plan { images, skipped } = planned(&archive(&[photo("good.jpg"), file])).expect("the good one is judged");
    assert_eq!((images.len(), skipped.len()), (1, 1), "{images:?} {skipped:?}");
    skipped[0].reason.clone()
}

fn refused(bytes: &[u8]) -> Unusable {
    planned(bytes).expect_err("refused")
}

/// The bytes of an image as its job reads them.
fn unpacked(archive: &[u8], image: &Image) -> Option<Vec<u8>> {
    let start = image.entry.offset as usize;
    let data = archive[start..start + image.entry.compressed as usize].to_vec();
    inflate(data.into(), &image.entry).ok().map(|bytes| bytes.to_vec())
}

// T11
#[test]
fn stored_deflated_and_streamed_files_come_out_as_they_went_in() {
    let bytes = jpeg(1, 5000);
    let zip = archive(&[File::stored("a.jpg", bytes.clone()), File::deflated("b/b.jpeg", &bytes), File::streamed("c.JFIF", &bytes)]);
    let Plan { images, skipped } = planned(&zip).expect("planned");
    assert_eq!(skipped, []);
    assert_eq!(images.iter().map(|image| image.file_name.as_str()).collect::<Vec<_>>(), ["a.jpg", "b/b.jpeg", "c.JFIF"]);
    for image in &images {
        assert_eq!(unpacked(&zip, image).as_deref(), Some(&*bytes), "{}", image.file_name);
    }
    // Something in front, as self-extracting archives have it.
    let moved = [&b"#!/bin/sh\n"[..], &zip].concat();
    let Plan { images, .. } = planned(&moved).expect("planned");
    assert_eq!(unpacked(&moved, &images[2]).as_deref(), Some(&*bytes));
}

// T11
#[test]
fn names_that_lead_somewhere_or_that_nobody_means_are_skipped() {
    for (name, reason) in [
        ("../up.jpg", "Invalid path"),
        ("a/../../up.jpg", "Invalid path"),
        ("/etc/abs.jpg", "Invalid path"),
        ("C:/abs.jpg", "Invalid path"),
        ("a\\b.jpg", "Invalid path"),
        ("nul\0.jpg", "Invalid path"),
        ("", "Invalid path"),
        (".hidden.jpg", "Hidden file"),
        (".cache/photo.jpg", "Hidden file"),
        ("__MACOSX/._photo.jpg", "macOS system file"),
        ("__MACOSX/", "macOS system file"),
        ("holiday/", "Directory, not a file"),
        ("paper.pdf", "PDF not supported in bulk"),
        ("more.zip", "Nested archives are not supported"),
        ("more.tar.gz", "Nested archives are not supported"),
        ("notes.txt", "Unsupported image type"),
        ("jpg", "Unsupported image type"),
        ("folder.jpg/file", "Unsupported image type"),
    ] {
        assert_eq!(skipped(photo(name)), reason, "{name:?}");
    }
    assert_eq!(planned(&archive(&[photo("./here.jpg")])).expect("planned").images.len(), 1);
}

// T11
#[test]
fn files_that_are_not_plain_images_are_skipped() {
    let bytes = jpeg(2, 3000);
    let size = |size| File { size, compressed: Some(size), ..photo("a.jpg") };
    for (file, reason) in [
        (File { mode: 0o120_777, ..photo("a.jpg") }, "Not a regular file"),
        (File { mode: 0o010_644, ..photo("a.jpg") }, "Not a regular file"),
        (File { flags: zips::ENCRYPTED, ..photo("a.jpg") }, "Encrypted file"),
        (File { method: 14, ..photo("a.jpg") }, "Unsupported compression method"),
        (size(1023), "File size is too small (at least 1 KB)"),
        (size(10_001), "File size exceeds limit of 10000 bytes"),
        (File { size: u32::MAX - 1, ..File::deflated("a.jpg", &bytes) }, "File size exceeds limit of 10000 bytes"),
        (File::deflated("a.jpg", &[0xFF; 9000]), "Compressed more than 20 times"),
        (File { compressed: Some(1999), ..photo("a.jpg") }, "The archive contradicts itself about this file"),
        (
            File { compressed: Some(90_000), size: 2000, ..File::deflated("a.jpg", &bytes) },
            "The archive contradicts itself about this file",
        ),
        (File { local_name: Some(b"b.jpg".to_vec()), ..photo("a.jpg") }, "The archive contradicts itself about this file"),
        (File { local_size: Some(2001), ..photo("a.jpg") }, "The archive contradicts itself about this file"),
        (File { offset: Some(3), ..photo("a.jpg") }, "The archive contradicts itself about this file"),
        (photo("a.png"), "Invalid file type: the name says PNG, the content looks like JPEG"),
        (
            File::stored("a.jpg", archive(&[photo("inner.jpg")])),
            "Invalid file type: the name says JPEG, the content looks like no accepted image",
        ),
        (File { data: vec![0xFF; 2000], size: 2000, ..File::deflated("a.jpg", &bytes) }, "Damaged data"),
        (photo("good.jpg"), "Duplicate file name"),
    ] {
        let told = format!("{file:?}").chars().take(200).collect::<String>();
        assert_eq!(skipped(file), reason, "{told}");
    }
}

// T11
#[test]
fn bytes_belong_to_one_file_only() {
    let (first, second) = (photo("a.jpg"), photo("b.jpg"));
    // The second claims the first one's header as its own: same name in the directory would be a duplicate, so it lies.
    let shared = File { name: b"b.jpg".to_vec(), local_name: Some(b"b.jpg".to_vec()), offset: Some(0), ..photo("b.jpg") };
    let quoting = archive(&[File { local_name: Some(b"b.jpg".to_vec()), ..first.clone() }, shared]);
    let Plan { images, skipped } = planned(&quoting).expect("one of them");
    assert_eq!((images.len(), skipped.len()), (1, 1));
    // The first one's data contains the whole second file, header and all.
    let inner = second.clone();
    let mut whole = archive(std::slice::from_ref(&inner));
    whole.truncate(30 + 5 + 2000);
    let outer = File::stored("a.jpg", [&jpeg(3, 1500)[..], &whole].concat());
    let within = File { offset: Some(30 + 5 + 1500), ..second };
    let Plan { images, skipped } = planned(&archive(&[outer, File { data: Vec::new(), compressed: Some(2000), ..within }])).expect("one");
    assert_eq!((images[0].file_name.as_str(), skipped[0].filename.as_str()), ("a.jpg", "b.jpg"));
    assert_eq!(skipped[0].reason, "Overlaps with another part of the archive");
    // Data that reaches into the directory.
    let greedy = File { compressed: Some(2100), size: 2100, local_size: None, ..photo("z.jpg") };
    let Plan { skipped, .. } = planned(&archive(&[photo("good.jpg"), greedy])).expect("the good one");
    assert_eq!(skipped[0].reason, "Overlaps with another part of the archive");
}

// T11
#[test]
fn what_is_no_archive_or_lies_about_itself_is_refused() {
    let good = archive(&[photo("a.jpg"), photo("b.jpg")]);
    let is_no_zip = |bytes: &[u8]| matches!(refused(bytes), Unusable::NotAZip(_));
    assert!(is_no_zip(b""));
    assert!(is_no_zip(&jpeg(1, 5000)));
    assert!(is_no_zip(&good[..good.len() - 1]));
    for count in [1, 3] {
        assert!(is_no_zip(&archive_counting(&[photo("a.jpg"), photo("b.jpg")], count)), "{count}");
    }
    let (at, length) = (good.len() as u64 - 22 - 2 * 51, 2 * 51);
    assert_eq!(planned(&with_zip64_end(&good, 2, length, at)).expect("an honest ZIP64 end").images.len(), 2);
    for (count, length, at) in [(1, length, at), (3, length, at), (2, length, at + 1), (2, length, u64::MAX - 3)] {
        let lying = with_zip64_end(&good, count, length, at);
        assert!(matches!(refused(&lying), Unusable::NotAZip(_) | Unusable::DirectoryTooLarge(_)), "{count} {length} {at}");
    }
    // The directory is as long as it is, whatever length is claimed.
    assert_eq!(planned(&with_zip64_end(&good, 2, u64::MAX, at)).expect("planned").images.len(), 2);
    assert!(matches!(refused(&with_zip64_end(&good, u64::MAX, length, at)), Unusable::TooManyEntries(20)));
    assert!(matches!(refused(&zips::end(0, 0, 0)), Unusable::NoImages(none) if none.is_empty()));
}

// T11
#[test]
fn an_archive_keeps_within_every_budget() {
    let photos =
        |count: usize, size| -> Vec<File> { (0..count).map(|n| File::stored(&format!("{n}.jpg"), jpeg(n as u32, size))).collect() };
    assert_eq!(planned(&archive(&photos(5, 1500))).expect("as many as may be").images.len(), 5);
    assert!(matches!(refused(&archive(&photos(6, 1500))), Unusable::TooManyImages(5)));
    assert!(matches!(refused(&archive(&photos(21, 1500))), Unusable::TooManyEntries(20)));
    assert!(matches!(refused(&archive(&photos(4, 9000))), Unusable::InflatesTooMuch(30_000)));
    assert!(matches!(refused(&archive(&[photo(&format!("{}.jpg", "a".repeat(5000)))])), Unusable::DirectoryTooLarge(4096)));
    // What is skipped counts as an entry, not as an image.
    let with_notes: Vec<File> = photos(5, 1500).into_iter().chain((0..15).map(|n| photo(&format!("{n}.txt")))).collect();
    let Plan { images, skipped } = planned(&archive(&with_notes)).expect("planned");
    assert_eq!((images.len(), skipped.len()), (5, 15));
    assert!(matches!(refused(&archive(&[photo("a.txt")])), Unusable::NoImages(skipped) if skipped[0].filename == "a.txt"));
}

// T11
#[test]
fn names_are_shown_harmlessly() {
    let long = format!("{}/photo.jpg", "é".repeat(400));
    for (name, expected) in [
        ("a\x1b[31m\n.jpg", "a_[31m_.jpg".to_owned()),
        ("a\u{202E}gpj.exe.jpg", "a_gpj.exe.jpg".to_owned()),
        (long.as_str(), format!("{}/photo.jpg", "é".repeat(245))),
    ] {
        assert_eq!(planned(&archive(&[photo(name)])).expect("planned").images[0].file_name, expected);
    }
    let odd = File { name: b"caf\xE9.jpg".to_vec(), ..photo("x") };
    assert_eq!(planned(&archive(&[odd])).expect("planned").images[0].file_name, "caf\u{FFFD}.jpg");
}

// T11
#[test]
fn what_is_not_as_declared_does_not_come_out() {
    let bytes = jpeg(4, 3000);
    for file in [
        File { crc: 1, ..File::stored("a.jpg", bytes.clone()) },
        File { crc: 1, ..File::deflated("a.jpg", &bytes) },
        File { size: 2999, ..File::deflated("a.jpg", &bytes) },
        File { size: 3001, ..File::deflated("a.jpg", &bytes) },
        // It inflates to 60 KB and declares 3000 bytes.
        File { size: 3000, ..File::deflated("a.jpg", &[&bytes[..], &[0; 60_000]].concat()) },
    ] {
        let zip = archive(&[file]);
        let Plan { images, .. } = planned(&zip).expect("its head is a JPEG's");
        assert_eq!(unpacked(&zip, &images[0]), None);
    }
}

/// A store that fails after so many reads.
struct Failing<'a>(&'a [u8], Cell<u32>);

impl ReaderAt for Failing<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.1.set(self.1.get().checked_sub(1).ok_or_else(|| io::Error::other("the disk is gone"))?);
        self.0.read_at(buffer, offset)
    }
}

#[test]
fn a_store_that_fails_is_never_the_archives_fault() {
    let zip = archive(&[photo("a.jpg"), photo("b.jpg")]);
    let outcome = |reads| plan(Failing(&zip, Cell::new(reads)), zip.len() as u64, &limits());
    let needed = (0..).find(|reads| outcome(*reads).is_ok()).expect("in the end it is read");
    assert!(needed > 5, "{needed} reads");
    for reads in 0..needed {
        assert!(matches!(outcome(reads), Err(Unusable::Unread(_))), "{reads}: {:?}", outcome(reads));
    }
}
