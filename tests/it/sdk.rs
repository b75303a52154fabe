//! The official SDKs, unchanged, against the running server.

use std::{path::Path, process::Command};

use serde_json::{Value, json};

use crate::support::{Finish, TestApp, node, pictures, python, skip};

/// A published client, and the script that drives it.
struct Sdk {
    name: &'static str,
    program: fn(&Path) -> Option<Command>,
    script: &'static str,
    needs: &'static str,
}

const SDKS: [Sdk; 2] = [
    Sdk {
        name: "the official Python SDK",
        program: |folder| python::program("python", folder),
        script: "sdk.py",
        needs: "TOUCHSTONE_TEST_VENV is not set",
    },
    Sdk { name: "the official Node SDK", program: node::program, script: "sdk.js", needs: "TOUCHSTONE_TEST_NODE is not set" },
];

impl Sdk {
    /// Runs the script on the server with these files and reads what it saw.
    fn run(&self, app: &TestApp, key: &str, files: &[(&str, Vec<u8>)]) -> Option<Value> {
        let folder = tempfile::tempdir().unwrap();
        let Some(mut command) = (self.program)(folder.path()) else {
            skip(self.name, self.needs);
            return None;
        };
        command.arg(python::client(self.script)).args([&app.url, key]);
        for (name, bytes) in files {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            command.arg(path);
        }
        let output = command.finish();
        assert!(output.status.success(), "{}: {}", self.name, String::from_utf8_lossy(&output.stderr));
        Some(serde_json::from_slice(&output.stdout).unwrap())
    }
}

// T1, T2, T3, T5, T6, T9, T13
#[tokio::test]
async fn the_sdks_go_the_whole_road() {
    let app = TestApp::spawn();
    let mut broken = pictures::jpeg(9);
    broken.truncate(2000);
    let files = [
        ("photo.jpg", pictures::jpeg(1)),
        ("drawing.png", pictures::png(2)),
        ("my holiday photo.webp", pictures::webp(3)),
        ("castle.png", pictures::generated_png(4)),
        ("broken.jpg", broken),
    ];
    for sdk in &SDKS {
        let client = app.client().await;
        let Some(seen) = sdk.run(&app, &client.key, &files) else { continue };
        for name in ["photo.jpg", "drawing.png", "my holiday photo.webp", "castle.png"] {
            let result = &seen["results"][name];
            assert_eq!(result["status"], "done", "{}, {name}: {result}", sdk.name);
            assert!(result["result"].is_number() && result["result_details"]["final_result"].is_string(), "{name}: {result}");
            assert_eq!(result["result_details"]["analysis_results_status"], "ready", "{name}: {result}");
            assert!(result["result_details"]["analysis_results"]["agreement"].is_string(), "{name}: {result}");
        }
        assert_eq!(seen["results"]["castle.png"]["result_details"]["final_result"], "AI Generated");
        let failed = &seen["results"]["broken.jpg"];
        assert_eq!((&failed["status"], &failed["result_details"]["is_valid"]), (&json!("failed"), &json!(false)), "{failed}");
        assert!(failed["error_message"].is_string(), "{failed}");
        assert_eq!(seen["credits"], json!({ "baseCredits": 96, "boostCredits": 0, "credits": 96 }), "the failed one cost nothing");
        for (name, _) in files.iter().take(4) {
            client.settle(seen["results"][name]["id"].as_str().unwrap()).await;
        }
    }
}

// T16
#[tokio::test]
async fn the_sdks_show_their_users_why_they_were_refused() {
    let app = TestApp::spawn();
    let client = app.client().await;
    for sdk in &SDKS {
        let Some(seen) = sdk.run(&app, "nonsense", &[("photo.jpg", pictures::jpeg(1))]) else { continue };
        assert_eq!(seen["results"]["photo.jpg"], json!({ "raised": "PresignError", "message": "User verification failed" }));
        assert_eq!(seen["credits"], json!({ "raised": "CreditCheckError", "message": "User verification failed" }));
        let Some(seen) = sdk.run(&app, &client.key, &[("song.mp3", vec![1; 3000])]) else { continue };
        assert_eq!(seen["results"]["song.mp3"], json!({ "raised": "PresignError", "message": "Unsupported image type" }));
    }
}
