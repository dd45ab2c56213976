"""What tests share and is no test: words for waiting, stacks, containers."""
