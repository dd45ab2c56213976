"""What an operation may be given beside its targets: one form for each, and the worker reads job rows with the same.

Pure: rows and settings stay outside, so that whatever a row says is judged by the rule that judged the request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from containers.domain import manifest, names, recipe
from containers.domain.bootstrap import BaseSystem
from containers.domain.definition import MAX_LAYERS
from containers.domain.image import ImageRef
from containers.domain.questions import Answer
from containers.domain.recipe import MAX_FILES
from containers.domain.reference import MAX_REFERENCE, registry_reference
from containers.domain.states import Operation
from containers.domain.text import MAX_COMMAND, MAX_PATH, check_text
from containers.domain.values import Value
from containers.errors import FieldError, InvalidRequest

MAX_ARGUMENTS: Final = 256
MAX_ARGUMENT: Final = MAX_COMMAND
MAX_TOTAL: Final = 8 * MAX_COMMAND
MAX_VOLUMES: Final = 100
MAX_CLEANED: Final = 1_000
# Characters of answers that are sealed together.
MAX_SEALED: Final = 4_000_000

_IDENTITY_NAME: Final = re.compile(r"[a-z_][a-z0-9_-]{0,31}", re.ASCII)
_IDENTITY_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_UPLOADED: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}", re.ASCII)
_BACKUP: Final = re.compile(r"[a-z][a-z0-9-]{0,80}\.tar", re.ASCII)
_UPLOAD: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)


def _as_tuple(value: object) -> object:
    if not isinstance(value, list | tuple):
        raise ValueError("must be a list")
    return tuple(value)


def _argument(value: str) -> str:
    if not value:
        raise ValueError("must not be empty")
    return check_text(value, max_length=MAX_ARGUMENT)


def _command(words: tuple[str, ...]) -> tuple[str, ...]:
    if not words:
        raise ValueError("must not be empty")
    if sum(len(word) for word in words) > MAX_TOTAL:
        raise ValueError(f"is longer than {MAX_TOTAL} characters")
    return words


def _number_as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32 else value


def _identity(value: str) -> str:
    if not _IDENTITY_NAME.fullmatch(value) and not _IDENTITY_NUMBER.fullmatch(value):
        raise ValueError("must be a number, or a name of at most 32 letters a-z, digits, '_' and '-'")
    return value


def _path(value: str) -> str:
    check_text(value, max_length=MAX_PATH)
    path = PurePosixPath(value)
    if not value.startswith("/") or str(path) != value or ".." in path.parts:
        raise ValueError("must be an absolute path without '.', '..' and needless slashes")
    return value


def _pick(value: str) -> str:
    if not value:
        raise ValueError("must not be empty")
    return check_text(value, max_length=MAX_REFERENCE)


def _upload(value: str) -> str:
    if not _UPLOAD.fullmatch(value):
        raise ValueError("is not the name of an upload")
    return value


def _uploaded(value: str) -> str:
    """Check the name of any file in the directory of uploads: of one that broke off, too."""
    if not _UPLOADED.fullmatch(value):
        raise ValueError("is not the name of an upload")
    return value


def _image(value: str) -> str:
    """Return NAME:VERSION for NAME, too."""
    try:
        return str(ImageRef.parse(value, field=""))
    except InvalidRequest as error:
        raise ValueError(str(error)) from error


def _recipe(value: str) -> str:
    try:
        recipe.parse(value)
    except InvalidRequest as error:
        raise ValueError(error.brief) from error
    return value


def _source(value: str) -> str:
    return names.layer_name(value) if value else value


def _digest(value: str) -> str:
    if not _SHA256.fullmatch(value):
        raise ValueError("is not a SHA-256 in hexadecimal digits")
    return value


Argument = Annotated[str, AfterValidator(_argument)]
CommandWords = Annotated[
    tuple[Argument, ...], BeforeValidator(_as_tuple), Field(max_length=MAX_ARGUMENTS), AfterValidator(_command)
]
Identity = Annotated[str, BeforeValidator(_number_as_text), AfterValidator(_identity)]
VolumeName = Annotated[str, AfterValidator(names.volume_name)]
VolumeNames = Annotated[tuple[VolumeName, ...], BeforeValidator(_as_tuple), Field(max_length=MAX_VOLUMES)]
UploadedName = Annotated[str, AfterValidator(_uploaded)]
LayerName = Annotated[str, AfterValidator(names.layer_name)]
LayerStack = Annotated[tuple[LayerName, ...], BeforeValidator(_as_tuple), Field(max_length=MAX_LAYERS)]
ImageName = Annotated[str, AfterValidator(_image)]
RecipePath = Annotated[str, AfterValidator(recipe.file_path)]
Digest = Annotated[str, AfterValidator(_digest)]


class Inputs(Value):
    """Nothing at all: what most operations take."""

    def export(self) -> dict[str, Any]:
        """Return what a job's row keeps: the keys that are given."""
        return self.model_dump(mode="json", exclude_defaults=True)


