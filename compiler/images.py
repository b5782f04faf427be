"""Memory images as files for ``$readmemh``: ``memory/<name>.hex``, one word a line."""

from pathlib import Path

from spikewright.compiler.words import Image, from_hex, to_hex
from spikewright.compiler.yaml_text import read_text
from spikewright.config import ChipConfig
from spikewright.errors import ConfigError
from spikewright.memories import chip_memories
from spikewright.memory import MemoryConfig

__all__ = ["content_memories", "image_texts", "read_images", "write_images"]


def content_memories(chip: ChipConfig) -> tuple[MemoryConfig, ...]:
    """Memories of a chip that have an image: all but states."""
    return tuple(memory for memory in chip_memories(chip) if not memory.state)


def image_texts(chip: ChipConfig, images: dict[str, Image]) -> dict[str, str]:
    """Text of every file, by the memory's name."""
    return {memory.name: to_hex(images[memory.name], memory.width) for memory in content_memories(chip)}


def write_images(chip: ChipConfig, images: dict[str, Image], folder: Path) -> tuple[Path, ...]:
    """Write the files of all memories into a folder; same images, same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in image_texts(chip, images).items():
        path = folder / f"{name}.hex"
        path.write_bytes(text.encode("ascii"))
        paths.append(path)
    return tuple(paths)


def read_images(chip: ChipConfig, folder: Path) -> dict[str, Image]:
    """Read the files of all memories; each must have as many words as its memory."""
    images: dict[str, Image] = {}
    for memory in content_memories(chip):
        path = folder / f"{memory.name}.hex"
        image = from_hex(read_text(path, memory.depth * (memory.width // 4 + 4) * 2), memory.width, str(path))
        if len(image) != memory.depth:
            raise ConfigError(f"{path}: must have {memory.depth} words, not {len(image)}")
        images[memory.name] = image
    return images
