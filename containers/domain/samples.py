"""Answers that fit an app's questions, for who checks a manifest without asking anybody. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from containers.domain.answers import Answers
from containers.domain.questions import Answer, Question, QuestionType

_SAMPLES: Final[dict[QuestionType, Answer]] = {
    QuestionType.TEXT: "sample",
    QuestionType.LONG_TEXT: "sample",
    QuestionType.PASSWORD: "sample-password",
    QuestionType.INTEGER: 1,
    QuestionType.BOOLEAN: True,
    QuestionType.EMAIL: "sample@example.org",
    QuestionType.HOST_NAME: "sample.example.org",
    QuestionType.SIZE: 512 << 20,
    QuestionType.VOLUME: "sample",
    QuestionType.CONTAINER: "sample",
}
_FIRST_PORT: Final = 20_000


def answers_for(questions: Sequence[Question]) -> Answers:
    """Return the defaults, and samples where there are none; every question counts as asked."""
    values = {question.name: _answer(question, number) for number, question in enumerate(questions)}
    secret = frozenset(question.name for question in questions if question.is_secret)
    return Answers(values, secret, frozenset(values))


def _answer(question: Question, number: int) -> Answer:
    if question.type == QuestionType.PORT:
        return _FIRST_PORT + number
    if question.default is not None:
        return question.check(question.default)
    if question.choices:
        return question.choices[0].value
    if question.minimum is not None:
        return question.minimum
    return _SAMPLES[question.type]
