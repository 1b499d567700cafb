"""Checks of CloudFormation, API Gateway, Lambda, Logs and CloudWatch: one stack's life, failures included."""

import datetime
import http.client
import json
import re
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import ClientError

from checks import stack

STACK = "self-check"
CODE = "self-check-code"
PATH = "/v1/c1/" + "0a" * 32
CALLS = 3
# Paths of no route.
STRANGE = ("/", "/v1/c1", "/v2/c1/x")


def running_processes(world):
    """Deploys and calls the function; the process ids of the function, of what it started itself and of MiniStack."""
    upload(world, "one")
    assert deploy(world, "one.zip") == "CREATE_COMPLETE"
    _, answer = call(world, outputs(world)["Endpoint"])
    return answer["pid"], answer["helper"], answer["parent"]


def upload(world, version):
    client = world.client("s3")
    if CODE not in [each["Name"] for each in client.list_buckets()["Buckets"]]:
        client.create_bucket(Bucket=CODE, CreateBucketConfiguration={"LocationConstraint": world.region})
    client.put_object(Bucket=CODE, Key=f"{version}.zip", Body=stack.code(version))


def deploy(world, key, **changes):
    """Runs one change set to its end and returns the stack's status then."""
    client = world.client("cloudformation")
    name = f"change-{uuid.uuid4()}"
    client.create_change_set(
        StackName=STACK, ChangeSetName=name, ChangeSetType="UPDATE" if status(world) else "CREATE",
        TemplateBody=json.dumps(stack.template(**changes)), Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": "CodeBucket", "ParameterValue": CODE},
                    {"ParameterKey": "CodeKey", "ParameterValue": key}],
    )
    client.get_waiter("change_set_create_complete").wait(
        StackName=STACK, ChangeSetName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 200})
    before = len(events(world))
    client.execute_change_set(StackName=STACK, ChangeSetName=name)
    return settled(world, before)


def settled(world, events_before):
    """The stack's status once an operation that started after so many events is over."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        now = status(world)
        if now is None or (len(events(world)) > events_before and not now.endswith("_IN_PROGRESS")):
            return now
        time.sleep(0.05)
    raise AssertionError(f"the stack is still {status(world)} after 30 s")


def status(world):
    """The stack's status; None of a stack that is not there or only has a change set."""
    try:
        (found,) = world.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    except ClientError:
        return None
    return None if found["StackStatus"] == "REVIEW_IN_PROGRESS" else found["StackStatus"]


def events(world):
    """All of them, the newest first; a page has a hundred."""
    pages = world.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=STACK)
    return [each for page in pages for each in page["StackEvents"]]


def failures(world):
    """The reasons of all resource failures so far, by logical id."""
    return {each["LogicalResourceId"]: each.get("ResourceStatusReason", "") for each in events(world)
            if each["ResourceStatus"].endswith("_FAILED") and each["LogicalResourceId"] != STACK}


def outputs(world):
    (found,) = world.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]}


def delete(world):
    before = len(events(world))
    world.client("cloudformation").delete_stack(StackName=STACK)
    return settled(world, before)


