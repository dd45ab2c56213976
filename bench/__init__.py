"""What `make bench` measures, on a panel of its own beside whatever else runs. Nothing here is imported by the panel."""
