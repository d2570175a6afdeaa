"""The CloudFormation service."""

from ...kernel import Service

cloudformation = Service(
    "cloudformation",
    harmless={
        "*.ClientRequestToken": "requests that change a stack are told apart by their effect",
        "GetTemplateSummary.TemplateSummaryConfig": "it only asks for warnings that are never given",
    },
)
