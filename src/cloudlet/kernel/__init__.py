"""Where every request meets its operation, whoever asked."""

from .call import Call, Conversation
from .kernel import Guard, Invocation, Kernel
from .service import Operation, Service
from .services import Services

__all__ = ["Call", "Conversation", "Guard", "Invocation", "Kernel", "Operation", "Service", "Services"]
