"""What ``check`` needs on disk: the pairs of the file, what HubSpot has of them, and the report."""
