"""Columns that are read as what they are to be, whatever somebody wrote into the database."""

from __future__ import annotations

import json
from typing import Any

from django.db import models
from django.db.models.fields.json import KeyTransform


class SizeField(models.BigIntegerField):  # type: ignore[type-arg]
    """A number of bytes. Text, which SQLite keeps in any column, is read as an unknown one."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> int | None:
        """Return what is a number, or else what the column has for nothing known."""
        return value if isinstance(value, int) else None if self.null else 0

    def deconstruct(self) -> Any:
        """Be a BigIntegerField to migrations: in the database it is one."""
        name, _, args, more = super().deconstruct()
        return name, "django.db.models.BigIntegerField", args, more


class NamesField(models.JSONField):
    """A JSON list of texts. A row of another shape is read as its JSON: it is shown, and names nothing that there is."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """Return a list of texts; the part that a lookup asks for is left as it is."""
        found = super().from_db_value(value, expression, connection)
        if isinstance(expression, KeyTransform):
            return found
        names = found if isinstance(found, list) else [found]
        # It begins with a bracket: no name of anything does.
        return names if all(isinstance(name, str) for name in names) and names is found else [json.dumps(names)]

    def deconstruct(self) -> Any:
        """Be a JSONField to migrations: in the database it is one."""
        name, _, args, more = super().deconstruct()
        return name, "django.db.models.JSONField", args, more
