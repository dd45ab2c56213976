"""What a backup of an installed app says of itself. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from containers.domain.image import image_version
from containers.domain.manifest import app_name, instance_name
from containers.domain.questions import Answer
from containers.domain.values import Value

MAX_ANSWERS: Final = 200

Answers = Annotated[dict[str, Answer], Field(max_length=MAX_ANSWERS)]


class BackupHeader(Value):
    """The first entry of a backup. Everything in it is judged again by the app's own questions."""

    backup: Literal[1]
    app: Annotated[str, AfterValidator(app_name)]
    version: Annotated[str, AfterValidator(image_version)]
    installation: Annotated[str, AfterValidator(instance_name)]
    created_at: Annotated[str, Field(max_length=40)] = ""
    answers: Answers = {}
    # As they are: whoever has the file has the volumes that they are in, too.
    secrets: Annotated[dict[str, str], Field(max_length=MAX_ANSWERS)] = {}

    def export(self) -> dict[str, Any]:
        """Return the JSON form."""
        return self.model_dump(mode="json")
