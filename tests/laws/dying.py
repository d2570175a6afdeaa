"""A cloudlet with a client in one process, which is killed at its n-th step with a body.

Run as a program (with the address of a PostgreSQL, if it is to use one) it reads lines ``FOLDER N
DURABILITY`` and forks a life for each: what was tried and what was acknowledged is in ``FOLDER.told``, and
``killed`` or ``lived`` is printed when it is over.
"""

import asyncio
import hashlib
import os
import signal
import sys
import threading
from pathlib import Path

import boto3
import uvloop
from botocore.config import Config

from cloudlet.app import Options, running
from cloudlet.store import blobs, sqlite

QUICK = Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"})
PART = 5 << 20
POSTGRES = sys.argv[1] if len(sys.argv) > 1 else ""
STEPS = [(blobs.Writer, "add"), (blobs.Blobs, "place"), (blobs.Blobs, "remove")]
if POSTGRES:
    from cloudlet.store import postgres
    STEPS += [(postgres.PostgresStore, "_transact"), (postgres._PostgresTransaction, "_write")]
    blobs.LINGERS_MS = 0
else:
    STEPS += [(sqlite._SqliteTransaction, "attempt"), (sqlite.SqliteStore, "_settle")]


class Life:
    """One life, which ends at step ``last``; 0 is never."""

    def __init__(self, folder, last, durability):
        self.folder, self.last, self.durability, self.step = Path(folder), last, durability, 0
        self.told = os.open(f"{folder}.told", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for kind, name in STEPS:
            self.watch(kind, name)

    def watch(self, kind, name):
        plain = getattr(kind, name)

        def watched(*given, **named):
            self.pass_by()
            result = plain(*given, **named)
            self.pass_by()
            return result
        setattr(kind, name, watched)

    def pass_by(self):
        self.step += 1
        if self.step == self.last:
            os.kill(os.getpid(), signal.SIGKILL)

    def tell(self, *words):
        os.write(self.told, (" ".join(words) + "\n").encode())

    async def main(self):
        async with running(Options(data=self.folder, port=0, durability=self.durability,
                                   postgres=POSTGRES)) as cloudlet:
            self.step = 0
            await asyncio.to_thread(self.client, f"http://127.0.0.1:{cloudlet.port}")

    def client(self, url):
        s3 = boto3.client("s3", endpoint_url=url, region_name="us-east-1", config=QUICK,
                          aws_access_key_id="test", aws_secret_access_key="test")

        def do(key, body, work):
            digest = hashlib.sha256(body).hexdigest() if body else "-"
            self.tell("try", key, digest)
            work()
            self.tell("done", key, digest)

        def put(key, body):
            do(key, body, lambda: s3.put_object(Bucket="bucket", Key=key, Body=body))

        def in_parts(key, body):
            upload = {"Bucket": "bucket", "Key": key, "UploadId": s3.create_multipart_upload(
                Bucket="bucket", Key=key)["UploadId"]}
            s3.upload_part(**upload, PartNumber=1, Body=b"not this")
            etags = [s3.upload_part(**upload, PartNumber=n + 1, Body=body[n * PART:(n + 1) * PART])["ETag"]
                     for n in range(2)]
            s3.complete_multipart_upload(**upload, MultipartUpload={
                "Parts": [{"PartNumber": n + 1, "ETag": etag} for n, etag in enumerate(etags)]})

        s3.create_bucket(Bucket="bucket")
        old, new, parts = b"old" * 100_000, b"new" * 200_000, b"12345" * (1 << 20) + b"the end" * 10_000
        put("one", old)
        do("copy", old, lambda: s3.copy_object(Bucket="bucket", Key="copy", CopySource="bucket/one"))
        put("one", new)
        put("small", b"small")
        do("parts", parts, lambda: in_parts("parts", parts))
        do("copy", b"", lambda: s3.delete_object(Bucket="bucket", Key="copy"))
        put("parts", old)
        put("small", new)
        do("one", b"", lambda: s3.delete_object(Bucket="bucket", Key="one"))


def live(folder, last, durability):
    assert threading.active_count() == 1
    pid = os.fork()
    if pid == 0:
        try:
            uvloop.run(Life(folder, last, durability).main())
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    for line in sys.stdin:
        folder, last, durability = line.split()
        ended = live(folder, int(last), durability)
        print({0: "lived", -signal.SIGKILL: "killed"}.get(ended, f"failed {ended}"), flush=True)
