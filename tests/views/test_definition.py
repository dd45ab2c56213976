"""The form of a definition: what it makes, what it keeps when it is refused, rows without script, saving twice."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from containers.choices import ContainerState
from containers.models import Container, Job, Revision
from containers.services import containers, specs
from tests.support import rows
from tests.support.html import Element, parse
from tests.views.conftest import HTMX

pytestmark = pytest.mark.django_db

WHOLE = {
    "name": "web",
    "description": "A shop",
    "autostart": "on",
    "protected": "on",
    "depends": ["db", ""],
    "layers": ["top", "base"],
    "layer_on_top": "",
    "mount_volume": ["data", "conf", ""],
    "mount_point": ["/srv/data", "etc/web.toml", ""],
    "mount_kind": ["directory", "file", "directory"],
    "env_key": ["A", "B", ""],
    "env_value": ["1", "žluť <b>", ""],
    "env_lines": "",
    "uid": "70",
    "gid": "71",
    "cmd": "/bin/web --port 80",
    "cwd": "/srv",
    "ready": "true",
    "halt": "SIGTERM",
    "memory": "512 MiB",
    "cpus": "1.5",
    "pids": "100",
    "start_timeout": "10",
    "ready_timeout": "20",
    "stop_timeout": "40",
}
SPEC = {
    "name": "web",
    "definition": {
        "depends": ["db"],
        "layers": ["base", "top"],
        "mounts": {"data": "srv/data", "conf": "etc/web.toml:file"},
        "env": {"A": "1", "B": "žluť <b>"},
        "uid": "70",
        "gid": "71",
        "cmd": "/bin/web --port 80",
        "cwd": "/srv",
        "ready": "true",
        "halt": "SIGTERM",
    },
    "description": "A shop",
    "autostart": True,
    "protected": True,
    "limits": {"memory_bytes": 512 * 2**20, "cpus": 1.5, "pids": 100},
    "timeouts": {"start": 10, "ready": 20, "stop": 40},
}


@pytest.fixture(autouse=True)
def _rows() -> None:
    rows.layer("top")
    rows.container("db")


def data_of(name: str = "web") -> dict[str, Any]:
    return specs.data_of(Container.objects.with_definition().get(name=name))


def refused(response: Any) -> Element:
    assert response.status_code == 422
    return parse(response)


def problems(tree: Element) -> list[str]:
    return [item.text for item in tree.one(id="problems").all("li")]


def test_the_form_makes_the_container_that_was_typed(client: Client, operator: User) -> None:
    response = client.post("/new/", WHOLE)
    assert response["Location"] == "/containers/web/"
    assert data_of() == SPEC
    revision = Revision.objects.get(container_name="web")
    assert (revision.user_name, revision.via) == ("operator", "web")
    assert Job.objects.latest("id").operation == "create"


def test_the_smallest_container_is_a_name_and_a_layer(client: Client) -> None:
    client.post("/new/", {"name": "web", "layer_on_top": "base"})
    assert data_of() == {"name": "web", "definition": {"layers": ["base"]}}


def test_the_form_shows_what_is_saved_and_saves_what_it_shows(client: Client) -> None:
    client.post("/new/", WHOLE)
    form = parse(client.get("/containers/web/definition/")).one("form", id="editor")
    sent = values_of(form)
    assert client.post("/containers/web/definition/", {**sent, "description": "Another"}).status_code == 302
    assert data_of() == {**SPEC, "description": "Another"}


def values_of(form: Element) -> dict[str, list[str]]:
    """What a browser would send without a button."""
    ignored = {id(element) for template in form.all("template") for element in template.walk()}
    values: dict[str, list[str]] = {}
    for field in form.all(name=True):
        if field.tag != "button" and id(field) not in ignored and (value := value_of(field)) is not None:
            values.setdefault(field["name"], []).append(value)
    return values


def value_of(field: Element) -> str | None:
    if field.tag == "select":
        option = (field.all("option", selected=True) or field.all("option"))[0]
        return option.attrs.get("value", option.text)
    if field.attrs.get("type") == "checkbox":
        return "on" if "checked" in field.attrs else None
    return field.attrs.get("value", field.text)


@pytest.mark.parametrize(
    ("field", "value", "anchor", "words"),
    [
        ("name", "", "id_name", "required"),
        ("name", "Web", "id_name", ""),
        ("name", "a" * 64, "id_name", "63"),
        ("name", "wéb", "id_name", ""),
        ("name", "-web", "id_name", ""),
        ("description", "x" * 10_000, "id_description", "200"),
        ("description", "two\nlines", "id_description", "U+000A"),
        ("description", "nel\x85", "id_description", "U+0085"),
        ("description", "ls\u2028", "id_description", "U+2028"),
        ("description", "bidi\u202e", "id_description", "U+202E"),
        ("cmd", "/bin/web\r", "id_cmd", "U+000D"),
        ("cmd", "\x1b[0m", "id_cmd", "U+001B"),
        ("cmd", "nul\0", "id_cmd", "Null"),
        ("cwd", "srv", "id_cwd", "absolute"),
        ("uid", "root", "id_uid", "0 to 65535"),
        ("gid", "65536", "id_gid", "0 to 65535"),
        ("ready", "x" * 10_000, "id_ready", ""),
        ("halt", "SIGNOTHING", "id_halt", ""),
        ("memory", "much", "id_memory", "such as 512 MiB"),
        ("memory", "0", "id_memory", "at least"),
        ("memory", "1 KiB", "id_memory", "at least 4194304"),
        ("cpus", "two", "id_cpus", "number"),
        ("cpus", "0", "id_cpus", "at least 0.01"),
        ("cpus", "nan", "id_cpus", "number"),
        ("pids", "0", "id_pids", "at least 1"),
        ("pids", "1.5", "id_pids", "whole number"),
        ("start_timeout", "0", "id_start_timeout", "at least 1"),
        ("stop_timeout", "x", "id_stop_timeout", "whole number"),
        ("ready_timeout", "9" * 5_000, "id_ready_timeout", "whole number"),
        ("depends", ["db", "gone"], "s-depends", "no container gone"),
        ("depends", ["db", "db"], "s-depends", "more than once"),
        ("depends", ["web"], "s-depends", "web"),
        ("layers", ["gone"], "s-layers", "no layer gone"),
        ("layers", [], "s-layers", "at least one layer"),
        ("layers", ["../etc"], "s-layers", ""),
        ("mount_volume", ["../x", "conf", ""], "s-mounts", ""),
        ("mount_volume", ["data", "data", ""], "s-mounts", "two rows"),
        ("mount_point", ["/proc/x", "etc/web.toml", ""], "s-mounts", "proc"),
        ("mount_point", ["/a,b", "etc/web.toml", ""], "s-mounts", ""),
        ("mount_point", ["/same", "/same", ""], "s-mounts", "both mounted at /same"),
        ("mount_point", ["/etc/web.toml/below", "etc/web.toml", ""], "s-mounts", "below"),
        ("mount_point", ["/", "etc/web.toml", ""], "s-mounts", ""),
        ("env_key", ["1A", "B", ""], "s-env", ""),
        ("env_key", ["A", "A", ""], "s-env", "two rows"),
        ("env_key", ["", "B", ""], "s-env", ""),
        ("env_value", ["line\nlxc.evil = 1", "2", ""], "s-env", "U+000A"),
        ("env_value", ["x" * 10_000, "2", ""], "s-env", "8192"),
    ],
)
def test_what_is_wrong_is_said_at_its_place_and_everything_typed_is_kept(
    client: Client, field: str, value: Any, anchor: str, words: str
) -> None:
    before = (Container.objects.count(), Job.objects.count(), Revision.objects.count())
    tree = refused(client.post("/new/", {**WHOLE, field: value}))
    found = [item for item in tree.one(id="problems").all("li") if [link["href"] for link in item.all("a")] == [f"#{anchor}"]]
    assert found, problems(tree)
    assert words in found[0].text
    assert tree.all(id=anchor) != []
    if anchor.startswith("id_"):
        assert tree.one(id=anchor)["aria-invalid"] == "true"
        assert tree.one(id=f"{anchor}-from").all("div", "sw-bad") != []
    kept = values_of(tree.one("form", id="editor"))
    for name, typed in {**WHOLE, field: value}.items():
        for one in typed if isinstance(typed, list) else [typed]:
            assert not one or one in kept[name], name
    assert (Container.objects.count(), Job.objects.count(), Revision.objects.count()) == before


def test_what_is_wrong_is_listed_as_the_page_has_it_and_marked_in_its_menu(client: Client) -> None:
    tree = refused(client.post("/new/", {**WHOLE, "name": "A B", "layers": [], "env_key": ["1A", "B", ""], "memory": "x"}))
    assert [link.text for link in tree.one(id="problems").all("a")] == ["Name", "Memory", "Layers", "Environment 1A"]
    marked = [link["href"] for link in tree.one("nav", "sw-toc").all("a") if "has errors" in link.text]
    assert marked == ["#s-basics", "#s-layers", "#s-env", "#s-limits"]


def test_a_cycle_is_named_and_nothing_is_saved(client: Client) -> None:
    rows.container("web", depends=["db"])
    tree = refused(client.post("/containers/db/definition/", {"depends": ["web"], "layers": ["base"], "revision": "1"}))
    assert "circle: db → web → db" in problems(tree)[0]
    assert data_of("db")["definition"] == {"layers": ["base"]}


def test_a_name_that_is_taken_is_refused(client: Client) -> None:
    tree = refused(client.post("/new/", {**WHOLE, "name": "db", "depends": []}))
    assert problems(tree) == ["There is a container db already"]


def test_saving_twice_makes_one_container(client: Client) -> None:
    assert client.post("/new/", WHOLE).status_code == 302
    assert client.post("/new/", WHOLE).status_code == 422
    assert Container.objects.filter(name="web").count() == 1


def test_saving_the_same_change_twice_makes_one_revision(client: Client) -> None:
    rows.container("web")
    for _ in range(2):
        response = client.post(
            "/containers/web/definition/", {"layers": ["base"], "env_key": ["A"], "env_value": ["1"], "revision": "1"}
        )
        assert response.status_code == 302
    assert Container.objects.get(name="web").revision == 2


def overtaken(client: Client, admin: User, theirs: dict[str, Any], mine: dict[str, Any]) -> Element:
    """Somebody saves `theirs` while `mine` is typed; what saving `mine` answers."""
    row = rows.container("web", description="first", env={"A": "1", "B": "2"}, cmd="/bin/web")
    containers.update_container(rows.actor(admin), row, theirs)
    sent = {"layers": ["base"], "description": "first", "env_key": ["A", "B"], "env_value": ["1", "2"], "cmd": "/bin/web"}
    response = client.post("/containers/web/definition/", {**sent, "revision": "1", **mine})
    assert response.status_code == 409
    return parse(response)


def test_what_only_somebody_else_changed_is_taken_over_and_named(client: Client, admin: User) -> None:
    theirs = {"definition": {"layers": ["base"], "env": {"A": "1", "B": "theirs", "C": "3"}, "cmd": "/bin/web"}}
    tree = overtaken(client, admin, theirs, {"description": "mine"})
    box = tree.one(id="overlap")
    assert "admin saved meanwhile" in box.text
    assert [item.one("code").text for item in box.all("li")] == ["env.B", "env.C"]
    assert "admin, revision 2" in box.text
    assert box.all("tr") == []
    assert data_of()["description"] == "first"
    assert client.post("/containers/web/definition/", values_of(tree.one(id="editor"))).status_code == 302
    assert data_of()["definition"]["env"] == {"A": "1", "B": "theirs", "C": "3"}
    assert data_of()["description"] == "mine"


def test_what_both_changed_is_shown_side_by_side_and_neither_is_lost(client: Client, admin: User) -> None:
    tree = overtaken(client, admin, {"description": "theirs", "autostart": True}, {"description": "mine"})
    (row,) = tree.one(id="overlap").one("tbody").all("tr")
    assert [cell.text for cell in row.all("td")][0] == "first"
    assert "theirs admin, revision 2" in row.text
    assert row.all("td")[2].text == "mine"
    sent = values_of(tree.one(id="editor"))
    assert sent["description"] == ["mine"]
    assert sent["autostart"] == ["on"]

    taken = parse(client.post("/containers/web/definition/", {**sent, "change": row.one("button")["value"]}))
    assert values_of(taken.one(id="editor"))["description"] == ["theirs"]
    assert taken.one(id="overlap").all("tr") == []
    assert data_of()["description"] == "theirs"

    assert client.post("/containers/web/definition/", sent).status_code == 302
    assert data_of()["description"] == "mine"


def test_a_third_save_meanwhile_is_put_together_too(client: Client, admin: User) -> None:
    tree = overtaken(client, admin, {"description": "second"}, {"description": "mine"})
    row = Container.objects.with_definition().get(name="web")
    containers.update_container(rows.actor(admin), row, {"protected": True})
    response = client.post("/containers/web/definition/", values_of(tree.one(id="editor")))
    assert response.status_code == 409
    tree = parse(response)
    assert [item.one("code").text for item in tree.one(id="overlap").all("li")] == ["protected"]
    assert client.post("/containers/web/definition/", values_of(tree.one(id="editor"))).status_code == 302
    assert (data_of()["description"], data_of()["protected"]) == ("mine", True)


def text_of(tree: Element) -> dict[str, Any]:
    return json.loads(tree.one("textarea", id="definition-source").text)  # type: ignore[no-any-return]


def test_the_text_and_the_form_are_one_object_both_ways(client: Client) -> None:
    client.post("/new/", WHOLE)
    tree = parse(client.get("/containers/web/definition/"))
    data = {key: value for key, value in SPEC.items() if key != "name"}
    assert text_of(tree) == data
    sent = {"revision": "1", "source": "text", "text": json.dumps({"definition": {"layers": ["base"], "uid": "7"}})}
    tree = parse(client.post("/containers/web/definition/preview/", sent, headers=HTMX))
    assert tree.one("input", name="uid")["value"] == "7"
    assert tree.one("input", name="cmd")["value"] == ""
    assert [field["value"] for field in tree.all("input", name="layers")] == ["base"]
    # What somebody types in is not replaced under the keys.
    assert tree.all("textarea", id="definition-source") == []
    tree = parse(client.post("/containers/web/definition/preview/", {"layers": ["base"], "gid": "8"}, headers=HTMX))
    assert text_of(tree) == {"definition": {"layers": ["base"], "gid": "8"}}


def test_the_text_is_saved_as_it_stands(client: Client) -> None:
    client.post("/new/", WHOLE)
    sent = {**WHOLE, "revision": "1", "source": "text", "text": json.dumps({**SPEC, "name": None, "description": "By text"})}
    assert problems(refused(client.post("/containers/web/definition/", sent))) == ["Text: name: is no part of the text"]
    sent["text"] = json.dumps({key: value for key, value in {**SPEC, "description": "By text"}.items() if key != "name"})
    assert client.post("/containers/web/definition/", sent).status_code == 302
    assert data_of() == {**SPEC, "description": "By text"}
    sent = {"name": "app", "source": "text", "text": '{"definition": {"layers": ["base"]}}'}
    assert client.post("/new/", sent)["Location"] == "/containers/app/"


def test_the_text_is_put_into_the_form_without_script(client: Client) -> None:
    rows.container("web")
    sent = {"revision": "1", "change": "text", "text": '{"definition": {"layers": ["base"], "env": {"A": "žluť"}}}'}
    response = client.post("/containers/web/definition/", sent)
    assert response.status_code == 200
    assert values_of(parse(response).one(id="editor"))["env_value"] == ["žluť", ""]
    assert Revision.objects.filter(container_name="web").count() == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("{", "line 1 column 2"),
        ("[" * 100_000, "not JSON"),
        ("[]", "one JSON object"),
        ("null", "one JSON object"),
        ('{"definition": {"layers": ["base"], "layers": []}}', "a key twice"),
        ('{"definition": {"layers": ["base"], "privileged": true}}', "privileged: is not a known key"),
        ('{"definition": {"layers": "base"}}', "layers: must be a list"),
        ('{"definition": {"layers": ["base"], "cmd": "a\\nlxc.evil = 1"}}', "U+000A"),
        ('{"definition": {"layers": ["base"], "depends": {"a": "b"}}}', "depends: must be a list"),
        ('{"definition": null}', "definition: must be an object"),
    ],
)
def test_a_text_that_makes_no_sense_is_kept_and_nothing_is_saved(client: Client, text: str, words: str) -> None:
    rows.container("web")
    sent = {"revision": "1", "source": "text", "layers": ["base"], "description": "typed", "text": text}
    for address in ("/containers/web/definition/", "/containers/web/definition/preview/", "/new/preview/"):
        assert words in parse(client.post(address, sent)).one(id="definition-checks").text
    tree = refused(client.post("/containers/web/definition/", sent))
    assert [link["href"] for link in tree.one(id="problems").all("a")] == ["#definition-source"] * len(problems(tree))
    assert values_of(tree.one(id="editor"))["description"] == ["typed"]
    assert tree.one("input", name="source")["value"] == "text"
    assert Revision.objects.filter(container_name="web").count() == 1


@pytest.mark.parametrize(("state", "operation"), [(ContainerState.STOPPED, "start"), (ContainerState.RUNNING, "restart")])
def test_save_and_apply_leads_to_the_plan(client: Client, state: ContainerState, operation: str) -> None:
    rows.container("web", state=state)
    response = client.post(
        "/containers/web/definition/", {"layers": ["base"], "description": "new", "then": "apply", "revision": "1"}
    )
    assert response["Location"] == f"/containers/web/{operation}/"
    assert Job.objects.filter(operation=operation).count() == 0


@pytest.mark.parametrize(
    ("change", "part", "expected"),
    [
        ("remove-depends-0", "depends", [""]),
        ("up-layers-1", "layers", ["base", "top"]),
        ("down-layers-0", "layers", ["base", "top"]),
        ("remove-layers-0", "layers", ["base"]),
        ("remove-mounts-0", "mount_volume", ["conf", ""]),
        ("remove-env-1", "env_key", ["A", ""]),
        ("add-env", "env_key", ["A", "B", ""]),
        ("up-layers-0", "layers", ["top", "base"]),
        ("remove-env-99", "env_key", ["A", "B", ""]),
        ("explode-env-0", "env_key", ["A", "B", ""]),
        ("remove-__class__-0", "env_key", ["A", "B", ""]),
        ("remove-env-²", "env_key", ["A", "B", ""]),
    ],
)
def test_rows_are_changed_without_script_and_nothing_is_judged_or_saved(
    client: Client, change: str, part: str, expected: list[str]
) -> None:
    response = client.post("/new/", {**WHOLE, "name": "", "change": change})
    assert response.status_code == 200
    form = parse(response).one("form", id="editor")
    values = values_of(form)
    assert values[part] == expected
    assert form.all(id="problems") == []
    assert form.all("input", aria_invalid="true") == []
    assert Container.objects.count() == 1


def test_a_layer_is_put_on_top_and_lines_become_variables(client: Client) -> None:
    sent = {
        **WHOLE,
        "layers": ["base"],
        "layer_on_top": "top",
        "env_lines": "export C=3\n# no\nD = a=b\n\nnothing",
        "change": "add-env",
    }
    form = parse(client.post("/new/", sent)).one("form", id="editor")
    values = values_of(form)
    assert values["layers"] == ["top", "base"]
    assert values["env_key"] == ["A", "B", "C", "D", ""]
    assert values["env_value"] == ["1", "žluť <b>", "3", "a=b", ""]


def test_the_preview_shows_the_text_and_what_saving_would_do(client: Client) -> None:
    rows.container("web", env={"A": "1"}, state=ContainerState.RUNNING)
    sent = {"layers": ["base"], "env_key": ["A"], "env_value": ["2"], "memory": "1 GiB"}
    tree = parse(client.post("/containers/web/definition/preview/", sent, headers=HTMX))
    assert [line.text for line in tree.all("span", "sw-line-new")] == [
        '"A" : "2"',
        '"limits" : {',
        '"memory_bytes" : 1073741824',
        "}",
    ]
    assert "2 changes wait for a restart of web" in tree.one(id="definition-checks").text
    assert "The definition is valid" in tree.one(id="definition-checks").text
    assert "2 unsaved changes" in tree.one(id="unsaved").text
    assert Revision.objects.filter(container_name="web").count() == 1


def test_the_preview_says_what_is_wrong(client: Client) -> None:
    rows.container("web", depends=["db"])
    tree = parse(client.post("/containers/db/definition/preview/", {"layers": ["base"], "depends": ["web"], "cwd": "x"}))
    assert "Directory: must be an absolute path" in tree.one(id="definition-checks").text
    tree = parse(client.post("/containers/db/definition/preview/", {"layers": ["base"], "depends": ["web"]}))
    assert "circle: db → web → db" in tree.one(id="definition-checks").text
    tree = parse(client.post("/new/preview/", {"name": ""}))
    assert "Name: " in tree.one(id="definition-checks").text


def test_the_viewer_reads_the_form_and_cannot_save(viewer_client: Client) -> None:
    rows.container("web", env={"A": "1"})
    form = parse(viewer_client.get("/containers/web/definition/")).one("form", id="editor")
    assert "disabled" in form.one("fieldset").attrs
    assert form.all("div", "sw-savebar") == []


def test_more_rows_need_no_more_queries(client: Client, django_assert_max_num_queries: Any) -> None:
    rows.container("web", depends=["db"])
    with django_assert_max_num_queries(40) as few:
        client.get("/containers/web/definition/")
    for number in range(8):
        rows.container(f"c{number}", depends=["db"], mounts={f"v{number}": "srv"})
    row = Container.objects.with_definition().get(name="web")
    needs = [f"c{number}" for number in range(8)]
    containers.update_container(
        rows.ROOT, row, {"definition": {"layers": ["base"], "depends": needs, "env": {"A": "1", "B": "2"}}}
    )
    with django_assert_max_num_queries(len(few)):
        client.get("/containers/web/definition/")


def test_secrets_are_for_who_may_edit(client: Client, viewer_client: Client) -> None:
    rows.container("web", env={"DB_PASSWORD": "hunter22-of-db", "URL": "pg://me:hunter22-in-url@db/x", "PORT": "80"})
    rows.image("app:1", env={"DB_PASSWORD": "hunter22-of-db"})
    for path in ("/containers/web/definition/", "/containers/web/export/", "/export/", "/images/app/1/"):
        assert "hunter22-of-db" in client.get(path).content.decode(), path
        response = viewer_client.get(path)
        text = response.content.decode()
        assert (response.status_code, "DB_PASSWORD" in text, "hunter22" in text) == (200, True, False), path
    assert "are shown to those who may edit" in viewer_client.get("/containers/web/definition/").content.decode()
    assert "are shown to those who may edit" not in client.get("/containers/web/definition/").content.decode()
