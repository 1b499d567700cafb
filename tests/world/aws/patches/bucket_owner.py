"""S3 refuses a request that expects another owner of the bucket. MiniStack takes no notice of `ExpectedBucketOwner`.

The deployer leans on the refusal: without it, code could be read from or written to a bucket of somebody else's.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
"""

import functools

from ministack.services import s3

from . import private

EXPECTED = "x-amz-expected-bucket-owner"


def install():
    handle = private.function(
        s3, "handle_request", "method", "path", "headers", "body", "query_params", "signed_path",
        "enforce_bucket_region", "internal", "access_point_region", "access_point",
    )
    private.function(s3, "_bucket_owner_account", "name")
    private.function(s3, "_parse_bucket_key", "path", "headers")
    private.function(s3, "_error", "code", "message", "status", "resource", "extra", "headers")

    @functools.wraps(handle)
    async def handle_for_owner(method, path, headers, body, query_params, *rest, **more):
        if EXPECTED in headers:
            bucket, _ = s3._parse_bucket_key(path, headers)
            owner = s3._bucket_owner_account(bucket)
            if owner is not None and owner != headers[EXPECTED]:
                return s3._error("AccessDenied", "Access Denied", 403, path)
        return await handle(method, path, headers, body, query_params, *rest, **more)

    s3.handle_request = handle_for_owner
