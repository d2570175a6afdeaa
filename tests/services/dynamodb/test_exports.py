"""Exports to a bucket and imports from one."""

import base64
import gzip
import hashlib
import json
import time

import pytest

from .test_backups import moment, refusal

BUCKET = "exports"
KEY = {
    "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


@pytest.fixture(scope="module")
def still(cloudlet):
    cloudlet.control("clock", {"freeze": True})
    cloudlet.client("s3").create_bucket(Bucket=BUCKET)
    return cloudlet


@pytest.fixture
def s3(still):
    return still.client("s3")


@pytest.fixture
def kept(ddb, make, still):
    """A table with point-in-time recovery."""
    table = make()
    ddb.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification={
        "PointInTimeRecoveryEnabled": True})
    return table


def arn(table):
    return f"arn:aws:dynamodb:us-east-1:000000000000:table/{table}"


def exported(still, ddb, table, **more):
    one = ddb.export_table_to_point_in_time(TableArn=arn(table), S3Bucket=BUCKET, **more)["ExportDescription"]
    assert one["ExportStatus"] == "IN_PROGRESS"
    until(lambda: ddb.describe_export(ExportArn=one["ExportArn"])[
        "ExportDescription"]["ExportStatus"] != "IN_PROGRESS")
    return ddb.describe_export(ExportArn=one["ExportArn"])["ExportDescription"]


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline


def body(s3, key):
    return s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()


def lines(s3, export):
    """What the files hold that the manifest names, each checked against it."""
    summary = json.loads(body(s3, export["ExportManifest"]))
    found = []
    for line in body(s3, summary["manifestFilesS3Key"]).splitlines():
        file = json.loads(line)
        packed = body(s3, file["dataFileS3Key"])
        assert base64.b64encode(hashlib.md5(packed).digest()).decode() == file["md5Checksum"]
        own = [json.loads(one) for one in gzip.decompress(packed).splitlines()]
        assert len(own) == file["itemCount"]
        found += own
    assert summary["itemCount"] == export["ItemCount"] == len(found)
    return found


def test_a_full_export_has_every_item_as_it_was_in_the_layout_of_awss(ddb, kept, still, s3):
    for n in range(3):
        ddb.put_item(TableName=kept, Item={"p": {"S": f"k{n}"}, "b": {"B": b"\0\1"}, "n": {"N": "1.50"}})
    still.advance(10)
    then = moment(still)
    still.advance(10)
    ddb.delete_item(TableName=kept, Key={"p": {"S": "k0"}})
    whole = exported(still, ddb, kept, ExportTime=then, S3Prefix="daily")
    assert whole["ExportStatus"] == "COMPLETED" and whole["ItemCount"] == 3
    found = sorted(lines(s3, whole), key=lambda line: line["Item"]["p"]["S"])
    assert found[0] == {"Item": {"p": {"S": "k0"}, "b": {"B": "AAE="}, "n": {"N": "1.5"}}}
    assert [line["Item"]["p"]["S"] for line in found] == ["k0", "k1", "k2"]
    keys = {one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET, Prefix="daily/")["Contents"]}
    id = whole["ExportArn"].rpartition("/")[2]
    names = ("_started", "manifest-files.json", "manifest-files.md5", "manifest-summary.json",
             "manifest-summary.md5")
    assert {f"daily/AWSDynamoDB/{id}/{name}" for name in names} < keys
    assert len(keys) == 6


