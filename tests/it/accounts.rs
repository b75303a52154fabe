//! B1: organisations, members, projects and keys from the shell. What keys then open, `road/keys.rs` tells.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::support::{
    Finish,
    database::TestDatabase,
    process::{run_json, touchstone},
};

/// An operator's shell over a fresh database.
struct Shell {
    data: TempDir,
    database: TestDatabase,
}

impl Shell {
    async fn open() -> Self {
        let data = tempfile::tempdir().unwrap();
        Self { database: TestDatabase::fresh(data.path()).await, data }
    }

    fn admin(&self, arguments: &[&str]) -> Value {
        run_json(self.data.path(), &[("TOUCHSTONE__DATABASE__URL", &self.database.url)], &[&["admin"], arguments].concat())
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).finish()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = touchstone(self.data.path());
        command.env("TOUCHSTONE__DATABASE__URL", &self.database.url).arg("admin").args(arguments);
        command
    }

    /// What a command says that is refused with this exit code.
    #[track_caller]
    fn refused(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(code), 0), "{arguments:?}: {told}");
        told
    }

    /// Runs a command that reads a secret.
    fn told(&self, secret: &str, arguments: &[&str]) -> Output {
        let mut child = self.command(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(secret.as_bytes()).unwrap();
        child.finish()
    }

    /// Everything that SQLite keeps on disk, also what is not in its main file yet.
    fn stored(&self) -> Option<Vec<u8>> {
        let read = |name| std::fs::read(self.data.path().join(name));
        let main = read("touchstone.sqlite").ok()?;
        Some([main, read("touchstone.sqlite-wal").unwrap_or_default()].concat())
    }

    fn org(&self, arguments: &[&str]) -> String {
        let made = self.admin(&[&["org", "create", "--name", "Club"], arguments].concat());
        made["organization_id"].as_str().unwrap().to_owned()
    }
}

/// A field of each entry of a list.
fn each<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|entry| entry[field].as_str().unwrap()).collect()
}

const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

// B1, B3, V8
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organisation_has_a_plan_and_may_be_a_customer_of_stripe() {
    let shell = Shell::open().await;
    let plain = shell.admin(&["org", "create", "--name", "Club"]);
    assert_eq!((&plain["plan"], &plain["stripe_customer_id"]), (&json!("pro"), &Value::Null));
    let metered = shell.admin(&["org", "create", "--name", "Studio", "--metered", "--stripe-customer", "cus_1", "--plan", "enterprise"]);
    assert_eq!((&metered["plan"], &metered["stripe_customer_id"]), (&json!("enterprise"), &json!("cus_1")));
    let id = plain["organization_id"].as_str().unwrap();
    let changed = shell.admin(&["org", "set", "--id", id, "--plan", "free", "--metered", "true", "--stripe-customer", "cus_2"]);
    assert_eq!((&changed["plan"], &changed["metered"], &changed["stripe_customer_id"]), (&json!("free"), &json!(true), &json!("cus_2")));
    let nobody = shell.admin(&["org", "set", "--id", id, "--stripe-customer", ""]);
    assert_eq!(nobody["stripe_customer_id"], Value::Null);
    assert_eq!(each(&shell.admin(&["org", "list"])["organizations"], "plan"), ["free", "enterprise"]);
    assert!(shell.refused(2, &["org", "create", "--name", "x", "--plan", "gold"]).contains("enterprise"), "the way out");
    shell.database.remove().await;
}

