"""The CloudFormation service."""

from ...kernel import Service

cloudformation = Service(
    "cloudformation",
    harmless={
        "DeleteStack.ClientRequestToken": "deleting twice is deleting once",
        "CancelUpdateStack.ClientRequestToken": "cancelling twice is cancelling once",
        "ContinueUpdateRollback.ClientRequestToken": "the stack's status says whether it goes on already",
        "ExecuteChangeSet.ClientRequestToken": "a change set is executed once",
        "GetTemplateSummary.TemplateSummaryConfig": "it only asks for warnings that are never given",
    },
)
