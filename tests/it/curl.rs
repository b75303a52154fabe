//! The curl lines of both vendors' texts, said in our own words and run by the real curl: only the host, the key and what the steps
//! before gave are filled in.

use std::{path::Path, process::Command};

use serde_json::Value;

use crate::support::{Finish, TestApp, app::Org, eventually, pictures, root, skip};

/// Steps 1 and 2, the same in both.
const PRESIGN: &str = "curl -X GET '<HOST>/get-presigned-url?file_name=<FILE>' --header 'apikey: <KEY>'";
const PUT: &str = "curl -X PUT '<PRESIGNED>' --header 'Content-Type: <TYPE>' --header 'x-amz-acl: private' --data-binary '@<FILE>'";

/// Step 3. Both send the vendor's own bucket, and differ in whether they want a preview.
const DETECT: &str = r#"curl -X 'POST' '<HOST>/detect' -H 'accept: application/json' -H 'Content-Type: application/json' -d '{
  "key": "<KEY>", "url": "https://ai-image-detector-prod.nyc3.digitaloceanspaces.com/<FILE_PATH>", "generate_preview": <WANTED>
}'"#;
const QUERY: &str =
    r#"curl -X 'POST' '<HOST>/query' -H 'accept: application/json' -H 'Content-Type: application/json' -d '{ "id": "<ID>" }'"#;
const ASSET: &str = r#"curl -X POST '<HOST>/<ASSET>/<ID>' -H 'Content-Type: application/json' -d '{"key":"<KEY>"}' --output <ASSET>.png"#;
const CREDITS: &str =
    "curl -X 'GET' '<HOST>/check-user-credits' -H 'apikey: <KEY>' -H 'accept: application/json' -H 'Content-Type: application/json'";
const HEALTH: &str = "curl -X 'GET' '<HOST>/health' -H 'accept: application/json'";

/// A ZIP goes by these instead, and can be read in either shape.
const BULK: &str = r#"curl -X 'POST' '<HOST>/bulk-upload' -H 'accept: application/json' -H 'Content-Type: application/json' -d '{
  "key": "<KEY>", "url": "https://ai-image-detector-prod.nyc3.digitaloceanspaces.com/<FILE_PATH>", "generate_preview": false
}'"#;
const BULK_QUERY: &str =
    r#"curl -X 'POST' '<HOST>/bulk-upload/query' -H 'accept: application/json' -H 'Content-Type: application/json' -d '{ "id": "<ID>" }'"#;

/// The files of the upload examples, each with its content type.
const FILES: [(&str, &str); 4] =
    [("example.jpg", "image/jpeg"), ("example.png", "image/png"), ("example.pdf", "application/pdf"), ("example.svg", "image/svg+xml")];

/// A shell in a folder with the example files, and what is filled in.
struct Shell<'a> {
    folder: &'a Path,
    host: &'a str,
    key: &'a str,
}

