"""The closed lists: states, operations, actions. The word in the code is the word on the screen."""

from __future__ import annotations

from typing import Final

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from containers.domain import states


class ContainerState(TextChoices):
    """LXC's own states (lxc/src/lxc/state.h), and UNKNOWN when LXC does not answer."""

    STOPPED = states.State.STOPPED.value, _("Stopped")
    STARTING = states.State.STARTING.value, _("Starting")
    RUNNING = states.State.RUNNING.value, _("Running")
    STOPPING = states.State.STOPPING.value, _("Stopping")
    ABORTING = states.State.ABORTING.value, _("Aborting")
    FREEZING = states.State.FREEZING.value, _("Freezing")
    FROZEN = states.State.FROZEN.value, _("Frozen")
    THAWED = states.State.THAWED.value, _("Thawed")
    UNKNOWN = states.State.UNKNOWN.value, _("Unknown")


class JobState(TextChoices):
    QUEUED = "queued", _("Queued")
    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("In progress")
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")
    ERRORED = "errored", _("Errored")
    CANCELLED = "cancelled", _("Cancelled")
    LOST = "lost", _("Lost")


# Not begun: a worker may take it, a cancel ends it on the spot.
PENDING_JOB_STATES: Final = (JobState.QUEUED, JobState.WAITING)
ACTIVE_JOB_STATES: Final = (*PENDING_JOB_STATES, JobState.RUNNING)
ENDED_JOB_STATES: Final = (
    JobState.SUCCEEDED,
    JobState.FAILED,
    JobState.ERRORED,
    JobState.CANCELLED,
    JobState.LOST,
)


class StepState(TextChoices):
    PENDING = "pending", _("Waiting")
    RUNNING = "running", _("In progress")
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")
    SKIPPED = "skipped", _("Skipped")
    CANCELLED = "cancelled", _("Cancelled")
    LOST = "lost", _("Lost")


class Operation(TextChoices):
    """What the root worker can do: nothing else is ever run for a job."""

    CREATE = states.Operation.CREATE.value, _("Create")
    START = states.Operation.START.value, _("Start")
    STOP = states.Operation.STOP.value, _("Stop")
    RESTART = states.Operation.RESTART.value, _("Restart")
    RESET = states.Operation.RESET.value, _("Reset")
    KILL = states.Operation.KILL.value, _("Kill")
    FREEZE = states.Operation.FREEZE.value, _("Freeze")
    UNFREEZE = states.Operation.UNFREEZE.value, _("Unfreeze")
    EXECUTE = states.Operation.EXECUTE.value, _("Execute")
    REPAIR = states.Operation.REPAIR.value, _("Repair")
    MOUNT = states.Operation.MOUNT.value, _("Mount")
    UNMOUNT = states.Operation.UNMOUNT.value, _("Unmount")
    DESTROY = states.Operation.DESTROY.value, _("Delete")
    AUTOSTART = states.Operation.AUTOSTART.value, _("Start at boot")
    SHUTDOWN = states.Operation.SHUTDOWN.value, _("Shut down")
    TIDY = states.Operation.TIDY.value, _("Tidy up")
    NETWORK = states.Operation.NETWORK.value, _("Set up network")
    LAYER_IMPORT = states.Operation.LAYER_IMPORT.value, _("Import layer")
    LAYER_REMOVE = states.Operation.LAYER_REMOVE.value, _("Remove layer")
    LAYER_COMMIT = states.Operation.LAYER_COMMIT.value, _("Keep changes of")
    IMAGE_BUILD = states.Operation.IMAGE_BUILD.value, _("Build image")
    LAYER_BOOTSTRAP = states.Operation.LAYER_BOOTSTRAP.value, _("Make base system")
    IMAGE_IMPORT = states.Operation.IMAGE_IMPORT.value, _("Import image")
    IMAGE_PULL = states.Operation.IMAGE_PULL.value, _("Pull image")
    CLEAN_UP = states.Operation.CLEAN_UP.value, _("Clean up")
    IMAGE_REMOVE = states.Operation.IMAGE_REMOVE.value, _("Remove image")
    VOLUME_SCAN = states.Operation.VOLUME_SCAN.value, _("Measure volumes")
    VOLUME_REMOVE = states.Operation.VOLUME_REMOVE.value, _("Remove volume")
    IMAGE_EXPORT = states.Operation.IMAGE_EXPORT.value, _("Export image")
    EXPORT_REMOVE = states.Operation.EXPORT_REMOVE.value, _("Remove export")
    REPOSITORY_REFRESH = states.Operation.REPOSITORY_REFRESH.value, _("Refresh repository")
    IMAGE_FETCH = states.Operation.IMAGE_FETCH.value, _("Fetch image")
    CATALOGUE_FETCH = states.Operation.CATALOGUE_FETCH.value, _("Fetch app")
    CATALOGUE_REMOVE = states.Operation.CATALOGUE_REMOVE.value, _("Remove app from catalogue")
    CATALOGUE_PUBLISH = states.Operation.CATALOGUE_PUBLISH.value, _("Publish app")
    CATALOGUE_WITHDRAW = states.Operation.CATALOGUE_WITHDRAW.value, _("Withdraw app")
    DEMO = states.Operation.DEMO.value, _("Make demo")
    APP_INSTALL = states.Operation.APP_INSTALL.value, _("Install app")
    APP_UPDATE = states.Operation.APP_UPDATE.value, _("Update app")
    APP_BACK = states.Operation.APP_BACK.value, _("Go back with app")
    APP_UNINSTALL = states.Operation.APP_UNINSTALL.value, _("Uninstall app")
    APP_BACKUP = states.Operation.APP_BACKUP.value, _("Back up app")
    APP_RESTORE = states.Operation.APP_RESTORE.value, _("Restore app")
    BACKUP_REMOVE = states.Operation.BACKUP_REMOVE.value, _("Remove backup")
    APP_FORGET = states.Operation.APP_FORGET.value, _("Give up way back of app")
    APP_MEND = states.Operation.APP_MEND.value, _("Mend app")


