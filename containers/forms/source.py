"""Between the JSON form of a container and what a browser sends of its form: the same object, both ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from django.http import QueryDict
from django.utils.translation import gettext as _

from containers.domain.json_text import load_json
from containers.domain.spec import ContainerSpec
from containers.errors import InvalidRequest
from containers.forms import amounts
from containers.forms.rows import Rows

# Field of the form: where its value stands in the JSON form.
PATHS: Final = {
    "name": "name",
    "description": "description",
    "autostart": "autostart",
    "protected": "protected",
    "build": "definition.build",
    "uid": "definition.uid",
    "gid": "definition.gid",
    "cmd": "definition.cmd",
    "cwd": "definition.cwd",
    "ready": "definition.ready",
    "halt": "definition.halt",
    "memory": "limits.memory_bytes",
    "cpus": "limits.cpus",
    "pids": "limits.pids",
    "start_timeout": "timeouts.start",
    "ready_timeout": "timeouts.ready",
    "stop_timeout": "timeouts.stop",
}
# Sent beside the object itself; they stay when it is replaced.
BESIDE: Final = ("name", "revision", "base", "then", "change")
# A text is judged before its container has a name.
_SOME_NAME: Final = "x"


def values_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the form's fields; what `data` leaves out is left out."""
    values: dict[str, Any] = {}
    for name, path in PATHS.items():
        section, _dot, key = path.rpartition(".")
        value = (data.get(section, {}) if section else data).get(key)
        if value is not None:
            values[name] = amounts.exact(value) if name == "memory" else value
    return values


def posted(data: Mapping[str, Any], beside: Mapping[str, Any]) -> QueryDict:
    """Return what a browser would send of a form that holds `data`, with what `beside` has next to the object."""
    post = QueryDict(mutable=True)
    for name, value in values_of(data).items():
        if value is not False:
            post[name] = "on" if value is True else str(value)
    for name, rows in Rows.of_definition(data.get("definition", {})).to_post().items():
        post.setlist(name, list(rows))
    for name in BESIDE:
        if name in beside:
            post[name] = beside[name]
    return post


def read_text(post: QueryDict) -> QueryDict:
    """Return what would have been sent, had the fields said what the text says. Raises Malformed, InvalidRequest."""
    data = load_json(post.get("text", ""))
    if not isinstance(data, dict):
        raise InvalidRequest(_("The text has to be one JSON object"))
    if "name" in data:
        raise InvalidRequest.of("name", _("is no part of the text"))
    spec = ContainerSpec.parse({"name": _SOME_NAME, **data}, idmap_size=settings.IDMAP_SIZE)
    return posted(spec.export() | {"name": None}, post)
