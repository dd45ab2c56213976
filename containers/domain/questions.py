"""What an app asks before it is installed, and what an answer may be: one rule for form, API, command and worker. Pure."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from containers.domain import names
from containers.domain.amounts import UNITS
from containers.domain.placeholders import INSTANCE
from containers.domain.text import check_text
from containers.domain.values import Value

MAX_TEXT: Final = 1_000
MAX_LONG_TEXT: Final = 16_384
MAX_CHOICES: Final = 100
MAX_INTEGER: Final = 2**53

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,15})", re.ASCII)
_SIZE: Final = re.compile(r"([0-9]{1,15})(?: ?(B|KiB|MiB|GiB|TiB))?", re.ASCII)
_EMAIL: Final = re.compile(r"[A-Za-z0-9.!#$%&*+/=?^_`|~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", re.ASCII)
_HOST_NAME: Final = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_CHOICE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,99}", re.ASCII)
_CAPABILITY: Final = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)


def _answer(value: object) -> object:
    if not isinstance(value, str | int):
        raise ValueError("must be text, a whole number, true or false")  # noqa: TRY004
    return value


# One finding where it is none of them, not one for each.
Answer = Annotated[str | int | bool, BeforeValidator(_answer)]


class QuestionType(StrEnum):
    """What is asked for; the form shows a field of its own for each."""

    TEXT = "text"
    LONG_TEXT = "long-text"
    PASSWORD = "password"  # noqa: S105
    INTEGER = "integer"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    EMAIL = "e-mail"
    HOST_NAME = "host-name"
    PORT = "port"
    SIZE = "size"
    VOLUME = "volume"
    CONTAINER = "container"


# What can hold anything a person types: it must never be read as part of a command.
FREE_TEXT: Final = frozenset({QuestionType.TEXT, QuestionType.LONG_TEXT, QuestionType.PASSWORD, QuestionType.EMAIL})


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("must start with a letter a-z, and have only letters a-z, digits and '_', at most 40")
    if value == INSTANCE:
        raise ValueError("is what the installation is called: choose another name")
    return value


def _line(value: str) -> str:
    return check_text(value, max_length=MAX_TEXT)


def _pattern(value: str) -> str:
    try:
        re.compile(check_text(value, max_length=MAX_TEXT))
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from error
    return value


def capability(value: str) -> str:
    """Check the word for what a container offers to others, such as "postgresql"."""
    if not _CAPABILITY.fullmatch(value):
        raise ValueError("must be a word of letters a-z, digits and '-'")
    return value


def size(value: object) -> object:
    """Return bytes for "512 MiB" or a number; anything else as it is."""
    if isinstance(value, str) and (found := _SIZE.fullmatch(value.strip())):
        return int(found[1]) * 1024 ** UNITS.index(found[2] or "B")
    return value


def as_tuple(value: object) -> object:
    """Let a list be a tuple: TOML and JSON have lists only."""
    if not isinstance(value, list | tuple):
        raise ValueError("must be a list")
    return tuple(value)


def one_of(kind: type[StrEnum]) -> BeforeValidator:
    """Return a check that takes the words of a closed list only."""

    def check(value: object) -> object:
        if value not in list(kind):
            raise ValueError(f"must be one of {', '.join(kind)}")
        return kind(str(value))

    return BeforeValidator(check)


Size = Annotated[int, BeforeValidator(size), Field(ge=0, le=2**60)]
Line = Annotated[str, AfterValidator(_line)]
QuestionName = Annotated[str, AfterValidator(_name)]


class Choice(Value):
    """One of several answers: what is kept, and what a person reads."""

    value: str
    label: Line = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not _CHOICE.fullmatch(self.value):
            raise ValueError(
                "value: must begin with a letter or digit, and have only letters, digits, '.', '_', ':', '+' and '-'"
            )
        return self


class Condition(Value):
    """The question is asked where another one, asked before it, has this answer."""

    question: QuestionName
    equals: Answer


class Question(Value):
    """One question. `default` is its answer where none is given; a password without one is made up."""

    name: QuestionName
    type: Annotated[QuestionType, one_of(QuestionType)]
    label: Line
    help: Line = ""
    default: Answer | None = None
    pattern: Annotated[str, AfterValidator(_pattern)] = ""
    # What a person is told where the pattern does not fit.
    pattern_help: Line = ""
    required: bool = True
    secret: bool = False
    minimum: int | None = None
    maximum: int | None = None
    choices: Annotated[tuple[Choice, ...], BeforeValidator(as_tuple), Field(max_length=MAX_CHOICES)] = ()
    visible_if: Condition | None = None
    # Of a container: the word for what it must offer.
    offers: Annotated[str, AfterValidator(capability)] | None = None

    @property
    def is_secret(self) -> bool:
        """Whether its answer is kept encrypted and never shown."""
        return self.secret or self.type == QuestionType.PASSWORD

    @property
    def is_free_text(self) -> bool:
        """Whether its answer can hold anything."""
        return self.type in FREE_TEXT

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.type == QuestionType.CHOICE) != bool(self.choices):
            raise ValueError("choices: a choice needs some, and nothing else has any")
        if self.secret and self.type not in FREE_TEXT:
            raise ValueError("secret: only text can be a secret")
        if self.pattern and not self.is_free_text:
            raise ValueError("pattern: only text has one")
        if self.offers and self.type != QuestionType.CONTAINER:
            raise ValueError("offers: only a question for a container has it")
        if self.is_secret and self.default is not None:
            raise ValueError("default: a secret that everybody can read in the catalogue is none")
        if self.default is not None:
            try:
                self.check(self.default)
            except ValueError as error:
                raise ValueError(f"default: {error}") from error
        return self

    def check(self, value: object) -> Answer:
        """Return the answer that `value` is, written as a text or as what it means. Raises ValueError with a sentence."""
        answer: Answer = _CHECKS[self.type](self, value)
        if isinstance(answer, str):
            self._check_pattern(answer)
        elif not isinstance(answer, bool):
            self._check_bounds(answer)
        return answer

    def _check_pattern(self, answer: str) -> None:
        if self.pattern and not re.fullmatch(self.pattern, answer):
            raise ValueError(self.pattern_help or f"must fit the pattern {self.pattern}")

    def _check_bounds(self, answer: int) -> None:
        if self.minimum is not None and answer < self.minimum:
            raise ValueError(f"must be at least {self.minimum}")
        if self.maximum is not None and answer > self.maximum:
            raise ValueError(f"must be at most {self.maximum}")


def _text(_: Question, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")
    return check_text(value, max_length=MAX_TEXT)


def _long_text(_: Question, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")
    if len(value) > MAX_LONG_TEXT:
        raise ValueError(f"is longer than {MAX_LONG_TEXT} characters")
    text = value.replace("\r\n", "\n")
    for line in text.split("\n"):
        check_text(line.replace("\t", " "))
    return text


def _integer(_: Question, value: object) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > MAX_INTEGER:
        raise ValueError("must be a whole number")
    return value


def _boolean(_: Question, value: object) -> bool:
    if isinstance(value, str) and value in {"true", "false"}:
        return value == "true"
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _choice(question: Question, value: object) -> str:
    if value not in [choice.value for choice in question.choices]:
        raise ValueError(f"must be one of {', '.join(choice.value for choice in question.choices)}")
    return str(value)


def _email(question: Question, value: object) -> str:
    if not _EMAIL.fullmatch(text := _text(question, value)):
        raise ValueError("must be an e-mail address")
    return text


def _host_name(question: Question, value: object) -> str:
    if not _HOST_NAME.fullmatch(text := _text(question, value)):
        raise ValueError("must be a host name: letters, digits and '-', parts separated by '.'")
    return text


def _port(question: Question, value: object) -> int:
    if not 1 <= (port := _integer(question, value)) <= 65_535:
        raise ValueError("must be a port from 1 to 65535")
    return port


def _size(_: Question, value: object) -> int:
    number = size(value)
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= 2**60:
        raise ValueError("must be a size, such as 512 MiB")
    return number


def _volume(question: Question, value: object) -> str:
    return names.volume_name(_text(question, value))


def _container(question: Question, value: object) -> str:
    return names.container_name(_text(question, value))


_CHECKS: Final[dict[QuestionType, Any]] = {
    QuestionType.TEXT: _text,
    QuestionType.LONG_TEXT: _long_text,
    QuestionType.PASSWORD: _text,
    QuestionType.INTEGER: _integer,
    QuestionType.BOOLEAN: _boolean,
    QuestionType.CHOICE: _choice,
    QuestionType.EMAIL: _email,
    QuestionType.HOST_NAME: _host_name,
    QuestionType.PORT: _port,
    QuestionType.SIZE: _size,
    QuestionType.VOLUME: _volume,
    QuestionType.CONTAINER: _container,
}
