"""The two ways in: pages and API."""

from __future__ import annotations

from django.urls import include, path

from containers.api import api

urlpatterns = [
    path("api/v1/", api.urls),
    path("", include("containers.urls")),
]

handler400 = "containers.views.errors.bad_request"
handler404 = "containers.views.errors.not_found"
