"""Who a request is from, asked over the wire: presigned URLs, chunks, clocks, and forms that are not
understood."""

import base64
import datetime as dt
import hashlib
import hmac
import json
import urllib.error
import urllib.request
from email.utils import format_datetime

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from cloudlet.identity import signature as sigv4
from cloudlet.wire.http import Request

ALL = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*",
                                                          "Resource": "*"}]})


def refused(code, message=""):
    return pytest.raises(ClientError, match=f"(?s){code}.*{message}")


def a_key(cloudlet, name):
    iam = cloudlet.client("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=ALL)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"key": key["AccessKeyId"], "secret": key["SecretAccessKey"]}


def fetch(url, method="GET", body=None, headers=None):
    """Status and body of an answer, whatever the status."""
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def bucket(cloudlet, key, name):
    s3 = cloudlet.client("s3", **key)
    s3.create_bucket(Bucket=name)
    return s3


def test_a_signed_s3_client_works_with_odd_names(cloudlet):
    s3 = bucket(cloudlet, a_key(cloudlet, "odd"), "odd-names")
    for name in ("a b", "ä/€", "a//b", "a/../b", "x+y=z&q?", "~'()*!"):
        s3.put_object(Bucket="odd-names", Key=name, Body=name.encode())
        assert s3.get_object(Bucket="odd-names", Key=name)["Body"].read() == name.encode()
    assert len(s3.list_objects_v2(Bucket="odd-names", Prefix="a", Delimiter="/")["Contents"]) >= 1


def test_a_wrong_secret_is_refused_in_s3s_words(cloudlet):
    key = a_key(cloudlet, "wrong")
    with refused("SignatureDoesNotMatch", "Check your key and signing method"):
        cloudlet.client("s3", key=key["key"], secret="other").list_buckets()


def test_a_large_body_must_be_what_was_signed(cloudlet):
    key = a_key(cloudlet, "large")
    s3 = bucket(cloudlet, key, "large-bodies")
    body = b"x" * (1 << 20)
    config = Config(request_checksum_calculation="when_required", s3={"payload_signing_enabled": True})
    cloudlet.client("s3", **key, config=config).put_object(Bucket="large-bodies", Key="good", Body=body)
    url = f"{cloudlet.url}/large-bodies/bad"
    request = AWSRequest("PUT", url, {}, body)
    request.context["payload_signing_enabled"] = True
    S3SigV4Auth(Credentials(key["key"], key["secret"]), "s3", "us-east-1").add_auth(request)
    headers = dict(request.headers.items())
    assert headers["X-Amz-Content-SHA256"] == hashlib.sha256(body).hexdigest()
    status, answer = fetch(url, "PUT", b"y" * (1 << 20), headers)
    assert status == 400 and b"XAmzContentSHA256Mismatch" in answer
    assert [found["Key"] for found in s3.list_objects_v2(Bucket="large-bodies")["Contents"]] == ["good"]


@pytest.mark.parametrize("version", ["s3v4", None])  # boto3's own choice is the old kind
def test_a_presigned_url_must_be_signed_rightly(cloudlet, version):
    key = a_key(cloudlet, f"presigner-{version}")
    bucket(cloudlet, key, "presigned")
    s3 = cloudlet.client("s3", **key, config=Config(signature_version=version))
    put = s3.generate_presigned_url("put_object", {"Bucket": "presigned", "Key": "a b"}, ExpiresIn=60)
    assert fetch(put, "PUT", b"hello", {"Content-Type": ""})[0] == 200
    got = s3.generate_presigned_url("get_object", {"Bucket": "presigned", "Key": "a b"}, ExpiresIn=60)
    assert fetch(got) == (200, b"hello")
    status, answer = fetch(got.replace("a%20b", "other"))
    assert status == 403 and b"SignatureDoesNotMatch" in answer
    answer = s3.generate_presigned_url("get_object", {
        "Bucket": "presigned", "Key": "a b", "ResponseContentType": "text/x", "VersionId": "null"},
        ExpiresIn=60)
    assert fetch(answer)[0] == 200
    if version is None:
        return
    long = s3.generate_presigned_url("get_object", {"Bucket": "presigned", "Key": "a b"}, ExpiresIn=604_801)
    status, answer = fetch(long)
    assert status == 400 and b"AuthorizationQueryParametersError" in answer


@pytest.mark.parametrize("version", ["s3v4", None])  # boto3's own choice is the old kind
def test_a_presigned_url_ages_on_the_cloudlets_clock(fresh, version):
    cloudlet = fresh()
    s3 = cloudlet.client("s3", config=Config(signature_version=version))
    s3.create_bucket(Bucket="ageing")
    s3.put_object(Bucket="ageing", Key="k", Body=b"v")
    url = s3.generate_presigned_url("get_object", {"Bucket": "ageing", "Key": "k"}, ExpiresIn=3600)
    assert ("X-Amz-Signature" in url) is (version == "s3v4")
    assert fetch(url)[0] == 200
    cloudlet.advance(3601)
    status, answer = fetch(url)
    assert status == 403 and b"Request has expired" in answer


def signed_at(cloudlet, key, moment, monkeypatch):
    request = AWSRequest("POST", f"{cloudlet.url}/", {"Content-Type": "application/x-www-form-urlencoded"},
                         "Action=GetCallerIdentity&Version=2011-06-15")
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: moment)
    SigV4Auth(Credentials(key["key"], key["secret"]), "sts", "us-east-1").add_auth(request)
    return fetch(request.url, "POST", request.data.encode(), dict(request.headers.items()))


