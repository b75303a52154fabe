//! The house rules that a compiler does not check: who may import whom, what every file says first, what no file holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use crate::support::root;

/// Each crate's folder, and which of our crates it may import. A crate that is not here may not be in the workspace.
const WALLS: &[(&str, &[&str])] = &[
    ("src/core", &[]),
    ("migrations", &[]),
    ("src/pipeline", &["core"]),
    ("src/net", &["core", "pipeline"]),
    ("src/store", &["core", "migrations"]),
    ("src/blobs", &["core"]),
    ("src/billing", &["core", "store"]),
    ("src/moderation", &["core", "pipeline", "net", "store", "blobs"]),
    ("src/web", &["core", "moderation", "billing"]),
    ("src/cli", &["core", "pipeline", "store", "billing", "moderation"]),
];

/// Who may hold a library that draws the outside in; everybody else must do without.
const HOLDERS: &[(&str, &[&str])] = &[
    ("actix-web", &["src/web"]),
    // The pipeline and the road describe the reports that they make; everything else of the API document is web's.
    ("utoipa", &["src/web", "src/moderation", "src/pipeline"]),
    ("utoipa-swagger-ui", &["src/web"]),
    ("governor", &["src/web"]),
    ("sea-orm", &["src/store"]),
    ("sea-orm-migration", &["migrations", "src/store"]),
    ("ort", &["src/pipeline"]),
    // The benchmark draws the pictures that it measures with.
    ("image", &["src/pipeline", "src/cli"]),
    ("c2pa", &["src/pipeline"]),
    ("object_store", &["src/blobs"]),
    ("rawzip", &["src/moderation"]),
    ("async-stripe", &["src/billing"]),
    ("async-stripe-billing", &["src/billing"]),
    // In blobs it only switches on TLS in object_store's client; the root's benchmark is a client of the server it measures.
    ("reqwest", &["src/net", "src/blobs", "src/billing", "."]),
    ("hickory-resolver", &["src/net"]),
    ("clap", &["src/cli", "."]),
    ("indicatif", &["src/cli"]),
    ("plotters", &["src/cli"]),
    ("tokio-cron-scheduler", &["."]),
    ("config", &["."]),
    ("tracing-subscriber", &["."]),
];

/// Most lines of one file, its inline tests aside.
const LONGEST_FILE: usize = 400;

fn manifest(folder: &str) -> toml::Table {
    std::fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap().parse().unwrap()
}

/// What a crate imports in the product (tests may use more).
fn dependencies(manifest: &toml::Table) -> BTreeSet<String> {
    let mut tables: Vec<&toml::Value> = ["dependencies", "build-dependencies"].iter().filter_map(|name| manifest.get(*name)).collect();
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    tables.extend(targets.into_iter().flat_map(|targets| targets.values()).filter_map(|target| target.get("dependencies")));
    tables.iter().filter_map(|table| table.as_table()).flat_map(|table| table.keys().cloned()).collect()
}

#[test]
fn no_crate_imports_across_a_wall() {
    for (folder, may) in WALLS {
        let ours: BTreeSet<String> =
            dependencies(&manifest(folder)).iter().filter_map(|name| name.strip_prefix("touchstone-")).map(str::to_owned).collect();
        let may: BTreeSet<String> = may.iter().map(|name| (*name).to_owned()).collect();
        assert!(ours.is_subset(&may), "{folder} imports {:?}", ours.difference(&may));
    }
}

#[test]
fn every_library_that_reaches_outside_has_one_holder() {
    let folders = WALLS.iter().map(|(folder, _)| *folder).chain(["."]);
    for folder in folders {
        let used = dependencies(&manifest(folder));
        for (library, holders) in HOLDERS {
            assert!(!used.contains(*library) || holders.contains(&folder), "{folder} may not depend on {library}; {holders:?} may");
        }
    }
}

#[test]
fn the_workspace_is_what_the_table_of_walls_knows() {
    let root_manifest = manifest(".");
    let members: BTreeSet<&str> =
        root_manifest["workspace"]["members"].as_array().unwrap().iter().map(|member| member.as_str().unwrap()).collect();
    assert_eq!(members, WALLS.iter().map(|(folder, _)| *folder).collect());
    for folder in std::fs::read_dir(root().join("src")).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        assert!(folder.join("Cargo.toml").exists() && folder.join("lib.rs").exists(), "{} is no crate", folder.display());
    }
    for folder in members {
        let manifest = manifest(folder);
        let name = folder.rsplit('/').next().unwrap();
        assert_eq!(manifest["package"]["name"].as_str(), Some(format!("touchstone-{name}").as_str()));
        assert_eq!(manifest["lints"]["workspace"].as_bool(), Some(true), "{folder} skips the workspace's lints");
    }
}

