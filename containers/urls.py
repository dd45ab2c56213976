"""The addresses of the pages. Names of containers stand below /containers/ only, so that no page shadows one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path, register_converter
from django.utils.module_loading import import_string
from django.views.decorators.http import require_http_methods

from containers.choices import CONTAINER_OPERATIONS, Operation
from containers.services.entry import EVERYBODY, SIGNED_IN, Entry
from containers.views import (
    account,
    account_changes,
    accounts,
    apps,
    audit,
    cleanup,
    container,
    containers,
    dashboard,
    definition,
    dependencies,
    drifts,
    files,
    history,
    images,
    installations,
    installing,
    jobs,
    layer_add,
    layers,
    log_page,
    networks,
    notifications,
    operations,
    recipes,
    repositories,
    restoring,
    rights,
    search,
    shell,
    signing,
    styleguide,
    terminals,
    tokens,
    transfer,
    upkeep,
    volumes,
)
from containers.views.access import opens_to

# In place of a name, where there is no valid one.
NOTHING: Final = "~"


class NameConverter:
    """A container's name. What is none, in a row that was changed behind the services' back, is written as `~`, which names
    nothing: a list shows such a row, and its links say that there is no such thing.
    """

    valid = "[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
    regex = f"(?:{valid}|~)"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value if re.fullmatch(self.valid, value, re.ASCII) else NOTHING


class LayerConverter(NameConverter):
    valid = "[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?"
    regex = f"(?:{valid}|~)"


class VersionConverter(NameConverter):
    """An image's version."""

    valid = "[A-Za-z0-9](?:[A-Za-z0-9._+~-]{0,61}[A-Za-z0-9])?"
    regex = f"(?:{valid}|~)"


class BackupConverter(NameConverter):
    """A backup's file."""

    valid = r"[a-z][a-z0-9-]{0,80}\.tar"
    regex = f"(?:{valid}|~)"


class OperationConverter:
    """What a click can do to containers, deleting apart, which has a page of its own."""

    regex = "|".join(operation.value for operation in CONTAINER_OPERATIONS if operation != Operation.DESTROY)

    def to_python(self, value: str) -> Operation:
        return Operation(value)

    def to_url(self, value: str) -> str:
        return Operation(value).value


class NumberConverter:
    """A number that a database key can be."""

    regex = "[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


register_converter(NameConverter, "container")
register_converter(LayerConverter, "layer")
register_converter(VersionConverter, "version")
register_converter(BackupConverter, "backup")
register_converter(OperationConverter, "operation")
register_converter(NumberConverter, "number")


def later(name: str, entry: Entry = SIGNED_IN) -> Callable[..., HttpResponseBase]:
    """Return the view `name`, which opens to `entry`, and whose module is loaded when it is asked for.

    Second factors bring megabytes of code along, which a panel whose users have none never needs.
    """

    @require_http_methods(["GET", "HEAD", "POST"])
    @opens_to(entry)
    def view(request: HttpRequest, **arguments: object) -> HttpResponseBase:
        response: HttpResponseBase = import_string(f"containers.views.{name}")(request, **arguments)
        return response

    return view


# Names with an underscore are those that django-allauth looks for.
account_urls: Final = [
    path("sign-in/", opens_to(EVERYBODY)(signing.SignInView.as_view()), name="account_login"),
    path("sign-in/code/", later("codes.sign_in_code", EVERYBODY), name="mfa_authenticate"),
    path("sign-in/passkey/", later("passkeys.sign_in", EVERYBODY), name="mfa_login_webauthn"),
    path("sign-out/", opens_to(EVERYBODY)(signing.SignOutView.as_view()), name="sign-out"),
    path("confirm/", later("codes.confirm_password"), name="account_reauthenticate"),
    path("confirm/code/", later("codes.confirm_code"), name="mfa_reauthenticate"),
    path("confirm/anew/", later("codes.confirm_anew"), name="confirm-anew"),
    path("confirm/passkey/", later("passkeys.confirm"), name="mfa_reauthenticate_webauthn"),
    path("security/", later("security.security"), name="mfa_index"),
    path("security/password/", later("security.change_password"), name="account_change_password"),
    path("security/app/", later("security.add_app"), name="mfa_activate_totp"),
    path("security/app/remove/", later("security.remove_app"), name="mfa_deactivate_totp"),
    path("security/codes/", later("security.show_codes"), name="mfa_view_recovery_codes"),
    path("security/codes/new/", later("security.make_codes"), name="mfa_generate_recovery_codes"),
    path("security/passkeys/add/", later("passkeys.add"), name="mfa_add_webauthn"),
    path("security/passkeys/<number:pk>/remove/", later("passkeys.remove"), name="mfa_remove_webauthn"),
    path("security/sessions/end/", later("security.end_sessions"), name="session-end"),
    path("theme/", account.theme, name="theme"),
    path("language/", account.language, name="language"),
    path("columns/", account.columns, name="columns"),
]

