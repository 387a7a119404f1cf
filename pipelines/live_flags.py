"""A job of this project that is live where its flags say so, and else reads what is shipped."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pipelines.options import LIVE_FLAGS, FlagError, JobConfig


def with_shipped_recording(config: JobConfig, recording: Path) -> JobConfig:
    """The flags, with a recording for topics and files for messages as far as nothing else is
    given. Raises FlagError for flags that contradict or miss each other."""
    live = "kafka_brokers" in config.live
    if live and config.recording is not None:
        message = "--kafka_brokers and --recording both say what to read; leave out one"
        raise FlagError(message)
    for flag, needed in (("kafka_brokers", "schema_registry"), ("pubsub_topic", "pubsub_project")):
        if flag in config.live and needed not in config.live:
            message = f"--{flag} needs --{needed}: {LIVE_FLAGS[needed]}"
            raise FlagError(message)
    return dataclasses.replace(
        config,
        recording=config.recording if live else config.recording or str(recording),
        sinks_are_files="pubsub_topic" not in config.live,
    )
