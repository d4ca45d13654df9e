"""Every operation of the FC 3.0 API: its name, method and path.

Source: alibabacloud-fc20230330 4.8.3, client.py.
"""

import re
from typing import Final, NamedTuple

_WORDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class Operation(NamedTuple):
    """One operation; `path` is below the API's version."""

    name: str
    method: str
    path: str

    @property
    def method_name(self) -> str:
        """What the SDK calls it, and this dialect too: the name in lower case, words apart."""
        return _WORDS.sub("_", self.name).lower()


_F: Final = "/functions/{name}"

OPERATIONS: Final = (
    Operation("ChangeResourceGroup", "PUT", "/resource-groups"),
    Operation("CreateAlias", "POST", f"{_F}/aliases"),
    Operation("CreateCustomDomain", "POST", "/custom-domains"),
    Operation("CreateFunction", "POST", "/functions"),
    Operation("CreateLayerVersion", "POST", "/layers/{layer_name}/versions"),
    Operation("CreateSession", "POST", f"{_F}/sessions"),
    Operation("CreateSnapshot", "POST", f"{_F}/snapshots"),
    Operation("CreateTrigger", "POST", f"{_F}/triggers"),
    Operation("CreateVpcBinding", "POST", f"{_F}/vpc-bindings"),
    Operation("DeleteAlias", "DELETE", f"{_F}/aliases/{{alias_name}}"),
    Operation("DeleteAsyncInvokeConfig", "DELETE", f"{_F}/async-invoke-config"),
    Operation("DeleteConcurrencyConfig", "DELETE", f"{_F}/concurrency"),
    Operation("DeleteCustomDomain", "DELETE", "/custom-domains/{domain_name}"),
    Operation("DeleteFunction", "DELETE", _F),
    Operation("DeleteFunctionVersion", "DELETE", f"{_F}/versions/{{version_id}}"),
    Operation("DeleteLayerVersion", "DELETE", "/layers/{layer_name}/versions/{version}"),
    Operation("DeleteProvisionConfig", "DELETE", f"{_F}/provision-config"),
    Operation("DeleteScalingConfig", "DELETE", f"{_F}/scaling-config"),
    Operation("DeleteSession", "DELETE", f"{_F}/sessions/{{session_id}}"),
    Operation("DeleteSnapshot", "DELETE", f"{_F}/snapshots/{{snapshot_id}}"),
    Operation("DeleteTrigger", "DELETE", f"{_F}/triggers/{{trigger}}"),
    Operation("DeleteVpcBinding", "DELETE", f"{_F}/vpc-bindings/{{vpc_id}}"),
    Operation("DescribeRegions", "GET", "/regions"),
    Operation("DisableFunctionInvocation", "POST", f"{_F}/invoke/disable"),
    Operation("EnableFunctionInvocation", "POST", f"{_F}/invoke/enable"),
    Operation("GetAlias", "GET", f"{_F}/aliases/{{alias_name}}"),
    Operation("GetAsyncInvokeConfig", "GET", f"{_F}/async-invoke-config"),
    Operation("GetAsyncTask", "GET", f"{_F}/async-tasks/{{task_id}}"),
    Operation("GetConcurrencyConfig", "GET", f"{_F}/concurrency"),
    Operation("GetCustomDomain", "GET", "/custom-domains/{domain_name}"),
    Operation("GetFunction", "GET", _F),
    Operation("GetFunctionCode", "GET", f"{_F}/code"),
    Operation("GetLayerVersion", "GET", "/layers/{layer_name}/versions/{version}"),
    Operation("GetLayerVersionByArn", "GET", "/layerarn/{arn}"),
    Operation("GetProvisionConfig", "GET", f"{_F}/provision-config"),
    Operation("GetScalingConfig", "GET", f"{_F}/scaling-config"),
    Operation("GetSession", "GET", f"{_F}/sessions/{{session_id}}"),
    Operation("GetSnapshot", "GET", f"{_F}/snapshots/{{snapshot_id}}"),
    Operation("GetTrigger", "GET", f"{_F}/triggers/{{trigger}}"),
    Operation("InvokeFunction", "POST", f"{_F}/invocations"),
    Operation("ListAliases", "GET", f"{_F}/aliases"),
    Operation("ListAsyncInvokeConfigs", "GET", "/async-invoke-configs"),
    Operation("ListAsyncTasks", "GET", f"{_F}/async-tasks"),
    Operation("ListConcurrencyConfigs", "GET", "/concurrency-configs"),
    Operation("ListCustomDomains", "GET", "/custom-domains"),
    Operation("ListFunctionVersions", "GET", f"{_F}/versions"),
    Operation("ListFunctions", "GET", "/functions"),
    Operation("ListInstances", "GET", f"{_F}/instances"),
    Operation("ListLayerVersions", "GET", "/layers/{layer_name}/versions"),
    Operation("ListLayers", "GET", "/layers"),
    Operation("ListProvisionConfigs", "GET", "/provision-configs"),
    Operation("ListScalingConfigs", "GET", "/scaling-configs"),
    Operation("ListSessions", "GET", f"{_F}/sessions"),
    Operation("ListSnapshots", "GET", "/snapshots"),
    Operation("ListTagResources", "GET", "/tags-v2"),
    Operation("ListTriggers", "GET", f"{_F}/triggers"),
    Operation("ListVpcBindings", "GET", f"{_F}/vpc-bindings"),
    Operation("PauseSession", "PUT", f"{_F}/sessions/{{session_id}}/pause"),
    Operation("PublishFunctionVersion", "POST", f"{_F}/versions"),
    Operation("PutAsyncInvokeConfig", "PUT", f"{_F}/async-invoke-config"),
    Operation("PutConcurrencyConfig", "PUT", f"{_F}/concurrency"),
    Operation("PutLayerACL", "PUT", "/layers/{layer_name}/acl"),
    Operation("PutProvisionConfig", "PUT", f"{_F}/provision-config"),
    Operation("PutScalingConfig", "PUT", f"{_F}/scaling-config"),
    Operation("ResumeSession", "PUT", f"{_F}/sessions/{{session_id}}/resume"),
    Operation("StopAsyncTask", "PUT", f"{_F}/async-tasks/{{task_id}}/stop"),
    Operation("TagResources", "POST", "/tags-v2"),
    Operation("UntagResources", "DELETE", "/tags-v2"),
    Operation("UpdateAlias", "PUT", f"{_F}/aliases/{{alias_name}}"),
    Operation("UpdateCustomDomain", "PUT", "/custom-domains/{domain_name}"),
    Operation("UpdateFunction", "PUT", _F),
    Operation("UpdateSession", "PUT", f"{_F}/sessions/{{session_id}}"),
    Operation("UpdateTrigger", "PUT", f"{_F}/triggers/{{trigger}}"),
)
