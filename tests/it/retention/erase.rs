//! V12: what somebody wants gone is gone, from the tables and from the object store; ids and amounts stay.

use std::{process::Stdio, time::Duration};

use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use touchstone_core::{credit::Credits, time::Timestamp};
use touchstone_store::{Claim, FailureCode};

use super::{count, detect, objects};
use crate::support::{Client, Finish, TestApp, app::Org, eventually, ledger, pictures, process, receiver::Receiver};

/// Runs a command of the operator's on this server's database and object store.
fn admin(app: &TestApp, arguments: &[&str]) -> Value {
    let settings =
        [("TOUCHSTONE__DATABASE__URL", app.config.database.url.as_str()), ("TOUCHSTONE__BLOBS__URL", app.config.blobs.url.as_str())];
    process::run_json(app.data.path(), &settings, &[&["admin"], arguments].concat())
}

/// The rows of every table, as text: what is in none of them is not stored.
async fn tables(app: &TestApp) -> String {
    let connection = app.database.connect().await;
    let backend = connection.get_database_backend();
    let postgres = backend == sea_orm::DbBackend::Postgres;
    let mut all = String::new();
    // All that there are, whoever made them last.
    let names = if postgres {
        "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    } else {
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    };
    let names = connection.query_all_raw(Statement::from_string(backend, names)).await.unwrap();
    let names: Vec<String> = names.iter().map(|row| row.try_get("", "name").unwrap()).collect();
    assert!(names.len() > 15, "{names:?}");
    for table in names {
        let columns = if postgres {
            format!("SELECT column_name AS name FROM information_schema.columns WHERE table_name = '{table}'")
        } else {
            format!("SELECT name FROM pragma_table_info('{table}')")
        };
        for column in connection.query_all_raw(Statement::from_string(backend, columns)).await.unwrap() {
            let column: String = column.try_get("", "name").unwrap();
            let cells = format!("SELECT CAST(\"{column}\" AS TEXT) AS cell FROM {table} WHERE \"{column}\" IS NOT NULL");
            for row in connection.query_all_raw(Statement::from_string(backend, cells)).await.unwrap() {
                // A UUID of SQLite is no text.
                all.push_str(&row.try_get::<String>("", "cell").unwrap_or_default());
                all.push('\n');
            }
        }
    }
    connection.close().await.unwrap();
    all
}

// V12
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_is_erased_when_the_operator_means_it() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let id = client.submit_with("castle.png", pictures::generated_png(1), json!({ "email": "ann@example.org" })).await;
    client.settle(&id).await;
    let kept = detect(&client, &pictures::jpeg(1), json!({ "include_heatmap": true, "metadata": { "user": "u_77" } })).await;
    app.idle().await;
    let found = json!({ "documents": 1, "pictures": 2, "originals": 1, "keys": 0, "members": 0, "webhooks": 0 });
    assert_eq!(admin(&app, &["erase", "--document", &id])["would_erase"], found);
    assert_eq!(client.query(&id).await["status"], "done");

    assert_eq!(admin(&app, &["erase", "--document", &id, "--yes"])["erased"], found);

    assert_eq!(client.query(&id).await, Value::Null, "as unknown as any id");
    for asset in ["heatmap", "preview"] {
        client.post(&format!("/{asset}/{id}"), &json!({ "key": client.key })).await.refused(410, "Asset removed");
    }
    let other = format!("heatmaps/{}", kept["id"].as_str().unwrap());
    assert!(objects(&app).iter().all(|key| key.starts_with(&other)), "{:?}", objects(&app));
    assert!(!tables(&app).await.contains("ann@example.org"));
    assert_eq!(client.credits().await, 98);
    let kept = kept["id"].as_str().unwrap();
    assert_eq!(client.v1_get(&format!("/v1/detections/{kept}")).await.ok()["metadata"]["user"], "u_77");
    admin(&app, &["erase", "--document", kept, "--yes"]);
    assert_eq!(client.v1_get(&format!("/v1/detections/{kept}")).await.status, 404);
    assert!(!tables(&app).await.contains("u_77") && objects(&app).is_empty());
    let again = admin(&app, &["erase", "--document", kept, "--yes"]);
    assert_eq!(again["erased"]["documents"], 0);
    let nobody = process::touchstone(app.data.path()).args(["admin", "erase", "--org", &uuid::Uuid::new_v4().to_string()]).finish();
    assert!(!nobody.status.success());
}

// V12, B2
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_to_be_judged_is_erased_and_its_credit_goes_back() {
    let app = TestApp::without_worker();
    let client = app.client().await;
    let id = client.submit("photo.jpg", pictures::jpeg(1)).await;
    assert_eq!((client.credits().await, objects(&app).len()), (99, 1));
    admin(&app, &["erase", "--document", &id, "--yes"]);
    assert_eq!((client.credits().await, objects(&app).len(), count(&app, "job").await), (100, 0, 0));
    assert_eq!(client.query(&id).await, Value::Null);
}