def test_a_request_is_signed_by_the_machines_time_or_the_cloudlets(fresh, monkeypatch):
    cloudlet = fresh()
    key = a_key(cloudlet, "late")
    now = dt.datetime.now(dt.UTC)
    assert signed_at(cloudlet, key, now, monkeypatch)[0] == 200
    status, answer = signed_at(cloudlet, key, now - dt.timedelta(minutes=20), monkeypatch)
    assert status == 403 and b"Signature expired" in answer
    assert signed_at(cloudlet, key, now + dt.timedelta(hours=3), monkeypatch)[0] == 403
    cloudlet.advance(3 * 3600)
    assert signed_at(cloudlet, key, now + dt.timedelta(hours=3), monkeypatch)[0] == 200
    assert signed_at(cloudlet, key, now, monkeypatch)[0] == 200


def chunked(cloudlet, key, path, chunks, *, spoil=False, trailer=""):
    """PUT a body of signed chunks, as AWS's Java SDK does."""
    moment = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    mode = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if trailer else "")
    headers = {"host": cloudlet.url.removeprefix("http://"), "x-amz-date": moment,
               "x-amz-content-sha256": mode,
               "x-amz-decoded-content-length": str(sum(map(len, chunks))), "content-encoding": "aws-chunked"}
    if trailer:
        headers["x-amz-trailer"] = "x-amz-checksum-crc32"
    signed = sigv4.Signed(key["key"], moment[:8], "us-east-1", "s3", tuple(sorted(headers)))
    proof = sigv4.prove(Request("PUT", path, "", headers), signed, key["secret"], moment, mode,
                        plain=True)
    previous, body = proof.signature, b""
    for chunk in [*chunks, b""]:
        text = "\n".join(("AWS4-HMAC-SHA256-PAYLOAD", moment, signed.scope, previous, sigv4.EMPTY,
                          hashlib.sha256(chunk).hexdigest()))
        previous = sigv4.sign(proof.key, text)
        sent = chunk.replace(b"x", b"y") if spoil else chunk
        body += f"{len(chunk):x};chunk-signature={previous}\r\n".encode() + (sent + b"\r\n" if chunk else b"")
    if trailer:
        said = f"x-amz-checksum-crc32:{trailer}\n"
        text = "\n".join(("AWS4-HMAC-SHA256-TRAILER", moment, signed.scope, previous,
                          hashlib.sha256(said.encode()).hexdigest()))
        body += f"{said.strip()}\r\nx-amz-trailer-signature:{sigv4.sign(proof.key, text)}\r\n".encode()
    headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={key['key']}/{signed.scope}, SignedHeaders="
                                f"{';'.join(signed.signed_headers)}, Signature={proof.signature}")
    return fetch(cloudlet.url + path, "PUT", body + b"\r\n", headers)


def test_signed_chunks_are_proved_one_by_one(cloudlet):
    key = a_key(cloudlet, "chunks")
    s3 = bucket(cloudlet, key, "chunks")
    chunks = [b"x" * 65_536] * 6 + [b"xyz"]
    assert chunked(cloudlet, key, "/chunks/good", chunks)[0] == 200
    assert s3.get_object(Bucket="chunks", Key="good")["Body"].read() == b"".join(chunks)
    for parts in (chunks, [b"xxx"]):
        status, answer = chunked(cloudlet, key, "/chunks/bad", parts, spoil=True)
        assert status == 403 and b"SignatureDoesNotMatch" in answer
    assert chunked(cloudlet, key, "/chunks/trailing", [b"hello"], trailer="NhCmhg==")[0] == 200


