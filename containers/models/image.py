"""What root filesystems are made of: layers, ordered stacks of them, the recipes that make them, and where more come from."""

from __future__ import annotations

from django.db import models
from django.urls import reverse

from containers.choices import LayerSource
from containers.domain.image import Defaults, ImageRef
from containers.models.fields import SizeField
from containers.models.host import Host
from containers.querysets import ImageQuerySet, LayerQuerySet

__all__ = ["Image", "ImageLayer", "Layer", "Recipe", "RecipeFile", "Repository"]


class Layer(models.Model):
    """A directory with part of a root filesystem, below DATA_DIR/layers."""

    host = models.ForeignKey(Host, on_delete=models.PROTECT, related_name="layers")
    name = models.CharField(max_length=64)
    # False from the request until the job that makes it has ended: such a layer cannot be used yet.
    is_available = models.BooleanField(default=False)
    size_bytes = SizeField(null=True)
    # SHA-256 of the uncompressed tar stream that it was made of, or that `tar` makes of it (OCI's DiffID); empty where
    # nobody has computed it.
    digest = models.CharField(max_length=64, blank=True, db_index=True)
    source = models.CharField(max_length=10, choices=LayerSource, default=LayerSource.IMPORT)
    # Where from, in short: a path, a reference, a recipe's image.
    origin = models.CharField(max_length=300, blank=True)
    # SHA-256 of recipe, parents and files of a layer that was built: the same again need not be built.
    build_key = models.CharField(max_length=64, blank=True, db_index=True)
    # The job that makes it, or made it: what a lost one has not finished is found by this.
    job = models.ForeignKey("Job", on_delete=models.SET_NULL, null=True, related_name="layers")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = LayerQuerySet.as_manager()

    # Whose way back needs it; see `services.ways_back.mark`.
    ways_back: tuple[object, ...] = ()

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=("host", "name"), name="layer_unique_name"),)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("layer-detail", args=[self.name])

    @property
    def user_count(self) -> int:
        """How many containers, images and ways back use it; load `with_users()` first."""
        return len(self.uses.all()) + len(self.image_uses.all()) + len(self.ways_back)


class Image(models.Model):
    """An ordered stack of layers with defaults for the definitions made from it."""

    host = models.ForeignKey(Host, on_delete=models.PROTECT, related_name="images")
    name = models.CharField(max_length=63)
    version = models.CharField(max_length=63)
    # `domain.image.Defaults` in its JSON form.
    defaults = models.JSONField(default=dict)
    origin = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # When its layers or defaults were last written: the newest of a name is what the name alone means.
    updated_at = models.DateTimeField(auto_now=True)

    objects = ImageQuerySet.as_manager()

    class Meta:
        ordering = ("name", "-updated_at")
        constraints = (models.UniqueConstraint(fields=("host", "name", "version"), name="image_unique_version"),)

    def __str__(self) -> str:
        return str(self.ref)

    def get_absolute_url(self) -> str:
        return reverse("image-detail", args=[self.name, self.version])

    @property
    def ref(self) -> ImageRef:
        return ImageRef(self.name, self.version)

    @property
    def valid_defaults(self) -> Defaults:
        """Return the defaults as a value. Raises InvalidRequest where the row, changed behind the forms' back, has none."""
        return Defaults.parse(self.defaults)


class ImageLayer(models.Model):
    """A layer in an image; position 0 is the lowest."""

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="image_layers")
    layer = models.ForeignKey(Layer, on_delete=models.PROTECT, related_name="image_uses")
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ("position",)
        constraints = (
            models.UniqueConstraint(fields=("image", "layer"), name="image_layer_once"),
            models.UniqueConstraint(fields=("image", "position"), name="image_layer_one_at_a_position"),
        )

    def __str__(self) -> str:
        return f"{self.image_id}: {self.position} {self.layer_id}"


class Recipe(models.Model):
    """How an image is built: a short text, and the files that it copies."""

    host = models.ForeignKey(Host, on_delete=models.PROTECT, related_name="recipes")
    # The name of the image that it builds.
    name = models.CharField(max_length=63)
    text = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=("host", "name"), name="recipe_unique_name"),)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("recipe-detail", args=[self.name])


class RecipeFile(models.Model):
    """A small file that a recipe copies into its image."""

    recipe = models.ForeignKey(Recipe, on_delete=models.CASCADE, related_name="files")
    path = models.CharField(max_length=200)
    is_executable = models.BooleanField(default=False)
    content = models.BinaryField()
    # SHA-256 of the content: what a job was asked to copy.
    digest = models.CharField(max_length=64)

    class Meta:
        ordering = ("path",)
        constraints = (models.UniqueConstraint(fields=("recipe", "path"), name="recipe_file_unique_path"),)

    def __str__(self) -> str:
        return self.path


class Repository(models.Model):
    """A directory of files of images and apps with a signed index, on any web server or on this host."""

    host = models.ForeignKey(Host, on_delete=models.PROTECT, related_name="repositories")
    name = models.CharField(max_length=63)
    # An http(s) URL, or an absolute path on the host.
    location = models.CharField(max_length=1000)
    # Ed25519, 32 bytes in hexadecimal digits (RFC 8032).
    public_key = models.CharField(max_length=64)
    # The number of the newest index that was seen: an older one is refused.
    serial = models.BigIntegerField(null=True)
    # What the verified index says.
    images = models.JSONField(default=list)
    apps = models.JSONField(default=list)
    checked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)
        verbose_name_plural = "repositories"
        constraints = (models.UniqueConstraint(fields=("host", "name"), name="repository_unique_name"),)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("repository-detail", args=[self.name])


class ForgottenRepository(models.Model):
    """What had been seen of a publisher when its repository was forgotten: an older index is refused also after that."""

    host = models.ForeignKey(Host, on_delete=models.PROTECT, related_name="forgotten_repositories")
    public_key = models.CharField(max_length=64)
    serial = models.BigIntegerField()
    images = models.JSONField(default=list)
    apps = models.JSONField(default=list)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("host", "public_key"), name="forgotten_repository_unique_key"),)

    def __str__(self) -> str:
        return f"{self.public_key}: {self.serial}"
