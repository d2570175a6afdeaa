"""CloudFormation's quotas on templates."""

MAX_RESOURCES = 500
MAX_PARAMETERS = 200
MAX_OUTPUTS = 200
MAX_MAPPINGS = 200
MAX_LOGICAL_ID = 255
MAX_PARAMETER_VALUE = 4096  # bytes
MAX_TEMPLATE_BODY = 51_200  # bytes, in a request
MAX_TEMPLATE = 1_048_576  # bytes, in an object
