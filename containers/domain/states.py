"""The closed lists that rules and host share; `containers.choices` adds the words on the screen."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """LXC's own states (lxc/src/lxc/state.h), and UNKNOWN when LXC does not answer."""

    STOPPED = "STOPPED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    ABORTING = "ABORTING"
    FREEZING = "FREEZING"
    FROZEN = "FROZEN"
    THAWED = "THAWED"
    UNKNOWN = "UNKNOWN"


class Operation(StrEnum):
    """What the root worker can do: nothing else is ever run for a job."""

    CREATE = "create"
    START = "start"
    STOP = "stop"
    RESTART = "restart"
    RESET = "reset"
    KILL = "kill"
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    EXECUTE = "execute"
    REPAIR = "repair"
    MOUNT = "mount"
    UNMOUNT = "unmount"
    DESTROY = "destroy"
    AUTOSTART = "autostart"
    SHUTDOWN = "shutdown"
    TIDY = "tidy"
    NETWORK = "network"
    LAYER_IMPORT = "layer-import"
    LAYER_REMOVE = "layer-remove"
    LAYER_COMMIT = "layer-commit"
    IMAGE_BUILD = "image-build"
    LAYER_BOOTSTRAP = "layer-bootstrap"
    IMAGE_IMPORT = "image-import"
    IMAGE_PULL = "image-pull"
    CLEAN_UP = "clean-up"
    IMAGE_REMOVE = "image-remove"
    VOLUME_SCAN = "volume-scan"
    VOLUME_REMOVE = "volume-remove"
    IMAGE_EXPORT = "image-export"
    EXPORT_REMOVE = "export-remove"
    REPOSITORY_REFRESH = "repository-refresh"
    IMAGE_FETCH = "image-fetch"
    DEMO = "demo"
    APP_INSTALL = "app-install"
    APP_UPDATE = "app-update"
    APP_BACK = "app-back"
    APP_UNINSTALL = "app-uninstall"
    APP_BACKUP = "app-backup"
    APP_RESTORE = "app-restore"
    APP_MEND = "app-mend"
