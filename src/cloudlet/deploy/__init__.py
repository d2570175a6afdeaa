"""What lies in a folder, as a CloudFormation stack: find it, build it, deploy it, watch it.

Nothing is packaged or uploaded. A function's code is the folder it stands in, and runs from there.
"""

from .addresses import urls_of
from .application import Application, find
from .deployment import Outcome, Progress, deploy
from .problems import DeployError
from .watching import watch

__all__ = ["Application", "DeployError", "Outcome", "Progress", "deploy", "find", "urls_of", "watch"]