def operations() -> list[tuple[str, str]]:
    """What a job's row may hold. A function, so that a further operation is no change of the database's form."""
    return [(operation.value, str(operation.label)) for operation in Operation]


# What `plan` answers for and `bulk` accepts: the operations on containers that exist.
CONTAINER_OPERATIONS: Final = (
    Operation.START,
    Operation.STOP,
    Operation.RESTART,
    Operation.RESET,
    Operation.KILL,
    Operation.FREEZE,
    Operation.UNFREEZE,
    Operation.REPAIR,
    Operation.MOUNT,
    Operation.UNMOUNT,
    Operation.DESTROY,
)


class TerminalEnding(TextChoices):
    """How a terminal came to its end."""

    EXITED = "exited", _("Its program ended")
    CLOSED = "closed", _("Closed")
    ENDED = "ended", _("Ended by somebody")
    IDLE = "idle", _("Nobody typed")
    LEFT = "left", _("Nobody came back")
    STOPPED = "stopped", _("The container stopped")
    REVOKED = "revoked", _("The right was taken away")
    SHUTDOWN = "shutdown", _("The panel stopped")
    FAILED = "failed", _("Could not be opened")
    LOST = "lost", _("Lost")


class InstallationState(TextChoices):
    """What is being done to an installed app. Whatever a job did not end, the next one brings to an end."""

    INSTALLING = "installing", _("Being installed")
    INSTALLED = "installed", _("Installed")
    # Nothing of what runs is touched: what an update needs is built, or what a way back needed is removed.
    PREPARING = "preparing", _("Being prepared")
    UPDATING = "updating", _("Being updated")
    GOING_BACK = "going-back", _("Going back")
    BACKING_UP = "backing-up", _("Being backed up")
    REMOVING = "removing", _("Being removed")


class Via(TextChoices):
    WEB = "web", _("Web")
    API = "api", _("API")
    CLI = "cli", _("Command line")
    BOOT = "boot", _("Boot")
    APP = "app", _("App")
    SYSTEM = "system", _("spocweb itself")


class Right(TextChoices):
    """What somebody may do (domain.rights says with what)."""

    VIEW = "view", _("View")
    OPERATE = "operate", _("Start and stop")
    EDIT = "edit", _("Edit")
    TERMINAL = "terminal", _("Open terminals")
    EXECUTE = "execute", _("Execute commands")
    DESTROY = "destroy", _("Destroy")
    INSTALL = "install", _("Install apps")
    IMAGES = "images", _("Layers and images")
    USERS = "users", _("Administer accounts")
    AUDIT = "audit", _("Read the audit trail")


class Cancel(TextChoices):
    """How a job was asked to end: after the step that runs, or at once."""

    NO = "", _("No")
    NEXT = "next", _("Before the next step")
    NOW = "now", _("Now")


