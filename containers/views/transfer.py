"""A whole host as one file: out, and in again."""

from __future__ import annotations

import json

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from containers.errors import InvalidRequest, SpocError
from containers.forms.transfer import ImportForm
from containers.services import transfer
from containers.services.entry import EDIT, SEE
from containers.views.access import Request, actor_of, opens_to


@require_GET
@opens_to(SEE)
def export(request: Request) -> HttpResponse:
    transfer.take(actor_of(request))
    text = json.dumps(transfer.export(), indent=2, ensure_ascii=False)
    headers = {"Content-Disposition": 'attachment; filename="containers.json"'}
    return HttpResponse(f"{text}\n", content_type="application/json", headers=headers)


@require_http_methods(["GET", "POST"])
@opens_to(EDIT)
def import_page(request: Request) -> HttpResponse:
    form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()
    errors: list[tuple[str, str]] = []
    if form.is_bound and form.is_valid():
        try:
            made = transfer.import_containers(actor_of(request), form.cleaned_data["document"])
        except InvalidRequest as error:
            errors = [(item.field, item.message) for item in error.errors] or [("", str(error))]
        except SpocError as error:
            errors = [("", str(error))]
        else:
            text = ngettext("%(n)d container is imported.", "%(n)d containers are imported.", len(made))
            messages.success(request, text % {"n": len(made)})
            return redirect("container-list")
    status = 422 if errors or form.errors else 200
    return render(request, "containers/import.html", {"section": "containers", "form": form, "errors": errors}, status=status)
