"""The quotas of EventBridge's schema registry.

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
"""

REGISTRIES = 10
SCHEMAS_PER_REGISTRY = 100
DISCOVERED_SCHEMAS = 200
VERSIONS_PER_SCHEMA = 100
DISCOVERERS = 10
NAME_LONGEST = 64  # characters of a registry's name
SCHEMA_NAME_LONGEST = 385
EVENT_DEPTH = 255  # objects in objects that discovery looks into
TAGS = 50
PAGE = 100
