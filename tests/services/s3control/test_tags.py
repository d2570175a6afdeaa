"""Tags of access points and of buckets, by the control plane."""

import json

import pytest

ACCOUNT, OTHER = "000000000000", "000000000009"


def pairs(tags):
    return {tag["Key"]: tag["Value"] for tag in tags}


def listed(**tags):
    return [{"Key": key, "Value": value} for key, value in tags.items()]


@pytest.mark.parametrize("kind", ["point", "bucket"])
def test_tags_are_added_replaced_and_taken_away(control, s3, bucket, point, kind):
    arn = point[1] if kind == "point" else f"arn:aws:s3:::{bucket}"
    which = {"AccountId": ACCOUNT, "ResourceArn": arn}
    assert control.list_tags_for_resource(**which)["Tags"] == []
    control.tag_resource(**which, Tags=listed(colour="red", size="9"))
    control.tag_resource(**which, Tags=listed(colour="blue"))
    assert pairs(control.list_tags_for_resource(**which)["Tags"]) == {"colour": "blue", "size": "9"}
    if kind == "bucket":
        assert pairs(s3.get_bucket_tagging(Bucket=bucket)["TagSet"]) == {"colour": "blue", "size": "9"}
    control.untag_resource(**which, TagKeys=["size", "absent"])
    assert pairs(control.list_tags_for_resource(**which)["Tags"]) == {"colour": "blue"}


def test_a_point_is_made_with_tags_and_its_policy_may_ask_for_them(clients, control, s3, bucket, refused):
    name, other = f"{bucket}-tagged", clients("s3", key=OTHER)
    arn = control.create_access_point(AccountId=ACCOUNT, Name=name, Bucket=bucket,
                                      Tags=listed(team="blue"))["AccessPointArn"]
    assert pairs(control.list_tags_for_resource(AccountId=ACCOUNT, ResourceArn=arn)["Tags"]) == {
        "team": "blue"}
    statement = {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": "s3:GetObject"}
    control.put_access_point_policy(AccountId=ACCOUNT, Name=name, Policy=json.dumps({
        "Version": "2012-10-17", "Statement": [{
            **statement, "Resource": f"{arn}/object/*",
            "Condition": {"StringEquals": {"s3:AccessPointTag/team": "blue"}}}]}))
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({
        "Version": "2012-10-17", "Statement": [{**statement, "Resource": f"arn:aws:s3:::{bucket}/*"}]}))
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert other.get_object(Bucket=arn, Key="k")["Body"].read() == b"x"
    control.tag_resource(AccountId=ACCOUNT, ResourceArn=arn, Tags=listed(team="red"))
    with refused("AccessDenied"):
        other.get_object(Bucket=arn, Key="k")


def test_tags_that_can_t_be_are_refused(clients, control, bucket, point, refused):
    which = {"AccountId": ACCOUNT, "ResourceArn": point[1]}
    control.tag_resource(**which, Tags=listed(**{str(n): "" for n in range(50)}))
    for tags in (listed(**{"aws:own": "x"}), listed(a="1") * 2, listed(more="x")):
        with refused("InvalidTag"):
            control.tag_resource(**which, Tags=tags)
    with refused("NoSuchAccessPoint"):
        control.list_tags_for_resource(AccountId=ACCOUNT, ResourceArn=f"{point[1]}-not")
    with refused("AccessDenied"):
        clients("s3control", key=OTHER).tag_resource(
            AccountId=OTHER, ResourceArn=f"arn:aws:s3:::{bucket}", Tags=listed(a="b"))
