"""Tokens for the API: one's own; those who administer accounts see and take back everybody's."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from containers.errors import InvalidRequest, SpocError
from containers.forms.tokens import TokenForm
from containers.services import access, tokens
from containers.services.entry import SEE, SIGNED_IN, USERS
from containers.views.access import Request, actor_of, opens_to
from containers.views.confirming import require_recent
from containers.views.token_rows import shown

PAGE_SIZE = 50


@require_http_methods(["GET", "POST"])
@opens_to(SEE)
@sensitive_variables("made")
def token_list(request: Request) -> HttpResponse:
    """One's own, and a form for another one, whose text is in the answer to the form and nowhere else."""
    if request.method == "POST":
        require_recent(request)
    form = TokenForm(request.POST if request.method == "POST" else None)
    made = _make(request, form) if form.is_bound and form.is_valid() else ""
    context = {
        "section": "tokens",
        "tokens": shown(tokens.within_reach(actor_of(request)).filter(user=request.user)),
        "form": TokenForm() if made else form,
        "made": made,
    }
    return render(request, "tokens/list.html", context, status=422 if form.errors else 201 if made else 200)


@require_GET
@opens_to(USERS)
def token_everybody(request: Request) -> HttpResponse:
    page = Paginator(tokens.within_reach(actor_of(request)), PAGE_SIZE).get_page(request.GET.get("page", "1"))
    context = {"section": "accounts", "tokens": shown(page.object_list), "page": page, "count": page.paginator.count}
    return render(request, "tokens/everybody.html", context)


@require_POST
@opens_to(SIGNED_IN)
def revoke(request: Request, number: int) -> HttpResponse:
    """From the page of one's own tokens, of everybody's, or of an account, and back there."""
    back = request.POST.get("back", "")
    if back:
        access.require(request.user, "users")
    row = tokens.revoke(actor_of(request), number)
    messages.success(request, _("The token is taken back: %(name)s.") % {"name": row.name or number})
    if back == "account":
        return redirect("account-detail", row.user_id)
    return redirect("token-everybody" if back else "token-list")


@sensitive_variables("text")
def _make(request: Request, form: TokenForm) -> str:
    """Return the text of a token that was made, or nothing, with the reasons in the form."""
    try:
        _row, text = tokens.create(actor_of(request), request.user, form.to_terms())
    except InvalidRequest as error:
        form.refuse(error)
        return ""
    except SpocError as error:
        form.add_error(None, str(error))
        return ""
    return text
