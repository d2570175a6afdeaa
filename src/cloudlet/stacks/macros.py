"""Transforms: what turns a template into another before it is read.

Two are honoured: AWS::LanguageExtensions, here, and AWS::Serverless-2016-10-31, which needs a translator
that takes half a second and much memory to import and therefore runs in a process of its own.
"""

from collections.abc import Mapping

from . import loops, serverless
from .document import Document, refusal
from .template import transforms_of

LANGUAGE_EXTENSIONS = "AWS::LanguageExtensions"
SERVERLESS = "AWS::Serverless-2016-10-31"


async def apply(document: Document, parameters: Mapping[str, str], *, account: str, region: str) -> Document:
    """The template that the transforms make of ``document``; itself if it names none."""
    names = transforms_of(document.body)
    for name in names:
        if name not in (LANGUAGE_EXTENSIONS, SERVERLESS):
            raise refusal(f"The transform {name} is not honoured by cloudlet", document.line("Transform"))
    if LANGUAGE_EXTENSIONS in names:
        document = loops.expand(document, parameters, account=account, region=region)
    if SERVERLESS in names:
        document = await serverless.translate(document, parameters, account=account, region=region)
    return document
