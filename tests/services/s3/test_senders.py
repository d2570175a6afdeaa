"""What a policy may ask of whoever sends a request, and what a request's path and metadata are made of."""

import json

import pytest

from cloudlet.kernel.sender import Sender


def allow(s3, bucket, condition):
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": condition}]}))


@pytest.fixture
def page(cloudlet, s3, bucket, fetch):
    """Fetches an object as a browser would, unsigned; the status of the answer."""
    s3.put_object(Bucket=bucket, Key="index.html", Body=b"page")
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}})

    def get(at="", **headers):
        return fetch(f"{cloudlet.url}{at}/{bucket}/index.html", **headers)[0]
    return get


def test_pictures_are_shown_on_pages_that_their_bucket_names(s3, bucket, page):
    allow(s3, bucket, {"StringLike": {"aws:Referer": "https://www.example.com/*"}})
    assert page(referer="https://www.example.com/a.html") == 200
    assert page(referer="https://www.example.org/a.html") == 403
    assert page() == 403
    website = "/_site/s3-website"
    assert page(website, referer="https://www.example.com/a.html") == 200
    assert page(website) == 403
    allow(s3, bucket, {"StringLikeIfExists": {"aws:Referer": "https://www.example.com/*"}})
    assert [page(), page(referer="https://www.example.org/")] == [200, 403]


def test_a_policy_may_ask_for_the_program_that_asks(s3, bucket, page):
    allow(s3, bucket, {"StringEquals": {"aws:UserAgent": "mine/1.0"}})
    assert [page(user_agent="mine/1.0"), page(user_agent="other/1.0")] == [200, 403]


def test_a_policy_may_ask_for_the_address_at_the_other_end(s3, bucket, page):
    allow(s3, bucket, {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}})
    assert page(x_forwarded_for="10.0.0.1") == 200
    allow(s3, bucket, {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})
    assert page(x_forwarded_for="10.0.0.1") == 403  # everybody can write that


def test_an_address_of_ipv4_is_one_whatever_the_socket():
    assert Sender("::ffff:10.1.2.3").conditions() == {"aws:sourceip": ("10.1.2.3",)}


def test_a_path_that_is_no_text_is_refused(cloudlet, bucket, fetch):
    for method, body in (("GET", None), ("PUT", b"x")):
        status, _, answer = fetch(f"{cloudlet.url}/{bucket}/%ae%8a-", method, body)
        assert status == 400
        assert b"<Code>InvalidURI</Code><Message>Couldn't parse the specified URI.</Message>" in answer


@pytest.mark.parametrize(("given", "kept"), [
    ("=?UTF-8?B?w4TDlg==?=", "=?UTF-8?B?w4TDlg==?="), ("=?UTF-8?Q?Hello_World=C3=A9?=",) * 2,
    ("=?UTF-8?B?SGVsbG8=?=", "Hello"), ("=?x?B?SGVsbG8=?=",) * 2, ("a =? b",) * 2])
def test_metadata_beyond_ascii_travels_as_encoded_words(s3, bucket, given, kept):
    s3.put_object(Bucket=bucket, Key="k", Metadata={"said": given})
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"said": kept}