def test_an_incremental_export_tells_what_became_of_each_item_in_a_window(ddb, kept, still, s3):
    def put(key, value):
        ddb.put_item(TableName=kept, Item={"p": {"S": key}, "v": {"S": value}})

    put("changed", "1")
    put("deleted", "1")
    put("same", "1")
    still.advance(60)
    since = moment(still)
    still.advance(60)
    put("changed", "2")
    put("changed", "3")
    put("made", "1")
    ddb.delete_item(TableName=kept, Key={"p": {"S": "deleted"}})
    still.advance(3600)
    to = moment(still)
    put("changed", "4")
    still.advance(60)
    part = exported(still, ddb, kept, ExportType="INCREMENTAL_EXPORT", IncrementalExportSpecification={
        "ExportFromTime": since, "ExportToTime": to})
    found = {line["Keys"]["p"]["S"]: line for line in lines(s3, part)}

    def value(line, image):
        return line[image]["v"]["S"] if image in line else None

    assert {key: (value(line, "OldImage"), value(line, "NewImage")) for key, line in found.items()} == {
        "changed": ("1", "3"), "deleted": ("1", None), "made": (None, "1")}
    stamp = int(found["changed"]["Metadata"]["WriteTimestampMicros"]["N"])
    assert stamp == round((since.timestamp() + 60) * 1000) * 1000
    news = exported(still, ddb, kept, ExportType="INCREMENTAL_EXPORT", IncrementalExportSpecification={
        "ExportFromTime": since, "ExportToTime": to, "ExportViewType": "NEW_IMAGE"})
    assert not any("OldImage" in line for line in lines(s3, news))
    code, _ = refusal(ddb, "export_table_to_point_in_time", TableArn=arn(kept), S3Bucket=BUCKET,
                      ExportType="INCREMENTAL_EXPORT", IncrementalExportSpecification={
                          "ExportFromTime": moment(still, minutes=10), "ExportToTime": moment(still)})
    assert code == "ValidationException"


def test_an_export_that_can_not_be_written_fails_and_says_why(ddb, kept, still):
    one = ddb.export_table_to_point_in_time(TableArn=arn(kept), S3Bucket="nowhere")["ExportDescription"]
    def status():
        return ddb.describe_export(ExportArn=one["ExportArn"])["ExportDescription"]
    until(lambda: status()["ExportStatus"] == "FAILED")
    assert status()["FailureCode"] == "S3NoSuchBucket"


def test_exports_are_begun_once_for_a_token_listed_and_refused(ddb, kept, make, still):
    one, again = (ddb.export_table_to_point_in_time(TableArn=arn(kept), S3Bucket=BUCKET, ClientToken="abc")[
        "ExportDescription"]["ExportArn"] for _ in range(2))
    assert one == again
    assert refusal(ddb, "export_table_to_point_in_time", TableArn=arn(kept), S3Bucket=BUCKET,
                   ClientToken="abc", S3Prefix="x")[0] == "ExportConflictException"
    still.advance(1)
    exported(still, ddb, kept)
    page = ddb.list_exports(TableArn=arn(kept), MaxResults=1)
    assert [one["ExportArn"] for one in page["ExportSummaries"]] == [one]
    rest = ddb.list_exports(TableArn=arn(kept), NextToken=page["NextToken"])["ExportSummaries"]
    assert len(rest) == 1
    assert refusal(ddb, "export_table_to_point_in_time", TableArn=arn(make()), S3Bucket=BUCKET)[0] == (
        "PointInTimeRecoveryUnavailableException")
    assert refusal(ddb, "export_table_to_point_in_time", TableArn=arn(kept), S3Bucket=BUCKET,
                   ExportFormat="ION")[0] == "NotHonoured"
    assert refusal(ddb, "export_table_to_point_in_time", TableArn=arn(kept), S3Bucket=BUCKET,
                   ExportTime=moment(still, days=40))[0] == "InvalidExportTimeException"


def imported(ddb, name, prefix, **more):
    making = {"TableName": name, **KEY, **more.pop("making", {})}
    one = ddb.import_table(S3BucketSource={"S3Bucket": BUCKET, "S3KeyPrefix": prefix},
                           TableCreationParameters=making, **more)["ImportTableDescription"]
    assert one["ImportStatus"] == "IN_PROGRESS"
    until(lambda: ddb.describe_import(ImportArn=one["ImportArn"])[
        "ImportTableDescription"]["ImportStatus"] != "IN_PROGRESS")
    return ddb.describe_import(ImportArn=one["ImportArn"])["ImportTableDescription"]