class EventKind(TextChoices):
    """What the audit trail records: a closed list. Writes, not reads, but for what leaves the panel."""

    # Accounts
    SIGN_IN = "sign-in", _("Signed in")
    SIGN_IN_FAIL = "sign-in.fail", _("Sign-in refused")
    SIGN_OUT = "sign-out", _("Signed out")
    SIGN_IN_CONFIRM = "sign-in.confirm", _("Confirmed again who it is")
    SIGN_IN_CONFIRM_FAIL = "sign-in.confirm-fail", _("Confirming who it is refused")
    PERMISSION_REFUSE = "permission.refuse", _("Refused for lack of a right")
    USER_CREATE = "user.create", _("Account made")
    USER_UPDATE = "user.update", _("Account changed")
    USER_REMOVE = "user.remove", _("Account removed")
    PASSWORD_CHANGE = "password.change", _("Password changed")  # noqa: S105
    FACTOR_ADD = "factor.add", _("Second factor added")
    FACTOR_REMOVE = "factor.remove", _("Second factor removed")
    RECOVERY_MAKE = "recovery.make", _("Recovery codes made")
    RECOVERY_USE = "recovery.use", _("Recovery code used")
    SESSION_END = "session.end", _("Session ended")
    ROLE_GRANT = "role.grant", _("Role or right given")
    ROLE_REVOKE = "role.revoke", _("Role or right taken away")
    TOKEN_CREATE = "token.create", _("Token made")  # noqa: S105
    TOKEN_REVOKE = "token.revoke", _("Token taken back")  # noqa: S105
    SETTING_CHANGE = "setting.change", _("Setting changed")
    SECRET_SHOW = "secret.show", _("Secret answers of an app shown")  # noqa: S105

    VAULT_ROTATE = "vault.rotate", _("Secrets sealed with a new key")

    # Containers
    CONTAINER_CREATE = "container.create", _("Container defined")
    CONTAINER_UPDATE = "container.update", _("Definition changed")
    CONTAINER_REMOVE = "container.remove", _("Container removed")
    DRIFT_IGNORE = "drift.ignore", _("Difference accepted")
    DEFINITIONS_EXPORT = "definitions.export", _("Definitions exported")
    DEMO_CREATE = "demo.create", _("Demo asked for")

    # Jobs and sessions
    JOB_QUEUE = "job.queue", _("Job asked for")
    JOB_CANCEL = "job.cancel", _("Cancel asked for")
    JOB_END = "job.end", _("Job ended")
    JOB_SWEEP = "job.sweep", _("Output of a job removed")
    JOB_EXPORT = "job.export", _("Support file taken")
    QUEUE_REFUSE = "queue.refuse", _("Queue entry refused")
    TERMINAL_OPEN = "terminal.open", _("Terminal opened")
    TERMINAL_END = "terminal.end", _("End of a terminal asked for")
    TERMINAL_CLOSE = "terminal.close", _("Terminal closed")
    TICKET_REFUSE = "ticket.refuse", _("Session refused")

    # Images, layers, volumes
    IMAGE_BUILD = "image.build", _("Image build asked for")
    IMAGE_IMPORT = "image.import", _("Image import asked for")
    IMAGE_PULL = "image.pull", _("Image pull asked for")
    IMAGE_FETCH = "image.fetch", _("Image fetch asked for")
    IMAGE_EXPORT = "image.export", _("Image export asked for")
    IMAGE_REMOVE = "image.remove", _("Image removal asked for")
    EXPORT_REMOVE = "export.remove", _("Removal of an export asked for")
    LAYER_IMPORT = "layer.import", _("Layer import asked for")
    LAYER_BOOTSTRAP = "layer.bootstrap", _("Base system asked for")
    LAYER_COMMIT = "layer.commit", _("Keeping changes asked for")
    LAYER_REMOVE = "layer.remove", _("Layer removal asked for")
    RECIPE_CREATE = "recipe.create", _("Recipe made")
    RECIPE_UPDATE = "recipe.update", _("Recipe changed")
    RECIPE_DELETE = "recipe.delete", _("Recipe removed")
    RECIPE_FILE = "recipe.file", _("File of a recipe changed")
    REPOSITORY_ADD = "repository.add", _("Repository added")
    REPOSITORY_REMOVE = "repository.remove", _("Repository removed")
    CATALOGUE_FETCH = "catalogue.fetch", _("App fetch asked for")
    CATALOGUE_REMOVE = "catalogue.remove", _("Removal of an app from the catalogue asked for")
    CATALOGUE_PUBLISH = "catalogue.publish", _("Publication of an app asked for")
    CATALOGUE_WITHDRAW = "catalogue.withdraw", _("Withdrawal of a published app asked for")
    VOLUME_REMOVE = "volume.remove", _("Volume removal asked for")
    CLEAN_UP = "clean-up", _("Clean-up asked for")
    BACKUP_DOWNLOAD = "backup.download", _("Backup downloaded")
    BACKUP_REMOVE = "backup.remove", _("Backup removed")

    # The trail itself
    AUDIT_BEGIN = "audit.begin", _("Chain begun")
    AUDIT_SWEEP = "audit.sweep", _("Old events removed")
    AUDIT_EXPORT = "audit.export", _("Audit trail exported")
    AUDIT_BROKEN = "audit.broken", _("Chain found broken")
    VIEW_SAVE = "view.save", _("View saved")
    VIEW_REMOVE = "view.remove", _("Saved view removed")


def event_kinds() -> list[tuple[str, str]]:
    """What an event's row may hold. A function, so that a further kind is no change of the database's form."""
    return [(kind.value, str(kind.label)) for kind in EventKind]


class MountKind(TextChoices):
    DIRECTORY = "directory", _("Directory")
    FILE = "file", _("File")


class LayerSource(TextChoices):
    """How a layer came to be."""

    IMPORT = "import", _("Imported")
    OCI = "oci", _("From an OCI image")
    BOOTSTRAP = "bootstrap", _("Base system")
    BUILD = "build", _("Built")
    COMMIT = "commit", _("Kept from a container")
    FETCH = "fetch", _("From a repository")
    DEMO = "demo", _("Demo")
