"""What each operation does, one module a family. `HANDLERS` is the closed list of what root can be asked for."""

from __future__ import annotations

from typing import Final

from containers.domain.states import Operation
from containers.jobs.handlers.app_backups import AppBackupHandler, AppRestoreHandler, BackupRemoveHandler
from containers.jobs.handlers.app_mending import AppMendHandler
from containers.jobs.handlers.app_sources import (
    CatalogueFetchHandler,
    CataloguePublishHandler,
    CatalogueRemoveHandler,
    CatalogueWithdrawHandler,
)
from containers.jobs.handlers.app_updates import AppBackHandler, AppForgetHandler, AppUpdateHandler
from containers.jobs.handlers.apps import AppInstallHandler, AppUninstallHandler
from containers.jobs.handlers.base import Handler
from containers.jobs.handlers.builds import ImageBuildHandler
from containers.jobs.handlers.cleanup import CleanUpHandler
from containers.jobs.handlers.containers import ContainerHandler
from containers.jobs.handlers.demo import DemoHandler
from containers.jobs.handlers.fetching import ImageFetchHandler
from containers.jobs.handlers.image_files import ImageImportHandler, ImagePullHandler
from containers.jobs.handlers.images import ImageRemoveHandler
from containers.jobs.handlers.keeping import LayerCommitHandler
from containers.jobs.handlers.layers import LayerBootstrapHandler, LayerImportHandler, LayerRemoveHandler
from containers.jobs.handlers.network import NetworkHandler
from containers.jobs.handlers.repositories import ExportRemoveHandler, ImageExportHandler, RepositoryRefreshHandler
from containers.jobs.handlers.volumes import VolumeRemoveHandler, VolumeScanHandler

__all__ = ["HANDLERS", "Handler"]

HANDLERS: Final[dict[str, type[Handler]]] = {
    Operation.CREATE: ContainerHandler,
    Operation.START: ContainerHandler,
    Operation.STOP: ContainerHandler,
    Operation.RESTART: ContainerHandler,
    Operation.RESET: ContainerHandler,
    Operation.KILL: ContainerHandler,
    Operation.FREEZE: ContainerHandler,
    Operation.UNFREEZE: ContainerHandler,
    Operation.EXECUTE: ContainerHandler,
    Operation.REPAIR: ContainerHandler,
    Operation.MOUNT: ContainerHandler,
    Operation.UNMOUNT: ContainerHandler,
    Operation.DESTROY: ContainerHandler,
    Operation.AUTOSTART: ContainerHandler,
    Operation.SHUTDOWN: ContainerHandler,
    Operation.TIDY: ContainerHandler,
    Operation.NETWORK: NetworkHandler,
    Operation.LAYER_IMPORT: LayerImportHandler,
    Operation.LAYER_REMOVE: LayerRemoveHandler,
    Operation.LAYER_COMMIT: LayerCommitHandler,
    Operation.LAYER_BOOTSTRAP: LayerBootstrapHandler,
    Operation.IMAGE_IMPORT: ImageImportHandler,
    Operation.IMAGE_PULL: ImagePullHandler,
    Operation.CLEAN_UP: CleanUpHandler,
    Operation.IMAGE_REMOVE: ImageRemoveHandler,
    Operation.IMAGE_BUILD: ImageBuildHandler,
    Operation.VOLUME_SCAN: VolumeScanHandler,
    Operation.VOLUME_REMOVE: VolumeRemoveHandler,
    Operation.IMAGE_EXPORT: ImageExportHandler,
    Operation.EXPORT_REMOVE: ExportRemoveHandler,
    Operation.REPOSITORY_REFRESH: RepositoryRefreshHandler,
    Operation.IMAGE_FETCH: ImageFetchHandler,
    Operation.CATALOGUE_FETCH: CatalogueFetchHandler,
    Operation.CATALOGUE_REMOVE: CatalogueRemoveHandler,
    Operation.CATALOGUE_PUBLISH: CataloguePublishHandler,
    Operation.CATALOGUE_WITHDRAW: CatalogueWithdrawHandler,
    Operation.DEMO: DemoHandler,
    Operation.APP_INSTALL: AppInstallHandler,
    Operation.APP_UPDATE: AppUpdateHandler,
    Operation.APP_BACK: AppBackHandler,
    Operation.APP_UNINSTALL: AppUninstallHandler,
    Operation.APP_BACKUP: AppBackupHandler,
    Operation.APP_RESTORE: AppRestoreHandler,
    Operation.BACKUP_REMOVE: BackupRemoveHandler,
    Operation.APP_FORGET: AppForgetHandler,
    Operation.APP_MEND: AppMendHandler,
}