def test_s3_takes_the_old_signature_in_a_header(cloudlet):
    key, old = a_key(cloudlet, "old"), Config(signature_version="s3")
    s3 = cloudlet.client("s3", **key, config=old)
    s3.create_bucket(Bucket="old-signatures")
    s3.put_object(Bucket="old-signatures", Key="a b/ü", Body=b"hello", Metadata={"who": "me"})
    got = s3.get_object(Bucket="old-signatures", Key="a b/ü", ResponseContentType="text/x; y=z")
    assert (got["Body"].read(), got["ContentType"]) == (b"hello", "text/x; y=z")
    assert got["Metadata"] == {"who": "me"}
    assert [one["Key"] for one in s3.list_objects(Bucket="old-signatures")["Contents"]] == ["a b/ü"]
    with refused("SignatureDoesNotMatch", "Check your key and signing method"):
        cloudlet.client("s3", key=key["key"], secret="other", config=old).list_buckets()
    lent = cloudlet.client("sts", **key).get_session_token()["Credentials"]
    session = {"key": lent["AccessKeyId"], "secret": lent["SecretAccessKey"], "config": old}
    assert cloudlet.client("s3", **session, token=lent["SessionToken"]).list_buckets()["Buckets"]
    with refused("InvalidToken"):
        cloudlet.client("s3", **session, token="other").list_buckets()


def old_header(key, moment, path="/", more=""):
    text = f"GET\n\n\n{moment}\n{more}{path}"
    signature = base64.b64encode(hmac.digest(key["secret"].encode(), text.encode(), "sha1")).decode()
    return {"Authorization": f"AWS {key['key']}:{signature}"}


def test_an_old_signature_is_of_one_moment_and_one_resource(cloudlet):
    key = a_key(cloudlet, "old-moments")
    s3 = bucket(cloudlet, key, "old-moments")
    s3.put_object(Bucket="old-moments", Key="k", Body=b"v")
    now = dt.datetime.now(dt.UTC)
    dated = {"Date": format_datetime(now, usegmt=True)}
    url = f"{cloudlet.url}/old-moments/k"
    header = old_header(key, dated["Date"], "/old-moments/k")
    assert fetch(url, headers=header | dated) == (200, b"v")
    assert fetch(f"{url}?unsigned=1", headers=header | dated) == (200, b"v")  # only S3's own are signed
    for other, said in ((f"{url}?acl", dated), (f"{cloudlet.url}/old-moments", dated)):
        assert b"SignatureDoesNotMatch" in fetch(other, headers=header | said)[1]
    amz = {"x-amz-date": dated["Date"]}
    header = old_header(key, "", "/old-moments/k", f"x-amz-date:{amz['x-amz-date']}\n")
    assert fetch(url, headers=header | amz | {"Date": "whatever"}) == (200, b"v")
    late = format_datetime(now - dt.timedelta(minutes=20), usegmt=True)
    status, answer = fetch(url, headers=old_header(key, late, "/old-moments/k") | {"Date": late})
    assert status == 403 and b"RequestTimeTooSkewed" in answer
    status, answer = fetch(url, headers=old_header(key, "", "/old-moments/k"))
    assert status == 403 and b"AWS authentication requires a valid Date" in answer


def test_other_services_never_took_the_old_signature_of_s3(cloudlet):
    status, answer = fetch(f"{cloudlet.url}/?Action=ListUsers&Version=2010-05-08",
                           headers={"Authorization": "AWS AKIDEXAMPLE:c2lnbmF0dXJl"})
    assert status == 400 and b"The authorization mechanism you have provided is not supported" in answer


@pytest.mark.parametrize(("header", "code"), [
    ("AWS AKIDEXAMPLE", b"Expected AwsAccessKeyId:signature"),
    ("AWS4-ECDSA-P256-SHA256 Credential=a/20260101/x/s3/aws4_request, SignedHeaders=host, Signature=00",
     b"InvalidRequest"),
    ("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=00", b"AuthorizationHeaderMalformed"),
    ("AWS4-HMAC-SHA256 SignedHeaders=host", b"requires 'Credential' parameter")])
def test_other_forms_of_signing_are_refused_by_name(cloudlet, header, code):
    status, answer = fetch(f"{cloudlet.url}/some-bucket", headers={"Authorization": header})
    assert status == 400 and code in answer
