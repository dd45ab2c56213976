"""Django settings. Every value that a deployment may change is read from SPOCWEB_* by spocweb.env."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from csp.constants import NONE, SELF
from django.contrib.messages import constants as message_levels

from spocweb import VERSION as VERSION
from spocweb import env

BASE_DIR = Path(__file__).resolve().parent.parent

# Where things are (DESIGN: set-up)

DATA_DIR = env.path("SPOCWEB_DATA_DIR", "/var/lib/spocweb")
LOG_DIR = env.path("SPOCWEB_LOG_DIR", "/var/log/spocweb")
RUN_DIR = env.path("SPOCWEB_RUN_DIR", "/run/spocweb")
BIND = env.bind("SPOCWEB_BIND", "127.0.0.1:8000")
BRIDGE = env.interface("SPOCWEB_BRIDGE", "spocbr0")
SUBNET = env.subnet("SPOCWEB_SUBNET", "10.88.0.0/22")
IDMAP_BASE = env.integer("SPOCWEB_IDMAP_BASE", 100_000, low=65_536, high=4_000_000_000)
IDMAP_SIZE = env.integer("SPOCWEB_IDMAP_SIZE", 65_536, low=1_000, high=100_000_000)
JOB_CONCURRENCY = env.integer("SPOCWEB_JOB_CONCURRENCY", 2 * (os.cpu_count() or 1), low=1, high=1_000)
JOB_WORKERS = env.integer("SPOCWEB_JOB_WORKERS", 3, low=1, high=64)
# The output of a job is kept this long after its end, and of all jobs together at most so many lines.
JOURNAL_DAYS = env.integer("SPOCWEB_JOURNAL_DAYS", 90, low=1, high=36_500)
JOURNAL_LINES = env.integer("SPOCWEB_JOURNAL_LINES", 2_000_000, low=1_000, high=1_000_000_000)
# For how long events of the audit trail are kept (containers.services.audit_retention): changes, jobs and terminals, and
# what happens often and says little after a while, sign-ins, refusals, exports.
AUDIT_DAYS = env.integer("SPOCWEB_AUDIT_DAYS", 1_825, low=1, high=36_500)
AUDIT_PASSING_DAYS = env.integer("SPOCWEB_AUDIT_PASSING_DAYS", 365, low=1, high=36_500)
# Where else every event is sent: /dev/log, or HOST:PORT by UDP.
AUDIT_SYSLOG = env.syslog("SPOCWEB_AUDIT_SYSLOG")
# How often the monitor looks at what containers use.
SAMPLE_EVERY_S = env.integer("SPOCWEB_SAMPLE_SECONDS", 10, low=1, high=30)
# Who the web process and the private Redis run as: made by set-up (bin/setup.sh), and by Debian's package.
WEB_USER = "spocweb"
REDIS_USER = "redis"
# A terminal ends when nobody has typed for so long, and when nobody came back after a lost connection.
TERMINAL_IDLE_S = env.integer("SPOCWEB_TERMINAL_IDLE_SECONDS", 1_800, low=1, high=604_800)
TERMINAL_GRACE_S = env.integer("SPOCWEB_TERMINAL_GRACE_SECONDS", 120, low=1, high=86_400)
# Whether what is printed in terminals is kept, below LOG_DIR: root's to say, no page can change it.
TERMINAL_RECORDING = env.boolean("SPOCWEB_TERMINAL_RECORDING", default=False)
HOST = env.host_name("SPOCWEB_HOST", socket.gethostname())
# The only directories that a layer may be imported from by path: root reads them for whoever may import.
IMPORT_DIRS = env.paths("SPOCWEB_IMPORT_DIRS", "/srv:/tmp:/var/tmp:/mnt:/media:/opt")  # noqa: S108
# Apps: what comes with spocweb, and folders of the administrator's own. Root reads them, so they must be root's alone.
CATALOG_DIRS = [BASE_DIR / "containers" / "catalog" / "entries", *env.paths("SPOCWEB_CATALOG_DIRS", "")]
# User names and passwords for registries, as `skopeo login --authfile` writes them: root's alone.
REGISTRY_AUTH_FILE = env.path("SPOCWEB_REGISTRY_AUTH_FILE", f"{DATA_DIR}/keys/registries.json")
# For pulls, repositories and base systems: root's programs have no other environment.
HTTP_PROXY = env.proxy("SPOCWEB_HTTP_PROXY")
HTTPS_PROXY = env.proxy("SPOCWEB_HTTPS_PROXY")
NO_PROXY = env.no_proxy("SPOCWEB_NO_PROXY")

# Django

SECRET_KEY = env.secret(DATA_DIR / "secret.key", env.secret_key)
# What secrets in the database are sealed with (services.vault), read there when it is needed.
VAULT_FILE = DATA_DIR / "vault.keys"
env.secret(VAULT_FILE, env.vault_key)
DEBUG = env.boolean("SPOCWEB_DEBUG", default=False)
ALLOWED_HOSTS = env.text("SPOCWEB_ALLOWED_HOSTS", f"localhost,127.0.0.1,[::1],{HOST},{BIND.rpartition(':')[0]}").split(",")
CSRF_TRUSTED_ORIGINS = [origin for origin in env.text("SPOCWEB_TRUSTED_ORIGINS", "").split(",") if origin]
ROOT_URLCONF = "spocweb.urls"
WSGI_APPLICATION = "spocweb.wsgi.application"
ASGI_APPLICATION = "spocweb.asgi.application"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "django_rq",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "containers",
]

MIDDLEWARE = [
    "containers.views.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "containers.views.middleware.CompressionMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "containers.views.middleware.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "containers.views.middleware.UploadMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "containers.views.middleware.SightMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "containers.views.middleware.ZoneMiddleware",
    "containers.views.middleware.PanelMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "loaders": [
                ("django.template.loaders.cached.Loader", ["django.template.loaders.filesystem.Loader"]),
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "containers.views.shell.context",
            ],
        },
    },
]

# Data

DATABASE_URL = env.text("SPOCWEB_DATABASE_URL", f"sqlite:///{DATA_DIR}/db/spocweb.sqlite3")
# Root's processes connect as a role of their own where this file, root's alone, names one; the web process never sees it.
ROOT_DATABASE_URL = env.for_root(env.path("SPOCWEB_ROOT_DATABASE_URL_FILE", f"{DATA_DIR}/keys/database.url"))
DATABASES = {"default": dj_database_url.parse(ROOT_DATABASE_URL or DATABASE_URL, conn_health_checks=True)}
WEB_DATABASE_ROLE = dj_database_url.parse(DATABASE_URL).get("USER", "")
# The role that the tables belong to; root's may become it, to change their form.
DATABASE_OWNER = env.text("SPOCWEB_DATABASE_OWNER", "")
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        # A transaction that may write takes the write lock at its start: two that read first and write later
        # would otherwise fail with "database is locked" at once, whatever the timeout.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA synchronous=NORMAL;",
    }
    # A read on a kept connection costs no open and no pragma.
    DATABASES["default"]["CONN_MAX_AGE"] = 600
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# The private Redis makes its socket itself, in a directory that is its own; the passwords of its users lie in one of root's.
PRIVATE_REDIS_SOCKET = RUN_DIR / "redis" / "redis.sock"
REDIS_USERS_DIR = RUN_DIR / "redis-users"
HAS_PRIVATE_REDIS = not env.text("SPOCWEB_REDIS_URL", "")
# Root's processes come to another Redis as a user of their own where this file, root's alone, names one.
ROOT_REDIS_URL = env.for_root(env.path("SPOCWEB_ROOT_REDIS_URL_FILE", f"{DATA_DIR}/keys/redis.url"))
if HAS_PRIVATE_REDIS:
    REDIS_URL = f"unix://{env.redis_user(REDIS_USERS_DIR, ('root', 'web'))}{PRIVATE_REDIS_SOCKET}?db=0"
else:
    REDIS_URL = ROOT_REDIS_URL or env.text("SPOCWEB_REDIS_URL", "")
# One queue per host, named after it. The gate's classes are the only ones that may touch it.
QUEUE = f"host:{HOST}"
RQ_QUEUES = {
    QUEUE: {
        "URL": REDIS_URL,
        "DEFAULT_TIMEOUT": -1,
        "SERIALIZER": "rq.serializers.JSONSerializer",
        "JOB_CLASS": "containers.jobs.gate.Job",
    }
}
RQ = {"JOB_CLASS": "containers.jobs.gate.Job", "WORKER_CLASS": "containers.jobs.gate.Worker", "COMMIT_MODE": "auto"}

# Sign-in

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "account_login"
SESSION_COOKIE_NAME = "spocweb_session"
SESSION_COOKIE_SAMESITE = "Lax"
# Not from a cache, which each process has for itself: a session that was ended is over in all of them at once.
SESSION_ENGINE = "django.contrib.sessions.backends.db"
CSRF_COOKIE_NAME = "spocweb_csrf"
CSRF_COOKIE_HTTPONLY = True
# Behind TLS only: a browser would never send a secure cookie over plain http://127.0.0.1.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.boolean("SPOCWEB_SECURE_COOKIES", default=False)
# Whose word on who asks, and whether by TLS, counts (spocweb.proxies): a proxy on this machine, where there has to be one.
TRUSTED_PROXIES = env.networks("SPOCWEB_TRUSTED_PROXIES", "127.0.0.0/8,::1" if SESSION_COOKIE_SECURE else "")
if SESSION_COOKIE_SECURE:
    # The proxy that ends TLS says so; browsers that came by TLS once come by nothing else for a year.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000

ACCOUNT_ADAPTER = "containers.views.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
# Accounts are made by root or by an identity provider; no mail is sent.
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_UNIQUE_EMAIL = False
ACCOUNT_SESSION_REMEMBER = True
# What limits guessing counts in the audit trail, for all processes together (services.signing).
ACCOUNT_RATE_LIMITS = MFA_RATE_LIMITS = False
# For so long after a sign-in, or after it was confirmed who it is, nobody is asked again (views.confirming).
ACCOUNT_REAUTHENTICATION_TIMEOUT = env.integer("SPOCWEB_CONFIRM_SECONDS", 600, low=10, high=86_400)
ACCOUNT_REAUTHENTICATION_METHODS = ["password", "mfa"]
MFA_ADAPTER = "containers.views.adapters.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
# Mail addresses mean nothing here: an identity provider's, which nobody has verified, keep nobody from a second factor.
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_ISSUER = f"spocweb {HOST}"
# A code of the half minute before or after is taken: clocks of telephones are not exact.
MFA_TOTP_TOLERANCE = 1
MFA_RECOVERY_CODES_SHOW_ONCE = True

# Another place to sign in, whose people get accounts without any right (views.oidc). Loaded only where there is one.
OIDC = env.identity_provider("SPOCWEB_OIDC")
if OIDC:
    INSTALLED_APPS[-1:-1] = ["allauth.socialaccount", "allauth.socialaccount.providers.openid_connect"]
    SOCIALACCOUNT_ADAPTER = "containers.views.oidc.ProviderAdapter"
    # The number that the provider has for somebody is all that counts: never a mail address.
    SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
    SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {
            "OAUTH_PKCE_ENABLED": True,
            "APPS": [
                {
                    "provider_id": "oidc",
                    "name": OIDC.name,
                    "client_id": OIDC.client_id,
                    "secret": OIDC.secret,
                    "settings": {"server_url": OIDC.issuer},
                }
            ],
        }
    }

# Headers

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        # Browsers also ask it where the answer to a form leads: to the identity provider.
        "form-action": [SELF, "{0.scheme}://{0.netloc}".format(urlsplit(OIDC.issuer))] if OIDC else [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# What a notice says by colour and shape.
MESSAGE_TAGS = {
    message_levels.INFO: "off",
    message_levels.SUCCESS: "ok",
    message_levels.WARNING: "warn",
    message_levels.ERROR: "bad",
}

# Language and files

# English is what the texts are written in, and what the API and all records speak (views.middleware.LanguageMiddleware).
LANGUAGE_CODE = "en"
# Each by its own name, as it stands in the menu.
LANGUAGES = [("en", "English"), ("cs", "Čeština"), ("de", "Deutsch")]
LANGUAGE_COOKIE_NAME = "spocweb_language"
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.text("SPOCWEB_TIME_ZONE", "UTC")
LOCALE_PATHS = [BASE_DIR / "locale"]

STATIC_URL = "/static/"
STATIC_ROOT = Path(env.text("SPOCWEB_STATIC_ROOT", str(BASE_DIR / "staticfiles")))
# Front-end packages; which of their files are served stands in spocweb.static_files.
NODE_MODULES = Path(env.text("SPOCWEB_NODE_MODULES", str(BASE_DIR / "node_modules")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder", "spocweb.static_files.PackageFinder"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "spocweb.static_files.StaticStorage"},
}
MEDIA_ROOT = DATA_DIR / "uploads"
FILE_UPLOAD_TEMP_DIR = str(DATA_DIR / "uploads")
FILE_UPLOAD_PERMISSIONS = 0o640
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler", "containers.services.uploads.UploadHandler"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 10_000_000
# A bulk action on a thousand containers, a definition with 500 variables.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.text("SPOCWEB_LOG_LEVEL", "INFO")},
}
if AUDIT_SYSLOG:
    LOGGING["formatters"]["syslog"] = {"format": "spocweb: {message}", "style": "{"}
    # Facility 13 is "log audit" (RFC 5424, table 1).
    LOGGING["handlers"]["audit"] = {
        "class": "logging.handlers.SysLogHandler",
        "address": AUDIT_SYSLOG,
        "facility": 13,
        "formatter": "syslog",
    }
    LOGGING["loggers"] = {"spocweb.audit": {"handlers": ["audit"], "level": "INFO", "propagate": False}}
