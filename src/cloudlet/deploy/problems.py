"""What stands in the way of a deployment."""


class DeployError(Exception):
    """The application can't be deployed as it is; the message says what is wrong, where, and what to do."""
