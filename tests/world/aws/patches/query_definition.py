"""`AWS::Logs::QueryDefinition`, a saved query of Logs Insights, which MiniStack refuses as an unknown type.

It is kept and never run: MiniStack has no call that reads it back.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-querydefinition.html
"""

import uuid

from ministack.services import cloudwatch_logs
from ministack.services.cloudformation import provisioners

from . import private

TYPE = "AWS::Logs::QueryDefinition"


def install():
    handlers = private.value(provisioners, "_RESOURCE_HANDLERS", dict)
    private.value(cloudwatch_logs, "_log_groups", object)
    if TYPE in handlers:
        raise private.Changed("ministack", f"knows {TYPE} by itself, so patches/query_definition.py can go")
    handlers[TYPE] = {"create": create, "update": update, "delete": delete}


def check(props):
    for name in ("Name", "QueryString"):
        if not props.get(name):
            raise ValueError(f"{name} is required for {TYPE}")
    for group in props.get("LogGroupNames") or []:
        if group not in cloudwatch_logs._log_groups:
            raise ValueError(f"{TYPE} LogGroupNames: there is no log group {group}")


def create(_logical_id, props, _stack_name):
    check(props)
    return str(uuid.uuid4()), {}


def update(physical_id, _old_props, new_props, _stack_name):
    check(new_props)
    return physical_id, {}


def delete(_physical_id, _props):
    pass
