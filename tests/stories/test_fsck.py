"""A store that was damaged on purpose is found to be so, and repaired; one that was not is left alone."""

import asyncio
import io
import json
import zipfile

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from cloudlet.cli import main
from cloudlet.services.apigatewayv2.records import owners as api_owners
from cloudlet.services.dynamodb import expiry, tables
from cloudlet.services.dynamodb.rows import everything
from cloudlet.services.lambda_.urls import owners as url_owners
from cloudlet.services.s3 import nouns
from cloudlet.services.sns.records import subscriptions
from cloudlet.store.blobs import Reference, references
from cloudlet.store.integrity import View, quarantine
from cloudlet.store.keys import pack
from cloudlet.store.snapshots import branch
from cloudlet.store.sqlite import SqliteStore, reading

ACCOUNT, REGION = "000000000000", "us-east-1"
LARGE = bytes(range(256)) * 400
PART = b"part" * (5 << 18)


def furnish(running):
    """Something of everything that has a second way to be found."""
    s3, dynamodb = running.client("s3"), running.client("dynamodb")
    s3.create_bucket(Bucket="things")
    s3.put_object(Bucket="things", Key="large", Body=LARGE)
    s3.put_object(Bucket="things", Key="small", Body=b"small")
    s3.copy_object(Bucket="things", Key="copy", CopySource="things/large")
    own = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
    for key, body in (("sealed-large", LARGE), ("sealed-small", b"small")):
        s3.put_object(Bucket="things", Key=key, Body=body, ServerSideEncryption="aws:kms")
        s3.put_object(Bucket="things", Key=f"{key}-own", Body=body, **own)
    sealed = s3.create_multipart_upload(Bucket="things", Key="sealed", ServerSideEncryption="aws:kms")[
        "UploadId"
    ]
    s3.upload_part(Bucket="things", Key="sealed", UploadId=sealed, PartNumber=1, Body=b"part")
    s3.create_bucket(Bucket="old")
    s3.put_object(Bucket="old", Key="k", Body=b"null version")
    s3.put_bucket_versioning(Bucket="old", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="old", Key="k", Body=LARGE[1:])
    s3.put_object(Bucket="old", Key="k", Body=LARGE[2:])
    upload = s3.create_multipart_upload(Bucket="things", Key="parts")["UploadId"]
    s3.upload_part(Bucket="things", Key="parts", UploadId=upload, PartNumber=1, Body=PART)
    done = s3.create_multipart_upload(Bucket="things", Key="whole")["UploadId"]
    etag = s3.upload_part(Bucket="things", Key="whole", UploadId=done, PartNumber=1, Body=PART)["ETag"]
    s3.complete_multipart_upload(Bucket="things", Key="whole", UploadId=done,
                                 MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    dynamodb.create_table(
        TableName="notes", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "by")],
        LocalSecondaryIndexes=[index("local", "pk", "by")],
        GlobalSecondaryIndexes=[index("global", "by", "pk")])
    dynamodb.update_time_to_live(TableName="notes", TimeToLiveSpecification={
        "AttributeName": "until", "Enabled": True})
    for n in range(5):
        dynamodb.put_item(TableName="notes", Item={"pk": {"S": f"p{n}"}, "sk": {"S": "\0s"},
                                                   "by": {"S": f"x\0{n}"}, "until": {"N": "9000000000"}})
    topic = running.client("sns").create_topic(Name="news")["TopicArn"]
    queue = running.client("sqs").create_queue(QueueName="work")["QueueUrl"]
    running.client("sns").subscribe(TopicArn=topic, Protocol="sqs",
                                    Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:work")
    running.client("sqs").send_message(QueueUrl=queue, MessageBody="hello")
    running.client("apigatewayv2").create_api(Name="front", ProtocolType="HTTP")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", "def handler(event, context): return 'hello'")
    running.client("lambda").create_function(
        FunctionName="greet", Runtime="python3.11", Handler="index.handler",
        Code={"ZipFile": packed.getvalue()}, Role=f"arn:aws:iam::{ACCOUNT}:role/any")
    running.client("lambda").create_function_url_config(FunctionName="greet", AuthType="NONE")


def index(name, first, second):
    return {"IndexName": name, "Projection": {"ProjectionType": "ALL"},
            "KeySchema": [{"AttributeName": first, "KeyType": "HASH"},
                          {"AttributeName": second, "KeyType": "RANGE"}]}


@pytest.fixture(scope="module")
def furnished(cloudlet):
    """A snapshot of a cloudlet that has something of everything."""
    furnish(cloudlet)
    cloudlet.advance(1)
    cloudlet.control("snapshots", {"save": "furnished"})
    return cloudlet.options.data / "snapshots"


@pytest.fixture
def data(furnished, tmp_path):
    """The data of a cloudlet that had something of everything, and was stopped."""
    branch(furnished, "furnished", tmp_path / "data")
    for body in (tmp_path / "data" / "blobs").glob("??/*"):  # to be damaged here, and nowhere else
        body.write_bytes((body.read_bytes(), body.unlink())[0])
    return tmp_path / "data"


def fsck(data, *options):
    done = CliRunner().invoke(main, ["fsck", "--data", str(data), "--json", *options])
    assert done.exit_code in (0, 1), done.output
    return done.exit_code, json.loads(done.output)


def change(data, work):
    """Do something to the rows behind everybody's back."""
    async def story():
        store = SqliteStore(data)
        try:
            return await store.transact(lambda tx: work(View(tx), View(tx, ACCOUNT, REGION)))
        finally:
            store.close()
    return asyncio.run(story())


def rows(data):
    with reading(data) as tx:
        return list(tx.scan(b"", b"\xff"))


def body_of(view, key, bucket="things"):
    obj = nouns.objects.get(view, bucket, key)
    return nouns.contents.get(view, bucket, key, -obj.sequence).pieces[0].blob


# -- one damage each: to the rows seen from everywhere and from the account, and to the folder


def lose_a_body(everywhere, here, data):
    path(data, body_of(everywhere, b"large")).unlink()


def path(data, name):
    return data / "blobs" / name[:2] / name


def shorten_a_body(everywhere, here, data):
    path(data, body_of(everywhere, b"large")).write_bytes(LARGE[:-1])


def flip_a_bit_of_a_body(everywhere, here, data):
    path(data, body_of(everywhere, b"large")).write_bytes(b"\1" + LARGE[1:])


def flip_a_bit_of_a_part(everywhere, here, data):
    part = next(part for _, part in nouns.parts.items(everywhere) if part.piece.size == len(PART))
    path(data, part.piece.blob).write_bytes(b"?" + PART[1:])


def flip_a_bit_of_a_body_made_of_parts(everywhere, here, data):
    path(data, body_of(everywhere, b"whole")).write_bytes(b"?" + PART[1:])


def lose_a_package(everywhere, here, data):
    name = next(str(key[0]) for key, _ in references.items(everywhere) if len(str(key[0])) == 64)
    path(data, name).unlink()


def leave_a_body_to_nobody(everywhere, here, data):
    (data / "blobs" / "aa").mkdir(exist_ok=True)
    (data / "blobs" / "aa" / "aa00").write_bytes(b"whose?")


def lose_a_reference(everywhere, here, data):
    references.delete(everywhere, *next(key for key, _ in references.items(everywhere) if "/" in str(key[1])))


def refer_without_need(everywhere, here, data):
    references.put(everywhere, body_of(everywhere, b"large"), "things/00/7", record=Reference())


def lose_a_content(everywhere, here, data):
    obj = nouns.objects.get(everywhere, "things", b"large")
    nouns.contents.delete(everywhere, "things", b"large", -obj.sequence)


def lose_an_object(everywhere, here, data):
    nouns.objects.delete(everywhere, "things", b"large")


def lose_a_bucket(everywhere, here, data):
    nouns.buckets.delete(everywhere, "things")


def lose_an_owned_bucket(everywhere, here, data):
    nouns.owned.delete(here, "things")


def lose_a_null_version(everywhere, here, data):
    nouns.nulls.delete(everywhere, "old", b"k")


def lose_an_upload(everywhere, here, data):
    nouns.uploads.delete(everywhere, *next(key for key, _ in nouns.uploads.items(everywhere)))


def table_of(here):
    return next(table for _, table in tables.records.items(here))


def space(here, number):
    return everything(here.account, here.region, table_of(here).rows, number)


def lose_an_entry_of_a_local_index(everywhere, here, data):
    here.tx.delete(next(iter(here.tx.scan(*space(here, 1))))[0])


def lose_an_entry_of_a_global_index(everywhere, here, data):
    here.tx.delete(next(iter(here.tx.scan(*space(here, 2))))[0])


def lose_an_item_under_its_indexes(everywhere, here, data):
    here.tx.delete(next(iter(here.tx.scan(*space(here, 0))))[0])


def spoil_an_item(everywhere, here, data):
    key, raw = next(iter(here.tx.scan(*space(here, 0))))
    here.tx.put(key, raw[:-3])


def miscount_an_item(everywhere, here, data):
    key, raw = next(iter(here.tx.scan(*space(here, 0))))
    here.tx.put(key, raw[:1] + b"\0\0\7" + raw[4:])


def lose_a_table(everywhere, here, data):
    tables.records.delete(here, "notes")


def lose_a_moment_of_expiry(everywhere, here, data):
    table = table_of(here)
    at_ms, id, _ = next(iter(expiry.enlisted(here, table.rows)))
    expiry.remove(here, table.rows, id, at_ms)


def lose_an_index_of_a_table(everywhere, here, data):
    prefix = pack((ACCOUNT, REGION, f"{subscriptions.name}/endpoint"))
    here.tx.delete(next(iter(here.tx.scan(prefix, prefix + b"\xff")))[0])


def lose_a_record_under_its_index(everywhere, here, data):
    prefix = pack((ACCOUNT, REGION, subscriptions.name))
    here.tx.delete(next(iter(here.tx.scan(prefix, prefix + b"\xff")))[0])


def spoil_a_record(everywhere, here, data):
    prefix = pack((ACCOUNT, REGION, "sqs.ready"))
    here.tx.put(next(iter(here.tx.scan(prefix, prefix + b"\xff")))[0], b"\xc1")


def let_the_clock_run_what_there_is_not(everywhere, here, data):
    prefix = pack(("", "", "timers"))
    for key, raw in list(here.tx.scan(prefix, prefix + b"\xff")):
        here.tx.put(key, raw.replace(b"\xa6expire", b"\xa6expyre"))


def lose_the_way_to_an_api(everywhere, here, data):
    api_owners.delete(everywhere, *next(key for key, _ in api_owners.items(everywhere)))


def lose_the_way_to_a_url(everywhere, here, data):
    url_owners.delete(everywhere, *next(key for key, _ in url_owners.items(everywhere)))


DAMAGES = {
    lose_a_body: ("s3", "is missing"),
    shorten_a_body: ("s3", f"has {len(LARGE) - 1} bytes, not {len(LARGE)}"),
    flip_a_bit_of_a_body: ("s3", "its bytes do not have its CRC"),
    flip_a_bit_of_a_part: ("s3", "its bytes do not have its MD5"),
    flip_a_bit_of_a_body_made_of_parts: ("s3", "its bytes do not have its"),
    lose_a_package: ("lambda", "its package"),
    leave_a_body_to_nobody: ("blobs", "nobody refers to this body"),
    lose_a_reference: ("s3", "does not refer to it"),
    refer_without_need: ("blobs", "does not need it"),
    lose_a_content: ("s3", "its content is missing"),
    lose_an_object: ("s3", "a content that belongs to no version"),
    lose_a_bucket: ("s3", "in a bucket that is not there"),
    lose_an_owned_bucket: ("s3", f"not in the list of account {ACCOUNT}"),
    lose_a_null_version: ("s3", "its null version is not found"),
    lose_an_upload: ("s3", "belongs to an upload that is not there"),
    lose_an_entry_of_a_local_index: ("dynamodb", "the index local has no entry"),
    lose_an_entry_of_a_global_index: ("dynamodb", "the index global has no entry"),
    lose_an_item_under_its_indexes: ("dynamodb", "an entry for an item that is not there"),
    spoil_an_item: ("dynamodb", "the item can't be read"),
    miscount_an_item: ("dynamodb", "it is said to have 7 bytes"),
    lose_a_table: ("dynamodb", "of a table or index that is not there"),
    lose_a_moment_of_expiry: ("dynamodb", "is not in the agenda"),
    lose_an_index_of_a_table: ("sns.subscriptions", "its index 'endpoint' has no entry"),
    lose_a_record_under_its_index: ("sns.subscriptions", "for a record that is not there"),
    spoil_a_record: ("sqs.ready", "it can't be read"),
    let_the_clock_run_what_there_is_not: ("timers", "which there is not"),
    lose_the_way_to_an_api: ("apigatewayv2", "not found by its id"),
    lose_the_way_to_a_url: ("lambda", "not found by its id"),
}


def test_a_store_that_is_whole_is_found_to_be_so(data):
    code, report = fsck(data)
    assert report["findings"] == []
    assert code == 0
    assert report["counts"].items() >= {"items": 5, "buckets": 2, "bodies": 8, "object versions": 11}.items()


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damage_is_found_and_nothing_changed_and_then_repaired(data, damage):
    change(data, lambda everywhere, here: damage(everywhere, here, data))
    area, words = DAMAGES[damage]
    before = rows(data)
    code, report = fsck(data)
    assert code == 1
    assert any(one["area"] == area and words in one["what"] for one in report["findings"]), report["findings"]
    assert rows(data) == before
    code, report = fsck(data, "--repair")
    assert (code, [one["what"] for one in report["findings"] if not one["repaired"]]) == (0, [])
    code, report = fsck(data)
    assert (code, report["findings"]) == (0, [])


def test_what_was_repaired_is_served_again_and_what_was_lost_is_said_to_be(data, fresh):
    def spoil(everywhere, here):
        for damage in (lose_a_body, lose_an_entry_of_a_global_index, lose_an_owned_bucket):
            damage(everywhere, here, data)
    change(data, spoil)
    assert fsck(data, "--repair")[0] == 0
    running = fresh()
    s3, dynamodb = running.client("s3"), running.client("dynamodb")
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket="things", Key="large")
    assert s3.get_object(Bucket="things", Key="small")["Body"].read() == b"small"
    assert {one["Name"] for one in s3.list_buckets()["Buckets"]} == {"things", "old"}
    found = dynamodb.scan(TableName="notes", IndexName="global")["Items"]
    assert len(found) == 5


