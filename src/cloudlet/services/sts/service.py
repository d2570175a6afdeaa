"""The STS service."""

from ...kernel import Service

sts = Service("sts", harmless={
    "*.MinimumSessionTokenSize": "Tokens are small here; a minimum is a rehearsal for larger ones."})
