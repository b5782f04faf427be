"""The build directory: every stage's output, and a manifest of content hashes of what went in and out.

A stage is written to a folder beside the build and takes its place by renaming when it is complete, so that
a failure (a full disk, a key press) leaves the build as it was. A stage whose inputs have not changed
is not run again; a file that was changed by hand is noticed.
"""

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from spikewright.errors import ConfigError, ToolError
from spikewright.manifest import (
    MANIFEST,
    OUTPUTS,
    STAGES,
    Stage,
    StageRecord,
    canonical,
    hash_file,
    owned_files,
    read_manifest,
    write_manifest,
)

__all__ = ["SCRATCH", "BuildFolder"]

SCRATCH = "work"
"""Folder for what tools keep between runs (a compiled simulator); neither hashed nor missed."""

DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})


class BuildFolder:
    """One build directory and its manifest.

    Parameters
    ----------
    path
        Where it is or will be. A folder that is there must have a manifest or be empty, unless
        ``force``.
    """

    def __init__(self, path: Path, *, force: bool = False) -> None:
        self.path = path
        self.stages: dict[str, StageRecord] = {}
        if path.exists() and not path.is_dir():
            raise ConfigError(f"{path}: a build is a folder, this is a file")
        manifest = path / MANIFEST
        if manifest.is_file():
            try:
                self.stages = read_manifest(manifest)
            except ConfigError:
                if not force:
                    raise
        elif path.is_dir() and not force and any(path.iterdir()):
            raise ConfigError(
                f"{path}: the folder is not empty and has no {MANIFEST}, so it is no build;"
                " name another, or give --force"
            )

    @classmethod
    def existing(cls, path: Path) -> "BuildFolder":
        """The build at ``path``, which must have been compiled."""
        folder = cls(path, force=True)
        if not (path / MANIFEST).is_file():
            raise ConfigError(
                f"{path}: there is no build (no {MANIFEST}); make one: spikewright compile NET.nir -o {path}"
            )
        folder.stages = read_manifest(path / MANIFEST)
        if "compile" not in folder.stages:
            raise ConfigError(f"{path / MANIFEST}: has no stage 'compile'; compile again")
        return folder

    def check(self, stages: Iterable[Stage] = STAGES) -> None:
        """Refuse files that differ from what the manifest says was written."""
        for stage in stages:
            record = self.stages.get(stage)
            if record is None:
                continue
            for name, digest in record.outputs.items():
                file = self.path / name
                if not file.is_file():
                    raise ConfigError(f"{file}: is missing, {stage} wrote it; {stage} again, or give --force")
                if (now := hash_file(file)) != digest:
                    raise ConfigError(
                        f"{file}: was changed since {stage} wrote it (sha256 {now[:12]}, the manifest has"
                        f" {digest[:12]}); give --force to go on all the same"
                    )
            for file in owned_files(self.path, stage):
                name = file.relative_to(self.path).as_posix()
                if name not in record.outputs:
                    raise ConfigError(f"{file}: {stage} did not write this; take it away, or give --force")

    def is_current(self, stage: Stage, record: StageRecord) -> bool:
        """Whether this stage was run with the same options and inputs."""
        known = self.stages.get(stage)
        if known is None:
            return False
        return known.options == canonical(record.options) and known.inputs == record.inputs

    def hashes(self, stage: Stage) -> dict[str, str]:
        """Content hashes of a stage's outputs as they are now, inputs of the stages that follow."""
        return {
            file.relative_to(self.path).as_posix(): hash_file(file) for file in owned_files(self.path, stage)
        }

    @contextmanager
    def write(self, stage: Stage, record: StageRecord) -> Iterator[Path]:
        """Folder to write a stage's outputs to; it becomes part of the build when the block ends well.

        ``compile`` starts a new build and drops the other stages; each other stage replaces its own
        outputs, and drops the report on the old ones. What Spikewright did not write is kept.
        """
        before = manifest_bytes(self.path)
        created = make_parents(self.path.parent)
        staging: Path | None = None
        try:
            staging = Path(tempfile.mkdtemp(prefix=f".{self.path.name}-", dir=self.path.parent))
            staging.chmod(0o777 & ~umask())
            yield staging
            outputs = {
                file.relative_to(staging).as_posix(): hash_file(file) for file in owned_files(staging, stage)
            }
            done = StageRecord(options=canonical(record.options), inputs=record.inputs, outputs=outputs)
            kept = {} if stage == "compile" else {k: v for k, v in self.stages.items() if k != "report"}
            stages = kept | {stage: done}
            write_manifest(staging / MANIFEST, stages)
            if manifest_bytes(self.path) != before:
                raise ToolError(f"{self.path}: another program replaced the build; run {stage} again")
            ours = {name for names in OUTPUTS.values() for name in names}
            if stage != "compile":
                link_tree(self.path, staging, ours.difference(OUTPUTS[stage], OUTPUTS["report"]))
            gone = ours | ({MANIFEST, SCRATCH} if stage == "compile" else {MANIFEST})
            swap(self.path, staging, keep=lambda name: name not in gone)
            self.stages = stages
        except BaseException as error:
            if staging is not None:
                shutil.rmtree(staging, ignore_errors=True)
            for parent in created:
                with suppress(OSError):
                    parent.rmdir()
            if isinstance(error, OSError) and error.errno in DISK_ERRORS:
                state = "the build is as it was" if before is not None else "nothing was written"
                raise ToolError(f"{self.path}: {os.strerror(error.errno)}; {state}") from error
            raise


def swap(path: Path, staging: Path, keep: Callable[[str], bool]) -> None:
    """Put ``staging`` where ``path`` is; entries of the old folder for which ``keep`` holds move over."""
    if not path.exists():
        staging.rename(path)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{path.name}-old-", dir=path.parent))
    path.rename(old)  # replaces the empty folder
    try:
        staging.rename(path)
    except BaseException:
        old.rename(path)
        raise
    for entry in old.iterdir():
        if keep(entry.name):
            entry.rename(path / entry.name)
    shutil.rmtree(old)


def link_tree(source: Path, target: Path, names: Iterable[str]) -> None:
    """Bring files and folders over, as hard links where the file system has them."""
    for name in names:
        entry = source / name
        if entry.is_dir():
            shutil.copytree(entry, target / name, copy_function=link_or_copy)
        elif entry.is_file():
            link_or_copy(entry, target / name)


def link_or_copy(source: str | Path, target: str | Path) -> None:
    """Hard link, or a copy where that is not possible."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def make_parents(folder: Path) -> list[Path]:
    """Make the folder; what had to be made, innermost first."""
    created = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return created


def manifest_bytes(path: Path) -> bytes | None:
    """The manifest as it stands."""
    file = path / MANIFEST
    return file.read_bytes() if file.is_file() else None


def umask() -> int:
    """The mask that new files get (it can only be read by setting it)."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
