"""The form of an installation: every kind of question, nothing lost, no secret told, a plan before anything happens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from containers.choices import ContainerState
from containers.models import Installation, InstallationContainer, InstallationPort, Job, Layer
from containers.services import installations
from tests.support import rows
from tests.support.apps import ALL_QUESTIONS, installed, write
from tests.support.html import Element, parse
from tests.views.conftest import HTMX, signed_in

pytestmark = pytest.mark.django_db

URL = "/apps/every/install/"
GOOD = {
    "name": "site",
    "answers.title": "Hello",
    "answers.about": "a\r\nb",
    "answers.port": "8090",
    "answers.workers": "3",
    "answers.mail": "a@example.org",
    "answers.host": "",
    "answers.memory": "128 MiB",
    "answers.mode": "safe",
    "answers.protected": "true",
    "answers.user": "reader",
    "answers.password": "hush-hush",
    "answers.token": "",
    "answers.db": "",
    "answers.old": "",
    "adopt.data": "",
}


@pytest.fixture(autouse=True)
def _catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "CATALOG_DIRS", [tmp_path])
    write(tmp_path, ALL_QUESTIONS, name="every")
    write(tmp_path)
    rows.layer()


def ask(client: Client, act: str = "plan", **changes: str) -> Any:
    values = GOOD | {key if key in {"name"} else key.replace("__", "."): value for key, value in changes.items()}
    return client.post(URL, {**values, "act": act})


def values_of(response: Any) -> dict[str, str]:
    """What the form holds: the inputs that a browser would send again, buttons apart."""
    form = parse(response).one("form", id="install")
    found = {
        one["name"]: one.attrs.get("value", "")
        for one in form.all("input", name=True)
        if one.attrs.get("type") not in {"checkbox", "radio"} or "checked" in one.attrs
    }
    found |= {one["name"]: one.text_as_is for one in form.all("textarea")}
    for select in form.all("select"):
        chosen = [option for option in select.all("option") if "selected" in option.attrs]
        found[select["name"]] = (chosen or select.all("option"))[0].attrs.get("value", "")
    return found


def field(response: Any, name: str) -> Element:
    return parse(response).one("div", data_question=name)


def test_each_question_has_its_own_input_with_default_and_help(client: Client) -> None:
    response = client.get(URL)
    form = parse(response).one("form", id="install")
    types = {
        one["name"]: one.attrs.get("type", one.tag) for one in form.walk() if one.attrs.get("name", "").startswith("answers.")
    }
    assert types == {
        "answers.title": "text",
        "answers.about": "textarea",
        "answers.port": "number",
        "answers.workers": "number",
        "answers.mail": "email",
        "answers.host": "text",
        "answers.memory": "text",
        "answers.mode": "radio",
        "answers.protected": "checkbox",
        "answers.user": "text",
        "answers.password": "password",
        "answers.token": "password",
        "answers.db": "select",
        "answers.old": "select",
    }
    assert "Stands above all pages." in field(response, "title").text
    assert "must begin with a capital letter" in field(response, "title").text
    assert "at least 4 MiB" in field(response, "memory").text
    workers = field(response, "workers").one("input")
    assert (workers["min"], workers["max"], workers["value"]) == ("1", "8", "2")
    assert "optional" in field(response, "host").one("label").text
    assert values_of(response)["name"] == "every"


def test_a_question_that_hangs_on_another_is_shown_with_a_note_and_a_mark_for_the_script(client: Client) -> None:
    user = field(client.get(URL), "user")
    assert (user["data-visible-if"], user["data-visible-equals"]) == ("protected", "true")
    assert "Asked only if “Protect with a password” is ticked" in user.text


def test_what_is_taken_is_not_suggested(client: Client) -> None:
    row = installed("every")
    InstallationPort.objects.create(installation=row, host=row.host, port=8080, container="x", container_port=1)
    found = values_of(client.get(URL))
    assert (found["name"], found["answers.port"]) == ("every-2", "8081")


TWO_PORTS = (
    ALL_QUESTIONS.replace(
        "[images.web]",
        """[[questions]]
name = "admin_port"
type = "port"
label = "Port of the console"
visible_if = { question = "protected", equals = true }
[images.web]""",
        1,
    )
    + """[[ports]]
