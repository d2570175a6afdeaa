"""Makes a thumbnail of every picture that is uploaded, and notes it in the table."""

import io
import os
from urllib.parse import unquote_plus

import boto3
from PIL import Image

LONGEST = 320  # pixels

s3 = boto3.client("s3")
table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    for record in event["Records"]:
        bucket, key = record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"])
        picture = Image.open(s3.get_object(Bucket=bucket, Key=key)["Body"])
        before = picture.size
        picture.thumbnail((LONGEST, LONGEST))
        small = io.BytesIO()
        picture.save(small, "PNG", optimize=True)
        name = "thumbnails/" + key.removeprefix("uploads/")
        s3.put_object(Bucket=bucket, Key=name, Body=small.getvalue(), ContentType="image/png")
        table.put_item(Item={"kind": "picture", "id": key, "thumbnail": name, "width": picture.width,
                             "height": picture.height, "bytes": len(small.getvalue())})
        print(f"{key}: {before[0]}x{before[1]} became {picture.width}x{picture.height}")
