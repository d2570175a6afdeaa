"""Calls back whoever asked for a report."""

import json
import urllib.request


class Unreachable(Exception):
    """Nobody answers there now."""


def handler(event, context):
    request = urllib.request.Request(event["url"], json.dumps(event["report"]).encode(),
                                     {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=5):
            pass
    except OSError as error:
        raise Unreachable(str(error)) from None