container = "web"
port = 81
question = "admin_port"
title = "The console"
"""
)


def test_each_port_is_suggested_another_one(client: Client, tmp_path: Path) -> None:
    """Before this both buttons suggested the same, which is refused."""
    write(tmp_path, TWO_PORTS, name="every")
    response = client.get(URL)
    assert values_of(response)["answers.admin_port"] == "8081"
    assert [field(response, name).all("button") for name in ("port", "admin_port")] == [[], []]
    changed = ask(client, "check", answers__port="1", answers__admin_port="1")
    said = [field(changed, name).one("button").text for name in ("port", "admin_port")]
    assert said == ["Use 8080", "Use 8081"]


def test_a_port_that_is_offered_only_where_that_is_wanted_says_so(client: Client, tmp_path: Path) -> None:
    write(tmp_path, TWO_PORTS, name="every")
    page = parse(client.get("/apps/every/")).one("main").text
    assert "port 81 of NAME-web, offered by the host under the port that you choose, if you want that" in page
    assert page.count("if you want that") == 1


def test_a_port_that_is_taken_is_said_beside_answers_that_are_wrong(client: Client) -> None:
    """Before this it came in a second round."""
    row = installed("other")
    InstallationPort.objects.create(installation=row, host=row.host, port=8090, container="x", container_port=1)
    response = ask(client, answers__title="small", answers__port="8090")
    problems = parse(response).one("div", id="problems").text
    assert "must begin with a capital letter" in problems
    assert "port 8090 leads to other already" in problems
    # What is wrong is not said twice, as a hint below.
    assert field(response, "title").text.count("must begin with a capital letter") == 1


def test_running_containers_that_offer_what_is_needed_and_free_volumes_are_offered(client: Client) -> None:
    row = installed("blog")
    InstallationContainer.objects.filter(installation=row, key="db").update(offers=["sql"])
    rows.container("off", state=ContainerState.STOPPED)
    rows.volume("kept")
    rows.volume("blog-data")
    response = client.get(URL)
    assert [one.text for one in field(response, "db").all("option")] == ["none", "blog-db"]
    assert [one.text for one in field(response, "old").all("option")] == ["a new one", "kept"]
    adopt = parse(response).one("select", name="adopt.data")
    assert [one.text for one in adopt.all("option")] == ["a new one", "kept"]


def test_everything_that_is_wrong_stands_at_its_field_and_nothing_typed_is_lost(client: Client) -> None:
    bad = {
        "name": "No Name",
        "answers__title": "small",
        "answers__port": "70000",
        "answers__workers": "9",
        "answers__mail": "nobody",
        "answers__memory": "much",
        "answers__mode": "odd",
        "answers__user": "",
    }
    response = ask(client, **bad)
    assert response.status_code == 422
    page = parse(response)
    wrong = {link["href"] for link in page.one(id="problems").all("a")}
    assert wrong == {
        "#instance-name",
        "#answer-title",
        "#answer-port",
        "#answer-workers",
        "#answer-mail",
        "#answer-memory",
        "#answer-mode",
    }
    for anchor in wrong:
        assert page.one(id=anchor.removeprefix("#"))
    assert "must begin with a capital letter" in field(response, "title").text
    found = values_of(response)
    assert {key: found[key] for key in ("name", "answers.title", "answers.port", "answers.about", "answers.memory")} == {
        "name": "No Name",
        "answers.title": "small",
        "answers.port": "70000",
        "answers.about": "a\r\nb",
        "answers.memory": "much",
    }
    assert not Job.objects.filter(operation="app-install").exists()


def test_a_secret_comes_back_sealed_and_is_what_it_was(client: Client) -> None:
    first = ask(client, answers__title="")
    assert "hush-hush" not in first.content.decode()
    found = values_of(first)
    assert found["answers.password"] == ""
    assert "Kept as you typed it" in field(first, "password").text
    second = client.post(URL, {**found, "answers.title": "Hello", "act": "install"})
    assert second.status_code == 302
    assert installations.answers_of(Installation.objects.get())["password"] == "hush-hush"


def test_a_sealed_secret_opens_for_nobody_else_and_nowhere_else(client: Client) -> None:
    sealed = values_of(ask(client, answers__title=""))["kept.password"]
    assert sealed
    other = signed_in(rows.user("other", "operate_container", "view_container"))
    stolen = {**GOOD, "answers.password": "", "kept.password": sealed, "act": "install"}
    misplaced = {**GOOD, "name": "site2", "answers.port": "8091", "answers.token": "", "kept.token": sealed, "act": "install"}
    assert other.post(URL, stolen).status_code == 302
    assert client.post(URL, misplaced).status_code == 302
    mine = Installation.objects.get(name="site2")
    assert installations.answers_of(Installation.objects.get(name="site"))["password"] not in {"", "hush-hush"}
    assert installations.answers_of(mine)["token"] == ""
    for nonsense in ("x", "\0", "é" * 10, sealed[:-2]):
        assert client.post(URL, {**stolen, "name": "site3", "kept.password": nonsense, "act": "check"}).status_code == 200


def test_buttons_beside_fields_work_without_script(client: Client) -> None:
    made = ask(client, "generate:password", answers__password="")
    shown = field(made, "password").one("input", name="answers.password")
    assert (shown["type"], len(shown["value"])) == ("text", 24)
    assert "look it up later" in field(made, "password").text
    free = ask(client, "free:port", answers__port="1")
    assert values_of(free)["answers.port"] == "8080"
    typed = values_of(ask(client, "check"))
    forgotten = client.post(URL, {**typed, "act": "forget:password"})
    assert values_of(forgotten)["kept.password"] == ""
    for act in ("generate:title", "forget:nothing", "free:mail", ":", "x" * 500):
        assert ask(client, act).status_code == 200


def test_the_plan_comes_before_anything_happens(client: Client) -> None:
    response = ask(client)
    page = parse(response).one("main")
    steps = [step.text for step in page.one("ol", "sw-plan").all("li")]
    assert steps[0].startswith("make")
    assert any("site-web publish" in step for step in steps)
    assert "kept secret" in page.text
    assert "hush-hush" not in response.content.decode()
    assert not Job.objects.filter(operation="app-install").exists()
    hidden = {
        one["name"]: one["value"] for one in page.all("input", type="hidden", name=True) if one["name"] != "csrfmiddlewaretoken"
    }
    again = client.post(URL, {**hidden, "act": "edit"})
    assert values_of(again)["answers.title"] == "Hello"
    sent = client.post(URL, {**hidden, "act": "install"})
    job = Job.objects.get(operation="app-install")
    assert sent["Location"] == f"/jobs/{job.pk}/"
    assert "hush-hush" not in str(job.inputs)
    answers = installations.answers_of(Installation.objects.get())
    assert (answers["password"], answers["about"], answers["memory"]) == ("hush-hush", "a\nb", 128 << 20)
    twice = client.post(URL, {**hidden, "act": "install"})
    assert (twice.status_code, Job.objects.filter(operation="app-install").count()) == (422, 1)
    assert "there is an installation site already" in parse(twice).one(id="problems").text


def test_a_port_that_was_taken_meanwhile_brings_the_form_back(client: Client) -> None:
    row = installed()
    InstallationPort.objects.create(installation=row, host=row.host, port=8090, container="x", container_port=1)
    response = ask(client, "install")
    assert response.status_code == 422
    assert "port 8090 leads to blog already" in field(response, "port").text


def test_a_tick_that_is_not_set_is_an_answer(client: Client) -> None:
    values = {key: value for key, value in GOOD.items() if key != "answers.protected"}
    client.post(URL, {**values, "act": "install"})
    answers = Installation.objects.get().answers
    assert (answers["protected"], answers["user"]) == (False, "reader")


def test_the_preview_follows_and_masks(client: Client) -> None:
    response = client.post(f"{URL}preview/", GOOD, headers=HTMX)
    text = parse(response).text
    assert '"TITLE" : "Hello"' in text
    assert "The names site-db and site-web are free" in text
    assert "password=********" in text
    assert "hush-hush" not in response.content.decode()
    wrong = client.post(f"{URL}preview/", GOOD | {"answers.title": "small"}, headers=HTMX)
    assert wrong.status_code == 200
    assert "Title: must begin with a capital letter" in parse(wrong).text
    assert "with examples for what is missing" in parse(wrong).text
    assert '"site-web"' in parse(wrong).text


def test_what_this_host_lacks_is_said_and_not_hidden(client: Client) -> None:
    Layer.objects.all().delete()
    response = ask(client)
    assert response.status_code == 422
    assert "there is no image and no layer base" in parse(response).one(id="problems").text


def test_adopting_a_volume(client: Client) -> None:
    rows.volume("kept")
    assert ask(client, adopt__data="gone").status_code == 422
    ask(client, "install", adopt__data="kept")
    assert dict(Installation.objects.get().volumes.values_list("key", "name"))["data"] == "kept"


def test_more_to_choose_from_needs_no_more_queries(client: Client, django_assert_max_num_queries: Any) -> None:
    installed("first")
    with django_assert_max_num_queries(40) as few:
        client.get(URL)
    for number in range(4):
        installed(f"more{number}")
        rows.volume(f"kept{number}")
    with django_assert_max_num_queries(len(few)):
        client.get(URL)


@pytest.mark.parametrize("text", ["{{ title }}", "<script>", "\x1b[31m", "a\nb", "'; reboot; '"])
def test_hostile_answers_stay_what_they_are(client: Client, text: str) -> None:
    response = ask(client, answers__title=f"H{text}", answers__about=text)
    assert response.status_code in {200, 422}
    assert "<script>" not in parse(response).one("main").text.replace(f"H{text}", "").replace(text, "")
    assert b"<script>" not in response.content.split(b"<main")[1]
