"""Amazon API Gateway, version 2: HTTP APIs, and the visitors who come to them."""

from . import apis, authorizers, imports, integrations, resources, routes, site, stages
from .service import apigatewayv2 as service

__all__ = [
    "apis",
    "authorizers",
    "imports",
    "integrations",
    "resources",
    "routes",
    "service",
    "site",
    "stages",
]
