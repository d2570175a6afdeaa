"""Who may come in: grants, policies, blocks, pages of other origins, forms."""

import base64
import json
import socket
import urllib.parse

import pytest

ALL = "http://acs.amazonaws.com/groups/global/AllUsers"


def statement(bucket, **more):
    return json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]} | more]})


def test_a_bucket_is_private(cloudlet, s3, bucket, fetch):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    status, _, body = fetch(f"{cloudlet.url}/{bucket}/k")
    assert (status, b"<Code>AccessDenied</Code>" in body) == (403, True)
    assert fetch(f"{cloudlet.url}/{bucket}/k", "PUT", b"y")[0] == 403


def test_a_public_object_can_be_read_by_anyone(cloudlet, s3, bucket, fetch):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="public-read")
    assert fetch(f"{cloudlet.url}/{bucket}/k")[2] == b"x"
    grants = s3.get_object_acl(Bucket=bucket, Key="k")["Grants"]
    assert {(one["Grantee"].get("URI"), one["Permission"]) for one in grants} == {
        (None, "FULL_CONTROL"), (ALL, "READ")}
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"IgnorePublicAcls": True})
    assert fetch(f"{cloudlet.url}/{bucket}/k")[0] == 403


def test_a_policy_lets_another_account_in_and_keeps_it_out(cloudlet, s3, bucket, refused):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    other = cloudlet.client("s3", key="000000000009")
    with refused("AccessDenied"):
        other.get_object(Bucket=bucket, Key="k")
    s3.put_bucket_policy(Bucket=bucket, Policy=statement(bucket, Principal={"AWS": "000000000009"}))
    assert other.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    s3.put_bucket_policy(Bucket=bucket, Policy=statement(bucket, Effect="Deny"))
    with refused("AccessDenied"):
        s3.get_object(Bucket=bucket, Key="k")
    s3.delete_bucket_policy(Bucket=bucket)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_a_public_policy_can_be_blocked(s3, bucket, refused):
    assert s3.put_bucket_policy(Bucket=bucket, Policy=statement(bucket))
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is True
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicPolicy": True})
    with refused("AccessDenied"):
        s3.put_bucket_policy(Bucket=bucket, Policy=statement(bucket))
    with refused("MalformedPolicy"):
        s3.put_bucket_policy(Bucket=bucket, Policy=statement("another-bucket"))


def test_an_enforced_owner_does_without_acls(s3, bucket, refused):
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={
        "Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]})
    owner = s3.list_buckets()["Owner"]["ID"]
    for allowed in ({}, {"ACL": "bucket-owner-full-control"}, {"GrantFullControl": f'id="{owner}"'}):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", **allowed)
    with refused("AccessControlListNotSupported"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="public-read")
    with refused("AccessControlListNotSupported"):
        s3.put_object_acl(Bucket=bucket, Key="k", ACL="private")
    with refused("AccessControlListNotSupported"):
        s3.put_bucket_acl(Bucket=bucket, ACL="private")


def test_what_is_private_to_somebody_else_is_no_acl_of_an_enforced_owner(cloudlet, s3, bucket, refused):
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={
        "Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]})
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Statement": {
        "Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket}/*"}}))
    other = cloudlet.client("s3", key="000000000073")
    other.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="bucket-owner-full-control")
    with refused("AccessControlListNotSupported"):
        other.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="private")


def test_a_template_may_say_private_of_a_bucket_without_acls(cloudlet, s3):
    stacks = cloudlet.client("cloudformation")
    stacks.create_stack(StackName="private", TemplateBody=json.dumps({"Resources": {"B": {
        "Type": "AWS::S3::Bucket", "Properties": {
            "BucketName": "private-and-enforced", "AccessControl": "Private",
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}}}}}))
    stacks.get_waiter("stack_create_complete").wait(StackName="private", WaiterConfig={"Delay": 0.1})
    s3.head_bucket(Bucket="private-and-enforced")


