"""The form of an update: the questions of the new version, answered as they were, with those that were not asked before."""

from __future__ import annotations

from django.http import QueryDict
from django.utils.translation import gettext as _

from containers.catalog.apps import App
from containers.forms.questions import QuestionForm
from containers.models import Installation
from containers.services import app_publishers, app_requests
from containers.services.actor import Actor
from containers.services.app_publishers import FIELD as SOURCE


class UpdateForm(QuestionForm):
    """A secret that is left empty stays what it was. `source`: what is new about who it is from, if anything is."""

    def __init__(self, app: App, actor: Actor, row: Installation, data: QueryDict | None = None) -> None:
        plain = row.answers if isinstance(row.answers, dict) else {}
        # An optional answer that was left empty stays empty.
        super().__init__(app, actor, data, values=plain)
        self.source = app_publishers.change(row, app)
        self.confirmed = data.get(SOURCE, "") if data is not None else ""
        self.source_errors: list[str] = []
        known = app_requests.known_questions(row)
        for one in self.fields:
            one.is_new = one.question.name not in known
            one.stays = one.question.is_secret and not one.is_new

    @property
    def problems(self) -> list[tuple[str, str, str]]:
        return [*((SOURCE, _("Source"), text) for text in self.source_errors), *super().problems]

    def _places(self) -> dict[str, list[str]]:
        return {SOURCE: self.source_errors, **super()._places()}

    @property
    def given(self) -> dict[str, str]:
        secret = {one.question.name for one in self.fields if one.question.is_secret}
        return {name: value for name, value in super().given.items() if value or name not in secret}
