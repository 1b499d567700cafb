"""What CloudFormation refuses and MiniStack does: to change a dead stack, to delete a bucket with objects in it.

A deployer that never met these two would look right here and fail in AWS.
"""

from ministack.services import s3
from ministack.services.cloudformation import handlers, helpers, provisioners

from . import private

BUCKET_TYPE = "AWS::S3::Bucket"
# A stack in one of these can only be deleted.
DEAD = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED")


def install():
    refuse_changes_to_dead_stacks()
    refuse_to_delete_full_buckets()


def refuse_changes_to_dead_stacks():
    """MiniStack makes the change set, of either type, and executes it."""
    create = private.function(handlers, "_create_change_set", "params")
    actions = private.value(handlers, "_ACTION_HANDLERS", dict)
    private.function(handlers, "_resolve_stack", "stack_name")
    private.function(helpers, "_error", "code", "message", "status")
    private.function(helpers, "_p", "params", "key", "default")

    def create_change_set(params):
        stack = handlers._resolve_stack(helpers._p(params, "StackName"))
        if stack and stack.get("StackStatus") in DEAD:
            return helpers._error(
                "ValidationError",
                f"Stack:{stack['StackId']} is in {stack['StackStatus']} state and can not be updated.",
            )
        return create(params)

    actions["CreateChangeSet"] = create_change_set


def refuse_to_delete_full_buckets():
    table = private.value(provisioners, "_RESOURCE_HANDLERS", dict)
    delete = private.function(provisioners, "_s3_delete", "physical_id", "props")
    private.function(s3, "_bucket_has_versions", "name")
    private.value(s3, "_buckets", object)

    def delete_empty(physical_id, props):
        bucket = s3._buckets.get(physical_id)
        if bucket and (bucket["objects"] or s3._bucket_has_versions(physical_id)):
            raise ValueError(
                'Resource handler returned message: "The bucket you tried to delete is not empty (Service: S3, Status '
                'Code: 409)" (HandlerErrorCode: GeneralServiceException)'
            )
        delete(physical_id, props)

    table[BUCKET_TYPE] = {**table[BUCKET_TYPE], "delete": delete_empty}
