"""Hooks of schemathesis: feed every second request what only this server's state makes valid, and count the answers.

Random input alone never guesses a key, an upload or a signature, so half of the requests get seeded ones and must reach the
good answers; the other half stay random and must be refused as the document says.
"""

import atexit
import collections
import hmac
import itertools
import json
import os
import random
import threading
import time

import schemathesis

SEEDS = json.load(open(os.environ["TOUCHSTONE_SEEDS"], encoding="utf-8"))
ANSWERS = collections.defaultdict(collections.Counter)
LOCK = threading.Lock()
TURN = itertools.count()
CHANCE = random.Random(1)


def detect(case):
    case.body = {"key": SEEDS["key"], "url": CHANCE.choice(SEEDS["urls"]), "model": CHANCE.choice(SEEDS["models"])}


def detect_url(case):
    detect(case)
    case.body["max_wait_seconds"] = 3


def bulk(case):
    case.body = {"key": SEEDS["key"], "url": SEEDS["zip"]}


def bulk_query(case):
    case.body = {"id": SEEDS["batch"]}


def query(case):
    case.body = {"id": (SEEDS["document"], SEEDS["batch"])[next(TURN) // 2 % 2]} | CHANCE.choice([{}, {"key": SEEDS["key"]}])


def keyed(case):
    case.path_parameters = {"id": SEEDS["document"]}
    case.body = {"key": SEEDS["key"]}


def link(name):
    def fill(case):
        seeds = SEEDS[name]
        case.path_parameters = {"id": seeds["id"]}
        case.query = {"expires": seeds["expires"], "signature": seeds["signature"]}

    return fill


def put(case):
    seeds = SEEDS["put"]
    case.path_parameters = {"name": seeds["name"]}
    case.query = {"expires": seeds["expires"], "signature": seeds["signature"]}
    case.media_type = "image/png"
    case.body = b"\x89PNG\r\n\x1a\n" + b"x" * 2000


def presign(case):
    case.query = {"file_name": "photo.png", "expiration": 600}


def usage(case):
    case.path_parameters = {"id": SEEDS["organization"]}
    case.query = {}
    case.headers.pop("x-job-secret", None)


def sync(case):
    case.path_parameters = {"id": SEEDS["organization"]}
    case.headers["x-job-secret"] = SEEDS["job_secret"]
    case.body = {"start_date": SEEDS["today"], "end_date": SEEDS["today"]}


def stripe_event(case):
    body = b'{"id": "evt_1", "type": "v1.billing.meter.of_the_test"}'
    now = str(int(time.time())).encode()
    signature = hmac.new(SEEDS["webhook_secret"].encode(), now + b"." + body, "sha256").hexdigest()
    case.headers["stripe-signature"] = f"t={now.decode()},v1={signature}"
    case.media_type = "application/json"
    case.body = body


def v1_detect(case):
    case.media_type = "application/json"
    case.body = {"image_base64": SEEDS["image"], "metadata": {"turn": CHANCE.random()}, "include_heatmap": CHANCE.random() < 0.5}


def v1_batch(case):
    case.body = {"images": [{"image_base64": SEEDS["image"]}, {"image_base64": "%"}]}


def v1_path(name):
    def fill(case):
        case.path_parameters = {"id": SEEDS[name]}

    return fill


def v1_webhook(body=None):
    def fill(case):
        if "{id}" in case.operation.path:
            case.path_parameters = {"id": SEEDS["spare" if case.method.upper() == "DELETE" else "webhook"]}
        # The same one is rotated again and again, which is refused otherwise.
        case.query = {"force": "true"} if case.operation.path.endswith("/rotate-secret") else {}
        if body:
            case.media_type = "application/json"
            case.body = body

    return fill


VALID = {
    "POST /detect": detect,
    "POST /detect-url": detect_url,
    "POST /query": query,
    "POST /bulk-upload": bulk,
    "POST /bulk-upload/query": bulk_query,
    "GET /heatmap/{id}": link("heatmap"),
    "GET /preview/{id}": link("preview"),
    "POST /heatmap/{id}": keyed,
    "POST /preview/{id}": keyed,
    "PUT /blobs/uploads/{name}": put,
    "GET /get-presigned-url": presign,
    "GET /organizations/{id}/usage": usage,
    "POST /organizations/{id}/usage/sync-to-stripe": sync,
    "POST /billing/stripe/events": stripe_event,
    "POST /v1/detect": v1_detect,
    "POST /v1/forensics": v1_detect,
    "POST /v1/c2pa/verify": v1_detect,
    "POST /v1/detect/batch": v1_batch,
    "POST /v1/detect/async": v1_batch,
    "GET /v1/detections/{id}": v1_path("document"),
    "GET /v1/jobs/{id}": v1_path("job"),
    "POST /v1/webhooks": v1_webhook({"url": "https://club.invalid/hook", "events": ["batch.failed"]}),
    "GET /v1/webhooks/{id}": v1_webhook(),
    "PATCH /v1/webhooks/{id}": v1_webhook({"description": "known"}),
    "DELETE /v1/webhooks/{id}": v1_webhook(),
    "POST /v1/webhooks/{id}/rotate-secret": v1_webhook(),
    "POST /v1/webhooks/{id}/test": v1_webhook(),
    "GET /v1/webhooks/{id}/deliveries": v1_webhook(),
    "POST /v1/webhooks/{id}/replay": v1_webhook({"since": "2026-01-01T00:00:00Z"}),
}


def meant_well(case):
    """Not one of the requests that are wrong on purpose: those must stay wrong."""
    as_documented = case.method.upper() == case.operation.method.upper()
    return as_documented and case.meta is not None and case.meta.generation.mode.is_positive


@schemathesis.hook
def before_call(context, case, **kwargs):
    fill = VALID.get(case.operation.label)
    if fill and meant_well(case) and next(TURN) % 2:
        fill(case)


@schemathesis.hook
def after_call(context, case, response):
    if case.method.upper() == case.operation.method.upper():
        with LOCK:
            ANSWERS[case.operation.label][str(response.status_code)] += 1


@atexit.register
def write():
    with open(os.environ["TOUCHSTONE_ANSWERS"], "w", encoding="utf-8") as file:
        json.dump(ANSWERS, file)