def test_a_page_of_another_origin_comes_in_by_the_bucket_s_rules(cloudlet, s3, bucket, fetch):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="public-read")
    url, page = f"{cloudlet.url}/{bucket}/k", "https://app.example.com"
    assert fetch(url, origin=page)[0] == 403
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [{
        "AllowedOrigins": ["https://*.example.com"], "AllowedMethods": ["GET"], "AllowedHeaders": ["x-*"],
        "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 60}]})
    status, headers, _ = fetch(url, "OPTIONS", origin=page, access_control_request_method="GET",
                               access_control_request_headers="x-one")
    assert (status, headers["access-control-allow-origin"], headers["access-control-max-age"]) == (
        200, page, "60")
    status, headers, body = fetch(url, origin=page)
    assert (status, headers["access-control-expose-headers"], body) == (200, "ETag", b"x")
    assert fetch(url, "OPTIONS", origin=page, access_control_request_method="PUT")[0] == 403
    assert [fetch(url, "OPTIONS", **asked)[0] for asked in ({}, {"origin": page})] == [400, 400]


def test_a_page_that_no_rule_lets_in_can_t_read_the_answer(cloudlet, s3, bucket, fetch):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="public-read")
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [{
        "AllowedOrigins": ["https://app.example.com"], "AllowedMethods": ["GET", "PUT"]}]})
    url = f"{cloudlet.url}/{bucket}/k"
    for page in ("https://evil.example.org", "http://localhost:3000"):
        status, headers, body = fetch(url, origin=page)
        assert (status, headers["access-control-allow-origin"], body) == (200, None, b"x")
    assert fetch(url, "PUT", b"y", origin="https://evil.example.org")[0] == 403
    assert fetch(url)[2] == b"x"


def form(fields, file=b"content", name="photo.png"):
    lines = [f'--B\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
             for key, value in fields.items()]
    head = f'--B\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
    return b"".join(lines) + head + file + b"\r\n--B--\r\n"


@pytest.mark.parametrize("size", [7, 500_000])
def test_a_form_uploads_a_file(cloudlet, s3, bucket, fetch, size):
    signed = s3.generate_presigned_post(bucket, "in/${filename}", Fields={"x-amz-meta-who": "me"},
                                        Conditions=[
        {"x-amz-meta-who": "me"}, ["content-length-range", 1, 1_000_000]])
    status, headers, _ = fetch(signed["url"], "POST", form(signed["fields"], b"c" * size),
                               content_type="multipart/form-data; boundary=B")
    assert status == 204
    got = s3.get_object(Bucket=bucket, Key="in/photo.png")
    assert (got["Body"].read(), got["Metadata"]) == (b"c" * size, {"who": "me"})
    assert urllib.parse.urlsplit(headers["location"]).path == f"/{bucket}/in/photo.png"


def test_a_form_is_held_to_its_policy(s3, bucket, fetch):
    signed = s3.generate_presigned_post(bucket, "k", Conditions=[["content-length-range", 1, 5]])
    kind = {"content_type": "multipart/form-data; boundary=B"}
    for fields, file, status, code in (
            (signed["fields"], b"toolong", 400, b"EntityTooLarge"),
            (signed["fields"] | {"key": "other"}, b"x", 403, b"AccessDenied"),
            (signed["fields"] | {"acl": "public-read"}, b"x", 403, b"AccessDenied"),
            ({"key": "k"}, b"x", 403, b"AccessDenied"),
            (signed["fields"] | {"policy": base64.b64encode(b"{").decode()}, b"x", 400,
             b"InvalidPolicyDocument")):
        answer = fetch(signed["url"], "POST", form(fields, file), **kind)
        assert (answer[0], code in answer[2]) == (status, True), answer
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_a_form_s_policy_speaks_of_the_file_s_name_in_place(s3, bucket, fetch):
    signed = s3.generate_presigned_post(bucket, "${filename}", Fields={"key": "${filename}"}, Conditions=[
        ["starts-with", "$key", "photo"]])
    kind = {"content_type": "multipart/form-data; boundary=B"}
    policy = json.loads(base64.b64decode(signed["fields"]["policy"]))
    policy["conditions"] = [one for one in policy["conditions"] if one != ["starts-with", "$key", ""]]
    fields = signed["fields"] | {"policy": base64.b64encode(json.dumps(policy).encode()).decode()}
    assert fetch(signed["url"], "POST", form(fields), **kind)[0] == 204
    assert fetch(signed["url"], "POST", form(fields, name="other.png"), **kind)[0] == 403
    for wrong in ("2031-01-01 00:00:00+00:00", "2031-01-01", "soon"):
        late = base64.b64encode(json.dumps(policy | {"expiration": wrong}).encode()).decode()
        answer = fetch(signed["url"], "POST", form(fields | {"policy": late}), **kind)
        assert (answer[0], b"InvalidPolicyDocument" in answer[2]) == (400, True)


