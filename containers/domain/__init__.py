"""Pure rules and values: no Django, no I/O."""
