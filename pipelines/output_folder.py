"""Where a job's files go, and whether they stay there.

A worker of Dataflow, or a pod of Flink, loses its disk when it ends, with all that was written to
it: there files are objects of a bucket, or are refused before the job starts.
"""

from __future__ import annotations

import dataclasses
import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path

from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions

from pipeline_io.append_lines import check_store
from pipeline_io.files import FileWriteError, is_remote
from pipelines.dead_letter_place import FilePlace, file_of
from pipelines.options import FlagError, JobConfig, JobOptions
from pipelines.runners import Kind, Runner

LOGGER = logging.getLogger(__name__)

_HERE = (None, "LOOPBACK")
_KEPT = "gs://BUCKET/PATH, pubsub:projects/PROJECT/topics/TOPIC or bigquery:PROJECT.DATASET.TABLE"


def prepare_output(
    config: JobConfig,
    options: PipelineOptions,
    runner: Runner,
    files: Mapping[str, str] | None = None,
) -> JobConfig:
    """Makes --output_dir, so that a run which cannot write stops first, and sees that what workers
    write stays; the flags with that. Raises FlagError.

    Args:
        files: path of each sink that is a file, by the sink's name.
    """
    if workers_are_here(options, runner):
        make_output_folder(config)
        return config
    _check_dead_letters(config, options, runner)
    for name, path in (files or {}).items():
        _check_path(path, f"the sink {name!r}", runner)
    # Only a run that ends writes something there itself: its summary.
    if is_remote(config.output_dir) or not config.follow:
        make_output_folder(config)
    return dataclasses.replace(config, keeps_files=False)


def workers_are_here(options: PipelineOptions, runner: Runner) -> bool:
    """Whether the workers run on this machine, and write to its disk."""
    if runner.kind is Kind.LOCAL:
        return True
    environment = options.view_as(PortableOptions).environment_type
    return runner.kind is not Kind.DATAFLOW and environment in _HERE


def make_output_folder(config: JobConfig) -> None:
    """Makes --output_dir, so that a run which cannot write stops first. Raises FlagError."""
    try:
        if is_remote(config.output_dir):
            check_store(file_of(config.output_dir))
            return
        folder = Path(config.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except FileWriteError as error:
        message = f"--output_dir: {error}"
        raise FlagError(message) from error
    except OSError as error:
        message = f"--output_dir={config.output_dir}: {error}; choose a folder that can be written"
        raise FlagError(message) from error


def _check_dead_letters(config: JobConfig, options: PipelineOptions, runner: Runner) -> None:
    place = config.dead_letter_place
    if not isinstance(place, FilePlace) or is_remote(place.path):
        return
    if config.dead_letters is None and options.view_as(JobOptions).output_dir is None:
        message = (
            f"--dead_letters is missing: {runner.kind.value} has its workers elsewhere, and a "
            f"file on the disk of one goes with it; expected {_KEPT}"
        )
        raise FlagError(message)
    _check_path(place.path, "dead letters", runner)


def _check_path(path: str, what: str, runner: Runner) -> None:
    """A file that each worker writes on its own. Raises FlagError where none of them stays."""
    if is_remote(path):
        return
    if runner.kind is Kind.DATAFLOW:
        message = f"{what}: {path} is a file on the disk of a worker, which goes with it; give " + (
            _KEPT if what == "dead letters" else "gs://BUCKET/PATH"
        )
        raise FlagError(message)
    LOGGER.warning(
        "%s: %s is a file on the disk of each worker. It stays only on a volume that outlives the "
        "worker; else give gs://BUCKET/PATH",
        what,
        path,
    )
