"""A function whose code is not in the bucket fails, as in AWS. MiniStack creates it and answers calls from nowhere."""

import uuid

from ministack.services import lambda_svc
from ministack.services.cloudformation import provisioners

from . import private

FUNCTION_TYPE = "AWS::Lambda::Function"


def install():
    create = private.function(provisioners, "_lambda_create", "logical_id", "props", "stack_name")
    update = private.function(
        provisioners, "_lambda_update", "physical_id", "old_props", "new_props", "stack_name", "logical_id"
    )
    handlers = private.value(provisioners, "_RESOURCE_HANDLERS", dict)
    private.function(lambda_svc, "_fetch_code_from_s3", "bucket", "key", "version_id")

    def create_with_code(logical_id, props, stack_name):
        require(props.get("Code", {}))
        return create(logical_id, props, stack_name)

    def update_with_code(physical_id, old_props, new_props, stack_name, logical_id=None):
        if new_props.get("Code") != old_props.get("Code"):
            require(new_props.get("Code", {}))
        return update(physical_id, old_props, new_props, stack_name, logical_id)

    provisioners._lambda_create = create_with_code
    provisioners._lambda_update = update_with_code
    handlers[FUNCTION_TYPE] = {**handlers[FUNCTION_TYPE], "create": create_with_code, "update": update_with_code}


def require(code):
    """Raises what Lambda says through CloudFormation when the object is not there."""
    bucket, key = code.get("S3Bucket"), code.get("S3Key")
    if not (bucket and key) or lambda_svc._fetch_code_from_s3(bucket, key, code.get("S3ObjectVersion")) is not None:
        return
    raise ValueError(
        'Resource handler returned message: "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error '
        f'Message: The specified key does not exist. (Service: Lambda, Status Code: 400, Request ID: {uuid.uuid4()})" '
        f"(RequestToken: {uuid.uuid4()}, HandlerErrorCode: InvalidRequest)"
    )
