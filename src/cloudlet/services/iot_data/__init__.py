"""AWS IoT's data plane: the message broker, over HTTP and MQTT."""

from . import connections, lines, publishing, retaining, sessions
from .service import iot_data as service

__all__ = ["connections", "lines", "publishing", "retaining", "service", "sessions"]
