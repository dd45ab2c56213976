"""Small apps for tests: one container on the test's own busybox layer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.conf import settings

from containers.catalog import apps
from containers.catalog import installed as installed_apps
from containers.choices import ContainerState, InstallationState
from containers.domain import entries
from containers.domain.origin import Source
from containers.models import Installation
from containers.services import hosts, installations
from tests.support import exports, rows

MANIFEST = """\
manifest = 1
name = "note"
version = "1.0"
title = "Note"
description = "Keeps a note"

[[questions]]
name = "text"
type = "text"
label = "Text"
default = "hello"

[[questions]]
name = "password"
type = "password"
label = "Password"

[[questions]]
name = "port"
type = "port"
label = "Port"
default = 18080

[images.web]
recipe = "web.recipe"

[containers.db]
image = "web"
mounts = { data = "data" }
cmd = "/bin/sleep 1000"
halt = "SIGKILL"

[containers.web]
image = "web"
depends = ["db"]
mounts = { data = "data" }
env = { TEXT = "{{ text }}" }
cmd = "/usr/bin/httpd -f -p 80 -h /data"
ready = "test -s /data/note"
halt = "SIGKILL"

[volumes.data]

[[files]]
volume = "data"
path = "note"
text = "{{ text }} in {{ instance }} with {{ container.db }}"

[[files]]
volume = "data"
path = "secret/password"
text = "{{ password }}"
mode = "0600"
uid = 7
gid = 7

[[ports]]
container = "web"
port = 80
question = "port"

[[steps.install]]
title = "Write who is installed"
container = "db"
run = ["/bin/sh", "-c", "echo $WHO > /data/installed"]
env = { WHO = "{{ instance }} {{ password }}" }

[[steps.update]]
title = "Write who is updated"
container = "db"
run = ["/bin/sh", "-c", "echo 1.0 >> /data/updated"]

[[steps.uninstall]]
title = "Say good-bye"
container = "web"
run = ["true"]
"""
# One question of each type.
ALL_QUESTIONS = """\
manifest = 1
name = "every"
version = "2.1"
title = "Every question"
description = "Asks for everything there is"
about = "Some words."
categories = ["web", "files"]
notes = "Open it at port {{ port }}."
[requirements]
memory = "16 MiB"
disk = "2 GiB"
[[questions]]
name = "title"
type = "text"
label = "Title"
help = "Stands above all pages."
pattern = "[A-Z].*"
pattern_help = "must begin with a capital letter"
[[questions]]
name = "about"
type = "long-text"
label = "About"
required = false
[[questions]]
name = "port"
type = "port"
label = "Port on the host"
default = 8080
[[questions]]
name = "workers"
type = "integer"
label = "Workers"
default = 2
minimum = 1
maximum = 8
[[questions]]
name = "mail"
type = "e-mail"
label = "E-mail"
[[questions]]
name = "host"
type = "host-name"
label = "Host name"
required = false
[[questions]]
name = "memory"
type = "size"
label = "Memory"
default = "64 MiB"
minimum = 4194304
[[questions]]
name = "mode"
type = "choice"
label = "Mode"
default = "fast"
choices = [{ value = "fast", label = "Fast, and a little careless" }, { value = "safe", label = "Safe" }]
[[questions]]
name = "protected"
type = "boolean"
label = "Protect with a password"
default = false
[[questions]]
name = "user"
type = "text"
label = "User"
default = "reader"
visible_if = { question = "protected", equals = true }
[[questions]]
name = "password"
type = "password"
label = "Password"
visible_if = { question = "protected", equals = true }
[[questions]]
name = "token"
type = "text"
label = "Token"
secret = true
required = false
[[questions]]
name = "db"
type = "container"
label = "Database"
offers = "sql"
required = false
[[questions]]
name = "old"
type = "volume"
label = "Old pages"
required = false
[images.web]
recipe = "web.recipe"
[containers.db]
image = "web"
[containers.web]
image = "web"
depends = ["db"]
mounts = { data = "data", pages = "pages" }
env = { TITLE = "{{ title }}", WORKERS = "{{ workers }}" }
cmd = "/usr/bin/httpd -f -p 80 -h /data"
limits = { memory = "{{ memory }}" }
[volumes.data]
title = "Data"
[volumes.pages]
question = "old"
[[files]]
volume = "data"
path = "conf"
text = "title={{ title }}\\npassword={{ password }}\\n"
[[ports]]
container = "web"
port = 80
question = "port"
title = "The site"
"""
RECIPE = "FROM base\nRUN echo 1.0 > /version\n"


def write(catalog: Path, manifest: str = MANIFEST, *, name: str = "note", recipe: str = RECIPE, **files: str) -> Path:
    """Write an app's folder into a catalogue."""
    folder = catalog / name
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in {"app.toml": manifest, "web.recipe": recipe, **files}.items():
        (folder / path).write_text(text)
    return folder


@contextmanager
def fetched(manifest: str = MANIFEST, *, name: str = "note", repository: str = "team", **about: Any) -> Iterator[Path]:
    """An app as a job would have fetched it from a repository that `tests.support.exports` has signed; gone at the end."""
    said = {
        "repository": repository,
        "location": "https://images.example.org/a",
        "public_key": exports.PUBLIC,
        "serial": 7,
        "sha256": "a" * 64,
        "created": entries.moment(exports.CREATED),
        "fetched": entries.moment(exports.CREATED),
        **about,
    }
    folder = write(apps.fetched() / repository, manifest, name=name, **{".origin.json": json.dumps(said)})
    try:
        yield folder
    finally:
        shutil.rmtree(folder.parent)


def installed(name: str = "blog", **more: Any) -> Installation:
    """An installed app as a job would have left it, its containers running."""
    made = installations.draft(apps.find("note"), name, {"password": "hush-hush", "port": 30_000 + Installation.objects.count()})
    row = Installation.objects.create(
        **{
            "host": hosts.current(),
            "name": name,
            "app": "note",
            "version": "1.0",
            "title": "Note",
            "state": InstallationState.INSTALLED,
            "answers": made.answers.plain,
            "secrets": installations.sealed(made.answers),
            **more,
        }
    )
    for key, called in made.containers.items():
        member = rows.container(called, state=ContainerState.RUNNING, mounts={f"{name}-data": "data"})
        row.containers.create(key=key, container=member)
    row.volumes.create(key="data", name=f"{name}-data")
    for port in made.ports:
        values = {"port": port.port, "container": port.container, "container_port": port.container_port, "scheme": port.scheme}
        row.ports.create(host=row.host, **values)
    return row


def keep(row: Installation, source: Source) -> None:
    """What an installation keeps, as a job would have written it."""
    app = replace(apps.find(row.app), origin=source.origin)
    row.kept = installed_apps.digest(app)
    row.save(update_fields=["kept"])
    folder = Path(settings.DATA_DIR) / "apps" / row.name / row.kept
    folder.mkdir(parents=True)
    for path, content in {**app.folder, ".source.json": source.encode()}.items():
        (folder / path).write_bytes(content)
