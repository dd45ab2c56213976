"""Works with recipes: listed, shown, written, exported, removed, built."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from django.core.management.base import CommandError
from django.db import transaction

from containers.api.recipes import exported, recipe_rows
from containers.domain.image import ImageRef
from containers.management import beside, saving
from containers.management.acting import ActingCommand
from containers.management.following import root_actor
from containers.models import Recipe
from containers.services import hosts, recipes

_TEXT: Final = "Recipe"


class Command(ActingCommand):
    help = "Lists, shows, writes, exports, removes and builds recipes. `build` takes one from a file and builds it at once."

    def add_actions(self) -> None:
        self.telling_action("list", self.list_recipes, "list the recipes: name, newest image, whether it is current, problem")
        self.telling_action("show", self.show, "print a recipe's text; as JSON all that is known of it", "name")
        save = self.action("save", self.save, "write a recipe from a file, with the files that it copies", "name", "file")
        save.add_argument("--new", action="store_true", help="refuse where there is one already")
        export = self.action("export", self.export, f"write {_TEXT} and its files into a new directory", "name")
        export.add_argument("directory", metavar="DIRECTORY", type=Path)
        self.action("remove", self.remove, "remove a recipe with its files; what was built from it stays", "name")
        build = self.job_action("build", self.build, "build the image of a recipe")
        build.add_argument("image", metavar="NAME[:VERSION]", help="the version is `latest` if not given")
        build.add_argument("--force", action="store_true", help="build again what was built from the same already")

    def list_recipes(self, *, as_json: bool, **options: Any) -> None:
        """Print all recipes by name."""
        self.print_rows(exported(list(recipe_rows())), ("name", "image", "current", "problem"), as_json=as_json)

    def show(self, *, name: str, as_json: bool, **options: Any) -> None:
        """Print one recipe."""
        recipe = hosts.get_recipe(name, recipe_rows())
        if as_json:
            self.print_details(exported([recipe])[0], as_json=True)
        else:
            self.stdout.write(recipe.text)

    def save(self, *, name: str, file: str, new: bool, **options: Any) -> None:
        """Write a recipe."""
        with beside.refused(f"{file} cannot be a recipe"):
            text, files = beside.recipe(file)
            with transaction.atomic():
                recipe = recipes.save(root_actor(), name, text, new=new)
                recipes.replace_files(root_actor(), recipe, files)
        self.stdout.write(f"recipe {name} is written, with {len(files)} files")

    def export(self, *, name: str, directory: Path, **options: Any) -> None:
        """Write a recipe where it can be edited, and given to `build` or `recipe save`."""
        recipe = hosts.get_recipe(name)
        files = {row.path: (bytes(row.content), 0o755 if row.is_executable else 0o644) for row in recipe.files.all()}
        if _TEXT in files:
            raise CommandError(f"the recipe {name} has a file {_TEXT} of its own: rename it first")
        try:
            directory.mkdir()
            for path in files:
                (directory / path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from error
        for path, (content, mode) in {_TEXT: (recipe.text.encode(), 0o644), **files}.items():
            saving.save([content], directory / path, mode=mode)
        self.stdout.write(f"written to {directory}")

    def remove(self, *, name: str, **options: Any) -> None:
        """Remove a recipe."""
        recipes.delete(root_actor(), hosts.get_recipe(name))
        self.stdout.write(f"recipe {name} is removed; what was built from it stays")

    def build(self, *, image: str, force: bool, no_wait: bool, **options: Any) -> None:
        """Build a recipe's image."""
        ref = ImageRef.parse(image)
        with beside.refused(f"{image} cannot be built"):
            job = recipes.request_build(root_actor(), self._find(ref.name), ref.version, force=force)
        self.follow(job, no_wait=no_wait, output=True)

    def _find(self, name: str) -> Recipe:
        return hosts.get_recipe(name, hosts.recipes().select_related("host"))