impl Shell<'_> {
    /// Runs a line as it stands, but for the words filled in; answers the status and what was printed.
    fn run(&self, line: &str, words: &[(&str, &str)]) -> (u16, Vec<u8>) {
        let known = [("HOST", self.host), ("KEY", self.key)];
        let words = known.iter().chain(words);
        let line = words.fold(line.to_owned(), |line, (word, value)| line.replace(&format!("<{word}>"), value));
        let output = Command::new("sh").args(["-c", &line]).current_dir(self.folder).env("CURL_HOME", self.folder).finish();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{line}\n{told}");
        (told.trim().parse().unwrap_or_else(|_| panic!("no status in {told:?} of {line}")), output.stdout)
    }

    /// The JSON that a line prints with a 200.
    fn json(&self, line: &str, words: &[(&str, &str)]) -> Value {
        let (status, printed) = self.run(line, words);
        assert_eq!(status, 200, "{line}: {}", String::from_utf8_lossy(&printed));
        serde_json::from_slice(&printed).unwrap()
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

/// curl reads how to tell the status from here, so that the lines themselves stay as they are.
fn prepare(folder: &Path) {
    std::fs::write(folder.join(".curlrc"), "silent\nshow-error\nnoproxy = \"*\"\nwrite-out = \"%{stderr}%{http_code}\"\n").unwrap();
    std::fs::write(folder.join("example.jpg"), pictures::jpeg(1)).unwrap();
    std::fs::write(folder.join("example.png"), pictures::generated_png(2)).unwrap();
    for (fixture, example) in [("picture.pdf", "example.pdf"), ("drawing.svg", "example.svg")] {
        std::fs::copy(root().join("tests/fixtures/formats").join(fixture), folder.join(example)).unwrap();
    }
}

/// The whole road of one file; answers the final `/query`.
async fn road(shell: &Shell<'_>, (file, content_type): (&str, &str), preview: &str) -> Value {
    let upload = shell.json(PRESIGN, &[("FILE", file)]);
    assert_eq!(upload["status"], "success");
    let put = shell.run(PUT, &[("PRESIGNED", text(&upload, "presigned_url")), ("TYPE", content_type), ("FILE", file)]);
    assert_eq!(put, (200, Vec::new()), "{file}");
    let submitted = shell.json(DETECT, &[("FILE_PATH", text(&upload, "file_path")), ("WANTED", preview)]);
    assert_eq!(submitted["status"], "pending");
    let id = text(&submitted, "id");
    eventually("the verdict and its pictures", std::time::Duration::from_secs(60), || async {
        let seen = shell.json(QUERY, &[("ID", id)]);
        let drawn = seen["result_details"]["heatmap_status"] == "ready" && (preview == "false" || seen["preview_url"].is_string());
        (seen["status"] == "done" && drawn).then_some(seen)
    })
    .await
}

/// An archive as people make them: by an ordinary archiver that deflates whatever it is given.
fn zip(folder: &Path) {
    let made =
        Command::new("python3").args(["-m", "zipfile", "-c", "photos.zip", "example.jpg", "example.png"]).current_dir(folder).status();
    assert!(made.is_ok_and(|status| status.success()), "python3 makes an archive");
}

/// The road of a ZIP; answers how many images are judged.
async fn batch(shell: &Shell<'_>) -> i64 {
    let upload = shell.json(PRESIGN, &[("FILE", "photos.zip")]);
    let put = [("PRESIGNED", text(&upload, "presigned_url")), ("TYPE", "application/zip"), ("FILE", "photos.zip")];
    assert_eq!(shell.run(PUT, &put), (200, Vec::new()));
    let submitted = shell.json(BULK, &[("FILE_PATH", text(&upload, "file_path"))]);
    assert_eq!((&submitted["status"], &submitted["expected_count"]), (&"pending".into(), &2.into()), "{submitted}");
    let id = text(&submitted, "id");
    let seen = eventually("every verdict of the batch", std::time::Duration::from_secs(60), || async {
        let seen = shell.json(QUERY, &[("ID", id)]);
        (seen["status"] == "done").then_some(seen)
    })
    .await;
    assert_eq!((seen["results"].as_array().unwrap().len(), &seen["skipped"]), (2, &serde_json::json!([])), "{seen}");
    let items = shell.json(BULK_QUERY, &[("ID", id)]);
    assert!(items["items"].as_array().unwrap().len() == 2 && items["result"].is_number(), "{items}");
    2
}

// T1, T2, T3, T5, T10, T11, T12, T13, T14, U1, U2
#[tokio::test]
async fn the_lines_of_both_texts_give_what_the_texts_say() {
    if Command::new("curl").arg("--version").output().is_err() {
        return skip("the curl lines of both texts", "there is no curl");
    }
    let app = TestApp::spawn();
    for preview in ["true", "false"] {
        let client = app.client_of(Org { set: "heatmap_for_real = true", ..Org::default() }).await;
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let shell = Shell { folder: folder.path(), host: &app.url, key: &client.key };
        assert_eq!(shell.json(HEALTH, &[]), serde_json::json!({ "status": "healthy" }));
        for file in FILES {
            let seen = road(&shell, file, preview).await;
            let id = text(&seen, "id");
            assert!(seen["result"].is_number() && seen["result_details"]["final_result"].is_string(), "{seen}");
            assert_eq!(shell.run(ASSET, &[("ASSET", "heatmap"), ("ID", id)]), (200, Vec::new()));
            let there = if preview == "true" { 200 } else { 404 };
            assert_eq!(shell.run(ASSET, &[("ASSET", "preview"), ("ID", id)]), (there, Vec::new()));
            let pictures: &[&str] = if preview == "true" { &["heatmap.png", "preview.png"] } else { &["heatmap.png"] };
            for picture in pictures {
                let bytes = std::fs::read(folder.path().join(picture)).unwrap();
                assert!(image::load_from_memory(&bytes).is_ok(), "{picture} is no picture");
            }
        }
        zip(folder.path());
        let left = 100 - i64::try_from(FILES.len()).unwrap() - batch(&shell).await;
        let credits = shell.json(CREDITS, &[]);
        assert_eq!(credits, serde_json::json!({ "baseCredits": left, "boostCredits": 0, "credits": left }));
    }
}