def test_what_was_exported_can_be_imported_into_a_table_like_it(ddb, kept, still, s3):
    for start in range(0, 1500, 25):
        ddb.batch_write_item(RequestItems={kept: [
            {"PutRequest": {"Item": {"p": {"S": f"k{n}"}, "b": {"B": b"\0"}, "s": {"NS": ["1", "2"]}}}}
            for n in range(start, start + 25)]})
    export = exported(still, ddb, kept, S3Prefix="again")
    prefix = export["ExportManifest"].rpartition("/")[0] + "/data/"
    done = imported(ddb, f"{kept}-again", prefix, InputFormat="DYNAMODB_JSON", InputCompressionType="GZIP")
    assert (done["ImportStatus"], done["ImportedItemCount"], done["ErrorCount"]) == ("COMPLETED", 1500, 0)
    here, there = (ddb.scan(TableName=name)["Items"] for name in (kept, f"{kept}-again"))
    assert here == there and len(here) == 1500


def test_csv_is_read_with_its_header_types_of_keys_and_quotes(ddb, still, s3):
    s3.put_object(
        Bucket=BUCKET, Key="csv/one.csv", Body=b'p;n;text\r\na;1.50;"two\nlines; ""quoted"""\r\nb;2;\r\n'
    )
    index = {"IndexName": "by-n", "KeySchema": [{"AttributeName": "n", "KeyType": "HASH"}],
             "Projection": {"ProjectionType": "ALL"}}
    done = imported(
        ddb,
        "from-csv",
        "csv/",
        InputFormat="CSV",
        InputFormatOptions={"Csv": {"Delimiter": ";"}},
        making={
            "GlobalSecondaryIndexes": [index],
            "AttributeDefinitions": [
                *KEY["AttributeDefinitions"],
                {"AttributeName": "n", "AttributeType": "N"},
            ],
        },
    )
    assert done["ImportStatus"] == "COMPLETED"
    items = {item["p"]["S"]: item for item in ddb.scan(TableName="from-csv")["Items"]}
    assert items == {"a": {"p": {"S": "a"}, "n": {"N": "1.5"}, "text": {"S": 'two\nlines; "quoted"'}},
                     "b": {"p": {"S": "b"}, "n": {"N": "2"}, "text": {"S": ""}}}
    assert ddb.query(TableName="from-csv", IndexName="by-n", KeyConditionExpression="n = :n",
                     ExpressionAttributeValues={":n": {"N": "2"}})["Count"] == 1


def test_lines_that_are_no_items_are_counted_and_told_of_in_the_log(ddb, still, s3):
    good = json.dumps({"Item": {"p": {"S": "good"}}})
    wrong = json.dumps({"Item": {"p": {"N": "1"}}})
    s3.put_object(Bucket=BUCKET, Key="wrong/1.json", Body=f"{good}\n{wrong}\nnonsense\n".encode())
    done = imported(ddb, "wrong", "wrong/", InputFormat="DYNAMODB_JSON")
    assert (done["ImportStatus"], done["FailureCode"]) == ("FAILED", "ItemValidationError")
    assert (done["ProcessedItemCount"], done["ImportedItemCount"], done["ErrorCount"]) == (3, 1, 2)
    assert ddb.scan(TableName="wrong")["Count"] == 1
    logs = still.client("logs")
    events = logs.filter_log_events(logGroupName="/aws-dynamodb/imports")["events"]
    said = [json.loads(event["message"]) for event in events]
    assert [one["itemS3Pointer"] for one in said] == [
        {"bucket": BUCKET, "key": "wrong/1.json", "itemIndex": n} for n in (1, 2)]


def test_an_import_of_nothing_that_is_there_leaves_no_table(ddb, still):
    one = ddb.import_table(S3BucketSource={"S3Bucket": "nowhere"}, InputFormat="CSV",
                           TableCreationParameters={"TableName": "never", **KEY})["ImportTableDescription"]
    def status():
        return ddb.describe_import(ImportArn=one["ImportArn"])["ImportTableDescription"]
    until(lambda: status()["ImportStatus"] == "FAILED")
    assert status()["FailureCode"] == "S3NoSuchBucket"
    assert refusal(ddb, "describe_table", TableName="never")[0] == "ResourceNotFoundException"
    listed = ddb.list_imports(PageSize=1)
    assert len(ddb.list_imports(NextToken=listed["NextToken"])["ImportSummaryList"]) >= 1
