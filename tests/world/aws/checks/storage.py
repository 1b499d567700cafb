"""Checks of S3: what the deployer does with the bucket that holds the function's code."""

import base64
import hashlib

from botocore.exceptions import ClientError

BUCKET = "self-check-storage"


def objects(world):
    """S3 keeps checksums and versions, lists by prefix and deletes versions"""
    client = world.client("s3")
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": world.region})
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    owner = {"Bucket": BUCKET, "ExpectedBucketOwner": world.account}
    for content in (b"one", b"two"):
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        client.put_object(**owner, Key="code/a.zip", Body=content, ChecksumSHA256=digest,
                          ServerSideEncryption="AES256")
        head = client.head_object(**owner, Key="code/a.zip", ChecksumMode="ENABLED")
        assert head["ChecksumSHA256"] == digest and head["ServerSideEncryption"] == "AES256", head
    client.put_object(**owner, Key="other", Body=b"")
    listed = client.list_objects_v2(**owner, Prefix="code/")
    assert [each["Key"] for each in listed["Contents"]] == ["code/a.zip"], listed
    versions = client.list_object_versions(**owner, Prefix="code/")["Versions"]
    assert len(versions) == 2, versions
    client.delete_object(**owner, Key="code/a.zip")
    every = client.list_object_versions(**owner)
    assert len(every["DeleteMarkers"]) == 1, every
    doomed = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in every["Versions"] + every["DeleteMarkers"]]
    client.delete_objects(**owner, Delete={"Objects": doomed, "Quiet": True})
    left = client.list_object_versions(**owner)
    assert "Versions" not in left and "DeleteMarkers" not in left, left


def refusals(world):
    """S3 refuses a wrong checksum and a bucket of another owner"""
    client = world.client("s3")
    wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    for code, arguments in (
        ("BadDigest", {"ChecksumSHA256": wrong}),
        ("AccessDenied", {"ExpectedBucketOwner": "444455556666"}),
    ):
        try:
            client.put_object(Bucket=BUCKET, Key="refused", Body=b"text", **arguments)
        except ClientError as error:
            assert error.response["Error"]["Code"] == code, error.response
        else:
            raise AssertionError(f"S3 accepted {arguments}, which is {code}")


CHECKS = (objects, refusals)