def test_what_is_taken_out_is_kept_in_quarantine(data):
    change(data, lambda everywhere, here: shorten_a_body(everywhere, here, data))
    _, report = fsck(data, "--repair")
    assert report["quarantined"] > 0
    kept = change(data, lambda everywhere, here: [one for _, one in quarantine.after(everywhere)])
    assert any(b"s3.objects" in one.key for one in kept)
    assert [one.read_bytes() for one in (data / "quarantine").iterdir()] == [LARGE[:-1]]


def test_the_version_before_a_lost_one_is_current_again(data, fresh):
    change(data, lambda everywhere, here: path(data, body_of(everywhere, b"k", "old")).unlink())
    assert fsck(data, "--repair")[0] == 0
    assert fresh().client("s3").get_object(Bucket="old", Key="k")["Body"].read() == LARGE[1:]


def test_without_reading_bodies_only_their_sizes_are_compared(data):
    change(data, lambda everywhere, here: flip_a_bit_of_a_body(everywhere, here, data))
    assert fsck(data, "--quick")[0] == 0
    assert fsck(data)[0] == 1


def test_a_running_cloudlet_is_looked_at_and_not_repaired(furnished):
    code, report = fsck(furnished.parent)
    assert (code, report["findings"], report["running"]) == (0, [], True)
    done = CliRunner().invoke(main, ["fsck", "--data", str(furnished.parent), "--repair"])
    assert done.exit_code == 1
    assert "Repairs need it stopped" in done.output


def test_a_file_that_sqlite_can_not_read_is_reported_as_that(data):
    with (data / "store.sqlite").open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xaa" * 4096 * 4)
    code, report = fsck(data)
    assert code == 1
    assert report["findings"][0]["kind"] == "file"
    assert fsck(data, "--repair")[0] == 1


def test_a_snapshot_can_be_examined(furnished):
    place = furnished / "furnished"
    code, report = fsck(place)
    assert (code, report["findings"]) == (0, [])
    assert sorted(one.name for one in place.iterdir()) == ["blobs", "snapshot.json", "store.sqlite"]


def test_the_report_says_what_where_and_what_to_do(data):
    change(data, lambda everywhere, here: lose_a_body(everywhere, here, data))
    done = CliRunner().invoke(main, ["fsck", "--data", str(data)])
    assert "s3://things/large" in done.output
    assert "is missing" in done.output
    assert "to do: put the version and its bytes into quarantine" in done.output
    assert "`cloudlet fsck --repair` repairs" in done.output
