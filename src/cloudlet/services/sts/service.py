"""The STS service."""

from ...kernel import Service

sts = Service("sts", harmless={
    "*.MinimumSessionTokenSize": "The tokens given here are small; a minimum is a rehearsal for larger ones."})
