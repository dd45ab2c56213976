"""The form of a container: everything a person decides, as fields and rows, to and from a `ContainerSpec`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from containers.domain.spec import ContainerSpec
from containers.errors import FieldError, InvalidRequest, Malformed
from containers.forms import amounts
from containers.forms.rows import Rows
from containers.forms.source import PATHS, read_text, values_of

TIMEOUT: Final = 30

# What the definition has rows for, as the page calls it.
ROW_PARTS: Final = {"depends": _("Depends on"), "layers": _("Layers"), "mounts": _("Mounts"), "env": _("Environment")}


class MemoryField(forms.CharField):
    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        try:
            return amounts.parse(text) if text else None
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error


class ContainerForm(forms.Form):
    """`rows` holds what has no fields; `row_errors` what is wrong with it, by part."""

    name = forms.CharField(label=_("Name"), max_length=63, strip=False)
    description = forms.CharField(label=_("Description"), required=False, strip=False)
    autostart = forms.BooleanField(label=_("Start at boot"), required=False)
    protected = forms.BooleanField(label=_("Protect from being deleted"), required=False)
    build = forms.BooleanField(label=_("Build container"), required=False)
    uid = forms.CharField(label=_("User"), required=False, strip=False)
    gid = forms.CharField(label=_("Group"), required=False, strip=False)
    cmd = forms.CharField(label=_("Command"), required=False, strip=False)
    cwd = forms.CharField(label=_("Directory"), required=False, strip=False)
    ready = forms.CharField(label=_("Readiness check"), required=False, strip=False)
    halt = forms.CharField(label=_("Halt signal"), required=False, strip=False)
    memory = MemoryField(label=_("Memory"), required=False)
    cpus = forms.FloatField(label=_("Processors"), required=False)
    pids = forms.IntegerField(label=_("Processes"), required=False)
    start_timeout = forms.IntegerField(label=_("Start"), required=False)
    ready_timeout = forms.IntegerField(label=_("Ready"), required=False)
    stop_timeout = forms.IntegerField(label=_("Stop"), required=False)
    # The revision that was edited: somebody else may have saved since.
    revision = forms.IntegerField(required=False, min_value=0, max_value=2**31 - 1, widget=forms.HiddenInput)
    # The revision that was edited before somebody else's change was put together with this one.
    base = forms.IntegerField(required=False, min_value=0, max_value=2**31 - 1, widget=forms.HiddenInput)

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        saved: Mapping[str, Any] | None = None,
        revision: int = 0,
        start: Mapping[str, Any] | None = None,
    ) -> None:
        """`saved` is the JSON form of the container as it is; None for one that is to be made, which begins as `start`."""
        self.saved = saved or {}
        self._start = start or self.saved
        # Why the text could not be read; the fields are as they were, and nothing can be saved.
        self.text_errors: tuple[FieldError, ...] = ()
        self.is_text = data is not None and "text" in (data.get("source"), data.get("change"))
        if data is not None and self.is_text:
            data = self._of_text(data)
        super().__init__(data, initial={**values_of(self._start), "revision": revision})
        self.rows = Rows.of_post(data) if data is not None else Rows.of_definition(self._start.get("definition", {}))
        self.row_errors: dict[str, list[FieldError]] = {part: [] for part in ROW_PARTS}
        if saved is not None:
            del self.fields["name"]
        # A button that adds, moves or removes a row: the form comes back as it was typed, nothing is judged yet.
        self.is_row_change = data is not None and bool(data.get("change")) and not self.text_errors
        if self.is_row_change:
            self.rows.change(self.data["change"])
            self.full_clean()
            self.errors.clear()

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form of what was typed, right or wrong, defaults and the name left out."""
        if not self.is_bound:
            return {"definition": {}} | {key: value for key, value in self._start.items() if key != "name"}
        result: dict[str, Any] = {"definition": dict(self.rows.to_definition()), "limits": {}, "timeouts": {}}
        for name, path in PATHS.items():
            value = self._typed(name)
            if name in self.fields and name != "name" and not _is_default(name, value):
                section, _dot, key = path.rpartition(".")
                (result[section] if section else result)[key] = value
        result["definition"] = {key: result["definition"][key] for key in _ORDER if key in result["definition"]}
        return {key: result[key] for key in _OUTER_ORDER if result.get(key) or key == "definition"}

    def to_spec(self) -> ContainerSpec | None:
        """Return the container that was typed, or None with the reason at each field."""
        if self.text_errors:
            return None
        errors = self.rows.errors()
        name = self.saved.get("name") or self._typed("name")
        spec = None
        try:
            spec = ContainerSpec.parse({"name": name, **self.to_json()}, idmap_size=settings.IDMAP_SIZE)
        except InvalidRequest as error:
            errors += [item for item in error.errors if not self._is_said(item)]
        self.refuse(errors)
        return spec if self.is_valid() and not errors else None

    def refuse(self, errors: Iterable[FieldError]) -> None:
        """Show `errors` at the fields and rows that they are about."""
        fields = {path: name for name, path in PATHS.items() if name in self.fields}
        for error in errors:
            part = error.field.split(".")[1] if error.field.startswith("definition.") else ""
            if part in self.row_errors:
                self.row_errors[part].append(error)
            elif error.field in fields:
                self.add_error(fields[error.field], error.message)
            else:
                self.add_error(None, _said(error))

    @property
    def problems(self) -> list[tuple[str, str, str]]:
        """All that is refused: (anchor, what, sentence), for the summary above the form."""
        if self.text_errors:
            return [("definition-source", str(_("Text")), _said(error)) for error in self.text_errors]
        found = [("", "", str(text)) for text in self.non_field_errors()]
        for name, field in self.fields.items():
            found += [(f"id_{name}", str(field.label), str(text)) for text in self.errors.get(name, ())]
        for part, errors in self.row_errors.items():
            found += [(f"s-{part}", _of_row(part, error), error.message) for error in errors]
        return found

    def mark(self, name: str) -> str:
        """Return "new" where a field or part differs from what is saved, "set" where it differs from the default, or ""."""
        path = PATHS.get(name, f"definition.{name}")
        section, _dot, key = path.rpartition(".")
        typed, saved = self.to_json(), self.saved
        if section:
            typed, saved = typed.get(section, {}), saved.get(section, {})
        if typed.get(key) != saved.get(key):
            return "new"
        return "set" if key in typed else ""

    def _of_text(self, data: QueryDict) -> QueryDict:
        try:
            return read_text(data)
        except InvalidRequest as error:
            self.text_errors = error.errors or (FieldError("", str(error)),)
        except Malformed as error:
            self.text_errors = (FieldError("", str(error)),)
        return data

    def _typed(self, name: str) -> Any:
        """Return the cleaned value, or what was typed where that cannot be cleaned."""
        self.errors  # noqa: B018  cleans
        return self.cleaned_data.get(name, self.data.get(name))

    def _is_said(self, error: FieldError) -> bool:
        """Whether the field already says in its own words that its value makes no sense."""
        return any(PATHS[name] == error.field for name in self.errors if name in PATHS)


_OUTER_ORDER: Final = ("definition", "description", "autostart", "protected", "limits", "timeouts")
_ORDER: Final = ("build", "depends", "layers", "mounts", "env", "uid", "gid", "cmd", "cwd", "ready", "halt")
_TIMEOUTS: Final = ("start_timeout", "ready_timeout", "stop_timeout")


def _is_default(name: str, value: object) -> bool:
    # By identity: 0 is a number that somebody typed, and equal to False.
    return value is None or value is False or value == "" or (name in _TIMEOUTS and value == TIMEOUT)


def _of_row(part: str, error: FieldError) -> str:
    """Return what an error of a part is about: "Layers", or with what stands in the row "Environment 1A"."""
    return f"{ROW_PARTS[part]} {error.field.removeprefix(f'definition.{part}').lstrip('.')}".rstrip()


def _said(error: FieldError) -> str:
    return f"{error.field}: {error.message}" if error.field else error.message
