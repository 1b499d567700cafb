"""The stack that the checks deploy: all resource types of ours, with a function of a few lines of Python."""

import io
import json
import sys
import zipfile

BOOTSTRAP = f"""#!/bin/sh
exec '{sys.executable}' -B main.py
"""

# Answers every call with what it was given; says one thing to its log and one to its metrics.
MAIN = """
import http.client, json, os, subprocess, sys, time
# Outlives this process, unless whoever ends it ends the whole group.
none = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
helper = subprocess.Popen(["sleep", "600"], **none)
# One connection for all calls, as the runtimes have it.
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
def ask(method, path, body=None):
    api.request(method, "/2018-06-01/runtime/invocation/" + path, body)
    answer = api.getresponse()
    head = time.monotonic()
    text = answer.read()
    return answer.headers, text, time.monotonic() - head
while True:
    headers, text, waited = ask("GET", "next")
    event = json.loads(text)
    print("called with", event["rawPath"])
    print(json.dumps({"_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [
        {"Namespace": "SelfCheck", "Dimensions": [["Cluster"], ["Cluster", "Rule"], []],
         "Metrics": [{"Name": "Deny", "Unit": "Count"}]}]}, "Cluster": "c1", "Rule": "r1", "Deny": 2}))
    sys.stdout.flush()
    # A call that is held: until the file is there that its query names.
    held = event.get("rawQueryString", "").removeprefix("until=")
    while held.startswith("/") and not os.path.exists(held):
        time.sleep(0.01)
    body = json.dumps({"event": event, "code": CODE, "pid": os.getpid(), "parent": os.getppid(), "helper": helper.pid,
                       "waited": waited, "environment": dict(os.environ)})
    answer = json.dumps({"statusCode": 200, "headers": {"content-type": "application/json"}, "body": body}).encode()
    ask("POST", headers["Lambda-Runtime-Aws-Request-Id"] + "/response", answer)
"""


DESCRIPTION = "What the checks deploy."
# A line of the access log; the last variable never has a value.
ACCESS_LOG = {"id": "$context.requestId", "route": "$context.routeKey", "status": "$context.status",
              "latency": "$context.responseLatency", "of_function": "$context.integrationLatency",
              "none": "$context.authorizer.error"}


def denials(identity, statistic):
    stat = {"Metric": {"Namespace": "SelfCheck", "MetricName": "Deny"}, "Period": 900, "Stat": statistic}
    return {"Id": identity, "MetricStat": stat, "ReturnData": False}


def code(version):
    """The zip of the function; `version` is what its answers show as `code`."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("bootstrap", BOOTSTRAP)
        archive.writestr("main.py", f"CODE = {version!r}\n{MAIN}")
    return packed.getvalue()


def template(policy_action="ecr:DescribeRepositories"):
    """The template as a value; a different action makes a different inline policy."""
    def statement(action, **rest):
        return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, **rest}]}

    ref, get = (lambda name: {"Ref": name}), (lambda name, attribute: {"Fn::GetAtt": [name, attribute]})
    sub = lambda text: {"Fn::Sub": text}
    types = {
        "Bucket": ("S3::Bucket", {
            "LifecycleConfiguration": {"Rules": [{"Status": "Enabled", "ExpirationInDays": 30}]}}),
        "BucketPolicy": ("S3::BucketPolicy", {"Bucket": ref("Bucket"), "PolicyDocument": statement(
            "s3:GetObject", Principal="*", Resource=sub("${Bucket.Arn}/*"))}),
        "Logs": ("Logs::LogGroup", {"LogGroupName": sub("/self-check/${AWS::StackName}"), "RetentionInDays": 30}),
        "Role": ("IAM::Role", {"AssumeRolePolicyDocument": statement(
            "sts:AssumeRole", Principal={"Service": "lambda.amazonaws.com"})}),
        "Policy": ("IAM::RolePolicy", {"RoleName": ref("Role"), "PolicyName": "registry",
                                       "PolicyDocument": statement(policy_action, Resource="*")}),
        "Function": ("Lambda::Function", {
            "Runtime": "provided.al2023", "Handler": "bootstrap", "Architectures": ["x86_64"], "Timeout": 10,
            "Code": {"S3Bucket": ref("CodeBucket"), "S3Key": ref("CodeKey")}, "Role": get("Role", "Arn"),
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": ref("Logs")},
            "Environment": {"Variables": {"OWN_ACCOUNT_ID": ref("AWS::AccountId")}}}),
        "Api": ("ApiGatewayV2::Api", {"Name": ref("AWS::StackName"), "ProtocolType": "HTTP"}),
        "Integration": ("ApiGatewayV2::Integration", {
            "ApiId": ref("Api"), "IntegrationType": "AWS_PROXY", "IntegrationUri": get("Function", "Arn"),
            "PayloadFormatVersion": "2.0"}),
        "Route": ("ApiGatewayV2::Route", {"ApiId": ref("Api"), "RouteKey": "POST /v1/{cluster}/{secret}",
                                          "Target": sub("integrations/${Integration}")}),
        "AccessLogs": ("Logs::LogGroup", {"LogGroupName": sub("/self-check/${AWS::StackName}-api"), "RetentionInDays": 30}),
        "Stage": ("ApiGatewayV2::Stage", {
            "ApiId": ref("Api"), "StageName": "$default", "AutoDeploy": True,
            "AccessLogSettings": {"DestinationArn": get("AccessLogs", "Arn"), "Format": json.dumps(ACCESS_LOG)}}),
        # Each call denies two.
        "Denials": ("CloudWatch::Alarm", {
            "AlarmName": sub("${AWS::StackName}-denials"), "EvaluationPeriods": 1, "Threshold": 199,
            "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching", "Metrics": [
                {"Id": "share", "Expression": "IF(denied > 1, 100 * denied / decisions, 0)", "ReturnData": True},
                denials("denied", "Sum"), denials("decisions", "SampleCount")]}),
        "Query": ("Logs::QueryDefinition", {
            "Name": "self-check/all", "QueryString": "fields @message", "LogGroupNames": [ref("Logs")]}),
        "Permission": ("Lambda::Permission", {
            "FunctionName": ref("Function"), "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com",
            "SourceArn": sub("arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*")}),
    }
    resources = {name: {"Type": "AWS::" + kind, "Properties": properties} for name, (kind, properties) in types.items()}
    resources["Function"]["DependsOn"] = ["Policy"]
    return {
        "Description": DESCRIPTION,
        "Parameters": {"CodeBucket": {"Type": "String"}, "CodeKey": {"Type": "String"}},
        "Resources": resources,
        "Outputs": {"Endpoint": {"Value": get("Api", "ApiEndpoint")}} | {
            name: {"Value": ref(name)} for name in ("Role", "Function", "Logs", "AccessLogs", "Api", "Bucket")},
    }
