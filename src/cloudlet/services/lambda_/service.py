"""The Lambda service."""

from ...kernel import Service

lambda_ = Service("lambda", harmless={
    "CreateFunction.TracingConfig": "every invocation is traced, Active or PassThrough",
    "UpdateFunctionConfiguration.TracingConfig": "every invocation is traced, Active or PassThrough",
})
