"""`AWS::IAM::RolePolicy`, one inline policy of one role, which MiniStack refuses as an unknown type.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-rolepolicy.html
"""

from ministack.services.cloudformation import provisioners

from . import private

TYPE = "AWS::IAM::RolePolicy"
HANDLED_BY = {
    "_iam_policy_require_entities": ("props",),
    "_iam_policy_require_valid_document": ("props",),
    "_iam_policy_put": ("props", "name"),
    "_iam_policy_drop": ("props", "name"),
}


def install():
    handlers = private.value(provisioners, "_RESOURCE_HANDLERS", dict)
    replacing = private.value(provisioners, "_REPLACING_PROPERTIES", dict)
    for name, parameters in HANDLED_BY.items():
        private.function(provisioners, name, *parameters)
    if TYPE in handlers:
        raise private.Changed("ministack", f"knows {TYPE} by itself, so patches/role_policy.py can go")
    handlers[TYPE] = {"create": create, "update": update, "delete": delete}
    replacing[TYPE] = ("PolicyName", "RoleName")


def as_policy(props):
    """The same as `AWS::IAM::Policy` on a single role, which MiniStack has."""
    return {"Roles": [props["RoleName"]], "PolicyDocument": props.get("PolicyDocument", {})}


def create(_logical_id, props, _stack_name):
    policy = as_policy(props)
    provisioners._iam_policy_require_entities(policy)
    provisioners._iam_policy_require_valid_document(policy)
    provisioners._iam_policy_put(policy, props["PolicyName"])
    return f"{props['PolicyName']}|{props['RoleName']}", {}


def update(_physical_id, _old_props, new_props, stack_name):
    """Only the document can change in place; PutRolePolicy overwrites it."""
    return create(None, new_props, stack_name)


def delete(_physical_id, props):
    provisioners._iam_policy_drop(as_policy(props), props["PolicyName"])
