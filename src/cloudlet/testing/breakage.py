"""What a test lets go wrong. Every method puts a rule in force until the test ends, or for a ``with`` block.

``resource`` is a logical id of what was deployed, a name or an ARN; ``service`` and ``operation`` are
boto3's and AWS's (``sqs``, ``SendMessage``). ``probability`` and ``seed`` make it happen now and then, the
same way in every run; with ``times`` it happens so often and no more.
"""

from collections.abc import Callable
from datetime import timedelta
from types import TracebackType

from ..kernel import Kernel
from ..kernel.faults import Rule, mistake
from .host import Host


class Fault:
    """A rule in force. It can be lifted, and a ``with`` block lifts it at its end."""

    def __init__(self, host: Host, kernel: Kernel, rule: Rule) -> None:
        self._host, self._kernel, self.rule = host, kernel, rule

    def lift(self) -> None:
        """Let it go wrong no more."""
        self._host.do(lambda: self._kernel.faults.remove(self.rule))

    def __enter__(self) -> "Fault":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.lift()


class Faults:
    """``cloudlet.faults``."""

    def __init__(self, host: Host, kernel: Kernel, name_of: Callable[[str], str]) -> None:
        self._host, self._kernel, self._name_of = host, kernel, name_of

    def error(self, resource: str = "", *, code: str = "InternalFailure", status: int = 500,
              message: str = "", service: str = "", operation: str = "", probability: float = 1.0,
              times: int = 0, seed: int = 0) -> Fault:
        """Requests fail with an error of AWS's."""
        return self.add(Rule(service, operation, resource, error=code, status=status, message=message,
                             probability=probability, times=times, seed=seed))

    def throttle(self, resource: str = "", *, per_second: float = 0.0, service: str = "", operation: str = "",
                 probability: float = 1.0, times: int = 0, seed: int = 0) -> Fault:
        """Requests are throttled: all of them, or those above so many a second of the cloudlet's clock."""
        rule = Rule(service, operation, resource, probability=probability, times=times, seed=seed)
        if per_second:
            rule.per_second = per_second
        else:
            rule.error, rule.message = "ThrottlingException", "Rate exceeded"
        return self.add(rule)

    def delay(self, resource: str = "", *, by: timedelta = timedelta(0), stall: timedelta = timedelta(0),
              service: str = "", operation: str = "", probability: float = 1.0, times: int = 0,
              seed: int = 0) -> Fault:
        """It takes longer: ``by`` on the cloudlet's clock, or ``stall`` in real time."""
        ms = timedelta(milliseconds=1)
        return self.add(Rule(service, operation, resource, delay_ms=by // ms, stall_ms=stall // ms,
                             probability=probability, times=times, seed=seed))

    def duplicate(self, resource: str = "", *, service: str = "", probability: float = 1.0, times: int = 0,
                  seed: int = 0) -> Fault:
        """What is carried from or to it arrives twice, as it may with at-least-once delivery."""
        return self.add(Rule(service, "", resource, duplicate=True, probability=probability, times=times,
                             seed=seed))

    def reorder(self, resource: str = "", *, service: str = "", probability: float = 1.0, times: int = 0,
                seed: int = 0) -> Fault:
        """What is carried from or to it arrives in another order, within a second of the cloudlet's clock."""
        return self.add(Rule(service, "", resource, reorder=True, probability=probability, times=times,
                             seed=seed))

    def drop_answer(self, resource: str = "", *, code: str = "", status: int = 500, service: str = "",
                    operation: str = "", probability: float = 1.0, times: int = 0, seed: int = 0) -> Fault:
        """The work is done, and whoever asked is not told: the connection closes or, with ``code``, fails."""
        return self.add(Rule(service, operation, resource, drop_answer=True, error=code, status=status,
                             probability=probability, times=times, seed=seed))

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self._host.do(lambda: self._kernel.faults.replace([]))

    def add(self, rule: Rule) -> Fault:
        """Put any rule in force; ValueError says what is wrong with it."""
        rule.resource = self._name_of(rule.resource) if rule.resource else ""
        wrong = self._host.do(lambda: mistake(rule, self._kernel.services))
        if wrong:
            raise ValueError(wrong)
        self._host.do(lambda: self._kernel.faults.add(rule))
        return Fault(self._host, self._kernel, rule)
