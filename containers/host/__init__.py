"""The only code that touches the operating system: programs, mounts, files, locks."""
