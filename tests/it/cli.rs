//! The forms of the command line that scripts rely on.

use std::{path::Path, process::Output};

use serde_json::Value;

use crate::support::{
    Finish, Process, forge, pictures,
    process::{run, run_json, touchstone},
    root, skip,
};

fn lines(output: &Output) -> Vec<Value> {
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A folder with pictures at two depths and one file that is none.
fn gallery(folder: &Path) {
    std::fs::create_dir(folder.join("deep")).unwrap();
    std::fs::write(folder.join("a.jpg"), pictures::jpeg(1)).unwrap();
    std::fs::write(folder.join("castle.png"), pictures::generated_png(2)).unwrap();
    std::fs::write(folder.join("deep/b.webp"), pictures::webp(3)).unwrap();
    std::fs::write(folder.join("notes.txt"), "no picture").unwrap();
}

// O6
#[test]
fn a_folder_is_judged_one_json_object_a_line() {
    let folder = tempfile::tempdir().unwrap();
    gallery(folder.path());
    let output = run(folder.path(), &["detect", folder.path().to_str().unwrap(), "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let rows = lines(&output);
    assert_eq!(rows.len(), 3, "{rows:?}");
    for row in &rows {
        for key in ["path", "result", "final_result", "confidence", "detection_step", "unsure", "analysis", "signals", "error"] {
            assert!(row.get(key).is_some(), "no {key} in {row}");
        }
        assert!((0.0..=100.0).contains(&row["result"].as_f64().unwrap()) && row["error"].is_null() && row["signals"].is_array(), "{row}");
    }
    let castle = rows.iter().find(|row| row["path"].as_str().unwrap().ends_with("castle.png")).unwrap();
    assert_eq!((&castle["final_result"], &castle["detection_step"]), (&Value::from("AI Generated"), &Value::from(1)));
    assert!(!folder.path().join("touchstone.sqlite").exists(), "offline: no database is made");
}

// X4: on photographs and generated pictures of all sorts, not only on ours.
#[test]
fn every_indicator_of_a_verdict_is_one_of_its_signals() {
    const IMAGES: usize = 24;
    let corpus = std::env::var_os("TOUCHSTONE_CORPUS").map_or_else(|| root().join("../shared"), std::path::PathBuf::from);
    let rows = std::fs::read_to_string(corpus.join("data/val.csv")).unwrap_or_default();
    let files: Vec<String> = rows
        .lines()
        .skip(1)
        .filter_map(|row| row.split(',').next())
        .map(|name| corpus.join("data").join(name))
        .filter(|path| path.is_file())
        .map(|path| path.to_str().unwrap().to_owned())
        .collect();
    if files.is_empty() {
        return skip("indicators of real verdicts", "there is no corpus");
    }
    let folder = tempfile::tempdir().unwrap();
    let chosen = files.iter().step_by(files.len().div_ceil(IMAGES)).map(String::as_str);
    let output = run(folder.path(), &["detect", "--json"].into_iter().chain(chosen).collect::<Vec<_>>());
    for row in lines(&output) {
        let signals: Vec<&Value> = row["signals"].as_array().unwrap().iter().map(|signal| &signal["summary"]).collect();
        let indicators = row["analysis"]["key_indicators"].as_array().unwrap_or_else(|| panic!("{row}"));
        assert!(!indicators.is_empty() && indicators.iter().all(|indicator| signals.contains(&indicator)), "{row}");
        assert_eq!(row["analysis"]["confidence"], row["confidence"]);
    }
}

// O6
#[test]
fn people_get_a_table() {
    let folder = tempfile::tempdir().unwrap();
    gallery(folder.path());
    let output = run(folder.path(), &["detect", folder.path().to_str().unwrap()]);
    let table = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0));
    for word in ["a.jpg", "castle.png", "b.webp", "AI Generated"] {
        assert!(table.contains(word), "{table}");
    }
    assert!(!table.contains('{'), "{table}");
}

// O6
#[test]
fn what_cannot_be_read_is_told_with_its_reason_and_exit_code_one() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good.jpg");
    let cut = folder.path().join("cut.jpg");
    let missing = folder.path().join("missing.jpg");
    let empty = folder.path().join("empty.png");
    std::fs::write(&good, pictures::jpeg(1)).unwrap();
    std::fs::write(&cut, &pictures::jpeg(1)[..2000]).unwrap();
    std::fs::write(&empty, "").unwrap();
    let paths: Vec<&str> = [&good, &cut, &missing, &empty].iter().map(|path| path.to_str().unwrap()).collect();
    let output = run(folder.path(), &[&["detect", "--json"], &paths[..]].concat());
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let rows = lines(&output);
    assert_eq!(rows.iter().map(|row| row["path"].as_str().unwrap()).collect::<Vec<_>>(), paths, "in the order of the arguments");
    assert!(rows[0]["error"].is_null());
    for row in &rows[1..] {
        assert!(row["error"].as_str().unwrap().len() > 10 && row["result"].is_null(), "{row}");
    }
}

