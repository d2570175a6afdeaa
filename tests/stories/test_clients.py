"""Clients that AWS did not write, each in a session as its users have it.

Packages of Python come with the development tools; programs are tried where they are installed. What else was
tried, by hand, and how clients are set up, stands in docs/data.md.
"""

import io
import os
import shutil
import subprocess
from datetime import timedelta
from filecmp import cmp

import pytest

KEYS = ["a b", "ü/é.txt", "100%", "p+q", "q?a=b&c=d", "h#i", "'\"<>&", "back\\slash", "~tilde", "emoji😀",
        "*!()", "a=b/c=d;e:f@g,h$", "%2F%20"]
BIG = bytes(range(256)) * (11 << 12)  # 11 MiB
STATE = """\
terraform {{
  backend "s3" {{
    bucket         = "terraform"
    key            = "env/state"
    region         = "us-east-1"
    use_lockfile   = true
    use_path_style = true
    endpoints      = {{ s3 = "{url}", sts = "{url}", iam = "{url}" }}
  }}
}}
resource "terraform_data" "one" {{ input = "kept" }}
"""


def needs(program):
    return pytest.mark.skipif(not shutil.which(program), reason=f"{program} is not installed")


@pytest.fixture
def run(tmp_path):
    """Run a program, and show what it says; it must succeed, or fail where that is told."""
    def program(*words, fails=False):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
            "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "HOME": str(tmp_path),
            "AWS_EC2_METADATA_DISABLED": "true", "CHECKPOINT_DISABLE": "1"}
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True,
                              timeout=90)
        assert bool(done.returncode) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    return program


def test_minio_streams_uploads_lists_every_key_and_deletes_versions(cloudlet):
    minio = pytest.importorskip("minio")
    from minio.commonconfig import ENABLED
    from minio.deleteobjects import DeleteObject
    from minio.versioningconfig import VersioningConfig
    client = minio.Minio(endpoint=f"127.0.0.1:{cloudlet.port}", access_key="test", secret_key="test",
                         secure=False)
    at = {"bucket_name": "minio"}
    client.make_bucket(**at)
    keys = [*KEYS, "d//e", "slash/", "new\nline", "trail/ "]
    for key in keys:
        client.put_object(**at, object_name=key, data=io.BytesIO(b"x"), length=1)
    assert sorted(found.object_name for found in client.list_objects(**at, recursive=True)) == sorted(keys)
    client.set_bucket_versioning(**at, config=VersioningConfig(ENABLED))
    client.put_object(**at, object_name="big", data=io.BytesIO(BIG), length=-1, part_size=5 << 20)
    with client.get_object(**at, object_name="big", offset=6 << 20, length=9) as part:
        assert part.read() == BIG[6 << 20:(6 << 20) + 9]
    every = [DeleteObject(found.object_name, found.version_id)
             for found in client.list_objects(**at, recursive=True, include_version=True)]
    assert list(client.remove_objects(**at, delete_object_list=every)) == []
    client.remove_bucket(**at)
    assert not client.bucket_exists(**at)


def test_object_store_of_rust_writes_on_conditions_and_reads_ranges(cloudlet):
    obstore = pytest.importorskip("obstore")
    from obstore.store import S3Store
    cloudlet.client("s3").create_bucket(Bucket="obstore")
    store = S3Store("obstore", endpoint=cloudlet.url, client_options={"allow_http": True},
                    access_key_id="test", secret_access_key="test", region="us-east-1")
    obstore.put(store, "big", BIG, chunk_size=5 << 20)
    first, second = obstore.get_ranges(store, "big", starts=[0, 7 << 20], ends=[3, (7 << 20) + 5], coalesce=0)
    assert (bytes(first), bytes(second)) == (BIG[:3], BIG[7 << 20:(7 << 20) + 5])
    for key in KEYS:
        obstore.put(store, key, b"x")
    listed = {found["path"]: found for found in obstore.list(store).collect()}
    assert sorted(listed) == sorted([*KEYS, "big"])
    assert listed["a b"] == obstore.head(store, "a b")
    with pytest.raises(obstore.exceptions.AlreadyExistsError):
        obstore.put(store, "a b", b"again", mode="create", use_multipart=False)
    obstore.put(store, "a b", b"new", mode={"e_tag": listed["a b"]["e_tag"]}, use_multipart=False)
    with pytest.raises(obstore.exceptions.PreconditionError):
        obstore.put(store, "a b", b"late", mode={"e_tag": listed["a b"]["e_tag"]}, use_multipart=False)
    obstore.delete(store, list(listed))
    assert obstore.list(store).collect() == []
    with pytest.raises(FileNotFoundError):
        obstore.get(store, "a b")


