from __future__ import annotations

from django.apps import AppConfig


class ContainersConfig(AppConfig):
    name = "containers"

    def ready(self) -> None:
        from containers.jobs import gate

        # In every process, the web's included: rq falls back to pickle wherever a serializer is not named.
        gate.disable_pickle()
