"""The service of S3's control plane. It keeps access points; S3 asks it for them, request by request."""

from typing import Any

from ...errors import ValidationException
from ...kernel import Service
from ...wire import validate
from ...wire.model import Dialect, OperationModel

_BUCKET = "arn:aws:s3:::"


def _check(spec: OperationModel, params: dict[str, Any]) -> None:
    """Hold a request against the model, whose pattern of ARNs forgets buckets: they have no region."""
    if str(params.get("ResourceArn", "")).startswith(_BUCKET):
        params = params | {"ResourceArn": params["ResourceArn"].replace(":::", ":region::", 1)}
    found = validate.violations(params, spec.input) if spec.input else ()
    if found:
        raise ValidationException(validate.message(found))


s3control = Service("s3control", check=_check, dialect=Dialect(
    namespace="http://awss3control.amazonaws.com/doc/2018-08-20/", request_id_header="x-amz-request-id"))