def test_conditions_tell_nothing_to_who_may_not_write(cloudlet, s3, bucket, refused):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    other = cloudlet.client("s3", key="000000000009")
    for key, condition in (("k", {"IfNoneMatch": "*"}), ("none", {"IfMatch": "abc"}),
                           ("k", {"IfMatch": "abc"})):
        with refused("AccessDenied"):
            other.put_object(Bucket=bucket, Key=key, Body=b"y", **condition)


def test_a_policy_may_ask_from_where_and_when(cloudlet, s3, bucket, refused):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    other = cloudlet.client("s3", key="000000000009")
    for condition, lets in (({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, True),
                            ({"NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, False),
                            ({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, True),
                            ({"StringEquals": {"aws:PrincipalAccount": "000000000008"}}, False)):
        s3.put_bucket_policy(Bucket=bucket, Policy=statement(bucket, Condition=condition))
        if lets:
            assert other.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
        else:
            with refused("AccessDenied"):
                other.get_object(Bucket=bucket, Key="k")
    s3.put_bucket_policy(Bucket=bucket, Policy=statement(bucket, Effect="Deny", Condition={
        "Bool": {"aws:SecureTransport": "false"}}))
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_a_policy_may_ask_for_the_directive_of_a_copy(cloudlet, s3, bucket, refused):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    answer = s3.put_bucket_policy(
        Bucket=bucket,
        Policy=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": "*",
                        "Action": "s3:GetObject",
                        "Resource": f"arn:aws:s3:::{bucket}/*",
                    },
                    {
                        "Effect": "Allow",
                        "Principal": "*",
                        "Action": "s3:PutObject",
                        "Resource": f"arn:aws:s3:::{bucket}/*",
                        "Condition": {"StringEquals": {"s3:x-amz-metadata-directive": "COPY"}},
                    },
                ],
            }
        ),
    )
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    other = cloudlet.client("s3", key="000000000009")
    other.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/k", MetadataDirective="COPY")
    with refused("AccessDenied"):
        other.copy_object(Bucket=bucket, Key="d", CopySource=f"{bucket}/k")


def test_a_website_shows_pages_and_its_own_errors(cloudlet, s3, bucket, fetch):
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={
        "IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "oops.html"}, "RoutingRules": [
            {"Condition": {"KeyPrefixEquals": "old/"}, "Redirect": {"ReplaceKeyPrefixWith": "new/"}}]})
    s3.put_bucket_policy(Bucket=bucket, Policy=statement(bucket))
    for key in ("index.html", "docs/index.html", "oops.html"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode(), ContentType="text/html")
    site = f"{cloudlet.url}/_site/s3-website/{bucket}"
    assert fetch(f"{site}/")[2] == b"index.html"
    assert fetch(f"{site}/docs/")[2] == b"docs/index.html"
    status, headers, _ = fetch(f"{site}/docs")
    assert (status, headers["location"]) == (302, "/docs/")
    assert [part for n, part in enumerate(fetch(f"{site}/none")) if n != 1] == [404, b"oops.html"]
    status, headers, _ = fetch(f"{site}/old/page")
    assert (status, headers["location"].endswith("/new/page")) == (301, True)


def test_a_body_is_asked_for_only_if_the_request_may_be(cloudlet, bucket):
    for key, said in (
        ("test", b"HTTP/1.1 100 Continue\r\n"),
        ("000000000009", b"HTTP/1.1 403 Forbidden\r\n"),
    ):
        client = cloudlet.client("s3", key=key)
        url = client.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"})
        with socket.create_connection(("127.0.0.1", cloudlet.port)) as connection:
            connection.sendall(
                f"PUT {url.removeprefix(cloudlet.url)} HTTP/1.1\r\nhost: 127.0.0.1:{cloudlet.port}"
                "\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\n".encode()
            )
            assert connection.makefile("rb").readline() == said


def test_a_form_that_waits_to_be_asked_for_still_finds_its_service(cloudlet):
    form = b"Action=GetCallerIdentity&Version=2011-06-15"
    with socket.create_connection(("127.0.0.1", cloudlet.port)) as connection:
        connection.sendall(
            b"POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nexpect: 100-continue\r\n"
            b"content-type: application/x-www-form-urlencoded\r\n"
            b"content-length: %d\r\n\r\n" % len(form)
        )
        lines = connection.makefile("rb")
        assert lines.readline() == b"HTTP/1.1 100 Continue\r\n"
        connection.sendall(form)
        assert b"https://sts.amazonaws.com/" in lines.read()
