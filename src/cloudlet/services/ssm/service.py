"""The Systems Manager service, of which Parameter Store is here."""

from ...kernel import Service

ssm = Service("ssm")
