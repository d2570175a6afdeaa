"""Backups, point-in-time recovery, and tables restored from either."""

import asyncio
import datetime

import pytest
from click.testing import CliRunner

from cloudlet.cli import main
from cloudlet.errors import AwsError
from cloudlet.identity.principal import root
from cloudlet.services.dynamodb import tables
from cloudlet.store.keys import span

HOUR, DAY = 3600, 86_400


@pytest.fixture(scope="module")
def still(cloudlet):
    """The module's cloudlet, whose clock stands still unless a test moves it."""
    cloudlet.control("clock", {"freeze": True})
    return cloudlet


@pytest.fixture
def settle(still):
    """Lets everything that is under way end."""
    return lambda: still.advance(0)


def put(ddb, table, key, **more):
    ddb.put_item(TableName=table, Item={"p": {"S": key}, **more})


def items(ddb, table):
    pages = ddb.get_paginator("scan").paginate(TableName=table)
    return sorted(
        (item["p"]["S"], item.get("v", {}).get("S", "")) for page in pages for item in page["Items"]
    )


def refusal(ddb, operation, **params):
    with pytest.raises(ddb.exceptions.ClientError) as caught:
        getattr(ddb, operation)(**params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def moment(still, **ago):
    now = still.control("clock")["now"]
    return datetime.datetime.fromtimestamp(now, datetime.UTC) - datetime.timedelta(**ago)


def inside(still, work):
    """What ``work`` gives, in one transaction of the cloudlet."""
    call = still.cloudlet.kernel.conversation(root("000000000000"), "dynamodb")
    return asyncio.run_coroutine_threadsafe(call.transact(work), still._loop).result(10)


def kept(still, table):
    """How many earlier versions of items are in the store."""
    def count(call):
        start, stop = span((call.account, call.region, "dynamodb.history", tables.find(call, table).history))
        return sum(1 for _ in call.tx.scan(start, stop))
    return inside(still, count)


def status(ddb, table):
    return ddb.describe_table(TableName=table)["Table"]["TableStatus"]


def restored(settle, ddb, source, target, **more):
    ddb.restore_table_to_point_in_time(SourceTableName=source, TargetTableName=target, **more)
    settle()
    return items(ddb, target)


def test_a_backup_is_of_the_moment_it_was_asked_for_however_the_table_goes_on(ddb, make, settle):
    table = make()
    for n in range(5):
        put(ddb, table, f"k{n}", v={"S": "old"})
    details = ddb.create_backup(TableName=table, BackupName="first")["BackupDetails"]
    assert details["BackupStatus"] == "CREATING"
    put(ddb, table, "k0", v={"S": "new"})
    put(ddb, table, "later")
    ddb.delete_item(TableName=table, Key={"p": {"S": "k1"}})
    settle()
    described = ddb.describe_backup(BackupArn=details["BackupArn"])["BackupDescription"]
    assert described["BackupDetails"]["BackupStatus"] == "AVAILABLE"
    assert described["SourceTableDetails"]["ItemCount"] == 5
    ddb.restore_table_from_backup(TargetTableName=table + "-again", BackupArn=details["BackupArn"])
    settle()
    assert items(ddb, table + "-again") == [(f"k{n}", "old") for n in range(5)]
    assert items(ddb, table) == [("k0", "new"), ("k2", "old"), ("k3", "old"), ("k4", "old"), ("later", "")]


def test_a_large_table_is_copied_in_slices_while_it_is_written(ddb, make, still, settle):
    table = make()
    for start in range(0, 2500, 25):
        ddb.batch_write_item(RequestItems={table: [
            {"PutRequest": {"Item": {"p": {"S": f"k{n:04}"}, "v": {"S": "old"}}}}
            for n in range(start, start + 25)]})
    arn = ddb.create_backup(TableName=table, BackupName="large")["BackupDetails"]["BackupArn"]
    for n in range(0, 2500, 100):
        put(ddb, table, f"k{n:04}", v={"S": "new"})
    settle()
    ddb.restore_table_from_backup(TargetTableName=table + "-again", BackupArn=arn)
    settle()
    assert items(ddb, table + "-again") == [(f"k{n:04}", "old") for n in range(2500)]


def test_a_table_that_is_being_restored_is_not_there_for_readers_yet(ddb, make, settle):
    table = make()
    arn = ddb.create_backup(TableName=table, BackupName="empty")["BackupDetails"]["BackupArn"]
    settle()
    made = ddb.restore_table_from_backup(TargetTableName=table + "-r", BackupArn=arn)["TableDescription"]
    assert made["TableStatus"] == "CREATING"
    assert made["RestoreSummary"]["SourceBackupArn"] == arn and made["RestoreSummary"]["RestoreInProgress"]
    settle()
    summary = ddb.describe_table(TableName=table + "-r")["Table"]["RestoreSummary"]
    assert not summary["RestoreInProgress"]
    assert refusal(ddb, "restore_table_from_backup", TargetTableName=table + "-r", BackupArn=arn) == (
        "TableAlreadyExistsException", f"Table already exists: {table}-r")


def test_a_restored_table_may_have_fewer_indexes_and_another_billing_mode(ddb, make, settle):
    index = {"IndexName": "by-v", "KeySchema": [{"AttributeName": "v", "KeyType": "HASH"}],
             "Projection": {"ProjectionType": "ALL"}}
    table = make(attributes=("v:S", "w:S"), GlobalSecondaryIndexes=[
        index, index | {"IndexName": "by-w", "KeySchema": [{"AttributeName": "w", "KeyType": "HASH"}]}])
    put(ddb, table, "k", v={"S": "red"}, w={"S": "blue"})
    arn = ddb.create_backup(TableName=table, BackupName="indexed")["BackupDetails"]["BackupArn"]
    settle()
    kept = index | {"ProvisionedThroughput": {"ReadCapacityUnits": 2, "WriteCapacityUnits": 2}}
    ddb.restore_table_from_backup(
        TargetTableName=table + "-r", BackupArn=arn, BillingModeOverride="PROVISIONED",
        ProvisionedThroughputOverride={"ReadCapacityUnits": 3, "WriteCapacityUnits": 4},
        GlobalSecondaryIndexOverride=[kept])
    settle()
    there = ddb.describe_table(TableName=table + "-r")["Table"]
    assert [one["IndexName"] for one in there["GlobalSecondaryIndexes"]] == ["by-v"]
    assert there["ProvisionedThroughput"]["WriteCapacityUnits"] == 4
    found = ddb.query(TableName=table + "-r", IndexName="by-v", KeyConditionExpression="v = :v",
                      ExpressionAttributeValues={":v": {"S": "red"}})
    assert found["Count"] == 1
    other = index | {"IndexName": "by-x"}
    code, _ = refusal(ddb, "restore_table_from_backup", TargetTableName=table + "-x", BackupArn=arn,
                      GlobalSecondaryIndexOverride=[other])
    assert code == "ValidationException"


def test_backups_are_listed_by_table_kind_and_time_page_by_page(ddb, make, still, settle):
    table = make()
    arns = []
    for n in range(3):
        arns.append(ddb.create_backup(TableName=table, BackupName=f"b{n}-x")["BackupDetails"]["BackupArn"])
        still.advance(60)
    listed = ddb.list_backups(TableName=table, Limit=2)
    assert [one["BackupArn"] for one in listed["BackupSummaries"]] == arns[:2]
    rest = ddb.list_backups(TableName=table, ExclusiveStartBackupArn=listed["LastEvaluatedBackupArn"])
    assert [one["BackupArn"] for one in rest["BackupSummaries"]] == arns[2:]
    late = ddb.list_backups(TableName=table, TimeRangeLowerBound=moment(still, seconds=90))
    assert [one["BackupArn"] for one in late["BackupSummaries"]] == arns[2:]
    assert ddb.list_backups(TableName=table, BackupType="SYSTEM")["BackupSummaries"] == []
    gone = ddb.delete_backup(BackupArn=arns[0])["BackupDescription"]["BackupDetails"]
    assert gone["BackupStatus"] == "DELETED"
    assert refusal(ddb, "describe_backup", BackupArn=arns[0]) == (
        "BackupNotFoundException", f"Backup not found: {arns[0]}")


def test_what_can_not_be_backed_up_or_deleted_says_why(ddb, make, still, settle):
    assert refusal(ddb, "create_backup", TableName="nowhere", BackupName="abc") == (
        "TableNotFoundException", "Table not found: nowhere")
    table = make()

    def busy(call):  # while the backup is being made
        arn = call.invoke("dynamodb", "CreateBackup", TableName=table, BackupName="abc")[
            "BackupDetails"]["BackupArn"]
        for operation, code, params in (
                ("DeleteBackup", "BackupInUseException", {"BackupArn": arn}),
                ("RestoreTableFromBackup", "BackupInUseException",
                 {"BackupArn": arn, "TargetTableName": "never"}),
                ("DeleteTable", "ResourceInUseException", {"TableName": table})):
            with pytest.raises(AwsError) as caught:
                call.invoke("dynamodb", operation, **params)
            assert caught.value.code == code
        return arn

    arn = inside(still, busy)
    settle()
    ddb.delete_table(TableName=table)
    settle()
    ddb.restore_table_from_backup(TargetTableName=table, BackupArn=arn)  # the name is free again
    settle()
    assert status(ddb, table) == "ACTIVE"


def test_a_table_can_be_restored_to_any_moment_since_recovery_was_enabled(ddb, make, still, settle):
    table = make()
    put(ddb, table, "before")
    ddb.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification={
        "PointInTimeRecoveryEnabled": True})
    moments = {}
    for n in range(4):
        still.advance(10)
        put(ddb, table, "k", v={"S": str(n)})
        if n == 2:
            ddb.delete_item(TableName=table, Key={"p": {"S": "before"}})
        moments[n] = moment(still)
    still.advance(3 * DAY)
    ddb.delete_item(TableName=table, Key={"p": {"S": "k"}})
    for n, at in moments.items():
        assert restored(settle, ddb, table, f"{table}-{n}", RestoreDateTime=at) == (
            [("before", "")] if n < 2 else []) + [("k", str(n))]
    between = moments[3] + datetime.timedelta(seconds=5)
    assert restored(settle, ddb, table, f"{table}-5", RestoreDateTime=between) == [("k", "3")]
    assert restored(settle, ddb, table, f"{table}-now", UseLatestRestorableTime=True) == []