def call(world, endpoint, path=PATH):
    """POSTs through the front door: MiniStack's port, the production-shaped Host."""
    connection = http.client.HTTPConnection(world.ready["endpoint"].removeprefix("http://"), timeout=20)
    host = endpoint.removeprefix("https://")
    connection.request("POST", path, b'{"kind":"AdmissionReview"}', {"Host": host, "content-type": "application/json"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, json.loads(body) if answer.status == 200 else body


def missing_code(world):
    """a stack whose code is not in the bucket fails at the function, and can then only be deleted"""
    upload(world, "one")
    assert deploy(world, "none.zip") == "ROLLBACK_COMPLETE"
    assert "NoSuchKey" in failures(world)["Function"], failures(world)
    try:
        deploy(world, "one.zip")
    except ClientError as error:
        assert "ROLLBACK_COMPLETE state and can not be updated" in str(error), error
    else:
        raise AssertionError("a stack in ROLLBACK_COMPLETE was updated")
    assert delete(world) in (None, "DELETE_COMPLETE")


def creation(world):
    """a stack of all our resource types is made by a change set, its API at an address of AWS's shape"""
    assert deploy(world, "one.zip") == "CREATE_COMPLETE", failures(world)
    endpoint = outputs(world)["Endpoint"]
    assert re.fullmatch(rf"https://[a-z0-9]+\.execute-api\.{world.region}\.amazonaws\.com", endpoint), endpoint
    apis = world.client("apigatewayv2").get_apis()["Items"]
    assert endpoint in [each["ApiEndpoint"] for each in apis], apis
    (found,) = world.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    assert found["Description"] == stack.DESCRIPTION, found
    document = inline_policy(world)
    assert document["Statement"][0]["Action"] == "ecr:DescribeRepositories", document


def inline_policy(world):
    return world.client("iam").get_role_policy(RoleName=outputs(world)["Role"], PolicyName="registry")["PolicyDocument"]


def calls(world):
    """calls reach the function as sent, and it sees Lambda's environment and no other"""
    endpoint = outputs(world)["Endpoint"]
    for _ in range(CALLS):
        code, answer = call(world, endpoint, PATH + "?timeout=5s")
    assert code == 200, (code, answer)
    event = answer["event"]
    assert event["version"] == "2.0" and event["routeKey"] == "POST /v1/{cluster}/{secret}", event
    assert event["rawPath"] == PATH and event["requestContext"]["http"]["path"] == PATH, event
    assert event["pathParameters"] == {"cluster": "c1", "secret": "0a" * 32}, event
    assert event["requestContext"]["domainName"] == endpoint.removeprefix("https://"), event
    assert event["rawQueryString"] == "timeout=5s" and event["body"] == '{"kind":"AdmissionReview"}', event
    assert event["isBase64Encoded"] is False, event
    environment = answer["environment"]
    assert environment["OWN_ACCOUNT_ID"] == world.account and environment["AWS_REGION"] == world.region, environment
    assert environment["AWS_ENDPOINT_URL_ECR"] == world.ready["ecr_endpoint"], environment
    strange = [name for name in environment if re.search(r"proxy|MINISTACK|DOCKER|GATEWAY|LOG_LEVEL", name, re.I)]
    assert not strange, strange
    for path in STRANGE:
        assert call(world, endpoint, path)[0] == 404, path


def logs(world):
    """every line the function prints is in the log group that the template names"""
    client = world.client("logs")
    group = outputs(world)["Logs"]
    wanted = {"called with " + PATH: CALLS, "START RequestId": CALLS, "REPORT RequestId": CALLS, '"_aws"': CALLS}

    def counts():
        lines = [each["message"] for each in client.filter_log_events(logGroupName=group)["events"]]
        return {text: sum(text in line for line in lines) for text in wanted}

    eventually(counts, wanted)
    assert len(client.describe_log_streams(logGroupName=group)["logStreams"]) == 1
    assert not client.describe_log_groups(logGroupNamePrefix="/aws/lambda/")["logGroups"]


def metrics(world):
    """embedded metrics become metric data, each exactly once in each dimension set"""
    client = world.client("cloudwatch")
    span = {"StartTime": time.time() - 600, "EndTime": time.time() + 60}
    for dimensions in ({"Cluster": "c1"}, {"Cluster": "c1", "Rule": "r1"}):
        metric = {"Namespace": "SelfCheck", "MetricName": "Deny",
                  "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()]}

        def by_data():
            answer = client.get_metric_data(**span, MetricDataQueries=[
                {"Id": "deny", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum", "Unit": "Count"}}])
            return sum(answer["MetricDataResults"][0]["Values"])

        def by_statistics():
            answer = client.get_metric_statistics(**metric, **span, Period=60, Statistics=["Sum", "SampleCount"])
            return tuple(sum(each[name] for each in answer["Datapoints"]) for name in ("Sum", "SampleCount"))

        eventually(by_data, 2 * CALLS)
        eventually(by_statistics, (2 * CALLS, CALLS))
    listed = client.list_metrics(Namespace="SelfCheck")["Metrics"]
    assert sorted(len(each["Dimensions"]) for each in listed) == [0, 1, 2], listed


def counted_calls(world):
    """each call of the API is counted for the API and, unless it was turned away, for its function"""
    of = outputs(world)
    for name, dimension, wanted in (
        ("AWS/Lambda", ("FunctionName", of["Function"]), {"Invocations": CALLS, "Errors": 0}),
        ("AWS/ApiGateway", ("ApiId", of["Api"]), {"Count": CALLS + len(STRANGE), "4xx": len(STRANGE), "5xx": 0}),
    ):
        eventually(lambda: {metric: total(world, name, metric, dimension) for metric in wanted}, wanted)


def total(world, namespace, metric, dimension):
    answer = world.client("cloudwatch").get_metric_statistics(
        Namespace=namespace, MetricName=metric, Dimensions=[dict(zip(("Name", "Value"), dimension))],
        StartTime=time.time() - 600, EndTime=time.time() + 60, Period=60, Statistics=["Sum"])
    return sum(each["Sum"] for each in answer["Datapoints"])


def access_log(world):
    """the stage writes a line for each call, with the request id that the function was given"""
    _, answer = call(world, outputs(world)["Endpoint"])
    client = world.client("logs")

    def lines():
        found = client.filter_log_events(logGroupName=outputs(world)["AccessLogs"])["events"]
        return [json.loads(each["message"]) for each in found]

    eventually(lambda: len(lines()), CALLS + len(STRANGE) + 1)
    turned_away = [line for line in lines() if line["status"] == "404"]
    assert len(turned_away) == len(STRANGE) and {line["of_function"] for line in turned_away} == {"-"}, lines()
    last = lines()[-1]
    assert last["id"] == answer["event"]["requestContext"]["requestId"], (last, answer["event"])
    assert (last["route"], last["status"], last["none"]) == ("POST /v1/{cluster}/{secret}", "200", "-"), last
    assert int(last["latency"]) >= int(last["of_function"]) > 0, last


def alarm_of_stack(world):
    """an alarm of a stack on an expression rings, before an update and after it"""
    (alarm,) = world.client("cloudwatch").describe_alarms(AlarmNames=[f"{STACK}-denials"])["MetricAlarms"]
    assert (alarm["StateValue"], len(alarm["Metrics"])) == ("ALARM", 3), alarm


def draining(world):
    """an update lets a call that runs come to its end, with the code that it began with"""
    endpoint, free = outputs(world)["Endpoint"], world.directory / "free"
    held = "/v1/c1/held"
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(call, world, endpoint, f"{held}?until={free}")
        try:
            client, group = world.client("logs"), outputs(world)["Logs"]
            eventually(lambda: len(client.filter_log_events(
                logGroupName=group, filterPattern='"called with /v1/c1/held"')["events"]), 1)
            upload(world, "drained")
            assert deploy(world, "drained.zip") == "UPDATE_COMPLETE", failures(world)
            assert call(world, endpoint)[1]["code"] == "drained"
            assert not answer.done(), answer.result()
        finally:
            free.touch()
        status, body = answer.result()
    assert status == 200 and body["code"] == "one", (status, body)


def update(world):
    """an update by change set brings new code and a new inline policy, at the same address"""
    upload(world, "two")
    endpoint = outputs(world)["Endpoint"]
    assert deploy(world, "two.zip", policy_action="ecr:BatchGetImage") == "UPDATE_COMPLETE", failures(world)
    assert outputs(world)["Endpoint"] == endpoint, outputs(world)
    assert inline_policy(world)["Statement"][0]["Action"] == "ecr:BatchGetImage"
    assert call(world, endpoint)[1]["code"] == "two"


def promptness(world):
    """the body of what the runtime is given follows its head at once"""
    endpoint = outputs(world)["Endpoint"]
    waited = sorted(call(world, endpoint)[1]["waited"] for _ in range(41))
    # An acknowledgement that is put off takes 40 ms, each time; a busy machine may be slow now and then.
    assert waited[20] < 0.02, waited


def failed_update(world):
    """an update told to fail by faults.json is rolled back to the code before, slowly enough to be watched"""
    (world.directory / "faults.json").write_text(json.dumps({
        "step_delay_ms": 100, "fail": [{"resource": "Function", "on": "update", "reason": "told to fail"}]}))
    assert deploy(world, "one.zip") == "UPDATE_ROLLBACK_COMPLETE", failures(world)
    assert failures(world)["Function"] == "told to fail", failures(world)
    steps = [each for each in events(world) if each["LogicalResourceId"] == "Function"]
    failed = next(index for index, each in enumerate(steps) if each["ResourceStatus"] == "UPDATE_FAILED")
    took = steps[failed]["Timestamp"] - steps[failed + 1]["Timestamp"]
    assert took >= datetime.timedelta(milliseconds=90), f"the failing step took {took}"  # timestamps are rounded
    assert json.loads((world.directory / "faults.json").read_text())["fail"] == []
    assert call(world, outputs(world)["Endpoint"])[1]["code"] == "two"


def failed_ends(world):
    """a stack ends in UPDATE_ROLLBACK_FAILED, from which it continues, and in DELETE_FAILED, as by a full bucket"""
    (world.directory / "faults.json").write_text(json.dumps({"fail": [
        {"resource": "Function", "on": "update"}, {"resource": "Policy", "on": "rollback"},
        {"resource": "Logs", "on": "delete"}]}))
    assert deploy(world, "one.zip", policy_action="ecr:DescribeRepositories") == "UPDATE_ROLLBACK_FAILED", failures(world)
    before = len(events(world))
    world.client("cloudformation").continue_update_rollback(StackName=STACK)
    assert settled(world, before) == "UPDATE_ROLLBACK_COMPLETE"
    client = world.client("s3")
    bucket = outputs(world)["Bucket"]
    client.put_object(Bucket=bucket, Key="kept", Body=b"text")
    assert delete(world) == "DELETE_FAILED"
    assert "told to fail" in failures(world)["Logs"] and "not empty" in failures(world)["Bucket"], failures(world)
    client.delete_object(Bucket=bucket, Key="kept")
    (world.directory / "faults.json").unlink()


def deletion(world):
    """a deleted stack leaves nothing behind, even at the second attempt"""
    gone = outputs(world)
    assert delete(world) in (None, "DELETE_COMPLETE"), failures(world)
    assert call(world, gone["Endpoint"])[0] == 404
    assert not world.client("logs").describe_log_groups()["logGroups"]
    assert not world.client("lambda").list_functions()["Functions"]
    assert gone["Role"] not in [each["RoleName"] for each in world.client("iam").list_roles()["Roles"]]


def eventually(read, wanted, seconds=5):
    deadline = time.monotonic() + seconds
    while (found := read()) != wanted:
        assert time.monotonic() < deadline, f"found {found}, wanted {wanted}"
        time.sleep(0.05)


CHECKS = (missing_code, creation, calls, logs, metrics, counted_calls, access_log, alarm_of_stack, draining, update,
          alarm_of_stack, promptness, failed_update, failed_ends, deletion)
