"""Who owns what, and what accounts are called."""

import pytest
from botocore.exceptions import ClientError

HOLLY, IVY = "000000000071", "000000000072"


@pytest.fixture
def holly(cloudlet):
    """A client of an account that has an alias."""
    iam = cloudlet.client("iam", key=HOLLY)
    iam.create_account_alias(AccountAlias="holly")
    yield cloudlet.client("s3", key=HOLLY)
    iam.delete_account_alias(AccountAlias="holly")


def test_an_account_without_an_alias_has_no_name(cloudlet):
    assert set(cloudlet.client("s3", key=IVY).list_buckets()["Owner"]) == {"ID"}


def test_an_account_is_shown_by_its_alias_wherever_an_owner_is(holly, cloudlet):
    name = "owned-by-holly"
    holly.create_bucket(Bucket=name, ObjectOwnership="ObjectWriter")
    holly.put_object(Bucket=name, Key="a", Body=b"1")
    upload = holly.create_multipart_upload(Bucket=name, Key="b")["UploadId"]
    me = holly.list_buckets()["Owner"]
    assert me["DisplayName"] == "holly"
    shown = [holly.list_objects(Bucket=name)["Contents"][0]["Owner"],
             holly.list_objects_v2(Bucket=name, FetchOwner=True)["Contents"][0]["Owner"],
             holly.list_object_versions(Bucket=name)["Versions"][0]["Owner"],
             holly.list_multipart_uploads(Bucket=name)["Uploads"][0]["Initiator"],
             holly.list_parts(Bucket=name, Key="b", UploadId=upload)["Owner"],
             holly.get_bucket_acl(Bucket=name)["Owner"], holly.get_object_acl(Bucket=name, Key="a")["Owner"]]
    assert shown == [me] * len(shown)
    assert "Owner" not in holly.list_objects_v2(Bucket=name)["Contents"][0]


def test_whom_something_is_granted_is_shown_by_name_to_others(holly, cloudlet):
    ivy, name = cloudlet.client("s3", key=IVY), "granted-by-ivy"
    me = holly.list_buckets()["Owner"]
    ivy.create_bucket(Bucket=name, ObjectOwnership="ObjectWriter")
    ivy.put_bucket_acl(Bucket=name, GrantRead=f'id="{me["ID"]}"')
    assert ivy.get_bucket_acl(Bucket=name)["Grants"] == [
        {"Grantee": {**me, "Type": "CanonicalUser"}, "Permission": "READ"}]


def test_a_new_alias_takes_the_place_of_the_old_and_a_deleted_one_takes_the_name_along(holly, cloudlet):
    iam = cloudlet.client("iam", key=HOLLY)
    iam.create_account_alias(AccountAlias="mistletoe")
    assert holly.list_buckets()["Owner"]["DisplayName"] == "mistletoe"
    with pytest.raises(ClientError):
        iam.delete_account_alias(AccountAlias="holly")
    iam.delete_account_alias(AccountAlias="mistletoe")
    assert "DisplayName" not in holly.list_buckets()["Owner"]
    iam.create_account_alias(AccountAlias="holly")
