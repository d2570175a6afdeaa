"""What inline code that answers for a custom resource imports: CloudFormation puts it beside such code.

It runs in the function, with whatever Python that has, and needs nothing but Python.
"""

import json
import urllib.request
from typing import Any

SUCCESS = "SUCCESS"
FAILED = "FAILED"


# ruff: noqa: N803 (the names of the arguments are those that callers use)
def send(event: Any, context: Any, responseStatus: str, responseData: Any, physicalResourceId: Any = None,
         noEcho: bool = False, reason: Any = None) -> None:
    """Tell CloudFormation what became of the request in ``event``."""
    answer = {
        "Status": responseStatus,
        "Reason": reason or f"See the details in CloudWatch Log Stream: {context.log_stream_name}",
        "PhysicalResourceId": physicalResourceId or context.log_stream_name,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "NoEcho": noEcho,
        "Data": responseData,
    }
    body = json.dumps(answer)
    print("Response body:")
    print(body)
    request = urllib.request.Request(event["ResponseURL"], body.encode(), {"content-type": ""}, method="PUT")
    try:
        with urllib.request.urlopen(request) as response:
            print("Status code:", response.status)
    except Exception as error:  # a function does not fail because nobody listens
        print("send(..) failed executing the request:", error)
