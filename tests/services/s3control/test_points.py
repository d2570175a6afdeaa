"""Access points: they are made, found, listed and deleted, and so are their policies."""

import json

import pytest

ACCOUNT = "000000000000"
BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def policy(arn, **more):
    return json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": "000000000009"}, "Action": "s3:GetObject",
        "Resource": f"{arn}/object/*"} | more]})


def test_an_access_point_is_what_was_asked_for(control, bucket, point):
    name, arn, alias = point
    assert arn == f"arn:aws:s3:us-east-1:{ACCOUNT}:accesspoint/{name}"
    assert alias.startswith(f"{name}-") and alias.endswith("-s3alias") and len(alias) <= 63
    shown = control.get_access_point(AccountId=ACCOUNT, Name=name)
    assert (shown["Bucket"], shown["BucketAccountId"], shown["Alias"], shown["NetworkOrigin"]) == (
        bucket, ACCOUNT, alias, "Internet")
    assert shown["PublicAccessBlockConfiguration"] == dict.fromkeys(BLOCKS, True)


def test_access_points_are_listed_by_bucket_and_page_by_page(control, bucket):
    names = [f"{bucket}-{letter}" for letter in "abc"]
    for name in names:
        control.create_access_point(AccountId=ACCOUNT, Name=name, Bucket=bucket)
    for asked in ({"Bucket": bucket}, {}):
        pages, token = [], {}
        while not pages or token:
            page = control.list_access_points(AccountId=ACCOUNT, MaxResults=2, **asked, **token)
            pages.append([one["Name"] for one in page["AccessPointList"]])
            token = {"NextToken": page["NextToken"]} if "NextToken" in page else {}
        assert all(len(page) == 2 for page in pages[:-1])
        found = [name for page in pages for name in page]
        assert found == names if asked else found == sorted(found) and set(names) <= set(found)


def test_a_name_is_taken_once_and_free_again(control, bucket, point, refused):
    with refused("AccessPointAlreadyOwnedByYou"):
        control.create_access_point(AccountId=ACCOUNT, Name=point[0], Bucket=bucket)
    control.delete_access_point(AccountId=ACCOUNT, Name=point[0])
    with refused("NoSuchAccessPoint"):
        control.get_access_point(AccountId=ACCOUNT, Name=point[0])
    control.create_access_point(AccountId=ACCOUNT, Name=point[0], Bucket=bucket)


@pytest.mark.parametrize("name", ["Upper", "-first", "last-", "with_line", "x" * 51, "one-s3alias"])
def test_not_every_name_will_do(control, bucket, refused, name):
    with refused("InvalidURI"):
        control.create_access_point(AccountId=ACCOUNT, Name=name, Bucket=bucket)


def test_an_access_point_needs_a_bucket_of_the_account_it_names(clients, control, bucket, point, refused):
    with refused("NoSuchBucket"):
        control.create_access_point(AccountId=ACCOUNT, Name="to-nowhere", Bucket="there-is-no-such-bucket")
    with refused("InvalidRequest"):
        control.create_access_point(AccountId=ACCOUNT, Name="to-a-point", Bucket=point[2])
    other = clients("s3control", key="000000000009")
    with refused("AccessDenied"):
        other.create_access_point(AccountId="000000000009", Name="theirs", Bucket=bucket)
    other.create_access_point(AccountId="000000000009", Name="theirs", Bucket=bucket, BucketAccountId=ACCOUNT)
    with refused("AccessDenied"):
        other.get_access_point(AccountId=ACCOUNT, Name=point[0])
    with refused("NoSuchAccessPoint"):
        other.get_access_point(AccountId="000000000009", Name=point[2])
    with refused("InvalidRequest"):
        clients("s3control", region="eu-west-1").create_access_point(
            AccountId=ACCOUNT, Name="far", Bucket=bucket
        )


def test_what_is_not_honoured_is_refused_by_name(control, bucket, refused):
    with refused("NotHonoured") as caught:
        control.create_access_point(AccountId=ACCOUNT, Name="private", Bucket=bucket,
                                    VpcConfiguration={"VpcId": "vpc-1"})
    assert "VpcConfiguration" in str(caught.value)
    with refused("NotHonoured") as caught:
        control.create_access_point(AccountId=ACCOUNT, Name="scoped", Bucket=bucket,
                                    Scope={"Prefixes": ["a/"]})
    assert "Scope" in str(caught.value)


def test_a_policy_is_kept_as_it_was_written(control, point, refused):
    name, arn, _ = point
    with refused("NoSuchAccessPointPolicy"):
        control.get_access_point_policy(AccountId=ACCOUNT, Name=name)
    control.put_access_point_policy(AccountId=ACCOUNT, Name=name, Policy=policy(arn))
    assert control.get_access_point_policy(AccountId=ACCOUNT, Name=name)["Policy"] == policy(arn)
    status = control.get_access_point_policy_status(AccountId=ACCOUNT, Name=name)
    assert status["PolicyStatus"]["IsPublic"] is False
    control.delete_access_point_policy(AccountId=ACCOUNT, Name=name)
    with refused("NoSuchAccessPointPolicy"):
        control.get_access_point_policy_status(AccountId=ACCOUNT, Name=name)


def test_a_policy_must_be_public_only_where_that_is_not_blocked(control, bucket, point, refused):
    name, arn, _ = point
    with refused("AccessDenied"):
        control.put_access_point_policy(AccountId=ACCOUNT, Name=name, Policy=policy(arn, Principal="*"))
    open_ = control.create_access_point(AccountId=ACCOUNT, Name=f"{name}-open", Bucket=bucket,
                                        PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    control.put_access_point_policy(AccountId=ACCOUNT, Name=f"{name}-open",
                                    Policy=policy(open_["AccessPointArn"], Principal="*"))
    status = control.get_access_point_policy_status(AccountId=ACCOUNT, Name=f"{name}-open")
    assert status["PolicyStatus"]["IsPublic"] is True


@pytest.mark.parametrize("more", [{"Resource": "arn:aws:s3:::bucket/*"}, {"Action": "sqs:SendMessage"},
                                  {"Effect": "Perhaps"}])
def test_a_policy_speaks_of_its_own_point(control, point, refused, more):
    with refused("MalformedPolicy"):
        control.put_access_point_policy(AccountId=ACCOUNT, Name=point[0], Policy=policy(point[1], **more))


def test_a_bucket_with_access_points_stays(s3, control, bucket, point, refused):
    with refused("BucketHasAccessPointsAttached"):
        s3.delete_bucket(Bucket=bucket)
    control.delete_access_point(AccountId=ACCOUNT, Name=point[0])
    s3.delete_bucket(Bucket=bucket)
