"""The answers to an app's questions as one value: checked all at once, completed with what is left out. Pure."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from containers.domain.questions import Answer, Question, QuestionType
from containers.domain.text import shown
from containers.errors import FieldError, InvalidRequest

# Some 142 bits; no character that a shell, a URL or a configuration file could read in another way.
_PASSWORD_LENGTH: Final = 24
_PASSWORD_CHARACTERS: Final = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Answers:
    """One answer for each question: an empty text where it was not asked and has no default."""

    values: Mapping[str, Answer]
    secret_names: frozenset[str]
    # The questions that were asked: the others' conditions do not hold.
    asked: frozenset[str]

    @property
    def plain(self) -> dict[str, Answer]:
        """The answers that may be shown and kept as they are."""
        return {name: value for name, value in self.values.items() if name not in self.secret_names}

    @property
    def secrets(self) -> dict[str, str]:
        """The answers that are kept encrypted and never shown."""
        return {name: str(value) for name, value in self.values.items() if name in self.secret_names}

    @property
    def texts(self) -> dict[str, str]:
        """All answers as they are put into texts: true and false in small letters."""
        return {name: as_text(value) for name, value in self.values.items()}


def as_text(answer: Answer) -> str:
    """Return an answer as it stands in a text."""
    return str(answer).lower() if isinstance(answer, bool) else str(answer)


def generate_password() -> str:
    """Return a password that nobody can guess."""
    return "".join(secrets.choice(_PASSWORD_CHARACTERS) for _ in range(_PASSWORD_LENGTH))


def check(questions: Sequence[Question], given: object, *, field: str = "answers", lenient: bool = False) -> Answers:
    """Return the answers that `given`, {name: value}, are. Passwords that are left out are made up.

    Raises InvalidRequest with every error at once. With `lenient`, answers to questions that there are none of are left
    out without a word: a question was removed in an update.
    """
    if not isinstance(given, Mapping):
        raise InvalidRequest.of(field, "must be an object")
    checker = _Checker(questions, {str(name): value for name, value in given.items()}, field)
    errors = [] if lenient else checker.unknown()
    values = {question.name: checker.answer(question) for question in questions}
    if errors := [*errors, *checker.errors]:
        raise InvalidRequest.all(tuple(errors))
    secret = frozenset(question.name for question in questions if question.is_secret)
    return Answers(values, secret, frozenset(checker.asked))


class _Checker:
    def __init__(self, questions: Sequence[Question], given: Mapping[str, object], field: str) -> None:
        self.errors: list[FieldError] = []
        self.asked: set[str] = set()
        self._questions = questions
        self._given = given
        self._field = field
        self._values: dict[str, Answer] = {}

    def unknown(self) -> list[FieldError]:
        known = {question.name for question in self._questions}
        return [
            FieldError(f"{self._field}.{shown(name)}", "there is no such question") for name in self._given if name not in known
        ]

    def answer(self, question: Question) -> Answer:
        """Return the answer to one question, those before it have been answered; what is wrong is noted."""
        self._values[question.name] = value = self._answer(question)
        return value

    def _answer(self, question: Question) -> Answer:
        fallback: Answer = "" if question.default is None else question.check(question.default)
        if not self._is_asked(question):
            return fallback
        self.asked.add(question.name)
        value = self._given.get(question.name)
        if value is None or value == "":
            return self._left_out(question, fallback, was_emptied=value == "")
        try:
            return question.check(value)
        except ValueError as error:
            self._complain(question, str(error))
            return fallback

    def _is_asked(self, question: Question) -> bool:
        condition = question.visible_if
        if condition is None:
            return True
        return condition.question in self.asked and as_text(self._values[condition.question]) == as_text(condition.equals)

    def _left_out(self, question: Question, fallback: Answer, *, was_emptied: bool) -> Answer:
        if question.type == QuestionType.PASSWORD and question.required:
            return generate_password()
        if fallback != "" and not (was_emptied and not question.required):
            return fallback
        if question.required:
            self._complain(question, "is required")
        return ""

    def _complain(self, question: Question, message: str) -> None:
        self.errors.append(FieldError(f"{self._field}.{question.name}", message))
