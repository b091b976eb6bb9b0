"""moto's server, with four things put right that would otherwise keep our Terraform from being applied to it as it is.

Conditions: moto takes every Deny of a bucket policy as unconditional, since it knows no condition but StringEquals. Ours deny
plain HTTP, and everybody but the roles that may write a layer; moto would lock the driver out of the lake. Here a Deny with
a condition that moto does not know denies nobody. What the conditions say is tested where they are made, by `terraform test`.

Recursion: moto has no GetFunctionRecursionConfig and PutFunctionRecursionConfig. Here a function remembers what it was told.

Mappings: moto would run a mapped function in Docker for every message, and count a receive when it cannot. Here a mapping is only
remembered; the driver acts it out.

Saved queries: moto has none of CloudWatch Logs' query definitions. Here they are kept, and found again by the beginning of their name.
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


def knowing_conditions(self, *args, **kwargs):
    result = permitted(self, *args, **kwargs)
    unknown = set(self._statement.get("Condition", {})) - set(CONDITION_OPERATIONS)
    if result is access_control.PermissionResult.DENIED and unknown:
        return access_control.PermissionResult.NEUTRAL
    return result


access_control.IAMPolicyStatement.is_action_permitted = knowing_conditions

# Read anew each time, and so always empty: nothing that moto notes in it stays.
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
    told = {k: v for k, v in json.loads(self.body).items() if k in ("name", "queryString", "logGroupNames")}
    at = json.loads(self.body).get("queryDefinitionId") or str(uuid.uuid4())
    definitions[at] = {"queryDefinitionId": at, "lastModified": 0, **told}
    return json.dumps({"queryDefinitionId": at})


def describe_query_definitions(self):
    beginning = json.loads(self.body).get("queryDefinitionNamePrefix", "")
    return json.dumps({"queryDefinitions": [d for d in definitions.values() if d["name"].startswith(beginning)]})


def delete_query_definition(self):
    return json.dumps({"success": definitions.pop(json.loads(self.body)["queryDefinitionId"], None) is not None})


LogsResponse.put_query_definition = put_query_definition
LogsResponse.describe_query_definitions = describe_query_definitions
LogsResponse.delete_query_definition = delete_query_definition

if __name__ == "__main__":
    server.main(sys.argv[1:])
