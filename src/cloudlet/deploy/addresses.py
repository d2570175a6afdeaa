"""Where the visitors of a deployed application go."""

from collections.abc import Iterable

from ..errors import AwsError
from ..identity import Principal
from ..kernel import Kernel
from .deployment import Resource

# by type: how the service is asked, by which member, and which member of the answer is the URL
_ASKED = {"AWS::ApiGatewayV2::Api": ("apigatewayv2", "GetApi", "ApiId", "ApiEndpoint"),
          "AWS::Lambda::Url": ("lambda", "GetFunctionUrlConfig", "FunctionName", "FunctionUrl")}


async def urls_of(kernel: Kernel, principal: Principal, region: str,
                  resources: Iterable[Resource]) -> dict[str, str]:
    """The URLs of the APIs and functions among ``resources``, by logical id."""
    found = {}
    for one in resources:
        if one.type in _ASKED:
            service, operation, member, answer = _ASKED[one.type]
            try:
                told = await kernel.invoke(principal, service, operation, {member: one.physical_id},
                                           region=region)
            except AwsError:
                continue  # the stack is deployed all the same
            found[one.logical_id] = str(told[answer])
    return found
