"""Everything of one account in one region: functions, layers, domains, and the code of all.

create, update, publish, … ──▶ Function ──▶ HTTP triggers and domains, found by host
"""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from infra.emulator.errors import FcError, exists, invalid, not_found
from infra.emulator.model import (
    LATEST,
    Code,
    Configuration,
    CustomDomain,
    Function,
    Layer,
    Service,
    Trigger,
    Version,
    of_service,
)
from infra.emulator.model.packages import Packages
from infra.emulator.model.triggers import TRIGGERS_MAX
from infra.emulator.record import Record


class Account:
    """The state of the emulator. Methods raise FcError for what the platform refuses."""

    def __init__(
        self,
        account_id: str,
        region: str,
        code_folder: Path,
        new_id: Callable[[], str],
    ) -> None:
        self.account_id = account_id
        self.region = region
        self.new_id = new_id
        self.packages = Packages(code_folder)
        self.functions: dict[str, Function] = {}
        self.layers: dict[str, dict[int, Layer | None]] = {}
        """By name and version; None where that version has been deleted."""
        self.domains: dict[str, CustomDomain] = {}
        self.services: dict[str, Service] = {}
        self.record = Record(self.packages)
        self._hosts: dict[str, tuple[str, str]] = {}

    def function(self, name: str) -> Function:
        """The function of that name, or FunctionNotFound."""
        try:
            return self.functions[name]
        except KeyError:
            raise not_found("Function", name) from None

    def arn(self, name: str, qualifier: str = "") -> str:
        """The platform's resource name of a function."""
        end = f"/{qualifier}" if qualifier else ""
        return f"acs:fc:{self.region}:{self.account_id}:functions/{name}{end}"

    def codes(self) -> list[Code]:
        """All code that somebody uses."""
        functions, layers = self.functions.values(), self.layers.values()
        versions = [each for f in functions for each in (f.latest, *f.versions.values())]
        used = [code for version in versions for code in (version.code, *version.layers)]
        return used + [layer.code for found in layers for layer in found.values() if layer]

    def create(
        self,
        configuration: Configuration,
        code: Code,
        echoed: dict[str, Any],
        now: str,
        tags: dict[str, str] | None = None,
    ) -> Function:
        """A new function, made at `now` (as the platform writes times)."""
        self.refuse_taken(configuration.name)
        layers = self._layer_codes(configuration)
        latest = Version(LATEST, configuration, code, now, now, echoed, layers=layers)
        return self.put(Function(self.new_id(), latest, tags=tags or {}))

    def restore(self, kind: str, key: str, value: Any) -> None:  # noqa: ANN401 -- of that kind
        """Take in a thing as it was kept; the folder with its code may have been moved since."""
        match kind:
            case "function":
                self.record.locate(value)
                self.put(value)
            case "layer":
                self.layers[key] = {
                    number: layer and replace(layer, code=self.packages.found(layer.code))
                    for number, layer in value.items()
                }
            case "domain":
                self.domains[key] = value
            case "service":
                self.services[key] = value

    def put(self, function: Function) -> Function:
        """Take in a function, new or changed; one that cannot be kept is as it was before."""
        self.record.keep("function", function.name, function)
        self.functions[function.name] = function
        for trigger in function.triggers.values():
            if trigger.is_http:
                self._hosts[trigger.host] = (function.name, trigger.name)
        return function

    def refuse_taken(self, name: str) -> None:
        """Raise FunctionAlreadyExists where there is a function of that name."""
        if name in self.functions:
            raise exists("Function", name)

    def update(
        self, configuration: Configuration, code: Code | None, echoed: dict[str, Any], now: str
    ) -> Function:
        """Replace the configuration of a function's LATEST and, if some is given, its code."""
        function = self.function(configuration.name)
        layers = self._layer_codes(configuration)
        latest = function.latest
        latest.layers = layers
        latest.configuration = configuration
        latest.code = code or latest.code
        latest.echoed = latest.echoed | echoed
        latest.modified = now
        latest.rollout += 1
        return self.put(function)

    def delete(self, name: str) -> None:
        """Remove a function that has no triggers left."""
        function = self.function(name)
        if function.triggers:
            names = ", ".join(function.triggers)
            raise FcError(409, "FunctionNotEmpty", f"{name} still has triggers: {names}")
        self.record.told("function", name, None)
        del self.functions[name]

    def clear(self) -> None:
        """Forget everything; code stays for whoever deploys it again."""
        kinds: dict[str, dict[str, Any]] = {
            "function": self.functions,
            "service": self.services,
            "domain": self.domains,
            "layer": self.layers,
        }
        for kind, things in kinds.items():
            for name in list(things):
                self.record.told(kind, name, None)
                del things[name]
        self._hosts.clear()

    def trigger(self, function_name: str, name: str) -> Trigger:
        """The trigger of that name, or TriggerNotFound."""
        try:
            return self.function(function_name).triggers[name]
        except KeyError:
            raise not_found("Trigger", name) from None

    def create_trigger(self, function_name: str, trigger: Trigger) -> Trigger:
        """Add a trigger; a qualifier has at most one of HTTP."""
        function = self.function(function_name)
        function.at(trigger.qualifier)
        if trigger.name in function.triggers:
            raise exists("Trigger", trigger.name)
        if len(function.triggers) >= TRIGGERS_MAX:
            raise invalid("triggerName", f"a function has at most {TRIGGERS_MAX} triggers")
        others = (each.qualifier for each in function.triggers.values() if each.is_http)
        if trigger.is_http and trigger.qualifier in others:
            raise invalid("triggerType", "a function has one HTTP trigger for each qualifier")
        return self._put_trigger(function, replace(trigger, identity=self.new_id()))

    def update_trigger(self, function_name: str, trigger: Trigger) -> Trigger:
        """Replace a trigger; its host stays."""
        self.trigger(function_name, trigger.name)
        function = self.function(function_name)
        function.at(trigger.qualifier)
        return self._put_trigger(function, trigger)

    def delete_trigger(self, function_name: str, name: str) -> None:
        """Remove a trigger and its host."""
        trigger = self.trigger(function_name, name)
        function = self.function(function_name)
        del function.triggers[name]
        self.put(function)
        self._hosts.pop(trigger.host, None)

    def by_host(self, host: str) -> tuple[Function, Trigger] | None:
        """The function and trigger that a Host header (without port) names."""
        found = self._hosts.get(host)
        function = self.functions.get(found[0]) if found else None
        if found is None or function is None:
            return None
        return function, function.triggers[found[1]]

    def layer(self, name: str, version: int) -> Layer:
        """That version of a layer, or LayerVersionNotFound."""
        found = self.layers.get(name, {}).get(version)
        if found is None:
            raise not_found("LayerVersion", f"{name}/{version}")
        return found

    def layer_by_arn(self, arn: str) -> Layer:
        """The layer of an ARN, `acs:fc:<region>:<account>:layers/<name>/versions/<version>`."""
        for versions in self.layers.values():
            for layer in versions.values():
                if layer and layer.arn == arn:
                    return layer
        raise not_found("LayerVersion", arn)

    def put_layer(self, layer: Layer) -> Layer:
        """Add a version of a layer."""
        self._put_layers(layer.name, layer.version, layer)
        return layer

    def delete_layer(self, name: str, version: int) -> None:
        """Remove a version of a layer; functions that have it keep it until they are changed."""
        self.layer(name, version)
        self._put_layers(name, version, None)

    def domain(self, name: str) -> CustomDomain:
        """The custom domain of that name, or DomainNameNotFound."""
        try:
            return self.domains[name]
        except KeyError:
            raise not_found("DomainName", name) from None

    def put_domain(self, domain: CustomDomain) -> CustomDomain:
        """Add or replace a custom domain; the functions of its routes must be there."""
        for route in domain.routes:
            self.function(route.function).at(route.qualifier)
        self.record.told("domain", domain.name, domain)
        self.domains[domain.name] = domain
        return domain

    def delete_domain(self, name: str) -> None:
        """Remove a custom domain."""
        self.domain(name)
        self.record.told("domain", name, None)
        del self.domains[name]

    def service(self, name: str) -> Service:
        """The service of that name, or ServiceNotFound."""
        try:
            return self.services[name]
        except KeyError:
            raise not_found("Service", name) from None

    def put_service(self, service: Service) -> Service:
        """Take in a service, new or changed; one that cannot be kept is as it was before."""
        self.record.keep("service", service.name, service)
        self.services[service.name] = service
        return service

    def delete_service(self, name: str) -> None:
        """Remove a service that has no functions left."""
        service = self.service(name)
        if functions := self.functions_of(service):
            what = f"{name} still has functions: {', '.join(each.name for each in functions)}"
            raise FcError(409, "ServiceNotEmpty", what)
        self.record.told("service", name, None)
        del self.services[name]

    def functions_of(self, service: Service) -> list[Function]:
        """The functions of a service."""
        start = of_service(service.name, "")
        return [each for name, each in self.functions.items() if name.startswith(start)]

    def _put_layers(self, name: str, version: int, layer: Layer | None) -> None:
        versions = {**self.layers.get(name, {}), version: layer}
        self.record.told("layer", name, versions)
        self.layers[name] = versions

    def _layer_codes(self, configuration: Configuration) -> tuple[Code, ...]:
        """The code of a function's layers, in its order; raises where one does not exist."""
        return tuple(self.layer_by_arn(arn).code for arn in configuration.layers)

    def _put_trigger(self, function: Function, trigger: Trigger) -> Trigger:
        if trigger.is_http:
            seed = f"{self.account_id}/{self.region}/{function.name}/{trigger.name}"
            # A label of a host name has at most 63 characters, and no underscore or dollar sign.
            readable = function.name.lower().replace("_", "-").replace("$", "-").strip("-")[:52]
            label = f"{readable or 'f'}-{sha256(seed.encode()).hexdigest()[:10]}"
            trigger = replace(trigger, host=f"{label}.{self.region}.fcapp.run")
        function.triggers[trigger.name] = trigger
        self.put(function)
        return trigger
