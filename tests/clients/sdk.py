"""Drives the official SDK as its README shows, unchanged: sdk.py BASE_URL API_KEY FILE…

Prints one JSON object: what `detect` answered or raised for each file, and what `check_user_credits` did.
"""

import json
import os
import sys

from truthscan.image_detection import ImageDetectionClient


class Quiet:
    """The SDK logs to standard output, the API key included; this keeps it free for the result."""

    def info(self, message):
        pass

    debug = warn = error = info


def attempt(call, *arguments):
    try:
        return call(*arguments)
    except Exception as error:  # What a user of the SDK would see is the result here.
        return {"raised": type(error).__name__, "message": str(error)}


def main():
    base_url, key, *files = sys.argv[1:]
    client = ImageDetectionClient(api_key=key, base_url=base_url, logger=Quiet())
    results = {os.path.basename(path): attempt(client.detect, path) for path in files}
    print(json.dumps({"results": results, "credits": attempt(client.check_user_credits)}))


main()
