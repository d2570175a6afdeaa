"""Workflows: an interpreter of Amazon States Language that does nothing but decide.

**The seam.** A definition is checked once (``validate``) and compiled once (``compile_machine``); the
machine may be kept for as long as one likes, executions hold only the names of its states. Then, for each
event::

    step(machine, memory, event, world, now_ms) → history, effects

* ``memory`` is a sorted map that belongs to one execution: records of a few hundred bytes under keys of a
  kind, a strand and an index. A *strand* is a line of control: 0 is the execution, a branch or an iteration
  is one more. Put it on a prefix of the store and call ``step`` in the transaction that appends
  ``history``, keeps what ``effects`` ask for, and removes what brought the event: then a transition
  happened wholly or not at all. An Express execution keeps it in a ``Shelf``.
* ``event`` is Start, or what the outside has to say: Woke (a timer), Answer and Failed (a task, a reader, a
  writer), ItemsRead, ChildEnded, Continue, Stop, Redrive. All but the first and the last three carry the
  ``ticket`` of the wait they answer: a late or repeated one has no consequence, so delivery at least once
  is enough.
* ``effects``, in their order: RunTask, SetTimer, CancelTimer, Abandon (a task or children nobody waits for
  any more), ReadItems, StartChild (at a state of the same machine: ``Origin.start_at``), WriteResults, More
  (send Continue, in another transaction), Finish.
* ``history`` is append-only; an event knows its ``member`` of the API and has AWS's details. Ids count from
  1.
* ``world`` gives identifiers, chance and task tokens, and says beforehand whether a task is refused (an
  activity that isn't there): that fails the execution without the task having been scheduled.

**What it costs.** A step reads and writes what it is about: the execution's counters, the strand, its input
if that changed. It does not matter how long the history is. A Wait of 300 days is four records and a timer.
A Map keeps its items 64 to a record and each result in one of its own, so an iteration costs the same
whether ten or ten thousand are left; only joining them, at the end, is as long as the result. A step enters
at most 100 states.

**What is left to the service**: names, roles, ARNs, what tasks do (``arn:aws:states:::…``, functions,
activities), reading items (S3, CSV, JSON, Parquet, manifests) and writing results, and to refuse what it
doesn't honour, such as Credentials. After SUCCEEDED the memory may be forgotten; after a failure Redrive
needs it.
"""

from .definition import Machine, compile_machine
from .interpreter import step
from .validation import Diagnostic, validate, validate_state

__all__ = ["Diagnostic", "Machine", "compile_machine", "step", "validate", "validate_state"]
