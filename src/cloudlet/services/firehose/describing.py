"""How a stream is described: its configuration as it was given, with AWS's defaults where nothing was."""

from collections.abc import Mapping
from typing import Any

from ...kernel import Call, Conversation
from . import limits
from .records import Stream

_ID = "destinationId-000000000001"
_S3 = ("RoleARN", "BucketARN", "Prefix", "ErrorOutputPrefix", "BufferingHints", "CompressionFormat",
       "EncryptionConfiguration", "CloudWatchLoggingOptions")
_DEFAULTS: dict[str, Any] = {
    "BufferingHints": {"SizeInMBs": limits.BUFFER_MB, "IntervalInSeconds": limits.BUFFER_S},
    "CompressionFormat": "UNCOMPRESSED", "EncryptionConfiguration": {"NoEncryptionConfig": "NoEncryption"},
    "CloudWatchLoggingOptions": {"Enabled": False},
}


def arn_of(call: Call | Conversation, stream: Stream) -> str:
    """The stream's ARN."""
    return call.arn(f"deliverystream/{stream.name}", "firehose")


def describe(call: Call, stream: Stream) -> dict[str, Any]:
    """A stream, as DescribeDeliveryStream shows it."""
    found: dict[str, Any] = {
        "DeliveryStreamName": stream.name, "DeliveryStreamARN": arn_of(call, stream),
        "DeliveryStreamStatus": "ACTIVE", "VersionId": str(stream.version),
        "DeliveryStreamEncryptionConfiguration": {"Status": "DISABLED"},
        "DeliveryStreamType": "KinesisStreamAsSource" if stream.source else "DirectPut",
        "CreateTimestamp": stream.created_ms / 1000, "HasMoreDestinations": False,
        "Destinations": [{"DestinationId": _ID, **_destination(stream)}]}
    if stream.source:
        found["Source"] = {"KinesisStreamSourceDescription": {
            **stream.source, "DeliveryStartTimestamp": stream.created_ms / 1000}}
    if stream.updated_ms:
        found["LastUpdateTimestamp"] = stream.updated_ms / 1000
    return found


def _destination(stream: Stream) -> dict[str, Any]:
    given = stream.given
    if stream.kind == "s3":
        plain = _s3(given)
        extended = {**plain, "S3BackupMode": "Disabled",
                    **{name: value for name, value in given.items() if name not in plain}}
        if "S3BackupConfiguration" in extended:
            extended["S3BackupDescription"] = _s3(extended.pop("S3BackupConfiguration"))
        return {"S3DestinationDescription": plain, "ExtendedS3DestinationDescription": extended}
    endpoint = {name: value for name, value in given["EndpointConfiguration"].items() if name != "AccessKey"}
    found = {
        "BufferingHints": _DEFAULTS["BufferingHints"], "S3BackupMode": "FailedDataOnly",
        "CloudWatchLoggingOptions": {"Enabled": False}, "ProcessingConfiguration": {"Enabled": False},
        "RequestConfiguration": {"ContentEncoding": "NONE", "CommonAttributes": []},
        "RetryOptions": {"DurationInSeconds": limits.ENDPOINT_RETRY_S},
        "SecretsManagerConfiguration": {"Enabled": False},
        **given, "EndpointConfiguration": endpoint, "S3DestinationDescription": _s3(given["S3Configuration"])}
    del found["S3Configuration"]
    return {"HttpEndpointDestinationDescription": found}


def _s3(given: Mapping[str, Any]) -> dict[str, Any]:
    return {**_DEFAULTS, **{name: given[name] for name in _S3 if name in given}}