// B1
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_come_change_and_go_and_an_owner_stays() {
    let shell = Shell::open().await;
    let org = shell.org(&[]);
    let add = |email: &str, role: &str| shell.admin(&["member", "add", "--org", &org, "--email", email, "--name", "N", "--role", role]);
    let ann = add("Ann@Example.org", "owner");
    assert_eq!((&ann["email"], &ann["role"]), (&json!("ann@example.org"), &json!("owner")));
    let ann = ann["member_id"].as_str().unwrap();
    for role in ["admin", "moderator", "billing", "viewer"] {
        add(&format!("{role}@example.org"), role);
    }
    let listed = shell.admin(&["member", "list", "--org", &org]);
    assert_eq!(each(&listed["members"], "role"), ["owner", "admin", "moderator", "billing", "viewer"]);

    let again = shell.refused(1, &["member", "add", "--org", &org, "--email", "ann@example.org", "--role", "viewer"]);
    assert!(again.contains("already"), "{again}");
    for leaves_nobody in [&["member", "remove", "--id", ann][..], &["member", "set", "--id", ann, "--role", "admin"]] {
        assert!(shell.refused(1, leaves_nobody).contains("last owner"));
    }
    let admin = listed["members"][1]["member_id"].as_str().unwrap();
    assert_eq!(shell.admin(&["member", "set", "--id", admin, "--role", "owner"])["role"], "owner");
    assert_eq!(shell.admin(&["member", "remove", "--id", ann])["removed"], true);
    assert!(shell.refused(1, &["member", "remove", "--id", ann]).contains(ann));
    assert!(shell.refused(1, &["member", "list", "--org", NOBODY]).contains("org list"), "the way out");
    for nonsense in [["--email", "ann", "--role", "owner"], ["--email", "b@example.org", "--role", "king"]] {
        shell.refused(2, &[&["member", "add", "--org", &org], &nonsense[..]].concat());
    }
    shell.database.remove().await;
}

// B1
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_belong_to_projects_and_end_with_them() {
    let shell = Shell::open().await;
    let (org, other) = (shell.org(&[]), shell.org(&[]));
    let project = shell.admin(&["project", "create", "--org", &org, "--name", "bot"])["project_id"].as_str().unwrap().to_owned();
    assert_eq!(each(&shell.admin(&["project", "list", "--org", &org])["projects"], "name"), ["default", "bot"]);
    let plain = shell.admin(&["key", "create", "--org", &org]);
    assert_eq!(plain["project_id"], shell.admin(&["project", "list", "--org", &org])["projects"][0]["project_id"]);
    let key = shell.admin(&["key", "create", "--org", &org, "--project", &project]);
    assert_eq!(key["project_id"], project.as_str());
    shell.refused(1, &["key", "create", "--org", &other, "--project", &project]);
    shell.refused(1, &["project", "create", "--org", &org, "--name", "bot"]);
    shell.refused(1, &["project", "archive", "--id", plain["project_id"].as_str().unwrap()]);

    assert_eq!(shell.admin(&["project", "archive", "--id", &project])["keys_revoked"], 1);
    let keys = shell.admin(&["key", "list", "--org", &org])["keys"].clone();
    assert_eq!(keys.as_array().unwrap().iter().map(|key| key["live"].as_bool().unwrap()).collect::<Vec<_>>(), [true, false]);
    assert!(shell.refused(1, &["key", "create", "--org", &org, "--project", &project]).contains("archived"));
    assert!(shell.admin(&["project", "list", "--org", &org])["projects"][1]["archived_at"].is_string());
    shell.database.remove().await;
}

