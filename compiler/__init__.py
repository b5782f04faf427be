"""From NIR to core configurations and memory images: separate passes over frozen dataclasses."""
