"""Signature V4: AWS's documented examples, and botocore's signer as the oracle."""

import datetime as dt
import hashlib
import random
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cloudlet.identity import signature as sigv4
from cloudlet.identity.seal import Broken, Seal
from cloudlet.wire.http import Request

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
ODD = "abc XYZ019-_.~/+%?&=:@!$'()*,;ä€\U0001f600[]{}|\\^`<>\"#"


def received(prepared, method):
    """What a botocore request looks like to us."""
    url = urlsplit(prepared.url)
    headers = {name.lower(): value if isinstance(value, str) else value.decode()
               for name, value in prepared.headers.items()}
    headers.setdefault("host", url.netloc)
    return Request(method, url.path or "/", url.query, headers, prepared.body or b"")


def proof(request, payload=None):
    signed = sigv4.claim_of(request)
    body = request.headers.get("x-amz-content-sha256") or payload or hashlib.sha256(request.body).hexdigest()
    return signed, sigv4.prove(request, signed, SECRET, sigv4.moment_of(request, signed), body,
                               plain=signed.service == "s3")


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("signer", [SigV4Auth, S3SigV4Auth, SigV4QueryAuth, S3SigV4QueryAuth])
def test_what_botocore_signs_we_prove(signer, seed):
    rnd = random.Random(f"{signer.__name__}{seed}")
    text = lambda most: "".join(rnd.choices(ODD, k=rnd.randint(0, most)))  # noqa: E731
    service = "s3" if "S3" in signer.__name__ else rnd.choice(["sqs", "lambda", "execute-api"])
    path = "/" + quote(text(30), safe="/~")
    query = "&".join(f"{quote(text(8) or 'k', safe='')}={quote(text(8), safe='')}"
                     for _ in range(rnd.randint(0, 4)))
    method = rnd.choice(["GET", "POST", "PUT", "DELETE", "HEAD"])
    body = b"" if "Query" in signer.__name__ else text(40).encode()
    headers = {"X-Amz-Meta-Note": "  a   b  " + str(seed), "Content-Type": "text/plain",
               "X-Amz-Target": "A.b"}
    request = AWSRequest(method, f"http://127.0.0.1:4566{path}" + (f"?{query}" if query else ""), headers,
                         body)
    if service == "s3":
        request.context["payload_signing_enabled"] = rnd.random() < 0.5
    signer(Credentials("AKIDEXAMPLE", SECRET, rnd.choice([None, "to/ken+="])), service,
           "us-east-1").add_auth(request)
    got = received(request.prepare(), method)
    signed, found = proof(got, sigv4.UNSIGNED if signer is S3SigV4QueryAuth else None)
    assert found.signature == signed.signature, found.canonical_request


def test_awss_example_of_a_get_object():
    # https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
    request = Request("GET", "/test.txt", "", {
        "host": "examplebucket.s3.amazonaws.com", "range": "bytes=0-9", "x-amz-content-sha256": sigv4.EMPTY,
        "x-amz-date": "20130524T000000Z",
        "authorization": "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
                         ","
                         "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
                         "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"})
    signed, found = proof(request)
    assert found.signature == signed.signature


def test_awss_example_of_a_presigned_url():
    # https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
    query = ("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1"
             "%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
             "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")
    request = Request("GET", "/test.txt", query, {"host": "examplebucket.s3.amazonaws.com"})
    signed, found = proof(request, sigv4.UNSIGNED)
    assert signed.presigned and found.signature == signed.signature


def test_awss_example_of_a_signing_key():
    # https://docs.aws.amazon.com/general/latest/gr/signature-v4-examples.html
    key = sigv4.signing_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830", "us-east-1", "iam")
    assert key.hex() == "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"


# https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
CHUNKS = [(b"a" * 65_536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
          (b"a" * 1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
          (b"", "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9")]


def seal(trailers=False):
    return Seal(sigv4.signing_key(SECRET, "20130524", "us-east-1", "s3"), "20130524T000000Z",
                "20130524/us-east-1/s3/aws4_request",
                "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9", trailers=trailers)


def test_awss_example_of_signed_chunks():
    one = seal()
    for data, signature in CHUNKS:
        one.begin(f"chunk-signature={signature}")
        one.add(data)
        one.end()
    one.close({})


def test_a_changed_chunk_is_found():
    one = seal()
    one.begin(f"chunk-signature={CHUNKS[0][1]}")
    one.add(b"b" * 65_536)
    with pytest.raises(Broken):
        one.end()


def test_a_claim_may_stand_in_the_header_or_in_the_query():
    assert sigv4.claim_of(Request("GET", "/", "", {})) is None
    assert sigv4.claim_of(Request("GET", "/", "", {"authorization": "Bearer x"})) is None
    claim = sigv4.claim_of(Request("GET", "/", "", {"authorization": (
        "AWS4-HMAC-SHA256 Credential=k/20260102/eu-west-1/sqs/aws4_request, "
        "SignedHeaders=host, Signature=s")}))
    assert (claim.access_key, claim.region, claim.service) == ("k", "eu-west-1", "sqs")


def test_moments_are_read_in_both_forms():
    claim = sigv4.Signed("k", "", "", "")
    request = Request("GET", "/", "", {"date": "Fri, 02 Jan 2026 03:04:05 GMT"})
    assert sigv4.moment_of(request, claim) == "20260102T030405Z"
    at = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC).timestamp() * 1000
    assert sigv4.milliseconds("20260102T030405Z") == at
    assert sigv4.milliseconds("yesterday") is None
