//! V10, V9: how webhooks are administered, and by whom.

use std::net::Ipv4Addr;

use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use touchstone_core::key::{Limits, Scope};
use touchstone_store::NewKey;

use super::{Hooked, call, hook, test};
use crate::support::{Outside, eventually, receiver};

const PATH: &str = "/v1/webhooks";

// V10, V14
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_is_made_seen_changed_and_deleted() {
    let h = Hooked::new().await;
    let url = h.receiver.url("ok#fragment");
    let wanted = json!({ "url": url, "events": ["batch.failed", "detection.completed", "batch.failed"], "description": "queue" });
    let (status, made) = h.call(Method::POST, PATH, wanted).await;
    assert_eq!(status, 201, "{made}");
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
    assert_eq!((&made["events"], &made["url"]), (&json!(["detection.completed", "batch.failed"]), &json!(h.receiver.url("ok"))));
    let one = format!("{PATH}/{}", made["id"].as_str().unwrap());
    let (_, seen) = h.call(Method::GET, &one, Value::Null).await;
    assert_eq!(seen.get("secret"), None, "it is shown once");
    // V14: every field is there, whatever it says.
    let mut fields: Vec<&String> = seen.as_object().unwrap().keys().collect();
    fields.sort();
    assert_eq!(
        fields,
        [
            "created_at",
            "description",
            "disabled_at",
            "disabled_reason",
            "enabled",
            "events",
            "failing_since",
            "id",
            "old_secret_until",
            "paused_until",
            "request_id",
            "url"
        ]
    );
    let (_, changed) = h.call(Method::PATCH, &one, json!({ "events": ["batch.completed"], "enabled": false })).await;
    assert_eq!((&changed["events"], &changed["enabled"]), (&json!(["batch.completed"]), &json!(false)));
    assert_eq!((&changed["disabled_reason"], &changed["description"]), (&json!("by_owner"), &json!("queue")), "what is left out stays");
    let (status, refused) = h.call(Method::POST, &format!("{one}/test"), Value::Null).await;
    assert_eq!((status, &refused["error"]["code"]), (400, &json!("invalid_request")), "{refused}");
    assert_eq!(h.call(Method::GET, PATH, Value::Null).await.1["webhooks"].as_array().unwrap().len(), 1);
    assert_eq!(h.call(Method::DELETE, &one, Value::Null).await.1["deleted"], true);
    assert_eq!(h.call(Method::GET, &one, Value::Null).await.0, 404);
}

// V14: no field ever leaves these answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_tells_of_every_try_in_the_same_fields() {
    let h = Hooked::new().await;
    let made = h.hook("ok").await;
    h.test(&made).await;
    let delivered = h.newest(&made, "delivered").await;
    let names = |value: &Value| {
        let mut names: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names.join(" ")
    };
    let attempt = &delivered["attempts"][0];
    assert_eq!(names(&delivered), "attempts created_at document_id ended_at event_id id next_attempt_at replay state type");
    assert_eq!(names(attempt), "duration_ms error request response started_at");
    assert_eq!((names(&attempt["request"]), names(&attempt["response"])), ("body headers url".into(), "body status".into()));
    assert_eq!(names(&attempt["request"]["headers"]), "webhook-id webhook-signature webhook-timestamp x-signature");
    // A part of the log leads on to the next.
    h.test(&made).await;
    let log = format!("{PATH}/{}/deliveries?limit=1", made.id);
    let (_, first) = h.call(Method::GET, &log, Value::Null).await;
    let (_, second) = h.call(Method::GET, &format!("{log}&cursor={}", first["next_cursor"].as_str().unwrap()), Value::Null).await;
    assert_eq!((&second["deliveries"][0]["id"], names(&second)), (&delivered["id"], "deliveries next_cursor request_id".into()));
    assert_ne!(first["deliveries"][0]["id"], delivered["id"]);
}

