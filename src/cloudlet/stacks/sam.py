"""The SAM translator, as a process: a question on standard input, an answer on standard output.

Run as ``python -m cloudlet.stacks.sam``. It is never imported by the server.
"""

import json
import os
import sys
from collections.abc import Iterator
from typing import Any

import msgspec

from .serverless import Answer, Problem, Question

# Those that SAM's own templates and examples name; others are found by their name alone.
_MANAGED_POLICIES = {
    "AWSLambdaBasicExecutionRole": "service-role/",
    "AWSLambdaVPCAccessExecutionRole": "service-role/",
    "AWSLambdaDynamoDBExecutionRole": "service-role/",
    "AWSLambdaKinesisExecutionRole": "service-role/",
    "AWSLambdaSQSQueueExecutionRole": "service-role/",
    "AWSLambdaMSKExecutionRole": "service-role/",
    "AWSLambdaENIManagementAccess": "service-role/",
    "AWSLambdaRole": "service-role/",
    "AWSLambdaBasicDurableExecutionRolePolicy": "service-role/",
    "AWSCodeDeployRoleForLambda": "service-role/",
    "AmazonAPIGatewayPushToCloudWatchLogs": "service-role/",
    "AWSXRayDaemonWriteAccess": "",
    "AWSXrayWriteOnlyAccess": "",
    "AWSXrayFullAccess": "",
    "AWSLambda_FullAccess": "",
    "AWSLambda_ReadOnlyAccess": "",
    "AWSLambdaExecute": "",
    "AWSLambdaInvocation-DynamoDB": "",
    "AmazonDynamoDBFullAccess": "",
    "AmazonDynamoDBReadOnlyAccess": "",
    "AmazonS3FullAccess": "",
    "AmazonS3ReadOnlyAccess": "",
    "AmazonSQSFullAccess": "",
    "AmazonSQSReadOnlyAccess": "",
    "AmazonSNSFullAccess": "",
    "AmazonSNSReadOnlyAccess": "",
    "AmazonSSMReadOnlyAccess": "",
    "AmazonSSMFullAccess": "",
    "AmazonKinesisFullAccess": "",
    "AmazonKinesisReadOnlyAccess": "",
    "AmazonCognitoPowerUser": "",
    "AmazonEventBridgeFullAccess": "",
    "AWSStepFunctionsFullAccess": "",
    "CloudWatchEventsFullAccess": "",
    "CloudWatchFullAccess": "",
    "CloudWatchLogsFullAccess": "",
    "CloudWatchLambdaInsightsExecutionRolePolicy": "",
    "SecretsManagerReadWrite": "",
    "AdministratorAccess": "",
    "PowerUserAccess": "",
    "ReadOnlyAccess": "",
    "AmazonSESFullAccess": "",
    "ComprehendFullAccess": "",
    "ComprehendReadOnly": "",
    "AmazonRekognitionFullAccess": "",
    "AmazonRekognitionReadOnlyAccess": "",
    "AmazonTextractFullAccess": "",
    "AmazonPollyFullAccess": "",
    "AmazonPollyReadOnlyAccess": "",
    "AmazonAthenaFullAccess": "",
    "AmazonVPCFullAccess": "",
}


def answer(question: Question) -> Answer:
    """Translate one template."""
    elsewhere = list(_elsewhere(question.template))
    if elsewhere:  # the translator would ask AWS itself for them
        return Answer(problems=elsewhere)
    os.environ["AWS_DEFAULT_REGION"] = os.environ["AWS_REGION"] = question.region
    from samtranslator.model.exceptions import (
        InvalidDocumentException,  # half a second: only this process pays it
    )
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    policies = {name: f"arn:aws:iam::aws:policy/{path}{name}" for name, path in _MANAGED_POLICIES.items()}
    pseudo = {"AWS::AccountId": question.account, "AWS::Region": question.region, "AWS::Partition": "aws"}
    try:
        template = Translator(policies, Parser()).translate(question.template, question.parameters | pseudo)
    except InvalidDocumentException as error:
        return Answer(
            problems=[
                Problem(cause.message, getattr(cause, "_logical_id", "") or "")
                for cause in error.causes or ()
            ]
            or [Problem(error.message)]
        )
    template.pop("Transform", None)
    return Answer(json.loads(json.dumps(template)))  # the translator's strings are a subclass


def _elsewhere(template: dict[str, Any]) -> Iterator[Problem]:
    """What is said of applications that lie in AWS's Serverless Application Repository."""
    resources = template.get("Resources")
    for name, spec in resources.items() if isinstance(resources, dict) else ():
        if isinstance(spec, dict) and spec.get("Type") == "AWS::Serverless::Application":
            location = (spec.get("Properties") or {}).get("Location")
            if isinstance(location, dict) and "ApplicationId" in location:
                yield Problem(
                    f"Resource with id [{name}] is invalid. cloudlet does not reach the AWS Serverless "
                    f"Application Repository. Bring the template of {location['ApplicationId']} along, "
                    "and let Location be its path.", name)


def main() -> None:
    """One question, one answer."""
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=Question)
    sys.stdout.buffer.write(msgspec.json.encode(answer(question)))


if __name__ == "__main__":
    main()
