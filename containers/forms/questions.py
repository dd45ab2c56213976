"""An app's questions as fields of a form, for whoever asks them: an installation, an update.

What was typed is kept as it is, right or wrong, but secrets, which come back sealed; the domain judges, for API and root alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from django.http import QueryDict
from django.utils.translation import gettext as _

from containers.catalog.apps import App
from containers.domain.answers import as_text, generate_password
from containers.domain.questions import Answer, Question, QuestionType
from containers.errors import FieldError, SpocError
from containers.forms import amounts
from containers.services import installations, kept
from containers.services.actor import Actor

ANSWERS: Final = "answers."
KEPT: Final = "kept."
# What a button asks for beside going on: "generate:password".
ACT: Final = "act"
# A list longer than this is one to open.
FEW: Final = 5

_INPUTS: Final = {QuestionType.EMAIL: "email", QuestionType.INTEGER: "number", QuestionType.PORT: "number"}


@dataclass
class Field:
    """One question on the page. `value` is what stands in its input: of a secret, nothing."""

    question: Question
    value: str = ""
    # A secret that was typed before, sealed.
    kept: str = ""
    # A password that was just made, to be read once.
    shown: str = ""
    options: list[tuple[str, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    # Of a port: one that nothing has.
    free: str = ""
    # Why it is asked for, in words, where that hangs on another answer.
    condition: str = ""
    # It was not asked before.
    is_new: bool = False
    # A secret that there is already: left empty, it stays what it was.
    stays: bool = False

    @property
    def name(self) -> str:
        return f"{ANSWERS}{self.question.name}"

    @property
    def kept_name(self) -> str:
        return f"{KEPT}{self.question.name}"

    @property
    def id(self) -> str:
        return f"answer-{self.question.name}"

    @property
    def widget(self) -> str:
        """Which of the inputs of apps/_field.html it is."""
        kind = self.question.type
        if kind == QuestionType.LONG_TEXT:
            return "area"
        if kind == QuestionType.BOOLEAN:
            return "tick"
        if kind == QuestionType.CHOICE and len(self.options) <= FEW:
            return "radio"
        return "select" if kind in {QuestionType.CHOICE, QuestionType.VOLUME, QuestionType.CONTAINER} else "line"

    @property
    def input_type(self) -> str:
        return "password" if self.question.is_secret and not self.shown else _INPUTS.get(self.question.type, "text")

    @property
    def is_optional(self) -> bool:
        """Whether it may stay empty; a password that has to be there is made up."""
        return not self.question.required or self.question.type == QuestionType.PASSWORD

    @property
    def is_port(self) -> bool:
        return self.question.type == QuestionType.PORT

    @property
    def is_password(self) -> bool:
        return self.question.type == QuestionType.PASSWORD

    @property
    def minimum(self) -> int | None:
        return 1 if self.is_port and self.question.minimum is None else self.question.minimum

    @property
    def maximum(self) -> int | None:
        return 65_535 if self.is_port and self.question.maximum is None else self.question.maximum

    @property
    def bounds(self) -> str:
        """What a size may be, in the units that people write."""
        low, high = self.question.minimum, self.question.maximum
        if self.question.type != QuestionType.SIZE or (low is None and high is None):
            return ""
        if high is None:
            return _("at least %(low)s") % {"low": amounts.exact(low or 0)}
        return _("from %(low)s to %(high)s") % {"low": amounts.exact(low or 0), "high": amounts.exact(high)}

    @property
    def condition_value(self) -> str:
        condition = self.question.visible_if
        return as_text(condition.equals) if condition else ""

    @property
    def summary(self) -> str:
        """The answer as a person reads it, of a secret only whether there is one."""
        if self.question.is_secret:
            return _("kept secret") if self.value or self.kept else ""
        if self.question.type == QuestionType.BOOLEAN:
            return _("Yes") if self.value == "true" else _("No")
        return next((label for value, label in self.options if value == self.value and value), self.value)


class QuestionForm:
    """`fields` in the manifest's order; `given` is what services and domain take."""

    def __init__(
        self, app: App, actor: Actor, data: QueryDict | None = None, *, values: Mapping[str, Answer] | None = None
    ) -> None:
        """`values` are what the form begins with, {question: answer}, in place of the manifest's defaults; no secrets."""
        self.app = app
        self.data = data
        self.other_errors: list[FieldError] = []
        self._actor = actor
        self._values = values or {}
        self._free_volumes = [volume.name for volume in installations.free_volumes()]
        self._free_ports = _free_ports(app)
        self.fields = [self._field(question) for question in app.manifest.questions]
        self._change()

    @property
    def act(self) -> tuple[str, str]:
        """What the button that was pressed asks for, and of which question."""
        verb, _colon, name = (self.data.get(ACT, "") if self.data is not None else "").partition(":")
        return verb, name

    @property
    def given(self) -> dict[str, str]:
        """The answers, secrets too, in the clear."""
        return {one.question.name: self._secret(one) if one.question.is_secret else one.value for one in self.fields}

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """All that the form holds as hidden inputs, secrets sealed: for the page between the form and what it asks for."""
        self.seal()
        return [(one.kept_name, one.kept) if one.question.is_secret else (one.name, one.value) for one in self.fields]

    def seal(self) -> None:
        """Put secrets that were typed away: the page that follows shows none but one that it has just made."""
        for one in self.fields:
            if one.question.is_secret and one.value:
                one.kept = kept.keep(self._actor, self._place(one.question), one.value)
                one.value = one.shown

    def refuse(self, error: SpocError | None) -> None:
        """Show what is wrong at the fields that it is about."""
        places = self._places()
        for item in getattr(error, "errors", ()) or (FieldError("", str(error)),):
            if item.field in places:
                places[item.field].append(item.message)
            else:
                self.other_errors.append(item)

    @property
    def problems(self) -> list[tuple[str, str, str]]:
        """All that is refused: (anchor, what, sentence), for the summary above the form."""
        found = [(one.id, one.question.label, text) for one in self.fields for text in one.errors]
        return [*found, *(("", error.field, error.message) for error in self.other_errors)]

    def _places(self) -> dict[str, list[str]]:
        return {one.name: one.errors for one in self.fields}

    def _field(self, question: Question) -> Field:
        made = Field(question, self._typed(question), options=self._options(question), condition=self._condition(question))
        if self.data is not None and question.is_secret:
            made.kept = self.data.get(made.kept_name, "")
        if made.is_port:
            made.free = str(self._free_ports[question.name])
        return made

    def _typed(self, question: Question) -> str:
        if self.data is not None:
            value = self.data.get(f"{ANSWERS}{question.name}", "")
            # A tick that is not set is not sent.
            return value or "false" if question.type == QuestionType.BOOLEAN else value
        if question.is_secret:
            return ""
        start = self._values.get(question.name)
        return _written(question, start) if start is not None else self._default(question)

    def _default(self, question: Question) -> str:
        """Return what an input begins with: the default, as far as it can be had, or the first that can."""
        default = question.default
        if question.type == QuestionType.PORT and (default is None or int(default) in installations.taken_ports()):
            return str(self._free_ports[question.name])
        if question.type == QuestionType.CONTAINER and default is None and question.required:
            return next(iter(installations.offering(question.offers)), "")
        if question.type == QuestionType.CHOICE and default is None and question.required:
            return question.choices[0].value
        return _written(question, False if default is None and question.type == QuestionType.BOOLEAN else default)

    def _options(self, question: Question) -> list[tuple[str, str]]:
        if question.type == QuestionType.CHOICE:
            return [(choice.value, choice.label or choice.value) for choice in question.choices]
        if question.type == QuestionType.VOLUME:
            own = str(self._values.get(question.name) or "")
            names = [own, *self._free_volumes] if own and own not in self._free_volumes else self._free_volumes
            return [("", _("a new one")), *((name, name) for name in names)]
        if question.type == QuestionType.CONTAINER:
            names = installations.offering(question.offers)
            return [*([] if question.required and names else [("", _("none"))]), *((name, name) for name in names)]
        return []

    def _condition(self, question: Question) -> str:
        condition = question.visible_if
        other = self.app.manifest.question(condition.question) if condition else None
        if condition is None or other is None:
            return ""
        if other.type == QuestionType.BOOLEAN:
            text = _("only if “%(question)s” is ticked") if condition.equals else _("only if “%(question)s” is not ticked")
            return text % {"question": other.label}
        labels = {choice.value: choice.label or choice.value for choice in other.choices}
        answer = as_text(condition.equals)
        return _("only if “%(question)s” is %(answer)s") % {"question": other.label, "answer": labels.get(answer, answer)}

    def _change(self) -> None:
        """Do what a button beside a field asks for."""
        verb, name = self.act
        for one in self.fields:
            if one.question.name != name:
                continue
            if verb == "free" and one.is_port:
                one.value = one.free
            elif verb == "generate" and one.is_password:
                one.value = one.shown = generate_password()
            elif verb == "forget":
                one.value = one.kept = ""

    def _secret(self, one: Field) -> str:
        return one.value or kept.kept(self._actor, self._place(one.question), one.kept)

    def _place(self, question: Question) -> str:
        return f"{self.app.name}.{question.name}"


def _free_ports(app: App) -> dict[str, int]:
    """Return a port of its own for each question that asks for one."""
    found: dict[str, int] = {}
    for question in app.manifest.questions:
        if question.type == QuestionType.PORT:
            found[question.name] = installations.free_port(list(found.values()))
    return found


def _written(question: Question, value: Answer | None) -> str:
    if value is None:
        return ""
    if question.type == QuestionType.SIZE and value != "":
        return amounts.exact(int(question.check(value)))
    return as_text(value)