class StartInputs(Inputs):
    """A command instead of the definition's, for this run and the asked-for container alone."""

    command: CommandWords | None = None


class ExecuteInputs(Inputs):
    """What to run in the container and as whom: numbers, or names that the container knows."""

    command: CommandWords
    uid: Identity | None = None
    gid: Identity | None = None


class DestroyInputs(Inputs):
    """The volumes to remove with the containers; all others stay."""

    volumes: VolumeNames = ()


class LayerImportInputs(Inputs):
    """Where a layer comes from: a path on the server, or an upload by its generated name."""

    path: Annotated[str, AfterValidator(_path)] | None = None
    upload: Annotated[str, AfterValidator(_upload)] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.path is None) == (self.upload is None):
            raise ValueError("needs a path or an archive, and not both")
        return self


class LayerCommitInputs(Inputs):
    """The layer that is to be made of what a container has written, and the image that is to have it on top, if any."""

    layer: LayerName
    image: Annotated[str, AfterValidator(_image)] | None = None


class ImageBuildInputs(Inputs):
    """A recipe, {path: SHA-256} of its files, and whether to build what was built already. The image is the target."""

    recipe: Annotated[str, AfterValidator(_recipe)]
    files: Annotated[dict[RecipePath, Digest], Field(max_length=MAX_FILES)] = {}
    force: bool = False


class CleanUpInputs(Inputs):
    """What goes, by name, unless it is used by then; `leftovers` are what jobs left unfinished, whatever it is then.

    `images` have the layers that they had when they were named.
    """

    layers: Annotated[tuple[LayerName, ...], BeforeValidator(_as_tuple), Field(max_length=MAX_CLEANED)] = ()
    uploads: Annotated[tuple[UploadedName, ...], BeforeValidator(_as_tuple), Field(max_length=MAX_CLEANED)] = ()
    images: Annotated[dict[ImageName, LayerStack], Field(max_length=MAX_CLEANED)] = {}
    leftovers: bool = False


class ImageRemoveInputs(Inputs):
    """The layers that the image had: those that nothing else uses go with it, also when the image is gone already."""

    layers: LayerStack = ()


class LayerBootstrapInputs(BaseSystem, Inputs):
    """What the base system is made of."""


class ImageImportInputs(LayerImportInputs):
    """Where an image comes from, and which one to take where the file has several."""

    pick: Annotated[str, AfterValidator(_pick)] | None = None


class ImagePullInputs(Inputs):
    """What a registry calls it."""

    reference: Annotated[str, AfterValidator(registry_reference)]


class ImageFetchInputs(Inputs):
    """The repository to fetch from."""

    repository: LayerName


class CatalogueFetchInputs(Inputs):
    """The repository to fetch from. The app is the target."""

    repository: LayerName


class TidyInputs(Inputs):
    """The lost job after which its containers are looked at again."""

    after: int | None = None


class DemoInputs(Inputs):
    """The layer that the demo's containers stand on."""

    layer: LayerName


def backup_file(value: str) -> str:
    """Check the name of a backup: it becomes a path below root's directory. Raises ValueError."""
    if not _BACKUP.fullmatch(value):
        raise ValueError("is not the name of a backup")
    return value


def _app(value: str) -> str:
    return manifest.app_name(value)


