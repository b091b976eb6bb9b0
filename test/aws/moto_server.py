"""moto's server with four changes, without which our Terraform could not be applied to it as it is.

Conditions: moto treats every Deny of a bucket policy as unconditional, because StringEquals is the only condition it supports. Our
policies deny plain HTTP, and deny writes to a layer to all roles but its own, so moto would lock the driver out of the lake. Here a
Deny with a condition that moto does not support denies nothing. `terraform test` tests the conditions where they are defined.

Recursion: moto does not support GetFunctionRecursionConfig and PutFunctionRecursionConfig. Here a function stores its setting.

Mappings: moto would run a mapped function in Docker for every message, and count a receive if it cannot. Here a mapping is only
stored; the driver does its work.

Saved queries: moto does not support the query definitions of CloudWatch Logs. Here they are stored and found by the prefix of their name.
"""

import json
import os
import re
import sys
import uuid
from urllib.parse import unquote

os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")

from moto import server
from moto.awslambda import urls
from moto.awslambda.responses import LambdaResponse
from moto.iam import access_control
from moto.iam.policy_conditions import CONDITION_OPERATIONS
from moto.logs.responses import LogsResponse
from moto.sqs.models import Queue

permitted = access_control.IAMPolicyStatement.is_action_permitted


def ignore_unsupported_conditions(self, *args, **kwargs):
    result = permitted(self, *args, **kwargs)
    unknown = set(self._statement.get("Condition", {})) - set(CONDITION_OPERATIONS)
    if result is access_control.PermissionResult.DENIED and unknown:
        return access_control.PermissionResult.NEUTRAL
    return result


access_control.IAMPolicyStatement.is_action_permitted = ignore_unsupported_conditions

# Each read returns a new, empty dictionary: moto finds no mapping to run.
Queue.lambda_event_source_mappings = property(lambda self: {}, lambda self, mappings: None)

FUNCTION = re.compile(r"/functions/([^/]+)/recursion-config")


@classmethod
def recursion(cls, request, full_url, headers):
    response = cls()
    response.setup_class(request, full_url, headers)
    function = response.backend.get_function(unquote(FUNCTION.search(full_url).group(1)))
    if request.method == "PUT":
        function.recursive_loop = json.loads(response.body)["RecursiveLoop"]
    return 200, {}, json.dumps({"RecursiveLoop": getattr(function, "recursive_loop", "Terminate")})


LambdaResponse.recursion = recursion
urls.url_paths[r"{0}/(?P<api_version>[^/]+)/functions/(?P<function_name>[\w_:%-]+)/recursion-config/?$"] = LambdaResponse.recursion

definitions = {}


def put_query_definition(self):
    given = {k: v for k, v in json.loads(self.body).items() if k in ("name", "queryString", "logGroupNames")}
    definition_id = json.loads(self.body).get("queryDefinitionId") or str(uuid.uuid4())
    definitions[definition_id] = {"queryDefinitionId": definition_id, "lastModified": 0, **given}
    return json.dumps({"queryDefinitionId": definition_id})


def describe_query_definitions(self):
    prefix = json.loads(self.body).get("queryDefinitionNamePrefix", "")
    return json.dumps({"queryDefinitions": [d for d in definitions.values() if d["name"].startswith(prefix)]})


def delete_query_definition(self):
    return json.dumps({"success": definitions.pop(json.loads(self.body)["queryDefinitionId"], None) is not None})


LogsResponse.put_query_definition = put_query_definition
LogsResponse.describe_query_definitions = describe_query_definitions
LogsResponse.delete_query_definition = delete_query_definition

if __name__ == "__main__":
    server.main(sys.argv[1:])