// V12, B1, B2
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_an_organisation_only_ids_and_amounts_are_left() {
    let app = TestApp::spawn();
    let (client, neighbour) = (app.client().await, app.client().await);
    let org = client.organization.clone();
    let stays = neighbour.judge("photo.jpg", pictures::jpeg(9)).await["id"].as_str().unwrap().to_owned();
    admin(&app, &["org", "set", "--id", &org, "--name", "Ann's Secret Society"]);
    admin(&app, &["member", "add", "--org", &org, "--email", "ann@example.org", "--role", "owner", "--name", "Ann Planted"]);
    admin(&app, &["credits", "adjust", "--org", &org, "--boost", "5", "--note", "for Ann Planted"]);
    let id = client.submit_with("castle.png", pictures::generated_png(1), json!({ "email": "ann@example.org" })).await;
    client.settle(&id).await;
    detect(&client, &pictures::jpeg(1), json!({ "include_heatmap": true, "metadata": { "user": "u_77" } })).await;
    let waiting = client.upload("planted-name.jpg", pictures::jpeg(5)).await;
    app.idle().await;

    let erased = admin(&app, &["erase", "--org", &org, "--yes"])["erased"].clone();

    assert_eq!(
        (&erased["documents"], &erased["keys"], &erased["members"], &erased["pictures"]),
        (&json!(2), &json!(1), &json!(1), &json!(3)),
        "{erased}"
    );
    let left = objects(&app);
    assert!(!left.contains(&waiting.path) && left.iter().all(|key| !key.contains(&id)), "{left:?}");
    let rows = tables(&app).await;
    for planted in ["Secret Society", "ann@example.org", "Ann Planted", "u_77"] {
        assert!(!rows.contains(planted), "{planted}");
    }
    assert_eq!(client.get_keyed("/check-user-credits").await.status, 403, "its keys open nothing");
    assert_eq!(client.query(&id).await, Value::Null);
    let ledger = admin(&app, &["credits", "ledger", "--org", &org]);
    let amounts: Vec<i64> = ledger["entries"].as_array().unwrap().iter().map(|row| row["base"].as_i64().unwrap()).collect();
    assert_eq!((amounts.iter().sum::<i64>(), amounts.len()), (98, 6), "{ledger}");
    assert_eq!(neighbour.query(&stays).await["status"], "done", "nobody else loses anything");
}

// V12, B3
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_judged_while_an_organisation_was_erased_is_billed_to_whoever_paid() {
    let app = TestApp::without_worker();
    let set = "stripe_customer_id = 'cus_reef'";
    let client = app.client_of(Org { metered: true, credits: Credits::default(), set, ..Org::default() }).await;
    let id = client.submit("photo.jpg", pictures::jpeg(1)).await;
    let (store, organization) = (app.store().await, client.organization.parse().unwrap());
    let minute = Duration::from_secs(60);
    let claim = Claim { worker: "w", names: &["judge_document"], queues: None, limit: 1, permits: 1, lease: minute };
    let job = store.claim(claim).await.unwrap().pop().unwrap();
    let mut erase = process::touchstone(app.data.path());
    erase.env("TOUCHSTONE__DATABASE__URL", &app.config.database.url).env("TOUCHSTONE__BLOBS__URL", &app.config.blobs.url);
    let erase = erase.args(["admin", "erase", "--org", &client.organization, "--yes"]).stdout(Stdio::null()).spawn().unwrap();
    eventually("its keys to end", minute, || async { (client.get_keyed("/check-user-credits").await.status == 403).then_some(()) }).await;
    // Another worker had one in hand as well, and has judged it.
    ledger::settle(&app.database, client.organization.parse().unwrap(), Timestamp::now(), 1).await;
    assert!(store.fail(&job.lease, id.parse().unwrap(), FailureCode::InvalidRequest, "no image").await.unwrap());
    assert!(erase.finish().status.success());
    let open = store.open_use(organization).await.unwrap();
    assert!(open.unfrozen.is_none() && open.pending.is_some(), "it is frozen for its payer: {open:?}");
    assert_eq!(store.organization(organization).await.unwrap().unwrap().stripe_customer_id, None);
}

// V12, B1
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_is_erased_also_where_their_address_was_left() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let add = |email: &str, role: &str| {
        let made = admin(&app, &["member", "add", "--org", &client.organization, "--email", email, "--role", role]);
        made["member_id"].as_str().unwrap().to_owned()
    };
    let (owner, ben) = (add("ann@example.org", "owner"), add("ben@example.org", "viewer"));
    let id = client.submit_with("photo.jpg", pictures::jpeg(1), json!({ "email": "Ben@Example.org" })).await;
    client.settle(&id).await;
    admin(&app, &["erase", "--member", &ben, "--yes"]);
    assert!(!tables(&app).await.to_lowercase().contains("ben@example.org"));
    assert_eq!(client.query(&id).await["status"], "done", "the verdict is the organisation's");
    let settings = [("TOUCHSTONE__DATABASE__URL", app.config.database.url.as_str())];
    let last = process::touchstone(app.data.path()).envs(settings).args(["admin", "erase", "--member", &owner, "--yes"]).finish();
    assert!(String::from_utf8_lossy(&last.stderr).contains("last owner"));
}

