"""The last lines of one command are found by an index, however many there are."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("containers", "0020_backup_schedules")]

    operations = [
        migrations.AddIndex(
            model_name="line",
            index=models.Index(fields=["command", "number"], name="line_by_command"),
        ),
    ]
