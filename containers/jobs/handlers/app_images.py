"""The images of apps: built from recipes that root reads itself, on base systems that are made where they are missing."""

from __future__ import annotations

from django.conf import settings

from containers.catalog import apps
from containers.catalog.apps import App
from containers.domain.build import FileFacts
from containers.domain.plan import Action
from containers.domain.states import Operation
from containers.host import layers
from containers.host.command import Runner
from containers.host.copying import File
from containers.jobs.cancel import CancelWatch
from containers.jobs.handlers.builds import ImageBuildHandler
from containers.jobs.handlers.layers import NewLayerHandler
from containers.jobs.journal import Journal
from containers.models import Job


class AppImageHandler(ImageBuildHandler):
    """Builds one image of an app as its recipe in the catalogue says."""

    def __init__(self, job: Job, journal: Journal, cancel: CancelWatch, app: App, key: str) -> None:
        job.operation = Operation.IMAGE_BUILD
        job.targets = [str(app.manifest.image_ref(key))]
        job.inputs = {"recipe": app.recipe(key)}
        super().__init__(job, journal, cancel)
        self._own_files = app.recipe_files(key)

    def _file_facts(self) -> dict[str, FileFacts]:
        return apps.facts(self._own_files)

    def _files(self) -> dict[str, File]:
        facts = self._file_facts()
        return {path: File(content, facts[path].is_executable) for path, content in self._own_files.items()}


class BusyboxLayerHandler(NewLayerHandler):
    """Makes a layer of the host's own busybox."""

    action = Action.BUILD

    def make(self, runner: Runner) -> layers.Made:
        """Fill it."""
        ids = {"idmap_base": settings.IDMAP_BASE, "idmap_size": settings.IDMAP_SIZE}
        return layers.make_busybox(self.layout, runner, self.layer.name, **ids)
