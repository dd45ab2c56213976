"""Recipes: written, given files, built. All of it works without script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import F, QuerySet
from django.db.models.functions import Length
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from containers.domain.image import DEFAULT_VERSION
from containers.errors import InvalidRequest, NotFound, SpocError
from containers.forms.recipe import BuildForm, FileForm, NewForm, TextForm, example
from containers.models import Recipe
from containers.services import hosts, outlines
from containers.services import recipes as service
from containers.services.entry import IMAGES, VIEW
from containers.services.outlines import Standing
from containers.views.access import Request, actor_of, opens_to
from containers.views.confirming import require_recent

PAGE_SIZE: Final = 100


@dataclass(frozen=True)
class Problem:
    """What is wrong: with which line, if it is about one, and what stands there."""

    line: int | None
    text: str
    message: str


@require_GET
@opens_to(VIEW)
def recipe_list(request: Request) -> HttpResponse:
    page = Paginator(_rows().order_by("name"), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"section": "images", "standings": outlines.standings(list(page.object_list)), "page": page}
    return render(request, "recipes/list.html", context)


@require_http_methods(["GET", "POST"])
@opens_to(IMAGES)
def create(request: Request) -> HttpResponse:
    form = NewForm(request.POST) if request.method == "POST" else NewForm(initial={"text": _example(request)})
    problems: list[Problem] = []
    if form.is_bound and form.is_valid():
        name, text = form.cleaned_data["name"], form.cleaned_data["text"]
        try:
            return redirect(service.save(actor_of(request), name, text, new=True))
        except InvalidRequest as error:
            problems = _problems(error, text)
        except SpocError as error:
            form.add_error("name", str(error))
    context = {"section": "images", "form": form, "problems": problems}
    return render(request, "recipes/create.html", context, status=422 if form.errors or problems else 200)


def _example(request: Request) -> str:
    """A recipe that works: on the layer that was asked for, or else on the newest base system."""
    asked = hosts.layers().filter(name=request.GET.get("from", "")).first()
    return example(asked.name if asked else hosts.newest_base())


@require_http_methods(["GET", "POST"])
@opens_to(VIEW, IMAGES)
def recipe_detail(request: Request, name: str) -> HttpResponse:
    recipe = _get(name)
    if request.method == "GET":
        return _page(request, recipe)
    form = TextForm(request.POST)
    if not form.is_valid():
        return _page(request, recipe, form=form)
    text = form.cleaned_data["text"]
    try:
        saved = service.save(actor_of(request), name, text)
        if "build" in request.POST:
            return redirect(service.request_build(actor_of(request), saved, DEFAULT_VERSION))
    except InvalidRequest as error:
        # It may have been saved, and not be built now.
        return _page(request, _get(name), form=form, problems=_problems(error, text))
    messages.success(request, _("Saved."), extra_tags="ok")
    return redirect(saved)


@require_POST
@opens_to(IMAGES)
def build(request: Request, name: str) -> HttpResponse:
    recipe = _get(name)
    form = BuildForm(request.POST)
    if not form.is_valid():
        return _page(request, recipe, build=form)
    version = form.cleaned_data["version"] or DEFAULT_VERSION
    try:
        return redirect(service.request_build(actor_of(request), recipe, version, force=form.cleaned_data["force"]))
    except InvalidRequest as error:
        if error.errors[0].field == "version":
            form.add_error("version", error.errors[0].message)
            return _page(request, recipe, build=form)
        return _page(request, recipe, problems=_problems(error, recipe.text))


@require_POST
@opens_to(IMAGES)
def delete(request: Request, name: str) -> HttpResponse:
    require_recent(request)
    service.delete(actor_of(request), _get(name))
    return redirect("recipe-list")


@require_GET
@opens_to(VIEW)
def file(request: Request, name: str) -> HttpResponse:
    recipe, path = _get(name), request.GET.get("path", "")
    found = recipe.files.filter(path=path).first() if hosts.is_name(service.check_path, path) else None
    if found is None:
        raise NotFound(f"The recipe {name} has no such file")
    response = HttpResponse(bytes(found.content), content_type="application/octet-stream")
    response.headers["X-Content-Type-Options"] = "nosniff"
    # Whatever it is called there: a browser takes the last part of the address, and that is ours.
    response.headers["Content-Disposition"] = "attachment"
    return response


@require_POST
@opens_to(IMAGES)
def add_file(request: Request, name: str) -> HttpResponse:
    recipe = _get(name)
    form = FileForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, recipe, file=form)
    try:
        service.put_file(actor_of(request), recipe, *form.path_and_content)
    except InvalidRequest as error:
        for item in error.errors:
            form.add_error("path" if item.field == "path" else "file", item.message)
        return _page(request, recipe, file=form)
    return redirect(f"{recipe.get_absolute_url()}#files")


@require_POST
@opens_to(IMAGES)
def remove_file(request: Request, name: str) -> HttpResponse:
    recipe, path = _get(name), request.POST.get("path", "")
    if hosts.is_name(service.check_path, path):
        service.remove_file(actor_of(request), recipe, path)
    return redirect(f"{recipe.get_absolute_url()}#files")


def _rows() -> QuerySet[Recipe]:
    return hosts.recipes().select_related("host").prefetch_related(outlines.with_files())


def _get(name: str) -> Recipe:
    return hosts.get_recipe(name, _rows())


def _page(
    request: Request,
    recipe: Recipe,
    *,
    form: TextForm | None = None,
    file: FileForm | None = None,
    build: BuildForm | None = None,
    problems: list[Problem] | None = None,
) -> HttpResponse:
    (standing,) = outlines.standings([recipe])
    context: dict[str, Any] = {
        "section": "images",
        "recipe": recipe,
        "standing": standing,
        "form": form or TextForm(initial={"text": recipe.text}),
        "file_form": file or FileForm(),
        "build_form": build or BuildForm(),
        "problems": problems or _standing_problems(standing),
        "files": recipe.files.annotate(size=Length("content")).defer("content").order_by(F("path")),
    }
    is_refused = bool(problems) or any(one is not None and one.errors for one in (form, file, build))
    return render(request, "recipes/detail.html", context, status=422 if is_refused else 200)


def _standing_problems(standing: Standing) -> list[Problem]:
    """Return what keeps the recipe from being built now: what it names may have gone."""
    return _problems(standing.problem, standing.recipe.text) if standing.problem else []


def _problems(error: InvalidRequest, text: str) -> list[Problem]:
    lines = text.replace("\r\n", "\n").split("\n")
    return [_problem(item.field, item.message, lines) for item in error.errors]


def _problem(field: str, message: str, lines: list[str]) -> Problem:
    word, _blank, number = field.partition(" ")
    if word == "line" and number.isdecimal() and 0 < int(number) <= len(lines):
        return Problem(int(number), lines[int(number) - 1].strip(), message)
    return Problem(None, "", f"{field}: {message}" if field else message)
