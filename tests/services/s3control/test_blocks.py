"""The public access that a whole account never gives."""

import itertools
import json
import urllib.error
import urllib.request

import pytest

ACCOUNT = "000000000077"  # of this file's own
_numbers = itertools.count()


@pytest.fixture
def s3(clients):
    return clients("s3", key=ACCOUNT)


@pytest.fixture
def control(clients):
    return clients("s3control", key=ACCOUNT)


@pytest.fixture
def block(control):
    """Block that for the account, for the time of a test."""
    def put(**blocks):
        control.put_public_access_block(AccountId=ACCOUNT, PublicAccessBlockConfiguration=blocks)

    yield put
    control.delete_public_access_block(AccountId=ACCOUNT)


@pytest.fixture
def open_bucket(s3):
    """A bucket with an object, and ACLs that let everyone read both."""
    name = f"open-to-all-{next(_numbers)}"
    s3.create_bucket(Bucket=name, ACL="public-read", ObjectOwnership="ObjectWriter")
    s3.put_object(Bucket=name, Key="k", Body=b"x", ACL="public-read")
    return name


@pytest.fixture
def status(cloudlet):
    """The status that nobody in particular is answered with."""
    def get(path):
        try:
            with urllib.request.urlopen(f"{cloudlet.url}/{path}") as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    return get


def policy(resource):
    return json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": resource}]})


def test_the_blocks_are_what_was_put_until_they_are_deleted(control, clients, refused):
    with refused("NoSuchPublicAccessBlockConfiguration"):
        control.get_public_access_block(AccountId=ACCOUNT)
    control.put_public_access_block(AccountId=ACCOUNT, PublicAccessBlockConfiguration={
        "BlockPublicAcls": True})
    there = clients("s3control", key=ACCOUNT, region="eu-west-1")  # they are the account's, not a region's
    assert there.get_public_access_block(AccountId=ACCOUNT)["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True, "IgnorePublicAcls": False, "BlockPublicPolicy": False,
        "RestrictPublicBuckets": False}
    with refused("AccessDenied"):
        clients("s3control", key="000000000009").get_public_access_block(AccountId=ACCOUNT)
    control.delete_public_access_block(AccountId=ACCOUNT)
    with refused("NoSuchPublicAccessBlockConfiguration"):
        control.get_public_access_block(AccountId=ACCOUNT)


def test_public_acls_are_refused_or_ignored(s3, open_bucket, block, status, refused):
    assert status(f"{open_bucket}/k") == 200
    block(BlockPublicAcls=True)
    assert status(f"{open_bucket}/k") == 200  # what there is stays
    for ask in (lambda: s3.put_object(Bucket=open_bucket, Key="n", Body=b"", ACL="public-read"),
                lambda: s3.put_object_acl(Bucket=open_bucket, Key="k", ACL="public-read-write"),
                lambda: s3.put_bucket_acl(Bucket=open_bucket, ACL="public-read")):
        with refused("AccessDenied"):
            ask()
    s3.put_object(Bucket=open_bucket, Key="private", Body=b"", ACL="private")
    block(IgnorePublicAcls=True)
    assert status(f"{open_bucket}/k") == status(open_bucket) == 403
    s3.put_object(Bucket=open_bucket, Key="n", Body=b"", ACL="public-read")
    block(IgnorePublicAcls=False)
    assert status(f"{open_bucket}/k") == 200


def test_public_policies_are_refused_or_restricted(s3, open_bucket, block, status, refused):
    s3.put_object(Bucket=open_bucket, Key="by-policy", Body=b"x", ACL="private")
    public = policy(f"arn:aws:s3:::{open_bucket}/*")
    block(BlockPublicPolicy=True)
    with refused("AccessDenied"):
        s3.put_bucket_policy(Bucket=open_bucket, Policy=public)
    block()
    s3.put_bucket_policy(Bucket=open_bucket, Policy=public)
    assert status(f"{open_bucket}/by-policy") == 200
    block(RestrictPublicBuckets=True)
    assert status(f"{open_bucket}/by-policy") == 403
    assert s3.get_object(Bucket=open_bucket, Key="by-policy")["Body"].read() == b"x"


def test_the_strictest_of_account_bucket_and_point_counts(s3, control, open_bucket, block, status, refused):
    none = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy",
                          "RestrictPublicBuckets"), False)
    made = control.create_access_point(AccountId=ACCOUNT, Name=f"{open_bucket}-point", Bucket=open_bucket,
                                       PublicAccessBlockConfiguration=none)
    arn, alias = made["AccessPointArn"], made["Alias"]
    public = policy(f"{arn}/object/*")
    which = {"AccountId": ACCOUNT, "Name": f"{open_bucket}-point", "Policy": public}
    s3.put_bucket_policy(Bucket=open_bucket, Policy=policy(f"arn:aws:s3:::{open_bucket}/*"))
    block(BlockPublicPolicy=True)
    with refused("AccessDenied"):
        control.put_access_point_policy(**which)
    block()
    s3.put_public_access_block(Bucket=open_bucket, PublicAccessBlockConfiguration={"BlockPublicPolicy": True})
    with refused("AccessDenied"):
        control.put_access_point_policy(**which)
    s3.put_public_access_block(Bucket=open_bucket, PublicAccessBlockConfiguration=none)
    control.put_access_point_policy(**which)
    assert status(f"{alias}/k") == 200
    block(RestrictPublicBuckets=True)
    assert status(f"{alias}/k") == 403
    block()
    s3.put_public_access_block(Bucket=open_bucket, PublicAccessBlockConfiguration={
        "RestrictPublicBuckets": True})
    assert status(f"{alias}/k") == 403