people_urls: Final = [
    path("rights/", accounts.rights_table, name="rights"),
    path("accounts/", accounts.account_list, name="account-list"),
    path("accounts/<number:number>/", accounts.account_detail, name="account-detail"),
    path("accounts/<number:number>/switch/", account_changes.switch, name="account-switch"),
    path("accounts/<number:number>/roles/", account_changes.set_roles, name="account-roles"),
    path("accounts/<number:number>/give/", account_changes.give, name="account-give"),
    path("accounts/<number:number>/take/<number:grant>/", account_changes.take, name="account-take"),
    path("accounts/<number:number>/password/", account_changes.set_password, name="account-password"),
    path("accounts/<number:number>/sessions/end/", account_changes.end_sessions, name="account-sessions-end"),
    path("accounts/<number:number>/remove/", account_changes.remove, name="account-remove"),
    path("tokens/", tokens.token_list, name="token-list"),
    path("tokens/everybody/", tokens.token_everybody, name="token-everybody"),
    path("tokens/<number:number>/revoke/", tokens.revoke, name="token-revoke"),
]

# allauth's own addresses have the provider's name in them: there is one.
THE_PROVIDER: Final = {"provider_id": "oidc"}
provider_urls: Final = [
    path("sign-in/provider/", later("oidc.sign_in", EVERYBODY), THE_PROVIDER, name="openid_connect_login"),
    path("sign-in/provider/back/", later("oidc.callback", EVERYBODY), THE_PROVIDER, name="openid_connect_callback"),
    path("confirm/provider/", later("oidc.confirm"), name="confirm-provider"),
]

container_urls: Final = [
    path("containers/", containers.container_list, name="container-list"),
    path("new/", definition.create, name="container-create"),
    path("new/preview/", definition.preview, name="container-create-preview"),
    path("bulk/", operations.bulk, name="container-bulk"),
    path("import/", transfer.import_page, name="import"),
    path("export/", transfer.export, name="export"),
    path("demo/", operations.demo, name="demo"),
    path("containers/<container:name>/", container.overview, name="container-detail"),
    path("containers/<container:name>/menu/", containers.menu, name="container-menu"),
    path("containers/<container:name>/definition/", definition.edit, name="container-definition"),
    path("containers/<container:name>/definition/preview/", definition.preview, name="container-preview"),
    path("containers/<container:name>/config/", container.config, name="container-config"),
    path("containers/<container:name>/terminal/", terminals.terminal, name="container-terminal"),
    path("containers/<container:name>/terminal/<number:number>/end/", terminals.end, name="container-terminal-end"),
    path("containers/<container:name>/log/", log_page.log, name="container-log"),
    path("containers/<container:name>/drift/", drifts.drift, name="container-drift"),
    path("containers/<container:name>/drift/adopt/", drifts.adopt, name="container-drift-adopt"),
    path("containers/<container:name>/drift/ignore/", drifts.ignore, name="container-drift-ignore"),
    path("containers/<container:name>/dependencies/", dependencies.of_container, name="container-dependencies"),
    path("containers/<container:name>/layers/", files.container_layers, name="container-layers"),
    path("containers/<container:name>/layers/file/", files.container_file, name="container-file"),
    path("containers/<container:name>/layers/keep/", files.keep, name="container-keep"),
    path("containers/<container:name>/jobs/", container.jobs, name="container-jobs"),
    path("containers/<container:name>/history/", history.history, name="container-history"),
    path("containers/<container:name>/history/<number:number>/restore/", history.restore, name="container-restore"),
    path("containers/<container:name>/export/", container.export, name="container-export"),
    path("containers/<container:name>/clone/", definition.clone, name="container-clone"),
    path("containers/<container:name>/delete/", operations.delete, name="container-delete"),
    path("containers/<container:name>/execute/", operations.execute, name="container-execute"),
    path("containers/<container:name>/<operation:operation>/", operations.operate, name="container-operate"),
]

job_urls: Final = [
    path("audit/", audit.event_list, name="audit-list"),
    path("audit/export/", audit.export, name="audit-export"),
    path("audit/views/", audit.save_view, name="audit-view-save"),
    path("audit/views/<number:number>/remove/", audit.remove_view, name="audit-view-remove"),
    path("audit/<number:number>/", audit.event_detail, name="audit-detail"),
    path("jobs/", jobs.job_list, name="job-list"),
    path("jobs/<number:number>/", jobs.job_detail, name="job-detail"),
    path("jobs/<number:number>/record/", jobs.job_text, name="job-record"),
    path("jobs/<number:number>/support/", jobs.support, name="job-support"),
    path("jobs/<number:number>/output/<number:command>/", jobs.output, name="job-output"),
    path("jobs/<number:number>/cancel/", jobs.cancel, name="job-cancel"),
    path("jobs/<number:number>/retry/", jobs.retry, name="job-retry"),
]

image_urls: Final = [
    path("clean-up/", cleanup.clean_up, name="clean-up"),
    path("images/", images.image_list, name="image-list"),
    path("images/<layer:name>/<version:version>/", images.image_detail, name="image-detail"),
    path("images/<layer:name>/<version:version>/remove/", images.remove, name="image-remove"),
    path("images/<layer:name>/<version:version>/export/", repositories.image_export, name="image-export"),
]