// V7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_made_with_limits_rotated_and_revoked() {
    let shell = Shell::open().await;
    let org = shell.org(&[]);
    let limits = ["--scopes", "query,detect", "--expires", "2999-01-31T02:00:00+02:00", "--allow", "10.1.2.3/8", "2001:db8::1"];
    let key = shell.admin(&[&["key", "create", "--org", &org, "--test", "--name", "build"], &limits[..]].concat());
    let secret = key["key"].as_str().unwrap();
    assert!(secret.starts_with("aidet_test_sk_") && secret.starts_with(key["prefix"].as_str().unwrap()));
    assert_eq!((&key["name"], &key["test"], &key["scopes"]), (&json!("build"), &json!(true), &json!(["detect", "query"])));
    assert_eq!((&key["allow"], &key["expires_at"]), (&json!(["10.0.0.0/8", "2001:db8::1/128"]), &json!("2999-01-31T00:00:00Z")));

    let next = shell.admin(&["key", "rotate", "--id", key["key_id"].as_str().unwrap(), "--overlap", "1h"]);
    assert_eq!(next["replaces"], key["key_id"]);
    for same in ["name", "test", "scopes", "allow", "expires_at", "project_id"] {
        assert_eq!(next[same], key[same], "{same}");
    }
    assert_ne!(next["key"], key["key"]);
    let again = shell.refused(1, &["key", "rotate", "--id", key["key_id"].as_str().unwrap()]);
    assert!(again.contains(next["key_id"].as_str().unwrap()) && again.contains("--expires"), "the way out: {again}");
    assert_eq!(shell.admin(&["key", "revoke", "--id", next["key_id"].as_str().unwrap()])["revoked"], true);
    assert!(shell.refused(1, &["key", "rotate", "--id", next["key_id"].as_str().unwrap()]).contains("no live key"));

    let listed = shell.admin(&["key", "list"]);
    let keys = listed["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2);
    assert!(keys[0]["live"] == true && keys[0]["expires_at"].as_str().unwrap() < "2999", "the old one ends after the overlap: {listed}");
    assert_eq!((&keys[0]["replaced_by"], &keys[1]["replaced_by"]), (&next["key_id"], &Value::Null));
    assert!(keys[1]["live"] == false && keys[1]["revoked_at"].is_string() && keys[1]["last_used_at"].is_null());
    assert!(!listed.to_string().contains(secret) && keys.iter().all(|key| key.get("key").is_none()), "a secret is shown once");
    for nonsense in [
        ["--scopes", "detect,admin"],
        ["--expires", "soon"],
        ["--expires", "2020-01-31T00:00:00Z"],
        ["--expires", "9000years"],
        ["--allow", "localhost"],
    ] {
        shell.refused(2, &[&["key", "create", "--org", &org], &nonsense[..]].concat());
    }
    shell.database.remove().await;
}

// B1
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_another_system_is_read_from_standard_input_and_never_shown() {
    let shell = Shell::open().await;
    let org = shell.org(&[]);
    let theirs = uuid::Uuid::new_v4().to_string();
    let import = ["key", "import", "--org", &org, "--name", "old"];
    let output = shell.told(&format!("{theirs}\n"), &import);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let key: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((&key["prefix"], &key["name"], &key["test"]), (&json!(theirs[..4]), &json!("old"), &json!(false)));
    for (secret, why) in
        [(theirs.as_str(), "known already"), ("short", "16 to 200"), ("aidet_live_sk_000000000000", "16 to 200"), ("", "16 to 200")]
    {
        let output = shell.told(secret, &import);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains(why), "{told}");
        assert!(secret.is_empty() || !told.contains(secret), "{told}");
    }
    shell.refused(2, &[&import[..], &["--key", &theirs]].concat());
    assert!(!printed.contains(&theirs) && !shell.admin(&["key", "list"]).to_string().contains(&theirs));
    if let Some(stored) = shell.stored() {
        let holds = |text: &str| stored.windows(text.len()).any(|bytes| bytes == text.as_bytes());
        let kept = format!("{}{}", &theirs[..4], hex::encode(Sha256::digest(&theirs)));
        assert!(holds(&kept), "or the key was looked for where it is not");
        assert!(!holds(&theirs), "it is stored as a hash");
    }
    shell.database.remove().await;
}

// B1
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_get_a_table() {
    let shell = Shell::open().await;
    let org = shell.org(&[]);
    shell.admin(&["member", "add", "--org", &org, "--email", "ann@example.org", "--role", "owner"]);
    for arguments in [&["--table", "member", "list", "--org", &org][..], &["member", "list", "--org", &org, "--table"]] {
        let output = shell.run(arguments);
        let table = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 4, "{table}");
        assert!(lines[0].starts_with("organization_id") && lines[0].ends_with(&org) && lines[1].is_empty(), "{table}");
        assert!(lines[2].contains("EMAIL") && lines[2].contains("ROLE") && lines[3].contains("ann@example.org") && !table.contains('{'));
        let column = |line: &str, word: &str| line.find(word).unwrap();
        assert_eq!(column(lines[2], "EMAIL"), column(lines[3], "ann@"), "{table}");
    }
    shell.database.remove().await;
}