def test_recovery_goes_back_as_many_days_as_it_is_told_and_no_further(ddb, make, still, settle):
    table = make()
    ddb.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification={
        "PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 2})
    put(ddb, table, "k", v={"S": "first"})
    still.advance(HOUR)
    put(ddb, table, "k", v={"S": "second"})
    still.advance(DAY)
    assert restored(
        settle, ddb, table, f"{table}-1", RestoreDateTime=moment(still, days=1, seconds=HOUR)
    ) == [("k", "first")]
    assert refusal(ddb, "restore_table_to_point_in_time", SourceTableName=table, TargetTableName="never",
                   RestoreDateTime=moment(still, days=2))[0] == "InvalidRestoreTimeException"
    still.advance(5 * DAY)
    put(ddb, table, "k", v={"S": "third"})
    said = ddb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    recovery = said["PointInTimeRecoveryDescription"]
    assert recovery["LatestRestorableDateTime"] - recovery["EarliestRestorableDateTime"] == (
        datetime.timedelta(days=2))
    assert restored(settle, ddb, table, f"{table}-2", RestoreDateTime=moment(still, days=1)) == [
        ("k", "second")
    ]
    assert kept(still, table) == 1  # what lay further back is forgotten
    recovery = ddb.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification={
        "PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 20})["ContinuousBackupsDescription"]
    earliest = recovery["PointInTimeRecoveryDescription"]["EarliestRestorableDateTime"]
    assert earliest.timestamp() == moment(still, days=2).timestamp()  # and no setting brings it back


def test_without_recovery_there_is_nothing_to_go_back_to(ddb, make, still, settle):
    table = make()
    off = {"PointInTimeRecoveryStatus": "DISABLED"}
    said = ddb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    assert said == {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": off}
    assert refusal(ddb, "restore_table_to_point_in_time", SourceTableName=table, TargetTableName="never",
                   UseLatestRestorableTime=True) == (
        "PointInTimeRecoveryUnavailableException",
        f"Point in time recovery is not enabled for table '{table}'")
    wish = {"PointInTimeRecoveryEnabled": True}
    ddb.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification=wish)
    put(ddb, table, "k")
    ddb.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification={
        "PointInTimeRecoveryEnabled": False})
    put(ddb, table, "k", v={"S": "again"})
    still.advance(HOUR)
    ddb.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification=wish)
    assert refusal(ddb, "restore_table_to_point_in_time", SourceTableName=table, TargetTableName="never",
                   RestoreDateTime=moment(still, seconds=1))[0] == "InvalidRestoreTimeException"