/// Every file of the project: what git ignores and what is built aside.
fn files() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let (path, name) = (entry.path(), entry.file_name());
            let aside = ["target", ".git", "data", "runtime", "__pycache__", ".pytest_cache", ".hypothesis", ".schemathesis"];
            if path.is_dir() && !aside.iter().any(|aside| name == *aside) {
                walk(&path, found);
            } else if path.is_file() {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root(), &mut found);
    assert!(found.len() > 100, "{} files", found.len());
    found
}

fn rust_files() -> impl Iterator<Item = (PathBuf, String)> {
    let rust = files().into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    rust.map(|path| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path.strip_prefix(root()).unwrap().to_owned(), text)
    })
}

#[test]
fn every_module_says_first_what_it_is_for() {
    let silent: Vec<PathBuf> = rust_files().filter(|(_, text)| !text.starts_with("//! ")).map(|(path, _)| path).collect();
    assert!(silent.is_empty(), "{silent:?}");
}

fn is_test(path: &Path) -> bool {
    let text = path.to_string_lossy();
    text.starts_with("tests/") || text.contains("/tests/") || text.ends_with("tests.rs") || text.ends_with("_test.rs")
}

#[test]
fn no_file_is_long() {
    let product = rust_files().filter(|(path, _)| !is_test(path));
    let long: Vec<(PathBuf, usize)> = product
        .map(|(path, text)| (path, text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().lines().count()))
        .filter(|(_, lines)| *lines > LONGEST_FILE)
        .collect();
    assert!(long.is_empty(), "{long:?}");
}

#[test]
fn nothing_is_left_to_do() {
    let marks = [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("dbg", "!("), concat!("TO", "DO"), concat!("FIX", "ME")];
    for (path, text) in rust_files() {
        for mark in marks {
            assert!(!text.contains(mark), "{} says {mark}", path.display());
        }
    }
}

/// Names of hosts are put together here so that this file does not hold them.
#[test]
fn nothing_names_a_package_registry_or_a_place_on_one_machine() {
    let hosts = [
        ("crates", "io"),
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("deb.debian", "org"),
        ("rubygems", "org"),
        ("proxy.golang", "org"),
        ("packagist", "org"),
        ("nuget", "org"),
        ("maven", "org"),
        ("huggingface", "co"),
    ];
    let hosts: Vec<String> = hosts.iter().map(|(name, end)| format!("{name}.{end}")).collect();
    let places = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    for path in files() {
        // The lock file names where each crate came from; cargo writes it.
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        if path.ends_with("Cargo.lock") {
            continue;
        }
        for host in &hosts {
            assert!(!text.contains(host.as_str()), "{} names {host}", path.display());
        }
        for place in places {
            let found =
                text.match_indices(place).any(|(at, _)| !text[..at].ends_with(|c: char| c.is_alphanumeric() || "._-*}".contains(c)));
            assert!(!found, "{} names {place}", path.display());
        }
    }
}

#[test]
fn every_setting_is_explained() {
    let text = std::fs::read_to_string(root().join("config.toml")).unwrap();
    let mut before = "";
    let mut keys = 0;
    for line in text.lines() {
        let is_key = line.split_once('=').is_some_and(|(key, _)| !key.starts_with('#') && !key.trim().is_empty());
        if is_key {
            keys += 1;
            assert!(before.starts_with("# ") && before.len() > 12, "no comment above: {line}");
        }
        before = line;
    }
    assert!(keys > 20, "{keys} keys");
}

#[test]
fn every_folder_tells_its_visitor_what_it_is() {
    for folder in ["", "src", "migrations", "models", "tests"] {
        let path = root().join(folder).join("README.md");
        assert!(path.exists(), "{} is missing", path.display());
    }
}

#[test]
fn nothing_is_visible_at_the_top_but_what_the_plan_names() {
    let allowed =
        ["Cargo.toml", "Cargo.lock", "Makefile", "config.toml", "README.md", "LICENSE", "src", "plugins", "migrations", "models", "tests"];
    let aside = ["target", "data"];
    let found: BTreeMap<String, bool> = std::fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.'))
        .map(|name| (name.clone(), allowed.contains(&name.as_str()) || aside.contains(&name.as_str())))
        .collect();
    let strange: Vec<&String> = found.iter().filter(|(_, known)| !**known).map(|(name, _)| name).collect();
    assert!(strange.is_empty(), "{strange:?}");
}
