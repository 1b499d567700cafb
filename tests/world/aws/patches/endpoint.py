"""HTTP APIs get the address AWS gives them, `https://<id>.execute-api.<region>.amazonaws.com`, and answer to it, unless
that is closed.

MiniStack names `http://<id>.execute-api.localhost:<port>`, which no API server may be given as a webhook. With the
production-shaped address the manifest a user applies is the one the tests apply; the TLS front in front of MiniStack
holds a certificate for it and passes the Host header on as it is.
"""

import json
import re

import ministack.app as app
from ministack.core.responses import get_region
from ministack.services import apigateway
from ministack.services.cloudformation import provisioners

from . import private

API_TYPE = "AWS::ApiGatewayV2::Api"


def install():
    route_by_production_host()
    name_in_events()
    name_in_api()
    name_in_cloudformation()
    close_disabled()


def address(api_id):
    return f"https://{api_id}.execute-api.{get_region()}.amazonaws.com"


def route_by_production_host():
    """The one expression by which MiniStack tells a call to an API from a call to AWS, widened; a port is ignored."""
    private.value(app, "_EXECUTE_API_RE", re.Pattern)
    app._EXECUTE_API_RE = re.compile(
        r"^([a-f0-9]{8})\.execute-api\.(?:localhost|[a-z0-9-]+\.amazonaws\.com(?:\.cn)?)(?::\d+)?$"
    )


class RegionalHost:
    """Formats as the host that follows `<id>.execute-api.` in the region of the request at hand."""

    def __format__(self, _spec):
        return f"{get_region()}.amazonaws.com"

    __str__ = __repr__ = lambda self: format(self)


def name_in_events():
    """`requestContext.domainName` of the events, the Host that the function sees."""
    private.value(apigateway, "_HOST", str)
    apigateway._HOST = RegionalHost()


def name_in_api():
    """`ApiEndpoint` of CreateApi's answer and, since the record is shared, of GetApi and UpdateApi."""
    create = private.function(apigateway, "_create_api", "data")
    apis = private.value(apigateway, "_apis", object)

    def create_api(data):
        status, headers, body = create(data)
        answer = json.loads(body)
        if "apiId" in answer:
            answer["apiEndpoint"] = apis[answer["apiId"]]["apiEndpoint"] = address(answer["apiId"])
            body = json.dumps(answer).encode()
        return status, headers, body

    apigateway._create_api = create_api


def name_in_cloudformation():
    """`Fn::GetAtt: [Api, ApiEndpoint]`; the update handler reads the same record."""
    create = private.function(provisioners, "_apigw_v2_api_create", "logical_id", "props", "stack_name")
    handlers = private.value(provisioners, "_RESOURCE_HANDLERS", dict)
    apis = private.value(apigateway, "_apis", object)

    def create_api(logical_id, props, stack_name):
        api_id, attributes = create(logical_id, props, stack_name)
        apis[api_id]["apiEndpoint"] = address(api_id)
        return api_id, {**attributes, "ApiEndpoint": address(api_id)}

    provisioners._apigw_v2_api_create = create_api
    handlers[API_TYPE] = {**handlers[API_TYPE], "create": create_api}


def close_disabled():
    """`DisableExecuteApiEndpoint`, which MiniStack keeps and does not heed: only the owner's name leads to the API then.

    AWS's pages do not say what an HTTP API answers; here it is what a path without a route gets.
    """
    handle = private.function(
        app, "_handle_execute_api_request",
        "host", "path", "method", "headers", "body", "query_params", "raw_path", "raw_query_string",
    )
    apis = private.value(apigateway, "_apis", object)

    async def handle_request(host, *rest, **named):
        found = app._EXECUTE_API_RE.match(host)
        if found and (apis.get(found.group(1)) or {}).get("disableExecuteApiEndpoint"):
            return 404, {"Content-Type": "application/json"}, b'{"message":"Not Found"}'
        return await handle(host, *rest, **named)

    app._handle_execute_api_request = handle_request