# {what the app calls it: a volume that is there}.
AdoptedVolumes = Annotated[dict[Annotated[str, Field(max_length=20)], VolumeName], Field(max_length=20)]
GivenAnswers = Annotated[dict[Annotated[str, Field(max_length=40)], Answer], Field(max_length=200)]


class AppInstallInputs(Inputs):
    """What was asked for, for the record and for another try; the installation's row has it with what is secret."""

    app: Annotated[str, AfterValidator(_app)]
    answers: GivenAnswers = {}
    adopt: AdoptedVolumes = {}


class AppUpdateInputs(Inputs):
    """The repository that it may be from where that is not the one that the installation is from; "own" is this host."""

    source: Annotated[str, AfterValidator(_source)] = ""


class AppUninstallInputs(Inputs):
    """The volumes that go, too; with `force` the app's own last steps are left out."""

    volumes: VolumeNames = ()
    force: bool = False


class AppBackupInputs(Inputs):
    """Whether the containers are frozen instead of stopped, and whether nobody asked."""

    freeze: bool = False
    scheduled: bool = False


class BackupPlace(Inputs):
    """Where a backup is: among the host's own, at a path on the server, or an upload."""

    backup: Annotated[str, AfterValidator(backup_file)] | None = None
    path: Annotated[str, AfterValidator(_path)] | None = None
    upload: Annotated[str, AfterValidator(_upload)] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if [self.backup, self.path, self.upload].count(None) != 2:
            raise ValueError("needs one of backup, path and upload")
        return self


class AppRestoreInputs(BackupPlace):
    """Where a backup is, and answers in place of its own.

    `adopt` are volumes that are taken as they are, in place of those in the backup.
    `sealed` (services.vault) are those that are secret, or may be. A rotation of keys leaves jobs as they are.
    `source` is the repository that the app may be from where the backup says another one; "own" is this host.
    """

    answers: GivenAnswers = {}
    sealed: Annotated[str, Field(max_length=MAX_SEALED)] = ""
    adopt: AdoptedVolumes = {}
    source: Annotated[str, AfterValidator(_source)] = ""


FORMS: Final[Mapping[Operation, type[Inputs]]] = {
    Operation.START: StartInputs,
    Operation.EXECUTE: ExecuteInputs,
    Operation.DESTROY: DestroyInputs,
    Operation.LAYER_IMPORT: LayerImportInputs,
    Operation.LAYER_COMMIT: LayerCommitInputs,
    Operation.IMAGE_BUILD: ImageBuildInputs,
    Operation.CLEAN_UP: CleanUpInputs,
    Operation.IMAGE_REMOVE: ImageRemoveInputs,
    Operation.LAYER_BOOTSTRAP: LayerBootstrapInputs,
    Operation.IMAGE_IMPORT: ImageImportInputs,
    Operation.IMAGE_PULL: ImagePullInputs,
    Operation.IMAGE_FETCH: ImageFetchInputs,
    Operation.CATALOGUE_FETCH: CatalogueFetchInputs,
    Operation.TIDY: TidyInputs,
    Operation.DEMO: DemoInputs,
    Operation.APP_INSTALL: AppInstallInputs,
    Operation.APP_UPDATE: AppUpdateInputs,
    Operation.APP_UNINSTALL: AppUninstallInputs,
    Operation.APP_BACKUP: AppBackupInputs,
    Operation.APP_RESTORE: AppRestoreInputs,
}


def parse(operation: Operation, data: object, *, idmap_size: int) -> Inputs:
    """Return the inputs of `operation`. Raises InvalidRequest with every refused value."""
    inputs = FORMS.get(operation, Inputs).validate_as(data, field="")
    if isinstance(inputs, ExecuteInputs):
        _check_identities(inputs, idmap_size)
    return inputs


def _check_identities(inputs: ExecuteInputs, idmap_size: int) -> None:
    errors = tuple(
        FieldError(field, f"must be a name, or a number from 0 to {idmap_size - 1}")
        for field, value in (("uid", inputs.uid), ("gid", inputs.gid))
        if value is not None and value.isdecimal() and int(value) >= idmap_size
    )
    if errors:
        raise InvalidRequest.all(errors)
