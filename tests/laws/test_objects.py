"""Buckets against a dictionary, on either store: objects, versions, uploads in parts, and lists of them.

The model of a key is the list of its versions, the newest first. At the end of each example the store is
examined as ``cloudlet fsck`` does it, and no file may be left over.
"""

import hashlib
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from cloudlet.errors import AwsError
from cloudlet.services.s3 import bodies, multipart

from .clouds import Alone, examples

STEPS, EXAMPLES = 40, {"sqlite": 25, "postgres": 5}
KEYS = ("a", "a/b", "a/c/d", "b", "b/", "c\x01", "ü/x", "~")
BUCKET = "things"
SMALL = 40  # bytes that lie in the store; what is larger goes to a file, here as with 32 KB


class Version(NamedTuple):
    """``body`` None is a delete marker; ``parts`` 0 was not an upload in parts."""

    id: str
    body: bytes | None
    etag: str = ""
    meta: str = ""


keys = st.sampled_from(KEYS)
contents = st.one_of(st.binary(max_size=SMALL), st.binary(min_size=SMALL + 1, max_size=3 * SMALL))
choice = st.integers(0, 1000)


def etag_of(body):
    return hashlib.md5(body).hexdigest()


async def told(answer):
    """The bytes of an answer."""
    return b"".join([piece async for piece in bodies.whole(answer["Body"])])


