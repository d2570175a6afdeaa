"""Names of parameters: their form, and the selectors that choose a version.

>>> split("/app/key:3"), split("/app/key:live"), split("/app/key")
(('/app/key', '3'), ('/app/key', 'live'), ('/app/key', ''))
"""

import re

from . import limits
from .errors import AccessDeniedException, HierarchyLevelLimitExceededException, ValidationException

_FORM = re.compile(r"/?[\w.-]+(?:/[\w.-]+)*", re.ASCII)
_LABEL = re.compile(r"[A-Za-z_.-][\w.-]*", re.ASCII)
_ARN = re.compile(r"arn:[^:]+:ssm:([^:]*):([^:]*):parameter(/.*)")
_WRONG = (
    'Parameter name: can\'t be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist '
    "of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the "
    "following 3 symbols .-_"
)
_WRONG_PATH = (
    "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a "
    'forward slash "/". It can\'t be prefixed with \\"aws\\" or \\"ssm\\" (case-insensitive). It must '
    "use only letters, numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special "
    'characters are not allowed. All sub-paths, if specified, must use the forward slash symbol "/". '
    "Valid example: /get/parameters2-/by1./path0_."
)


def check(name: str) -> None:
    """Hold the name of a parameter that is to be written against the rules."""
    plain = name.removeprefix("/").lower()
    if plain.startswith("aws"):
        raise AccessDeniedException(f"No access to reserved parameter name: {name}.")
    if plain.startswith("ssm") or not _FORM.fullmatch(name):
        raise ValidationException(_WRONG)
    if "/" in name and not name.startswith("/"):
        raise ValidationException("Parameter name must be a fully qualified name.")
    if name.removeprefix("/").count("/") >= limits.MAX_LEVELS:
        raise HierarchyLevelLimitExceededException(
            f"Parameter hierarchies can be up to {limits.MAX_LEVELS} levels: {name}")
    if len(name) > limits.MAX_NAME:
        raise ValidationException(
            f"Parameter names can be up to {limits.MAX_NAME} characters long, with their ARN"
        )


def check_read(name: str) -> None:
    """Hold the name of a parameter that is to be read against the rules."""
    if not _FORM.fullmatch(name):
        raise ValidationException(_WRONG)


def check_path(path: str) -> None:
    """Hold a path under which parameters are looked for against the rules."""
    if path != "/" and (not path.startswith("/") or not _FORM.fullmatch(path.rstrip("/"))):
        raise ValidationException(_WRONG_PATH)


def is_label(label: str) -> bool:
    """Whether a label has the right form: no number first, and not AWS's own."""
    return bool(_LABEL.fullmatch(label)) and not label.lower().startswith(("aws", "ssm"))


def split(text: str) -> tuple[str, str]:
    """A name, or an ARN, without its selector; and the selector."""
    match = _ARN.fullmatch(text)
    if match:
        text = match[3]
    name, _, selector = text.partition(":")
    return name, selector


def arn_resource(name: str) -> str:
    """What stands for the parameter in its ARN."""
    return "parameter" + (name if name.startswith("/") else f"/{name}")
