"""DescribeStacks tells the description of a stack that a change set made. MiniStack tells it only of CreateStack's.

The deployer knows its own stacks by it, and leaves others of the same name alone.
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Stack.html
"""

from ministack.services.cloudformation import changesets, handlers, helpers

from . import private


def install():
    actions = private.value(handlers, "_ACTION_HANDLERS", dict)
    execute = private.function(handlers, "_execute_change_set", "params")
    private.function(changesets, "_find_change_set", "cs_name", "stack_name")
    private.function(handlers, "_resolve_stack", "stack_name")
    private.function(helpers, "_p", "params", "key", "default")

    def execute_and_describe(params):
        _, change_set = changesets._find_change_set(helpers._p(params, "ChangeSetName"), helpers._p(params, "StackName"))
        answer = execute(params)
        stack = change_set and answer[0] == 200 and handlers._resolve_stack(change_set["StackName"])
        if stack:
            stack["Description"] = change_set["_template"].get("Description", "")
        return answer

    actions["ExecuteChangeSet"] = execute_and_describe
