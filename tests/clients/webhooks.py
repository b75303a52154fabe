"""Checks deliveries with the official library of Standard Webhooks: webhooks.py FILE.

FILE holds a JSON list of {secret, headers, body}; printed is a list of {"standard": whether the library accepts it}.
"""

import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError


def accepts(case):
    try:
        Webhook(case["secret"]).verify(case["body"], case["headers"])
        return True
    except WebhookVerificationError:
        return False


print(json.dumps([{"standard": accepts(case)} for case in json.load(open(sys.argv[1], encoding="utf-8"))]))
