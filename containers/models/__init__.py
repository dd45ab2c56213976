"""What is stored. Data, constraints and derived values that need no query; no processes."""

from __future__ import annotations

from containers.models.app import (
    Backup,
    BackupSchedule,
    Installation,
    InstallationContainer,
    InstallationPort,
    InstallationVersion,
    InstallationVolume,
)
from containers.models.audit import Event, EventGap, SavedView
from containers.models.container import Container, Dependency, EnvironmentVariable, LayerUse, Mount, Revision
from containers.models.grant import Grant
from containers.models.host import Host
from containers.models.image import ForgottenRepository, Image, ImageLayer, Layer, Recipe, RecipeFile, Repository
from containers.models.job import Command, Job, JobContainer, Line, Step
from containers.models.metrics import Sample
from containers.models.sealed import SealedTextField
from containers.models.terminal import TerminalSession
from containers.models.ticket import Ticket
from containers.models.token import ApiToken
from containers.models.volume import Volume

__all__ = [
    "ApiToken",
    "Backup",
    "BackupSchedule",
    "Command",
    "Container",
    "Dependency",
    "EnvironmentVariable",
    "Event",
    "EventGap",
    "ForgottenRepository",
    "Grant",
    "Host",
    "Image",
    "ImageLayer",
    "Installation",
    "InstallationContainer",
    "InstallationPort",
    "InstallationVersion",
    "InstallationVolume",
    "Job",
    "JobContainer",
    "Layer",
    "LayerUse",
    "Line",
    "Mount",
    "Recipe",
    "RecipeFile",
    "Repository",
    "Revision",
    "Sample",
    "SavedView",
    "SealedTextField",
    "Step",
    "TerminalSession",
    "Ticket",
    "Volume",
]
