"""Apps: the catalogue of manifests, and what comes with spocweb (entries/)."""
