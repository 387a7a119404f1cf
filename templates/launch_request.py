"""The request that launches a template, as Dataflow's own message."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from google.cloud.dataflow_v1beta3 import (
    FlexTemplateRuntimeEnvironment,
    LaunchFlexTemplateParameter,
    LaunchFlexTemplateRequest,
    StreamingMode,
    WorkerIPAddressConfiguration,
)

from templates.launch_checks import LaunchError

LATEST = "latest"
_JOB_NAME = re.compile(r"[a-z]([-a-z0-9]{0,1022}[a-z0-9])?")
_LABEL = re.compile(r"[a-z][-_a-z0-9]{0,62}=[-_a-z0-9]{0,63}")
_BUCKET = re.compile(r"[a-z0-9][-_.a-z0-9]{1,220}[a-z0-9]")


@dataclasses.dataclass(frozen=True)
class Launch:
    """A launch as the command line describes it. Raises LaunchError for what cannot be.

    Args:
        version: which build of the template: a commit, or latest.
        job_name: default: the pipeline's name.
        renamed: steps' old names and new ones, of an update.
    """

    pipeline: str
    project: str
    region: str
    bucket: str
    parameters: Mapping[str, str]
    version: str = LATEST
    job_name: str | None = None
    update: bool = False
    renamed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    at_least_once: bool = False
    validate_only: bool = False
    service_account: str | None = None
    network: str | None = None
    subnetwork: str | None = None
    public_ips: bool = False
    num_workers: int | None = None
    max_workers: int | None = None
    machine_type: str | None = None
    kms_key: str | None = None
    labels: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not _BUCKET.fullmatch(self.bucket.removeprefix("gs://")):
            message = f"--bucket={self.bucket!r}: expected the name of a bucket, such as my-bucket"
            raise LaunchError(message)
        if not _JOB_NAME.fullmatch(self.name):
            message = f"--job_name={self.name!r}: expected a-z, 0-9 and -, and a letter first"
            raise LaunchError(message)
        if self.renamed and not self.update:
            message = (
                "--rename is of --update: steps of a new job have no names before; leave it out"
            )
            raise LaunchError(message)
        for label in self.labels:
            if not _LABEL.fullmatch(label):
                message = f"--label={label!r}: expected NAME=VALUE of a-z, 0-9, - and _"
                raise LaunchError(message)
        if self.max_workers is not None and self.max_workers < (self.num_workers or 1):
            least = f"--num_workers={self.num_workers}" if self.num_workers else "1"
            message = f"--max_workers={self.max_workers}: expected {least} or more"
            raise LaunchError(message)

    @property
    def name(self) -> str:
        return self.job_name or self.pipeline.replace("_", "-")

    @property
    def place(self) -> str:
        return f"gs://{self.bucket.removeprefix('gs://')}"

    @property
    def template(self) -> str:
        """The template's file: what the build stages."""
        return f"{self.place}/templates/{self.pipeline}/{self.version}.json"


def request_of(launch: Launch, metadata: Mapping[str, Any]) -> LaunchFlexTemplateRequest:
    """The request of a launch. Raises LaunchError for a mode that the template does not support."""
    if launch.at_least_once and not metadata["supportsAtLeastOnce"]:
        message = (
            f"--at_least_once: {metadata['name']!r} may count what comes twice as two; leave it out"
        )
        raise LaunchError(message)
    labels = dict(label.split("=", 1) for label in launch.labels)
    mode = (
        StreamingMode.STREAMING_MODE_AT_LEAST_ONCE
        if launch.at_least_once
        else StreamingMode.STREAMING_MODE_EXACTLY_ONCE
    )
    environment = FlexTemplateRuntimeEnvironment(
        temp_location=f"{launch.place}/temp",
        staging_location=f"{launch.place}/staging",
        enable_streaming_engine=True,
        streaming_mode=mode,
        ip_configuration=(
            WorkerIPAddressConfiguration.WORKER_IP_PUBLIC
            if launch.public_ips
            else WorkerIPAddressConfiguration.WORKER_IP_PRIVATE
        ),
        additional_user_labels={"pipeline": launch.pipeline, **labels},
    )
    for field, value in (
        ("service_account_email", launch.service_account),
        ("network", launch.network),
        ("subnetwork", launch.subnetwork),
        ("num_workers", launch.num_workers),
        ("max_workers", launch.max_workers),
        ("machine_type", launch.machine_type),
        ("kms_key_name", launch.kms_key),
    ):
        if value is not None:
            setattr(environment, field, value)
    return LaunchFlexTemplateRequest(
        project_id=launch.project,
        location=launch.region,
        validate_only=launch.validate_only,
        launch_parameter=LaunchFlexTemplateParameter(
            job_name=launch.name,
            container_spec_gcs_path=launch.template,
            parameters=dict(launch.parameters),
            environment=environment,
            update=launch.update,
            transform_name_mappings=dict(launch.renamed),
        ),
    )