def test_a_deleted_table_with_recovery_leaves_a_backup_for_thirty_five_days(ddb, make, still, settle):
    table = make(attributes=("v:S",), GlobalSecondaryIndexes=[
        {"IndexName": "by-v", "KeySchema": [{"AttributeName": "v", "KeyType": "HASH"}],
         "Projection": {"ProjectionType": "ALL"}}])
    ddb.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification={
        "PointInTimeRecoveryEnabled": True})
    put(ddb, table, "k", v={"S": "last"})
    ddb.delete_table(TableName=table)
    settle()
    backup, = ddb.list_backups(TableName=table, BackupType="SYSTEM")["BackupSummaries"]
    assert backup["BackupName"] == f"{table}$DeletedTableBackup" and backup["BackupStatus"] == "AVAILABLE"
    ddb.restore_table_from_backup(TargetTableName=table, BackupArn=backup["BackupArn"])
    settle()
    assert items(ddb, table) == [("k", "last")]
    assert ddb.scan(TableName=table, IndexName="by-v")["Count"] == 1
    still.advance(36 * DAY)
    assert ddb.list_backups(TableName=table, BackupType="SYSTEM")["BackupSummaries"] == []
    assert items(ddb, table) == [("k", "last")]


def test_a_restore_goes_on_after_the_cloudlet_was_stopped_in_the_middle_of_it(fresh):
    running = fresh()
    ddb = running.client("dynamodb")
    ddb.create_table(TableName="source", BillingMode="PAY_PER_REQUEST",
                     KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
                     AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}])
    for start in range(0, 3000, 25):
        ddb.batch_write_item(RequestItems={"source": [
            {"PutRequest": {"Item": {"p": {"S": f"k{n}"}}}} for n in range(start, start + 25)]})
    ddb.update_continuous_backups(TableName="source", PointInTimeRecoverySpecification={
        "PointInTimeRecoveryEnabled": True})
    ddb.restore_table_to_point_in_time(SourceTableName="source", TargetTableName="target",
                                       UseLatestRestorableTime=True)
    running.stop()
    running = fresh()
    running.advance(0)
    ddb = running.client("dynamodb")
    assert status(ddb, "target") == "ACTIVE"
    assert len(items(ddb, "target")) == 3000


def test_fsck_knows_backups_what_tables_were_and_replicas(fresh, tmp_path):
    running = fresh()
    ddb = running.client("dynamodb")
    for name in ("kept", "gone"):
        ddb.create_table(TableName=name, BillingMode="PAY_PER_REQUEST",
                         KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
                         AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}])
        ddb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification={
            "PointInTimeRecoveryEnabled": True})
        for _ in range(2):
            put(ddb, name, "k")
    ddb.create_backup(TableName="kept", BackupName="first")
    ddb.update_table(TableName="kept", ReplicaUpdates=[{"Create": {"RegionName": "eu-west-1"}}])
    ddb.delete_table(TableName="gone")
    running.advance(1)
    running.stop()
    done = CliRunner().invoke(main, ["fsck", "--data", str(tmp_path / "data"), "--json"])
    assert done.exit_code == 0, done.output
