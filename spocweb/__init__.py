"""The Django project: settings, URLs, ASGI. No business code."""