// O6
#[test]
fn a_wrong_usage_is_exit_code_two() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["detect"][..], &["detect", "--nonsense", "x.jpg"], &["no-such-command"], &[], &["serve", "--roles", "cook"]] {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains("--help"), "the way out: {}", stderr(&output));
    }
}

// O6, T7
#[test]
fn heatmap_files_are_written_and_can_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    gallery(folder.path());
    let maps = folder.path().join("maps/of/them");
    let output = run(folder.path(), &["detect", "--json", "--heatmap", maps.to_str().unwrap(), folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let mut sizes: Vec<(u32, u32)> =
        std::fs::read_dir(&maps).unwrap().map(|entry| image::image_dimensions(entry.unwrap().path()).unwrap()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [(256, 192), (320, 240), (320, 256)]);
    assert!(lines(&output).iter().all(|row| Path::new(row["heatmap"].as_str().unwrap()).exists()));
}

// O6
#[test]
fn odd_pictures_are_judged_offline_as_well() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [
        ("print.jpg", forge::jpeg_cmyk(10, 10)),
        ("deep.png", pictures::png16(1)),
        ("party.gif", pictures::gif(30, 1)),
        ("pages.tiff", forge::tiff_pages(&[40, 90], 64, 64)),
        // By content: the name lies.
        ("actually-png.jpg", pictures::png(4)),
    ] {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let output = run(folder.path(), &["detect", "--json", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{:?}", lines(&output));
    assert_eq!(lines(&output).len(), 5);
}

// B1, T13
#[test]
fn admin_commands_print_one_json_object_each() {
    let data = tempfile::tempdir().unwrap();
    let admin = |arguments: &[&str]| run_json(data.path(), &[], &[&["admin"], arguments].concat());
    let made = admin(&["org", "create", "--name", "Club", "--credits", "25", "--dialect", "undetectable"]);
    let id = made["organization_id"].as_str().unwrap().to_owned();
    assert!(id.parse::<uuid::Uuid>().is_ok());
    let metered = admin(&["org", "create", "--name", "Studio", "--metered"]);
    assert_ne!(metered["organization_id"], made["organization_id"]);
    let live = admin(&["key", "create", "--org", &id]);
    let test = admin(&["key", "create", "--org", &id, "--test"]);
    assert!(live["key"].as_str().unwrap().starts_with("aidet_live_sk_") && test["key"].as_str().unwrap().starts_with("aidet_test_sk_"));
    let listed = admin(&["org", "list"])["organizations"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0]["credits"], 25);

    let unknown = run(data.path(), &["admin", "key", "create", "--org", "00000000-0000-4000-8000-000000000000"]);
    assert!(!unknown.status.success());
    assert!(stderr(&unknown).contains("org list"), "the way out: {}", stderr(&unknown));
    for nonsense in [
        &["org", "create"][..],
        &["org", "create", "--name", "x", "--credits", "-1"],
        &["org", "create", "--name", "x", "--dialect", "klingon"],
    ] {
        assert_eq!(run(data.path(), &[&["admin"], nonsense].concat()).status.code(), Some(2), "{nonsense:?}");
    }
}

// O1
#[test]
fn migrate_brings_a_database_up_to_date_and_says_what_it_did() {
    let data = tempfile::tempdir().unwrap();
    let first = run_json(data.path(), &[], &["migrate"]);
    let second = run_json(data.path(), &[], &["migrate"]);
    assert!(data.path().join("touchstone.sqlite").exists());
    let applied = |answer: &Value| answer["applied"].as_array().unwrap().len();
    assert!(applied(&first) > 0 && applied(&second) == 0, "{first} {second}");
}

// O1
#[test]
fn the_configuration_is_checked_and_every_wrong_key_is_named() {
    let data = tempfile::tempdir().unwrap();
    assert_eq!(run(data.path(), &["check-config"]).status.code(), Some(0));
    let file = data.path().join("my.toml");
    for (text, named) in [
        ("[http]\nlistn = \"127.0.0.1:1\"\n", "listn"),
        ("[htpp]\nlisten = \"127.0.0.1:1\"\n", "htpp"),
        ("[uploads]\nmax_bytes = \"ten\"\n", "max_bytes"),
        ("[http\n", "my.toml"),
        ("[plans.pro]\nper_second = 2000000\n", "plans.pro.per_second"),
        ("[plans.free]\nburst = 0\n", "plans.free.burst"),
        ("[http]\ntrusted_proxies = [\"10.0.0.0/33\"]\n", "http.trusted_proxies"),
    ] {
        std::fs::write(&file, text).unwrap();
        let output = run(data.path(), &["check-config", "--config", file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(stderr(&output).contains(named), "{named} in {}", stderr(&output));
    }
    let missing = run(data.path(), &["check-config", "--config", "no/such/file.toml"]);
    assert!(!missing.status.success() && stderr(&missing).contains("no/such/file.toml"), "{}", stderr(&missing));
    let typing_error = touchstone(data.path()).env("TOUCHSTONE__HTTP__LISTN", "x").arg("check-config").finish();
    assert!(!typing_error.status.success() && stderr(&typing_error).contains("listn"), "{}", stderr(&typing_error));
}

// O1
#[tokio::test]
async fn every_setting_can_be_set_by_file_and_by_environment_which_wins() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("my.toml");
    std::fs::write(&file, "[uploads]\nmax_bytes = 2097152\nquota = 1\n").unwrap();
    let settings = [("TOUCHSTONE__UPLOADS__QUOTA", "2"), ("TOUCHSTONE__BLOBS__KNOWN_HOSTS", "one.example.org, two.example.org")];
    let server = Process::serve_with(data.path(), &settings, &["--config", file.to_str().unwrap()]);
    let client = server.demo();
    let upload = client.presign("a.jpg").await;
    client.put(&upload.url, "image/jpeg", vec![1; (2 << 20) + 1].into()).await.refused(400, "File size exceeds limit of 2 MB");
    client.presign("b.jpg").await;
    client.ask_presign(&[("file_name", "c.jpg")]).await.refused(429, "Too many requests");
    // A list from the environment: its hosts are known, others are foreign.
    client.detect(serde_json::json!({ "url": "https://two.example.org/cat.jpg" })).await.refused(400, "File metadata could not be fetched");
    client.detect(serde_json::json!({ "url": "ftp://three.example.org/cat.jpg" })).await.refused(400, "Input URL could not be fetched");
}

// T6
#[tokio::test]
async fn the_plain_name_of_the_text_switches_the_watermark_stage_off() {
    let data = tempfile::tempdir().unwrap();
    let server = Process::serve(data.path(), &[("BYPASS_OCR", "true")]);
    let seen = server.demo().judge("photo.jpg", pictures::jpeg(1)).await;
    assert_eq!(seen["result_details"]["ocr"], Value::Null, "{seen}");
}

// T14
#[test]
fn the_api_document_is_printed_for_generators() {
    let data = tempfile::tempdir().unwrap();
    let output = run(data.path(), &["openapi"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(document["paths"].as_object().unwrap().len() >= 6);
}

// O1
#[test]
fn the_key_of_the_demo_organisation_is_shown_at_the_first_start_only() {
    let data = tempfile::tempdir().unwrap();
    let first = Process::serve(data.path(), &[]);
    let key = first.demo().key;
    let shown = first.stdout();
    assert!(shown.contains(&first.url) && shown.contains("/docs"), "the URLs are shown too: {shown}");
    let (status, log) = first.stop();
    assert!(status.success());
    assert!(!log.contains(&key), "never in the log");
    let second = Process::serve(data.path(), &[]);
    let url = second.url.clone();
    let (status, _) = second.stop();
    assert!(status.success() && !url.is_empty());
    let third = Process::serve(data.path(), &[]);
    assert_eq!(third.stdout(), "");
}

// O1
#[test]
fn without_its_runtime_library_the_server_does_not_start_and_says_what_to_do() {
    let data = tempfile::tempdir().unwrap();
    for (name, value) in [("TOUCHSTONE__PIPELINE__ONNXRUNTIME", "no/such/lib.so"), ("TOUCHSTONE__PIPELINE__MODEL", "no/such/model")] {
        let output = touchstone(data.path()).env(name, value).env("TOUCHSTONE__HTTP__LISTEN", "127.0.0.1:0").arg("serve").finish();
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        let told = stderr(&output);
        assert!(told.contains("no/such"), "{told}");
        if name.ends_with("ONNXRUNTIME") {
            assert!(told.contains("make runtime") || told.contains("onnxruntime"), "the way out: {told}");
        }
    }
    let detect = touchstone(data.path()).env("TOUCHSTONE__PIPELINE__ONNXRUNTIME", "no/such/lib.so").args(["detect", "x.jpg"]).finish();
    assert!(!detect.status.success() && stderr(&detect).contains("no/such/lib.so"), "{}", stderr(&detect));
}

// O1
#[test]
fn a_taken_port_and_a_bad_database_are_named() {
    let data = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = touchstone(data.path()).env("TOUCHSTONE__HTTP__LISTEN", &address).arg("serve").finish();
    assert!(!output.status.success() && stderr(&output).contains(&address), "{}", stderr(&output));
    let output = touchstone(data.path()).env("TOUCHSTONE__DATABASE__URL", "mysql://x/y").arg("migrate").finish();
    assert!(!output.status.success() && stderr(&output).contains("sqlite") && stderr(&output).contains("postgres"), "{}", stderr(&output));
}

#[test]
fn the_shipped_configuration_is_what_check_config_prints() {
    let data = tempfile::tempdir().unwrap();
    let output = run(data.path(), &["check-config", "--defaults"]);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(printed.trim_end(), std::fs::read_to_string(root().join("config.toml")).unwrap().trim_end());
}

// In a process of its own: the first library that loads is the only one that a process can have.
#[test]
fn a_runtime_library_that_is_none_is_told_with_the_loaders_words() {
    let folder = tempfile::tempdir().unwrap();
    let (picture, library) = (folder.path().join("a.jpg"), folder.path().join("no_library.so"));
    std::fs::write(&picture, pictures::jpeg(1)).unwrap();
    std::fs::write(&library, "").unwrap();
    let output = touchstone(folder.path()).env("TOUCHSTONE__PIPELINE__ONNXRUNTIME", &library).arg("detect").arg(&picture).finish();
    let told = stderr(&output);
    assert!(!output.status.success() && told.contains("no_library.so") && told.contains("make runtime"), "{told}");
}

// B2: asking for a balance is a look-up by index, however long the ledger.
#[test]
fn the_ledgers_bench_measures_a_database_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let bench = ["bench", "ledger", "--pairs", "20", "--tasks", "2", "--rows", "4000", "--json"];
    let figures = run_json(folder.path(), &[], &bench);
    for name in ["pairs_per_second", "short_us", "long_us", "long_to_short"] {
        assert!(figures[name].as_f64().unwrap() > 0.0, "{name}: {figures}");
    }
    let plan = figures["plan"].as_array().unwrap();
    assert!(!plan.is_empty() && plan.iter().all(|line| line.as_str().unwrap().starts_with("SEARCH")), "{plan:?}");
    assert!(!folder.path().join("touchstone.sqlite").exists(), "the node's own database is left alone");

    run_json(folder.path(), &[], &["admin", "org", "create", "--name", "Reef"]);
    let used = format!("sqlite://{}", folder.path().join("touchstone.sqlite").display());
    // The way that keeps a password out of the list of processes.
    let output = touchstone(folder.path()).env("TOUCHSTONE_BENCH_DATABASE", &used).args(["bench", "ledger"]).finish();
    assert!(output.status.code() == Some(1) && stderr(&output).contains("one of its own"), "{}", stderr(&output));
    let help = touchstone(folder.path()).env("TOUCHSTONE_BENCH_DATABASE", &used).args(["bench", "ledger", "--help"]).finish();
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    assert!(help.contains("TOUCHSTONE_BENCH_DATABASE") && !help.contains(&used), "{help}");
}
