"""The service of S3's control plane. It keeps access points; S3 asks it for them, request by request."""

from ...kernel import Service
from ...wire.model import Dialect

s3control = Service("s3control", dialect=Dialect(
    namespace="http://awss3control.amazonaws.com/doc/2018-08-20/", request_id_header="x-amz-request-id"))