// V10: five a project.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sixth_webhook_is_refused() {
    let h = Hooked::new().await;
    for _ in 0..5 {
        h.hook("ok").await;
    }
    let (status, refused) = h.call(Method::POST, PATH, json!({ "url": h.receiver.url("ok"), "events": ["batch.failed"] })).await;
    assert_eq!((status, &refused["error"]["code"]), (400, &json!("invalid_request")), "{refused}");
    assert!(refused["error"]["message"].as_str().unwrap().contains("may have 5 webhooks"), "{refused}");
}

// V9, V10, X9
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_sense_or_leads_inside_is_refused_by_its_name() {
    let h = Hooked::new().await;
    let inside = [
        "http://127.0.0.1/",
        "https://10.0.0.7:8443/hook",
        "http://[::1]/",
        "http://2130706433/",
        "http://169.254.169.254/latest",
        "ftp://club.example/",
        "https://user:password@club.example/",
        "club.example/hook",
        "",
    ];
    for url in inside {
        let (status, refused) = h.call(Method::POST, PATH, json!({ "url": url, "events": ["batch.failed"] })).await;
        let error = &refused["error"];
        assert_eq!((status, &error["code"], &error["param"]), (400, &json!("invalid_request"), &json!("url")), "{url}: {refused}");
    }
    let fine = h.receiver.url("ok");
    for (body, param) in [
        (json!({}), "url"),
        (json!({ "url": fine }), "events"),
        (json!({ "url": 7, "events": ["batch.failed"] }), "url"),
        (json!({ "url": fine, "events": [] }), "events"),
        (json!({ "url": fine, "events": "batch.failed" }), "events"),
        (json!({ "url": fine, "events": ["webhook.test"] }), "events"),
        (json!({ "url": fine, "events": ["batch.failed", null] }), "events"),
        (json!({ "url": fine, "events": ["batch.failed"], "description": "x".repeat(201) }), "description"),
    ] {
        let (status, refused) = h.call(Method::POST, PATH, body.clone()).await;
        assert_eq!((status, &refused["error"]["param"]), (400, &json!(param)), "{body}: {refused}");
    }
    let made = h.hook("ok").await;
    let one = format!("{PATH}/{}", made.id);
    for (path, body) in [
        (format!("{one}/replay"), json!({})),
        (format!("{one}/replay"), json!({ "since": "yesterday" })),
        (format!("{one}/replay"), json!({ "since": "2026-11-20T00:00:00Z", "delivery_id": made.id })),
        (format!("{one}/replay"), json!({ "delivery_id": "7" })),
    ] {
        assert_eq!(h.call(Method::POST, &path, body).await.0, 400);
    }
    assert_eq!(h.call(Method::PATCH, &one, json!({})).await.0, 400, "nothing is to be changed");
    for query in ["limit=0", "limit=51", "limit=x", "state=lost", "cursor=x"] {
        assert_eq!(h.call(Method::GET, &format!("{one}/deliveries?{query}"), Value::Null).await.0, 400, "{query}");
    }
    assert_eq!(h.call(Method::PATCH, &one, json!({ "url": "http://127.0.0.1/" })).await.1["error"]["param"], "url");
}