repository_urls: Final = [
    path("repositories/", repositories.repository_list, name="repository-list"),
    path("repositories/<layer:name>/", repositories.repository_detail, name="repository-detail"),
    path("repositories/<layer:name>/refresh/", repositories.refresh, name="repository-refresh"),
    path("repositories/<layer:name>/remove/", repositories.remove, name="repository-remove"),
    path("repositories/<layer:name>/fetch/", repositories.fetch, name="image-fetch"),
    path("repositories/<layer:name>/fetch-app/", repositories.app_fetch, name="catalogue-fetch"),
    path("exports/<layer:name>/<version:version>/", repositories.export_file, name="export-file"),
    path("exports/<layer:name>/<version:version>/remove/", repositories.export_remove, name="export-remove"),
]

layer_urls: Final = [
    path("layers/", layers.layer_list, name="layer-list"),
    # Not below layers/: a layer may be called "add".
    path("add-layer/", layer_add.layer_add, name="layer-add"),
    path("layers/<layer:name>/", files.layer_detail, name="layer-detail"),
    path("layers/<layer:name>/file/", files.layer_file, name="layer-file"),
    path("layers/<layer:name>/remove/", layers.remove, name="layer-remove"),
]

storage_urls: Final = [
    path("volumes/", volumes.volume_list, name="volume-list"),
    # Not below volumes/: a volume may be called "measure".
    path("measure-volumes/", volumes.measure, name="volume-measure"),
    path("volumes/<layer:name>/", files.volume_detail, name="volume-detail"),
    path("volumes/<layer:name>/file/", files.volume_file, name="volume-file"),
    path("volumes/<layer:name>/remove/", volumes.remove, name="volume-remove"),
    path("networks/", networks.network, name="network"),
]

recipe_urls: Final = [
    path("recipes/", recipes.recipe_list, name="recipe-list"),
    path("new-recipe/", recipes.create, name="recipe-create"),
    path("recipes/<layer:name>/", recipes.recipe_detail, name="recipe-detail"),
    path("recipes/<layer:name>/build/", recipes.build, name="recipe-build"),
    path("recipes/<layer:name>/delete/", recipes.delete, name="recipe-delete"),
    path("recipes/<layer:name>/file/", recipes.file, name="recipe-file"),
    path("recipes/<layer:name>/file/add/", recipes.add_file, name="recipe-file-add"),
    path("recipes/<layer:name>/file/remove/", recipes.remove_file, name="recipe-file-remove"),
]

app_urls: Final = [
    path("apps/", apps.app_list, name="app-list"),
    path("apps/<container:name>/", apps.app_detail, name="app-detail"),
    path("apps/<container:name>/icon/", apps.app_icon, name="app-icon"),
    path("apps/<container:name>/publish/", apps.publish, name="catalogue-publish"),
    path("apps/<container:name>/withdraw/", apps.withdraw, name="catalogue-withdraw"),
    path("apps/<container:name>/remove/", apps.remove, name="catalogue-remove"),
    path("apps/<container:name>/install/", installing.install, name="app-install"),
    path("apps/<container:name>/install/preview/", installing.preview, name="app-install-preview"),
    path("installations/", installations.installation_list, name="installation-list"),
    path("installations/<container:name>/", installations.installation_detail, name="installation-detail"),
    path("installations/<container:name>/update/", upkeep.update, name="installation-update"),
    path("installations/<container:name>/back/", upkeep.back, name="installation-back"),
    path("installations/<container:name>/forget/", upkeep.forget, name="installation-forget"),
    path("installations/<container:name>/backup/", upkeep.backup, name="installation-backup"),
    path("installations/<container:name>/secrets/", upkeep.secrets, name="installation-secrets"),
    path("installations/<container:name>/schedule/", upkeep.schedule, name="installation-schedule"),
    path("installations/<container:name>/uninstall/", upkeep.uninstall, name="installation-uninstall"),
    path("restore/", restoring.restore, name="backup-restore"),
    path("backups/<backup:file>/remove/", upkeep.remove_backup, name="backup-remove"),
]

urlpatterns = [
    path("", dashboard.dashboard, name="dashboard"),
    path("dependencies/", dependencies.whole_graph, name="dependencies"),
    path("strip/", shell.strip, name="strip"),
    path("search/", search.search, name="search"),
    path("notifications/", notifications.notification_list, name="notification-list"),
    path("notifications/read/", notifications.mark_read, name="notifications-read"),
    path("notifications/<number:number>/", notifications.toast, name="notification"),
    path("styleguide/", styleguide.styleguide, name="styleguide"),
    path("operations/", rights.operations, name="operations"),
    *account_urls,
    *(provider_urls if settings.OIDC else ()),
    *people_urls,
    *container_urls,
    *job_urls,
    *image_urls,
    *recipe_urls,
    *layer_urls,
    *storage_urls,
    *repository_urls,
    *app_urls,
]