class Objects(RuleBasedStateMachine):
    """A bucket, and the dictionary that it should be."""

    dsn = ""

    def __init__(self):
        super().__init__()
        self.cloud = Alone(self.dsn, "s3")
        self.cloud("CreateBucket", Bucket=BUCKET)
        self.versioning = ""
        self.model = {}  # key: versions, the newest first
        self.uploads = {}  # id: (key, {number: body})

    def teardown(self):
        self.cloud.end()

    def ask(self, operation, **params):
        return self.cloud(operation, Bucket=BUCKET, **params)

    # -- the model

    def current(self, key):
        found = self.model.get(key)
        return found[0] if found and found[0].body is not None else None

    def push(self, key, body, etag, given, meta=""):
        """What a write makes of a key's versions."""
        version = "null" if self.versioning != "Enabled" else given
        assert (given or "null") == (version if self.versioning else "null")
        there = self.model.setdefault(key, [])
        if version == "null":
            there[:] = [one for one in there if one.id != "null"]
        there.insert(0, Version(version, body, etag, meta))

    def settled(self, key):
        if not self.model.get(key):
            self.model.pop(key, None)

    # -- what changes it

    @rule(by_ms=st.sampled_from((0, 1, 1000)))
    def go_on(self, by_ms):
        self.cloud.clock.advance(by_ms)
        self.cloud.run(self.cloud.cloud.settle())

    @rule(state=st.sampled_from(("Enabled", "Enabled", "Suspended")))
    def version(self, state):
        self.ask("PutBucketVersioning", VersioningConfiguration={"Status": state})
        self.versioning = state

    @rule(key=keys, body=contents)
    def put(self, key, body):
        done = self.ask("PutObject", Key=key, Body=body, Metadata={"n": str(len(body))})
        assert done["ETag"] == f'"{etag_of(body)}"'
        self.push(key, body, etag_of(body), done["VersionId"], str(len(body)))

    @rule(key=keys, body=contents, new=st.booleans(), right=st.booleans())
    def put_if(self, key, body, new, right):
        there = self.current(key)
        wish = {"IfNoneMatch": "*"} if new else {
            "IfMatch": f'"{there.etag if there and right else etag_of(b"other")}"'}
        counts = there is None if new else there is not None and (right or there.etag == etag_of(b"other"))
        try:
            done = self.ask("PutObject", Key=key, Body=body, **wish)
        except AwsError as error:
            assert not counts
            assert error.code == ("NoSuchKey" if there is None else "PreconditionFailed")
        else:
            assert counts
            self.push(key, body, etag_of(body), done["VersionId"])

    @rule(key=keys)
    def delete(self, key):
        done = self.ask("DeleteObject", Key=key)
        if self.versioning:
            assert done["DeleteMarker"]
            marker = "null" if self.versioning == "Suspended" else done["VersionId"]
            assert done["VersionId"] == marker
            there = self.model.setdefault(key, [])
            if marker == "null":
                there[:] = [one for one in there if one.id != "null"]
            there.insert(0, Version(marker, None))
        else:
            self.model.pop(key, None)

    @rule(key=keys, which=choice)
    def delete_version(self, key, which):
        there = self.model.get(key)
        if there:
            one = there[which % len(there)]
            done = self.ask("DeleteObject", Key=key, VersionId=one.id)
            assert bool(done.get("DeleteMarker")) == (one.body is None)
            there.remove(one)
            self.settled(key)
        else:
            self.ask("DeleteObject", Key=key, VersionId="null")

    @rule(some=st.lists(keys, min_size=1, max_size=4, unique=True))
    def delete_many(self, some):
        done = self.ask("DeleteObjects", Delete={"Objects": [{"Key": key} for key in some]})
        assert not done["Errors"]
        for key, one in zip(some, done["Deleted"], strict=True):
            if not self.versioning:
                self.model.pop(key, None)
                continue
            there = self.model.setdefault(key, [])
            marker = one["DeleteMarkerVersionId"]
            if marker == "null":
                there[:] = [one for one in there if one.id != "null"]
            there.insert(0, Version(marker, None))

    @rule(source=keys, into=keys, which=choice)
    def copy(self, source, into, which):
        there = [one for one in self.model.get(source, ()) if one.body is not None]
        if not there or source == into:
            return
        one = there[which % len(there)]
        done = self.ask("CopyObject", Key=into, CopySource=f"{BUCKET}/{quoted(source)}?versionId={one.id}")
        etag = done["CopyObjectResult"]["ETag"].strip('"')
        assert etag == etag_of(one.body)
        self.push(into, one.body, etag, done["VersionId"], one.meta)

    @rule(key=keys)
    def begin(self, key):
        if len(self.uploads) < 3:
            upload = self.ask("CreateMultipartUpload", Key=key)["UploadId"]
            self.uploads[upload] = (key, {})

    def upload(self, which):
        id = list(self.uploads)[which % len(self.uploads)]
        return id, *self.uploads[id]

    @precondition(lambda self: self.uploads)
    @rule(which=choice, number=st.integers(1, 3), body=contents)
    def part(self, which, number, body):
        id, key, parts = self.upload(which)
        done = self.ask("UploadPart", Key=key, UploadId=id, PartNumber=number, Body=body)
        assert done["ETag"] == f'"{etag_of(body)}"'
        parts[number] = body

    @precondition(lambda self: self.uploads)
    @rule(which=choice, number=st.integers(1, 3), source=keys, at=choice, to=choice)
    def part_from(self, which, number, source, at, to):
        there = self.current(source)
        if there is None or not there.body:
            return
        id, key, parts = self.upload(which)
        first, last = sorted((at % len(there.body), to % len(there.body)))
        done = self.ask("UploadPartCopy", Key=key, UploadId=id, PartNumber=number,
                        CopySource=f"{BUCKET}/{quoted(source)}", CopySourceRange=f"bytes={first}-{last}")
        parts[number] = there.body[first:last + 1]
        assert done["CopyPartResult"]["ETag"] == f'"{etag_of(parts[number])}"'

    @precondition(lambda self: self.uploads)
    @rule(which=choice, leave=st.integers(0, 3), new=st.booleans())
    def complete(self, which, leave, new):
        id, key, parts = self.upload(which)
        chosen = {number: body for number, body in sorted(parts.items()) if number != leave}
        there = self.current(key)
        wish = {"IfNoneMatch": "*"} if new else {}
        try:
            done = self.ask("CompleteMultipartUpload", Key=key, UploadId=id, **wish, MultipartUpload={
                "Parts": [{"PartNumber": number, "ETag": etag_of(body)} for number, body in chosen.items()]})
        except AwsError as error:
            if error.code == "MalformedXML":
                assert not chosen
            else:
                assert error.code == "PreconditionFailed" and new and there is not None
            return
        assert chosen and not (new and there)
        digests = b"".join(hashlib.md5(body).digest() for body in chosen.values())
        etag = f"{hashlib.md5(digests).hexdigest()}-{len(chosen)}"
        assert done["ETag"] == f'"{etag}"'
        self.push(key, b"".join(chosen.values()), etag, done["VersionId"])
        del self.uploads[id]

    @precondition(lambda self: self.uploads)
    @rule(which=choice)
    def abort(self, which):
        id, key, _ = self.upload(which)
        self.ask("AbortMultipartUpload", Key=key, UploadId=id)
        del self.uploads[id]

    # -- what it tells

    @rule(key=keys, at=st.integers(0, 3 * SMALL), size=st.integers(1, 2 * SMALL), how=st.integers(0, 3))
    def get(self, key, at, size, how):
        there = self.current(key)
        wish = {1: {"Range": f"bytes={at}-{at + size - 1}"}, 2: {"Range": f"bytes={at}-"},
                3: {"Range": f"bytes=-{size}"}}.get(how, {})
        try:
            found = self.ask("GetObject", Key=key, **wish)
        except AwsError as error:
            if there is None:
                assert error.code == "NoSuchKey"
            else:
                assert error.code == "InvalidRange" and (at >= len(there.body) or not there.body)
            return
        assert there is not None
        part = {1: there.body[at:at + size], 2: there.body[at:], 3: there.body[-size:]}.get(how, there.body)
        assert self.cloud.run(told(found)) == part
        assert found["ETag"] == f'"{there.etag}"'
        assert found["Metadata"] == ({"n": there.meta} if there.meta else {})

    @rule(key=keys, which=choice)
    def get_version(self, key, which):
        there = self.model.get(key)
        if there:
            one = there[which % len(there)]
            try:
                found = self.ask("GetObject", Key=key, VersionId=one.id)
            except AwsError as error:
                assert error.code == "MethodNotAllowed" and one.body is None
            else:
                assert self.cloud.run(told(found)) == one.body

    @rule(prefix=st.sampled_from(("", "a", "a/", "b", "ü", "z")), delimiter=st.sampled_from(("", "/", "c")),
          limit=st.integers(1, 4))
    def list(self, prefix, delimiter, limit):
        names, groups, more = [], [], {}
        while True:
            page = self.ask("ListObjectsV2", Prefix=prefix, Delimiter=delimiter, MaxKeys=limit, **more)
            names += [(one["Key"], one["Size"], one["ETag"].strip('"')) for one in page["Contents"]]
            groups += [one["Prefix"] for one in page["CommonPrefixes"]]
            assert page["KeyCount"] == len(page["Contents"]) + len(page["CommonPrefixes"]) <= limit
            if not page["IsTruncated"]:
                break
            more = {"ContinuationToken": page["NextContinuationToken"]}
        wanted, grouped = grouped_by(sorted(
            (key for key in self.model if self.current(key)), key=str.encode), prefix, delimiter)
        assert groups == grouped
        assert names == [(key, len(self.current(key).body), self.current(key).etag) for key in wanted]

    @rule(prefix=st.sampled_from(("", "a", "b/")), delimiter=st.sampled_from(("", "/")),
          limit=st.integers(1, 4))
    def list_versions(self, prefix, delimiter, limit):
        found, groups, more = [], [], {}
        while True:
            page = self.ask("ListObjectVersions", Prefix=prefix, Delimiter=delimiter, MaxKeys=limit, **more)
            some = [(one["Key"], one["VersionId"], one["IsLatest"], one.get("ETag"))
                    for one in page["Versions"] + page["DeleteMarkers"]]
            found += some
            groups += [one["Prefix"] for one in page["CommonPrefixes"]]
            assert len(some) + len(page["CommonPrefixes"]) <= limit
            if not page["IsTruncated"]:
                break
            more = {"KeyMarker": page["NextKeyMarker"]}
            if page["NextVersionIdMarker"]:
                more["VersionIdMarker"] = page["NextVersionIdMarker"]
        wanted, grouped = grouped_by(sorted(self.model, key=str.encode), prefix, delimiter)
        assert groups == grouped
        assert sorted(found, key=str) == sorted((
            (key, one.id, n == 0, f'"{one.etag}"' if one.body is not None else None)
            for key in wanted for n, one in enumerate(self.model[key])), key=str)

    @rule()
    def list_uploads(self):
        found = {one["UploadId"]: one["Key"] for one in self.ask("ListMultipartUploads")["Uploads"]}
        assert found == {id: key for id, (key, _) in self.uploads.items()}
        for id, (key, parts) in self.uploads.items():
            listed = self.ask("ListParts", Key=key, UploadId=id)["Parts"]
            assert [(one["PartNumber"], one["ETag"].strip('"'), one["Size"]) for one in listed] == [
                (number, etag_of(body), len(body)) for number, body in sorted(parts.items())]

    @rule()
    def a_bucket_goes_only_when_it_is_empty(self):
        if self.model:
            with pytest.raises(AwsError) as error:
                self.ask("DeleteBucket")
            assert error.value.code == "BucketNotEmpty"
        else:
            self.ask("DeleteBucket")
            self.ask("CreateBucket")
            self.uploads, self.versioning = {}, ""


def quoted(key):
    from urllib.parse import quote
    return quote(key)


def grouped_by(names, prefix, delimiter):
    """The keys that a list shows, and the prefixes in place of others."""
    wanted, groups = [], []
    for name in names:
        if name.startswith(prefix):
            head, found, _ = name[len(prefix):].partition(delimiter) if delimiter else (name, "", "")
            if not found:
                wanted.append(name)
            elif prefix + head + delimiter not in groups:
                groups.append(prefix + head + delimiter)
    return wanted, groups


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("driver", EXAMPLES)
def test_a_bucket_is_the_dictionary_that_it_should_be(driver, request, monkeypatch):
    monkeypatch.setattr(bodies, "INLINE_LIMIT", SMALL)
    monkeypatch.setattr(multipart, "PART_MINIMUM", 1)

    class Machine(Objects):
        dsn = request.getfixturevalue("postgres").dsn if driver == "postgres" else ""

    run_state_machine_as_test(Machine, settings=settings(
        max_examples=examples(EXAMPLES[driver]), stateful_step_count=STEPS, deadline=None,
        suppress_health_check=list(HealthCheck)))


