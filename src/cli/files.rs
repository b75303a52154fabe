//! Which files the arguments mean. A file that is named is always tried; a folder gives the files that look like images by
//! name or by content, in the order of their names. Hidden files and linked folders inside a folder are passed over.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use touchstone_core::media::{Format, SNIFF_BYTES, UploadKind, accepted_extensions};

/// Larger files are no pictures that anybody means to have judged; the pipeline's own limits speak of pixels.
const MOST_BYTES: u64 = 512 << 20;

/// A file to judge, or the reason why an argument gave none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) path: PathBuf,
    pub(crate) problem: Option<String>,
}

impl Candidate {
    fn file(path: PathBuf) -> Self {
        Self { path, problem: None }
    }

    fn problem(path: &Path, problem: String) -> Self {
        Self { path: path.to_owned(), problem: Some(problem) }
    }
}

/// The candidates of all arguments, in their order.
pub(crate) fn gather(paths: &[PathBuf]) -> Vec<Candidate> {
    let mut found = Vec::new();
    for path in paths {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                let before = found.len();
                walk(path, &mut found);
                if found.len() == before {
                    let none = format!("The folder holds no image. Accepted are {}.", accepted_extensions());
                    found.push(Candidate::problem(path, none));
                }
            }
            _ => found.push(Candidate::file(path.clone())),
        }
    }
    found
}

fn walk(folder: &Path, found: &mut Vec<Candidate>) {
    let entries = fs::read_dir(folder).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(error) => return found.push(Candidate::problem(folder, format!("The folder cannot be read: {error}."))),
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        match entry.file_type() {
            _ if hidden => {}
            Ok(kind) if kind.is_dir() => walk(&path, found),
            Ok(_) if path.is_file() && (named_like_an_image(&path) || starts_like_an_image(&path)) => found.push(Candidate::file(path)),
            Ok(_) => {}
            Err(error) => found.push(Candidate::problem(&path, format!("The file cannot be read: {error}."))),
        }
    }
}

fn named_like_an_image(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy());
    matches!(name.and_then(|name| UploadKind::from_file_name(&name)), Some(UploadKind::Image(_)))
}

/// An unreadable file without an image's name is not one: it is passed over like any other file.
fn starts_like_an_image(path: &Path) -> bool {
    let mut head = Vec::with_capacity(SNIFF_BYTES);
    let read = File::open(path).and_then(|file| file.take(SNIFF_BYTES as u64).read_to_end(&mut head));
    // Two letters are all that makes a BMP; in a folder of all sorts of files that is too little without the name.
    read.is_ok() && !matches!(Format::sniff(&head), None | Some(Format::Bmp))
}

/// A file's bytes, or one sentence why there are none.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let told = |error: std::io::Error| format!("The file cannot be read: {error}.");
    let metadata = fs::metadata(path).map_err(told)?;
    if !metadata.is_file() {
        return Err("This is no ordinary file.".into());
    }
    if metadata.len() > MOST_BYTES {
        return Err(format!("The file has more than {} MB: save a smaller copy.", MOST_BYTES >> 20));
    }
    fs::read(path).map_err(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_images_by_name_or_content_at_every_depth_in_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("inside")).expect("made");
            fs::write(path, bytes).expect("written");
        };
        write("b.JPG", b"not really");
        write("a/deep/scan", b"\x89PNG\r\n\x1a\nrest");
        write("a/notes.txt", b"hello");
        write("a/BMW.txt", b"BM is how this begins");
        write(".hidden/c.png", b"x");
        write("d.zip", b"PK");
        let found = gather(&[folder.path().to_owned()]);
        let names: Vec<_> = found.iter().map(|one| one.path.strip_prefix(folder.path()).expect("inside").to_owned()).collect();
        assert_eq!(names, [PathBuf::from("a/deep/scan"), PathBuf::from("b.JPG")]);
    }

    #[test]
    fn named_files_are_always_tried_and_empty_folders_say_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let found = gather(&["no/such.txt".into(), folder.path().to_owned()]);
        assert_eq!(found[0], Candidate::file("no/such.txt".into()));
        assert!(found[1].problem.as_ref().expect("empty").contains("no image"));
    }
}
