"""Use cases shared by pages, API and commands: they write rows and queue jobs, and never touch the host."""
