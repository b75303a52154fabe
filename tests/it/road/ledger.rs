//! B2, B3, V15: what a month brings, what a verdict is worth when it is refunded, and the audit that holds it all together.

use serde_json::{Value, json};
use touchstone_core::{credit::Credits, ids::OrganizationId, plan::Plan};
use touchstone_store::NewOrganization;

use crate::support::{
    Client, Finish, TestApp,
    app::Org,
    audit, pictures,
    process::{run_json, touchstone},
};

/// `touchstone admin credits …` beside the running server.
fn credits(app: &TestApp, arguments: &[&str]) -> Value {
    let database = [("TOUCHSTONE__DATABASE__URL", app.config.database.url.as_str())];
    run_json(app.data.path(), &database, &[&["admin", "credits"], arguments].concat())
}

/// The same, refused: what it says.
fn refused(app: &TestApp, arguments: &[&str]) -> String {
    let mut command = touchstone(app.data.path());
    let output = command.env("TOUCHSTONE__DATABASE__URL", &app.config.database.url).args(["admin", "credits"]).args(arguments).finish();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// Everything that is stored becomes a month older, as if the 1st had passed.
async fn month_passes(app: &TestApp) {
    for table in ["balance", "document"] {
        audit::execute(&app.database, &format!("UPDATE {table} SET base_month = base_month - 1 WHERE base_month > 0")).await;
    }
}

async fn on_the_free_plan(app: &TestApp) -> Client {
    let store = app.store().await;
    let new = NewOrganization { name: "Club".into(), plan: Plan::Free, ..NewOrganization::default() };
    let made = store.create_organization(new).await.unwrap();
    let (_, key) = store.create_key(made.id, false).await.unwrap();
    Client::new(&app.url, secrecy::ExposeSecret::expose_secret(&key), &made.id.to_string())
}

async fn left(client: &Client) -> Value {
    client.get_keyed("/check-user-credits").await.ok()
}

fn entries(ledger: &Value) -> Vec<&str> {
    ledger["entries"].as_array().unwrap().iter().map(|row| row["entry"].as_str().unwrap()).collect()
}

// B2, V15
#[tokio::test]
async fn the_free_plan_has_its_scans_a_month_and_no_more() {
    let app = TestApp::with(|config| config.plans.free.monthly_credits = 2);
    let client = on_the_free_plan(&app).await;
    assert_eq!(left(&client).await, json!({ "baseCredits": 2, "boostCredits": 0, "credits": 2 }));
    for name in ["a.jpg", "b.jpg"] {
        assert_eq!(client.judge(name, pictures::jpeg(1)).await["status"], "done");
    }
    let third = client.upload("c.jpg", pictures::jpeg(3)).await;
    client.detect(json!({ "url": Client::vendor_url(&third) })).await.refused(403, "Not enough credits");
    credits(&app, &["boost", "--org", &client.organization, "--credits", "1", "--note", "invoice 7"]);
    month_passes(&app).await;
    assert_eq!(left(&client).await, json!({ "baseCredits": 2, "boostCredits": 1, "credits": 3 }), "the 1st has passed");
    let id = client.detect_upload(&third, json!({})).await;
    assert_eq!(client.settle(&id).await["status"], "done");
    assert_eq!(left(&client).await, json!({ "baseCredits": 1, "boostCredits": 1, "credits": 2 }), "base first");
    let ledger = credits(&app, &["ledger", "--org", &client.organization]);
    assert_eq!(entries(&ledger), ["settle", "reserve", "reset", "boost", "settle", "reserve", "settle", "reserve", "reset"]);
}

// V15: the plan's 500 are a default of the configuration.
#[tokio::test]
async fn the_free_plan_has_five_hundred_unless_configured_otherwise() {
    let app = TestApp::spawn();
    let client = on_the_free_plan(&app).await;
    assert_eq!(client.credits().await, 500);
}

// B2
#[tokio::test]
async fn a_verdict_is_refunded_once_and_only_a_verdict() {
    let app = TestApp::spawn();
    let client = app.client_of(Org { credits: Credits { base: 1, boost: 1 }, ..Org::default() }).await;
    let id = client.submit("a.jpg", pictures::jpeg(1)).await;
    client.settle(&id).await;
    assert_eq!(left(&client).await["baseCredits"], 0);
    let told = credits(&app, &["refund", "--document", &id, "--note", "wrong picture"]);
    let expected = json!({ "document_id": id, "organization_id": client.organization, "base": 1, "boost": 0, "units": 1 });
    assert_eq!(told, expected);
    assert!(refused(&app, &["refund", "--document", &id]).contains("only once"));
    assert_eq!(left(&client).await, json!({ "baseCredits": 1, "boostCredits": 1, "credits": 2 }));
    assert_eq!(client.query(&id).await["status"], "done", "the verdict stands");
    let unknown = uuid::Uuid::new_v4().to_string();
    assert!(refused(&app, &["refund", "--document", &unknown]).contains("no document"));
}

// B3, B5: counted when judged; a refund is a row of its own.
#[tokio::test]
async fn a_metered_organisation_is_counted_to_the_unit() {
    let app = TestApp::spawn();
    let client = app.client_of(Org { metered: true, credits: Credits::default(), ..Org::default() }).await;
    let mut ids = Vec::new();
    for seed in 0..3 {
        let id = client.submit("photo.jpg", pictures::jpeg(seed)).await;
        client.settle(&id).await;
        ids.push(id);
    }
    let broken = client.submit("broken.jpg", pictures::jpeg(9)[..1500].to_vec()).await;
    assert_eq!(client.settle(&broken).await["status"], "failed");
    credits(&app, &["refund", "--document", &ids[0]]);
    let ledger = credits(&app, &["ledger", "--org", &client.organization]);
    let rows: Vec<(&str, i64, i64)> = ledger["entries"].as_array().unwrap().iter().map(row).collect();
    assert_eq!(rows, [("refund", 0, -1), ("settle", 0, 1), ("settle", 0, 1), ("settle", 0, 1)]);
    assert_eq!(client.credits().await, i64::from(i32::MAX));
}

fn row(row: &Value) -> (&str, i64, i64) {
    let number = |name: &str| row[name].as_i64().unwrap();
    (row["entry"].as_str().unwrap(), number("base") + number("boost"), number("units"))
}

// B2
#[tokio::test]
async fn gifts_and_corrections_are_rows_with_a_reason() {
    let app = TestApp::spawn();
    let client = app.client_of(Org { credits: Credits { base: 2, boost: 0 }, ..Org::default() }).await;
    let org = client.organization.as_str();
    assert_eq!(credits(&app, &["grant", "--org", org, "--credits", "5", "--note", "welcome"])["boost"], 5);
    let less = credits(&app, &["adjust", "--org", org, "--base", "-2", "--boost", "-1", "--note", "typo"]);
    assert_eq!(less, json!({ "organization_id": org, "base": 0, "boost": 4, "credits": 4 }));
    assert!(refused(&app, &["adjust", "--org", org, "--base", "-1", "--note", "typo"]).contains("only 0 base"));
    assert_eq!(left(&client).await["credits"], 4);
    let shown = credits(&app, &["show", "--org", org]);
    assert_eq!((&shown["credits"], &shown["plan"], &shown["metered"]), (&json!(4), &json!("pro"), &json!(false)));
    let ledger = credits(&app, &["ledger", "--org", org, "--limit", "2"]);
    assert_eq!(entries(&ledger), ["adjustment", "grant"]);
    assert_eq!((&ledger["entries"][0]["note"], &ledger["entries"][1]["note"]), (&json!("typo"), &json!("welcome")));
    let stranger = OrganizationId::random().to_string();
    assert!(refused(&app, &["grant", "--org", &stranger, "--credits", "1"]).contains("no organisation"));
}

// B2: whoever changes a balance behind the ledger's back is found.
#[tokio::test]
async fn the_audit_recomputes_every_balance() {
    let app = TestApp::spawn();
    let client = app.client().await;
    client.judge("a.jpg", pictures::jpeg(1)).await;
    let sound = credits(&app, &["audit"]);
    assert_eq!((&sound["differences"], sound["entries"].as_i64() >= Some(3)), (&json!([]), true), "{sound}");
    audit::execute(&app.database, "UPDATE balance SET base = base + 7 WHERE base = 99").await;
    let mut command = touchstone(app.data.path());
    let output = command.env("TOUCHSTONE__DATABASE__URL", &app.config.database.url).args(["admin", "credits", "audit"]).finish();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &told["differences"][0]["organization_id"]), (Some(1), &json!(client.organization)), "{told}");
    assert_eq!((&told["differences"][0]["ledger"], &told["differences"][0]["stored"]), (&json!(99), &json!(106)));
    audit::execute(&app.database, "UPDATE balance SET base = base - 7 WHERE base = 106").await;
}
