"""The values in a PartiQL statement: those written there, and the parameters that ``?`` stands for."""

from . import numbers
from .errors import ValidationException
from .limits import EXPRESSION_NESTING
from .values import Value, admit
from .words import UNREADABLE, Word, Words

_NAMED: dict[str, Value] = {"TRUE": {"BOOL": True}, "FALSE": {"BOOL": False}, "NULL": {"NULL": True}}
_CLOSING = {"[": "]", "<<": ">>", "{": "}"}
_COUNT = "Number of parameters in request and statement don't match."


class Literals:
    """Reads values where a statement has them."""

    def __init__(self, words: Words, parameters: list[Value]) -> None:
        self._words, self._parameters = words, parameters
        self._used = self._depth = 0

    def finish(self) -> None:
        """Every parameter has to be used."""
        if self._used != len(self._parameters):
            raise ValidationException(_COUNT)

    def read(self, path: str = "root") -> Value:
        """The value that comes next; ``path`` is what messages call it ("" if its members are the roots)."""
        return admit(self._value(path))[0]

    def _value(self, path: str) -> Value:
        word = self._words.next()
        self.deeper()
        found = self._scalar(word, path) or self._collection(word.text, path)
        self.shallower()
        return found

    def deeper(self) -> None:
        """One level further in, of values or of conditions."""
        self._depth += 1
        if self._depth > EXPRESSION_NESTING:
            raise ValidationException(f"{UNREADABLE}nested too deeply")

    def shallower(self) -> None:
        """One level out."""
        self._depth -= 1

    def _scalar(self, word: Word, path: str) -> Value | None:
        if word.text == "?":
            if self._used >= len(self._parameters):
                raise ValidationException(_COUNT)
            self._used += 1
            return self._parameters[self._used - 1]
        if word.kind == "text":
            return {"S": word.text[1:-1].replace("''", "'")}
        if word.kind == "number":
            return _number(word.text, path)
        if word.text == "-" and self._words.here.kind == "number":
            return _number(f"-{self._words.next().text}", path)
        return _NAMED.get(word.text.upper()) if word.kind == "name" else None

    def _collection(self, opening: str, path: str) -> Value:
        closing = _CLOSING.get(opening)
        if closing is None:
            self._words.at -= 1
            self._words.wrong()
        names: list[str] = []
        elements: list[Value] = []
        while not self._words.take(closing):
            if elements:
                self._words.sign(",")
            if opening == "{":
                name = self._scalar(self._words.next(), path)
                names.append(name["S"] if name and "S" in name else self._words.wrong())
                self._words.sign(":")
            below = f"{path}.{names[-1]}" if names else f"{path}[{len(elements)}]"
            elements.append(self._value(below if path else "root"))
        if opening == "{":
            return {"M": dict(zip(names, elements, strict=True))}
        return {"L": elements} if opening == "[" else self._set(elements)

    def _set(self, elements: list[Value]) -> Value:
        if not elements:
            raise ValidationException("Empty bags are not supported")
        kinds = {next(iter(element)) for element in elements}
        if len(kinds) != 1 or not kinds <= {"S", "N", "B"}:
            self._words.wrong()
        kind = kinds.pop()
        return {f"{kind}S": [element[kind] for element in elements]}


def _number(text: str, path: str) -> Value:
    """A number; what it can't be is told with where in the value it stands."""
    digits, _, exponent = text.lower().partition("e")
    if exponent and not -1 << 31 <= len(digits.partition(".")[2]) - int(exponent) < 1 << 31:
        raise ValidationException(UNREADABLE)
    try:
        return {"N": numbers.normal(text)}
    except ValidationException as error:
        raise ValidationException(f"{error} under {path}") from None
