"""AWS's own managed policies, those that templates and people commonly attach.

Each is its ARN's path and its permissions: the actions it allows on everything, or its statements.
Names and paths are AWS's. Documents are not copies of AWS's: long ones are cut to services one may meet
here, and where it matters, compare with the reference:
https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
"""

import hashlib
import json
from functools import cache
from typing import Any

CREATED_S = 1_423_161_600  # 5 February 2015, when most of them came to be
_ROOT = "arn:aws:iam::aws:policy/"
_LOGS = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
_VPC = ["ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets",
        "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"]
_XRAY = ["xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules",
         "xray:GetSamplingTargets",
         "xray:GetSamplingStatisticSummaries"]
_READ = ["Describe*", "Get*", "List*"]


def _of(service: str, *names: str) -> list[str]:
    return [f"{service}:{name}" for name in names]


_ALLOWED: dict[str, list[str]] = {
    "AdministratorAccess": ["*"],
    "service-role/AWSLambdaBasicExecutionRole": _LOGS,
    "service-role/AWSLambdaVPCAccessExecutionRole": [*_LOGS, *_VPC, "ec2:DescribeSecurityGroups",
                                                     "ec2:DescribeVpcs"],
    "service-role/AWSLambdaENIManagementAccess": _VPC,
    "service-role/AWSLambdaSQSQueueExecutionRole": [
        *_of("sqs", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"), *_LOGS],
    "service-role/AWSLambdaDynamoDBExecutionRole": [
        *_of("dynamodb", "DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"), *_LOGS],
    "service-role/AWSLambdaKinesisExecutionRole": [
        *_of("kinesis", "DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator",
             "ListShards",
             "ListStreams", "SubscribeToShard"), *_LOGS],
    "service-role/AWSLambdaMSKExecutionRole": [
        *_of("kafka", "DescribeCluster", "DescribeClusterV2", "GetBootstrapBrokers"), *_VPC[:4],
        "ec2:DescribeVpcs", "ec2:DescribeSecurityGroups", *_LOGS],
    "service-role/AWSLambdaRole": ["lambda:InvokeFunction"],
    "service-role/AWSLambdaBasicDurableExecutionRolePolicy": [
        *_LOGS, *_of("lambda", "CheckpointDurableExecution", "GetDurableExecutionState")],
    "AWSLambdaInvocation-DynamoDB": ["lambda:InvokeFunction", *_of("dynamodb", "DescribeStream", "GetRecords",
                                                                 "GetShardIterator", "ListStreams")],
    "AWSLambdaExecute": ["logs:*", "s3:GetObject", "s3:PutObject"],
    "AWSXRayDaemonWriteAccess": _XRAY, "AWSXrayWriteOnlyAccess": _XRAY,
    "AWSXrayReadOnlyAccess": _of("xray", "GetSamplingRules", "GetSamplingTargets",
                                 "GetSamplingStatisticSummaries",
                                 "BatchGetTraces", "BatchGetTraceSummaryById", "GetDistinctTraceGraphs",
                                 "GetServiceGraph", "GetTraceGraph", "GetTraceSummaries", "GetGroups",
                                 "GetGroup",
                                 "ListTagsForResource", "ListResourcePolicies",
                                 "GetTimeSeriesServiceStatistics",
                                 "GetInsightSummaries", "GetInsight", "GetInsightEvents",
                                 "GetInsightImpactGraph"),
    "AWSXrayFullAccess": ["xray:*"],
    "service-role/AmazonAPIGatewayPushToCloudWatchLogs": [
        *_LOGS, *_of("logs", "DescribeLogGroups", "DescribeLogStreams", "GetLogEvents", "FilterLogEvents")],
    "CloudWatchLambdaInsightsExecutionRolePolicy": _LOGS,
    "CloudWatchLogsFullAccess": ["logs:*", "cloudwatch:GenerateQuery"],
    "CloudWatchLogsReadOnlyAccess": _of("logs", *_READ, "StartQuery", "StopQuery", "TestMetricFilter",
                                        "FilterLogEvents", "StartLiveTail", "StopLiveTail"),
    "CloudWatchFullAccess": ["autoscaling:Describe*", "cloudwatch:*", "logs:*", "sns:*", "iam:GetPolicy",
                             "iam:GetPolicyVersion", "iam:GetRole", "oam:ListSinks"],
    "CloudWatchReadOnlyAccess": ["autoscaling:Describe*", *_of("cloudwatch", *_READ), *_of(
        "logs", *_READ, "StartQuery", "StopQuery", "TestMetricFilter", "FilterLogEvents"), "sns:Get*",
        "sns:List*"],
    "AmazonS3FullAccess": ["s3:*", "s3-object-lambda:*"],
    "AmazonS3ReadOnlyAccess": [*_of("s3", "Get*", "List*", "Describe*"),
                               *_of("s3-object-lambda", "Get*", "List*")],
    "AmazonDynamoDBFullAccess": ["dynamodb:*", "dax:*", "application-autoscaling:*", "cloudwatch:*",
                                 "iam:GetRole",
                                 "iam:ListRoles", "sns:CreateTopic", "sns:ListTopics", "sns:Subscribe",
                                 "lambda:CreateFunction", "lambda:ListFunctions",
                                 "lambda:ListEventSourceMappings",
                                 "lambda:CreateEventSourceMapping", "lambda:DeleteEventSourceMapping"],
    "AmazonDynamoDBFullAccess_v2": ["dynamodb:*", "dax:*", "application-autoscaling:*", "cloudwatch:*"],
    "AmazonDynamoDBReadOnlyAccess": [
        *_of("dynamodb", "BatchGetItem", "Describe*", "List*", "GetAbacStatus", "GetItem",
             "GetResourcePolicy", "Query",
             "Scan", "PartiQLSelect"),
        *_of("dax", "Describe*", "List*", "GetItem", "BatchGetItem", "Query", "Scan"),
        *_of("cloudwatch", "DescribeAlarmHistory", "DescribeAlarms", "DescribeAlarmsForMetric",
             "GetMetricStatistics",
             "ListMetrics", "GetMetricData"), "iam:GetRole", "iam:ListRoles", "kms:DescribeKey",
             "kms:ListAliases",
        "sns:ListTopics", "sns:ListSubscriptionsByTopic", "lambda:ListFunctions",
        "lambda:ListEventSourceMappings",
        "lambda:GetFunctionConfiguration", "kinesis:DescribeStream", "kinesis:DescribeStreamSummary"],
    "AmazonSQSFullAccess": ["sqs:*"],
    "AmazonSQSReadOnlyAccess": _of("sqs", "GetQueueAttributes", "GetQueueUrl", "ListDeadLetterSourceQueues",
                                   "ListQueues", "ListMessageMoveTasks", "ListQueueTags"),
    "AmazonSNSFullAccess": ["sns:*"],
    "AmazonSNSReadOnlyAccess": _of("sns", "GetTopicAttributes", "List*", "CheckIfPhoneNumberIsOptedOut",
                                   "GetEndpointAttributes", "GetDataProtectionPolicy",
                                   "GetPlatformApplicationAttributes", "GetSMSAttributes",
                                   "GetSMSSandboxAccountStatus", "GetSubscriptionAttributes"),
    "service-role/AmazonSNSRole": [*_LOGS, "logs:PutMetricFilter", "logs:PutRetentionPolicy"],
    "AWSLambda_FullAccess": ["cloudformation:DescribeStacks", "cloudformation:ListStackResources",
                             "cloudwatch:ListMetrics", "cloudwatch:GetMetricData",
                             "ec2:DescribeSecurityGroups",
                             "ec2:DescribeSubnets", "ec2:DescribeVpcs", "kms:ListAliases", "iam:GetPolicy",
                             "iam:GetPolicyVersion", "iam:GetRole", "iam:GetRolePolicy",
                             "iam:ListAttachedRolePolicies", "iam:ListRolePolicies", "iam:ListRoles",
                             "lambda:*",
                             "logs:DescribeLogGroups", "states:DescribeStateMachine",
                             "states:ListStateMachines",
                             "tag:GetResources", "xray:GetTraceSummaries", "xray:BatchGetTraces"],
    "AWSLambda_ReadOnlyAccess": [*_of("lambda", "Get*", "List*"), "logs:DescribeLogGroups", "iam:ListRoles",
                                 "iam:ListRolePolicies", "iam:GetRole", "iam:GetRolePolicy", "iam:GetPolicy",
                                 "iam:GetPolicyVersion", "iam:ListAttachedRolePolicies", "kms:ListAliases",
                                 "cloudformation:DescribeStacks", "cloudwatch:GetMetricData",
                                 "tag:GetResources",
                                 "states:ListStateMachines", "states:DescribeStateMachine"],
    "CloudWatchEventsFullAccess": ["events:*", "schemas:*", "scheduler:*", "pipes:*"],
    "AmazonEventBridgeFullAccess": ["events:*", "schemas:*", "scheduler:*", "pipes:*"],
    "AmazonEventBridgeReadOnlyAccess": _of("events", "Describe*", "List*", "TestEventPattern"),
    "AWSStepFunctionsFullAccess": ["states:*"],
    "AWSStepFunctionsReadOnlyAccess": _of("states", "ListStateMachines", "ListActivities",
                                          "DescribeStateMachine",
                                          "DescribeStateMachineForExecution", "ListExecutions",
                                          "DescribeExecution",
                                          "GetExecutionHistory", "DescribeActivity"),
    "AWSStepFunctionsConsoleFullAccess": ["states:*", "iam:ListRoles", "lambda:ListFunctions"],
    "AmazonAPIGatewayInvokeFullAccess": ["execute-api:Invoke", "execute-api:ManageConnections"],
    "AmazonAPIGatewayAdministrator": ["apigateway:*"],
    "AmazonKinesisFullAccess": ["kinesis:*"],
    "AmazonKinesisReadOnlyAccess": _of("kinesis", "Get*", "List*", "Describe*"),
    "AmazonKinesisFirehoseFullAccess": ["firehose:*"],
    "AmazonCognitoPowerUser": ["cognito-identity:*", "cognito-idp:*", "cognito-sync:*", "iam:ListRoles",
                               "iam:ListOpenIdConnectProviders", "sns:ListPlatformApplications"],
    "AmazonSSMFullAccess": ["cloudwatch:PutMetricData", "ds:CreateComputer", "ds:DescribeDirectories",
                            "ec2:DescribeInstanceStatus", "logs:*", "ssm:*", "ec2messages:*"],
    "AmazonSSMReadOnlyAccess": _of("ssm", "Describe*", "Get*", "List*"),
    "SecretsManagerReadWrite": ["secretsmanager:*", "kms:DescribeKey", "kms:ListAliases", "kms:ListKeys",
                                "lambda:ListFunctions", "tag:GetResources"],
    "IAMFullAccess": ["iam:*", "organizations:DescribeAccount", "organizations:DescribeOrganization"],
    "IAMReadOnlyAccess": _of("iam", "GenerateCredentialReport", "GenerateServiceLastAccessedDetails", "Get*",
                             "List*",
                             "SimulateCustomPolicy", "SimulatePrincipalPolicy"),
    "AWSCloudFormationFullAccess": ["cloudformation:*"],
    "AmazonSESFullAccess": ["ses:*"], "AmazonTextractFullAccess": ["textract:*"],
    "AmazonPollyFullAccess": ["polly:*"],
    "AmazonPollyReadOnlyAccess": _of("polly", "DescribeVoices", "Get*", "List*", "SynthesizeSpeech"),
    "AmazonRekognitionFullAccess": ["rekognition:*"],
    "AmazonRekognitionReadOnlyAccess": _of("rekognition", "CompareFaces", "Describe*", "Detect*", "Get*",
                                           "List*", "RecognizeCelebrities", "Search*"),
    "ComprehendFullAccess": ["comprehend:*", "s3:GetBucketLocation", "s3:ListAllMyBuckets", "s3:ListBucket",
                             "iam:GetRole", "iam:ListRoles"],
    "ComprehendReadOnly": _of("comprehend", "BatchDetect*", "Classify*", "Contains*", "Describe*", "Detect*",
                              "List*"),
    "AWSCloudFormationReadOnlyAccess": _of("cloudformation", "Describe*", "EstimateTemplateCost", "Get*",
                                           "List*",
                                           "ValidateTemplate", "Detect*", "BatchDescribe*"),
}
_READERS = ("apigateway:GET", *(f"{service}:{verb}" for service in (
    "athena", "cloudformation", "cloudwatch", "cognito-idp", "ec2", "events", "firehose", "glue", "iam",
    "kinesis",
    "lambda", "logs", "pipes", "s3", "scheduler", "schemas", "secretsmanager", "sns", "sqs", "ssm", "states",
    "sts",
    "tag", "xray") for verb in ("Get*", "List*", "Describe*")),
    "dynamodb:BatchGetItem", "dynamodb:Describe*", "dynamodb:Get*", "dynamodb:List*", "dynamodb:Query",
    "dynamodb:Scan", "dynamodb:PartiQLSelect", "logs:FilterLogEvents", "logs:StartQuery", "logs:StopQuery",
    "xray:BatchGetTraces", "kms:Describe*", "kms:Get*", "kms:List*")
_SPECIAL: dict[str, list[dict[str, Any]]] = {
    "PowerUserAccess": [
        {"Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "account:*"], "Resource": "*"},
        {"Effect": "Allow", "Action": [
            "account:GetAccountInformation", "account:GetPrimaryEmail", "account:ListRegions",
            "iam:CreateServiceLinkedRole", "iam:DeleteServiceLinkedRole", "iam:ListRoles",
            "organizations:DescribeOrganization"], "Resource": "*"}],
    "AWSLambdaExecute": [
        {"Effect": "Allow", "Action": ["logs:*"], "Resource": "arn:aws:logs:*:*:*"},
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::*"}],
    "CloudWatchLambdaInsightsExecutionRolePolicy": [
        {"Effect": "Allow", "Action": "logs:CreateLogGroup", "Resource": "*"},
        {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
         "Resource": "arn:aws:logs:*:*:log-group:/aws/lambda-insights:*"}],
    "AWSLambda_FullAccess": [
        {"Effect": "Allow", "Action": _ALLOWED["AWSLambda_FullAccess"], "Resource": "*"},
        {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*",
         "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}},
        {"Effect": "Allow", "Action": ["logs:DescribeLogStreams", "logs:GetLogEvents", "logs:FilterLogEvents",
                                       "logs:StartLiveTail", "logs:StopLiveTail"],
         "Resource": "arn:aws:logs:*:*:log-group:/aws/lambda/*"}],
    "AmazonAPIGatewayInvokeFullAccess": [
        {"Effect": "Allow", "Action": ["execute-api:Invoke", "execute-api:ManageConnections"],
         "Resource": "arn:aws:execute-api:*:*:*"}],
    "AmazonAPIGatewayAdministrator": [
        {"Effect": "Allow", "Action": ["apigateway:*"], "Resource": "arn:aws:apigateway:*::/*"}],
    "ReadOnlyAccess": [{"Effect": "Allow", "Action": list(_READERS), "Resource": "*"}],
}
ARNS: tuple[str, ...] = tuple(sorted(_ROOT + name for name in {**_ALLOWED, **_SPECIAL}))


@cache
def document(arn: str) -> str | None:
    """The document of AWS's policy ``arn``; None if it is not among ours."""
    name = arn.removeprefix(_ROOT)
    if not arn.startswith(_ROOT) or (name not in _ALLOWED and name not in _SPECIAL):
        return None
    statements = _SPECIAL.get(name) or [{"Effect": "Allow", "Action": _ALLOWED[name], "Resource": "*"}]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=4)


def unique_id(arn: str) -> str:
    """A policy's unique id: the same at every start."""
    digest = hashlib.sha256(arn.encode()).digest()
    return "ANPA" + "".join("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[byte % 32] for byte in digest[:17])