/// A server that tells a receiver what happens, and a client whose webhook tells of everything.
async fn hooked(path: &str) -> (TestApp, Client, Receiver, String) {
    let receiver = Receiver::start().await;
    let app = TestApp::with(|config| {
        Receiver::allow(config);
        config.webhooks.timeout_seconds = 3;
    });
    let client = app.client().await;
    let hook = hook(&app, &client, &receiver.url(path)).await;
    (app, client, receiver, hook)
}

async fn hook(_: &TestApp, client: &Client, url: &str) -> String {
    let wanted = json!({ "url": url, "events": ["detection.completed", "batch.completed"], "description": "for Ann Planted" });
    let made = client.request(reqwest::Method::POST, "/v1/webhooks").bearer_auth(&client.key).json(&wanted).send().await.unwrap();
    made.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
}

// V10, V12: also what was under way while it was erased.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_webhooks_said_of_an_erased_document_is_in_no_row() {
    let (app, client, receiver, _) = hooked("ok").await;
    hook(&app, &client, &receiver.url("slow/1500")).await;
    hook(&app, &client, &receiver.url("status/500")).await;
    let seen = detect(&client, &pictures::jpeg(1), json!({ "metadata": { "user": "u_77" } })).await;
    let id = seen["id"].as_str().unwrap();
    let arrived = |path: &'static str| {
        let receiver = receiver.clone();
        async move { (!receiver.at(path).is_empty()).then_some(()) }
    };
    for path in ["ok", "slow/1500", "status/500"] {
        eventually(path, std::time::Duration::from_secs(20), || arrived(path)).await;
    }
    assert!(receiver.at("ok")[0].json()["data"]["metadata"]["user"] == "u_77");

    admin(&app, &["erase", "--document", id, "--yes"]);

    eventually("the slow one to end", std::time::Duration::from_secs(20), || async {
        (count(&app, "webhook_delivery WHERE state = 'delivered'").await == 2).then_some(())
    })
    .await;
    assert_eq!(count(&app, "webhook_attempt WHERE body <> ''").await, 0);
    assert!(!tables(&app).await.contains("u_77"));
}

// V10, V12
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_an_erased_organisations_webhooks_nothing_is_left() {
    let (app, client, receiver, _) = hooked("status/500?token=planted").await;
    let org = client.organization.clone();
    detect(&client, &pictures::jpeg(1), json!({})).await;
    eventually("a try that failed", std::time::Duration::from_secs(20), || async {
        (count(&app, "webhook_attempt").await > 0).then_some(())
    })
    .await;
    assert!(tables(&app).await.contains("token=planted"));
    let erased = admin(&app, &["erase", "--org", &org, "--yes"])["erased"].clone();
    assert_eq!(erased["webhooks"], 1, "{erased}");
    let rows = tables(&app).await;
    for planted in ["token=planted", "Ann Planted", &receiver.url("")] {
        assert!(!rows.contains(planted), "{planted}");
    }
    assert_eq!(count(&app, "webhook_endpoint").await + count(&app, "webhook_delivery").await, 0);
}

// V12: what was cut off is ended by doing it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_original_that_could_not_be_deleted_goes_with_the_next_erasure() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let upload = client.upload("castle.png", pictures::generated_png(1)).await;
    let id = client.detect_upload(&upload, json!({})).await;
    client.settle(&id).await;
    app.idle().await;
    let original = app.data.path().join("blobs").join(&upload.path);
    let away = app.data.path().join("away");
    std::fs::rename(&original, &away).unwrap();
    // What is no file cannot be deleted as one, by nobody.
    std::fs::create_dir(&original).unwrap();
    std::fs::write(original.join("in-the-way"), b"x").unwrap();
    let settings =
        [("TOUCHSTONE__DATABASE__URL", app.config.database.url.as_str()), ("TOUCHSTONE__BLOBS__URL", app.config.blobs.url.as_str())];
    let erase = ["admin", "erase", "--document", &id, "--yes"];
    let failed = process::touchstone(app.data.path()).envs(settings).args(erase).finish();
    assert!(!failed.status.success(), "it says so");
    // What else there was is gone all the same.
    assert_eq!(objects(&app).len(), 1, "{:?}", objects(&app));
    std::fs::remove_dir_all(&original).unwrap();
    std::fs::rename(&away, &original).unwrap();
    admin(&app, &erase[1..]);
    assert_eq!(objects(&app), [""; 0]);
}
