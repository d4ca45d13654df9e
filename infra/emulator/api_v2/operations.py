"""Every operation of the 2016-08-15 API: its name, method and path.

Source: aliyun-fc2 2.5.2, client.py; GetTempBucketToken is what Serverless Devs asks for.
"""

from typing import Final

from infra.emulator.endpoints import Operation

_S: Final = "/services/{service}"
_F: Final = f"{_S}/functions/{{function}}"
_T: Final = f"{_F}/triggers"

OPERATIONS: Final = (
    Operation("CreateAlias", "POST", f"{_S}/aliases"),
    Operation("CreateCustomDomain", "POST", "/custom-domains"),
    Operation("CreateFunction", "POST", f"{_S}/functions"),
    Operation("CreateService", "POST", "/services"),
    Operation("CreateTrigger", "POST", _T),
    Operation("DeleteAlias", "DELETE", f"{_S}/aliases/{{alias_name}}"),
    Operation("DeleteCustomDomain", "DELETE", "/custom-domains/{domain_name}"),
    Operation("DeleteFunction", "DELETE", _F),
    Operation("DeleteFunctionAsyncInvokeConfig", "DELETE", f"{_F}/async-invoke-config"),
    Operation("DeleteOnDemandConfig", "DELETE", f"{_F}/on-demand-config"),
    Operation("DeleteService", "DELETE", _S),
    Operation("DeleteTrigger", "DELETE", f"{_T}/{{trigger}}"),
    Operation("DeleteVersion", "DELETE", f"{_S}/versions/{{version_id}}"),
    Operation("GetAccountSettings", "GET", "/account-settings"),
    Operation("GetAlias", "GET", f"{_S}/aliases/{{alias_name}}"),
    Operation("GetCustomDomain", "GET", "/custom-domains/{domain_name}"),
    Operation("GetFunction", "GET", _F),
    Operation("GetFunctionAsyncInvokeConfig", "GET", f"{_F}/async-invoke-config"),
    Operation("GetFunctionCode", "GET", f"{_F}/code"),
    Operation("GetOnDemandConfig", "GET", f"{_F}/on-demand-config"),
    Operation("GetProvisionConfig", "GET", f"{_F}/provision-config"),
    Operation("GetResourceTags", "GET", "/tag"),
    Operation("GetService", "GET", _S),
    Operation("GetTempBucketToken", "GET", "/tempBucketToken"),
    Operation("GetTrigger", "GET", f"{_T}/{{trigger}}"),
    Operation("InstanceExec", "GET", f"{_F}/instances/{{instance_id}}/exec"),
    Operation("InvokeFunction", "POST", f"{_F}/invocations"),
    Operation("ListAliases", "GET", f"{_S}/aliases"),
    Operation("ListCustomDomains", "GET", "/custom-domains"),
    Operation("ListFunctionAsyncInvokeConfigs", "GET", f"{_F}/async-invoke-configs"),
    Operation("ListFunctions", "GET", f"{_S}/functions"),
    Operation("ListInstances", "GET", f"{_F}/instances"),
    Operation("ListOnDemandConfig", "GET", "/on-demand-configs"),
    Operation("ListProvisionConfigs", "GET", "/provision-configs"),
    Operation("ListReservedCapacities", "GET", "/reservedCapacities"),
    Operation("ListServices", "GET", "/services"),
    Operation("ListTriggers", "GET", _T),
    Operation("ListVersions", "GET", f"{_S}/versions"),
    Operation("PublishVersion", "POST", f"{_S}/versions"),
    Operation("PutFunctionAsyncInvokeConfig", "PUT", f"{_F}/async-invoke-config"),
    Operation("PutOnDemandConfig", "PUT", f"{_F}/on-demand-config"),
    Operation("PutProvisionConfig", "PUT", f"{_F}/provision-config"),
    Operation("TagResource", "POST", "/tag"),
    Operation("UntagResource", "DELETE", "/tag"),
    Operation("UpdateAlias", "PUT", f"{_S}/aliases/{{alias_name}}"),
    Operation("UpdateCustomDomain", "PUT", "/custom-domains/{domain_name}"),
    Operation("UpdateFunction", "PUT", _F),
    Operation("UpdateService", "PUT", _S),
    Operation("UpdateTrigger", "PUT", f"{_T}/{{trigger}}"),
)