// V7, V10: nobody reaches another project's webhooks, and what is no id is nobody's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_key_of_the_project_with_the_scope_reaches_a_webhook() {
    let h = Hooked::new().await;
    let made = h.hook("ok").await;
    let (store, organization) = (h.app.store().await, h.client.organization.parse().unwrap());
    let elsewhere = store.create_project(organization, "elsewhere").await.unwrap().id;
    let key = |project, scopes: Option<Scope>| NewKey {
        organization,
        project,
        name: String::new(),
        test: false,
        limits: Limits { scopes: scopes.map(|scope| [scope].into()), ..Limits::default() },
    };
    let of_project = store.issue_key(key(Some(elsewhere), None)).await.unwrap().1;
    let of_scope = store.issue_key(key(None, Some(Scope::Webhooks))).await.unwrap().1;
    let without = store.issue_key(key(None, Some(Scope::Detect))).await.unwrap().1;
    let stranger = h.app.client().await;
    for (method, rest, body) in [
        (Method::GET, "", Value::Null),
        (Method::PATCH, "", json!({ "enabled": false })),
        (Method::POST, "/rotate-secret", Value::Null),
        (Method::POST, "/test", Value::Null),
        (Method::GET, "/deliveries", Value::Null),
        (Method::POST, "/replay", json!({ "since": "2026-11-20T00:00:00Z" })),
        (Method::DELETE, "", Value::Null),
    ] {
        let path = format!("{PATH}/{}{rest}", made.id);
        for other in [stranger.clone(), h.client.with_key(of_project.expose_secret())] {
            let (status, refused) = call(&other, method.clone(), &path, body.clone()).await;
            assert_eq!((status, &refused["error"]["code"]), (404, &json!("not_found")), "{method} {rest}: {refused}");
        }
        let (status, refused) = call(&h.client.with_key(without.expose_secret()), method.clone(), &path, body.clone()).await;
        assert_eq!((status, &refused["error"]["code"]), (403, &json!("forbidden")), "{method} {rest}: {refused}");
        let (status, _) = call(&h.client.with_key("aidet_live_sk_of_nobody"), method.clone(), &path, body.clone()).await;
        assert_eq!(status, 401, "{method} {rest}");
        assert_eq!(h.call(method.clone(), &format!("{PATH}/no-id{rest}"), body).await.0, 404, "{method} {rest}");
    }
    let listed = |client: crate::support::Client| async move { call(&client, Method::GET, PATH, Value::Null).await.1["webhooks"].clone() };
    assert_eq!(listed(stranger).await, json!([]));
    assert_eq!(listed(h.client.with_key(of_scope.expose_secret())).await[0]["id"], made.id);
    assert_eq!(listed(h.client.with_key(of_scope.expose_secret())).await[0]["enabled"], true, "nobody has changed it");
}

// V10, X9: what a name leads to is checked at every connection, and no connection is used twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_leads_inside_later_is_not_followed_there() {
    let (outside, app) = Outside::with_app(|config| {
        config.webhooks.allow = vec![receiver::ADDRESS.to_string()];
        config.webhooks.timeout_seconds = 3;
    })
    .await;
    let client = app.client().await;
    outside.name("rebinds.test", vec![vec![receiver::ADDRESS], vec![Ipv4Addr::LOCALHOST]]);
    outside.name("mixes.test", vec![vec![receiver::ADDRESS, Ipv4Addr::LOCALHOST]]);
    outside.name("inside.test", vec![vec![Ipv4Addr::new(127, 0, 0, 3)]]);
    let mut told = Vec::new();
    for (name, tests) in [("rebinds.test", 2), ("mixes.test", 1), ("inside.test", 1), ("nowhere.test", 1)] {
        let made = hook(&client, &format!("http://{name}:{}/photo/1", outside.port)).await;
        for _ in 0..tests {
            let delivery = test(&client, &made).await;
            let path = format!("{PATH}/{}/deliveries", made.id);
            let attempt = eventually("a try", super::PATIENCE, || async {
                let (_, log) = call(&client, Method::GET, &path, Value::Null).await;
                let delivery = log["deliveries"].as_array().unwrap().iter().find(|one| one["id"] == delivery.as_str()).cloned()?;
                delivery["attempts"].get(0).cloned()
            })
            .await;
            told.push((name, attempt["response"]["status"].as_u64(), attempt["error"].as_str().map(str::to_owned)));
        }
    }
    assert_eq!(told.remove(0), ("rebinds.test", Some(200), None));
    assert_eq!(outside.trapped(), 0, "nothing inside was reached");
    let words = told[0].2.clone().unwrap();
    assert!(words.starts_with("no connection") && !words.contains("127"), "{words}");
    assert!(told.iter().all(|(_, status, error)| status.is_none() && error.as_ref() == Some(&words)), "one wording: {told:?}");
}