def test_pynamodb_keeps_models_with_versions_indexes_and_transactions(cloudlet, monkeypatch):
    pytest.importorskip("pynamodb")
    from pynamodb import attributes, exceptions, indexes, models, transactions
    from pynamodb.connection import Connection
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")

    class ByTeam(indexes.GlobalSecondaryIndex):
        class Meta:
            projection, read_capacity_units, write_capacity_units = indexes.AllProjection(), 1, 1
        team, size = attributes.UnicodeAttribute(hash_key=True), attributes.NumberAttribute(range_key=True)

    class Thing(models.Model):
        class Meta:
            table_name, host, region = "pynamodb", cloudlet.url, "us-east-1"
            read_capacity_units = write_capacity_units = 1
        name, team = attributes.UnicodeAttribute(hash_key=True), attributes.UnicodeAttribute(null=True)
        size, ends = attributes.NumberAttribute(default=0), attributes.TTLAttribute(null=True)
        blobs = attributes.BinarySetAttribute(null=True, legacy_encoding=False)
        version, by_team = attributes.VersionAttribute(), ByTeam()

    Thing.create_table(wait=True)
    Thing("one", blobs={b"\0", b"\xff"}, ends=timedelta(hours=1)).save()
    assert Thing.get("one", consistent_read=True).blobs == {b"\0", b"\xff"}
    with pytest.raises(exceptions.PutError) as stale:
        Thing("one").save()
    assert stale.value.cause_response_code == "ConditionalCheckFailedException"
    with Thing.batch_write() as batch:
        for number in range(60):
            batch.save(Thing(f"t{number}", team="t", size=number))
    found = Thing.by_team.query("t", ByTeam.size.between(10, 40), page_size=7)
    assert [thing.size for thing in found] == [*range(10, 41)]
    assert len(list(Thing.batch_get([f"t{number}" for number in range(120)]))) == 60
    connection = Connection(host=cloudlet.url, region="us-east-1")
    with (pytest.raises(exceptions.TransactWriteError) as refused,
          transactions.TransactWrite(connection=connection) as transaction):
        transaction.save(Thing("two"))
        transaction.condition_check(Thing, "one", condition=Thing.team.exists())
    reasons = [reason and reason.code for reason in refused.value.cancellation_reasons]
    assert "ConditionalCheckFailed" in reasons and Thing.count("two") == 0


@needs("s3cmd")
def test_s3cmd_works_as_it_is_configured_at_first(cloudlet, run, tmp_path):
    for key in ("c+d%20ü.txt", "sub/quo'te&<>.txt"):
        (tmp_path / "tree" / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / key).write_text(key)
    (tmp_path / "tree/big").write_bytes(BIG)
    host = f"127.0.0.1:{cloudlet.port}"
    (tmp_path / ".s3cfg").write_text(
        f"[default]\naccess_key = test\nsecret_key = test\nhost_base = {host}\nhost_bucket = {host}\n"
        "use_https = False\nmultipart_chunk_size_mb = 5\n")
    run("s3cmd", "mb", "s3://s3cmd")
    run("s3cmd", "sync", "tree/", "s3://s3cmd/")
    (tmp_path / "copy").mkdir()
    run("s3cmd", "get", "--recursive", "s3://s3cmd/", "copy/")
    for key in ("c+d%20ü.txt", "sub/quo'te&<>.txt", "big"):
        assert cmp(tmp_path / "tree" / key, tmp_path / "copy" / key, shallow=False)
    run("s3cmd", "rb", "--recursive", "--force", "s3://s3cmd")


@needs("rclone")
def test_rclone_copies_names_of_every_kind_and_finds_no_difference(cloudlet, run, tmp_path):
    for key in ("..dots/+%2F%", "trail /x", "new\nline", "tab\there", "emoji😀é", "back\\slash"):
        (tmp_path / "tree" / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / key).write_text(key)
    (tmp_path / "tree/big").write_bytes(BIG)
    (tmp_path / "rclone.conf").write_text(
        "[here]\ntype = s3\nprovider = Other\naccess_key_id = test\nsecret_access_key = test\n"
        f"endpoint = {cloudlet.url}\n")
    rclone = ("rclone", "--config", "rclone.conf", "--retries", "1")
    run(*rclone, "mkdir", "here:rclone")
    run(*rclone, "copy", "--s3-upload-cutoff", "5M", "--s3-chunk-size", "5M", "tree", "here:rclone/t")
    assert "0 differences found" in run(*rclone, "check", "--download", "tree", "here:rclone/t")
    run(*rclone, "purge", "here:rclone")


@needs("terraform")
def test_terraform_keeps_its_state_in_a_bucket_and_locks_it(cloudlet, run, tmp_path):
    s3 = cloudlet.client("s3")
    s3.create_bucket(Bucket="terraform")
    (tmp_path / "main.tf").write_text(STATE.format(url=cloudlet.url))
    run("terraform", "init", "-input=false")
    s3.put_object(Bucket="terraform", Key="env/state.tflock", Body=b'{"ID": "1234", "Who": "somebody"}')
    said = run("terraform", "apply", "-auto-approve", "-input=false", "-no-color", fails=True)
    assert "PreconditionFailed" in said and "somebody" in said
    s3.delete_object(Bucket="terraform", Key="env/state.tflock")
    run("terraform", "apply", "-auto-approve", "-input=false")
    assert [found["Key"] for found in s3.list_objects_v2(Bucket="terraform")["Contents"]] == ["env/state"]
    run("terraform", "workspace", "new", "other")
    assert "other" in run("terraform", "workspace", "list")
