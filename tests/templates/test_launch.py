"""A launch asks Dataflow for what the command line says, and tells of refusals as sentences."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import grpc
import pytest
from google.auth.exceptions import GoogleAuthError
from google.cloud.dataflow_v1beta3 import (
    FlexTemplatesServiceClient,
    LaunchFlexTemplateRequest,
    StreamingMode,
    WorkerIPAddressConfiguration,
)
from google.protobuf import json_format

from templates.launch import main
from tests.templates.dataflow_server import Dataflow, serving

TEMPLATE = "gs://my-bucket/templates/aml/latest.json"
WHERE = ["--pipeline=aml", "--project=my-project", "--region=europe-west1", "--bucket=my-bucket"]
PARAMETERS = {
    "kafka_brokers": "kafka:9092",
    "schema_registry": "https://registry",
    "pubsub_project": "my-project",
    "pubsub_topic": "accounts",
    "lookup_url": "postgresql+psycopg://reader@db/customers",
    "dead_letters": "pubsub:projects/my-project/topics/letters",
}
GIVEN = [f"{name}={value}" for name, value in PARAMETERS.items()]


@pytest.fixture
def dataflow() -> Iterator[Dataflow]:
    with serving(Dataflow({TEMPLATE})) as server:
        yield server


def launch(dataflow: Dataflow, *flags: str) -> int:
    return main([*WHERE, *flags, *GIVEN], dataflow.client)


# The class has no types of its own.
NO_CREDENTIALS = cast(Exception, cast(Any, GoogleAuthError)("none were found"))


def nobody() -> FlexTemplatesServiceClient:
    message = "Dataflow was asked"
    raise AssertionError(message)


def test_a_launch_starts_a_job_of_the_staged_template(
    dataflow: Dataflow, capsys: pytest.CaptureFixture[str]
) -> None:
    assert launch(dataflow) == 0
    (request,) = dataflow.requests
    assert (request.project_id, request.location) == ("my-project", "europe-west1")
    sent = request.launch_parameter
    assert sent.container_spec_gcs_path == TEMPLATE
    assert dict(sent.parameters) == PARAMETERS
    assert (sent.job_name, sent.update) == ("aml", False)
    told = capsys.readouterr().out
    assert "aml: job job-1 in europe-west1\n" in told
    assert "jobs/europe-west1/job-1?project=my-project" in told


def test_workers_keep_to_the_bucket_and_to_private_addresses(dataflow: Dataflow) -> None:
    launch(dataflow)
    environment = dataflow.requests[0].launch_parameter.environment
    assert environment.temp_location == "gs://my-bucket/temp"
    assert environment.staging_location == "gs://my-bucket/staging"
    assert environment.enable_streaming_engine
    assert environment.ip_configuration == WorkerIPAddressConfiguration.WORKER_IP_PRIVATE
    assert environment.streaming_mode == StreamingMode.STREAMING_MODE_EXACTLY_ONCE
    assert dict(environment.additional_user_labels) == {"pipeline": "aml"}


def test_flags_of_the_workers_arrive(dataflow: Dataflow) -> None:
    dataflow.staged.add("gs://my-bucket/templates/aml/1a2b3c.json")
    flags = {
        "--version": "1a2b3c",
        "--service_account": "runner@my-project.iam.gserviceaccount.com",
        "--subnetwork": "regions/europe-west1/subnetworks/jobs",
        "--network": "jobs",
        "--num_workers": "2",
        "--max_workers": "8",
        "--machine_type": "n2-standard-2",
        "--kms_key": "projects/p/locations/l/keyRings/r/cryptoKeys/k",
        "--label": "team=fraud",
    }
    words = [f"{name}={value}" for name, value in flags.items()]
    assert launch(dataflow, *words, "--public_ips", "--at_least_once") == 0
    sent = dataflow.requests[0].launch_parameter
    assert sent.container_spec_gcs_path.endswith("/aml/1a2b3c.json")
    environment = sent.environment
    assert environment.service_account_email == flags["--service_account"]
    assert (environment.network, environment.subnetwork) == ("jobs", flags["--subnetwork"])
    assert (environment.num_workers, environment.max_workers) == (2, 8)
    assert environment.machine_type == "n2-standard-2"
    assert environment.kms_key_name == flags["--kms_key"]
    assert environment.additional_user_labels["team"] == "fraud"
    assert environment.ip_configuration == WorkerIPAddressConfiguration.WORKER_IP_PUBLIC
    assert environment.streaming_mode == StreamingMode.STREAMING_MODE_AT_LEAST_ONCE


def test_an_update_replaces_the_running_job_and_renames_its_steps(dataflow: Dataflow) -> None:
    assert launch(dataflow) == 0
    assert launch(dataflow, "--update", "--rename=Read a=Read transfers", "--rename=B=C") == 0
    sent = dataflow.requests[1].launch_parameter
    assert sent.update
    assert dict(sent.transform_name_mappings) == {"Read a": "Read transfers", "B": "C"}
    assert dataflow.running == {"aml": "job-2"}


def test_a_job_that_runs_is_not_launched_twice_without_update(
    dataflow: Dataflow, capsys: pytest.CaptureFixture[str]
) -> None:
    launch(dataflow)
    assert launch(dataflow) == 1
    assert capsys.readouterr().err == (
        "error: Dataflow refused 'aml': a job of this name runs; a job of this name runs: replace "
        "it by --update, or choose --job_name\n"
    )
    assert launch(dataflow, "--job_name=aml-2") == 0


def test_an_update_of_nothing_and_a_template_that_is_not_there_are_told(
    dataflow: Dataflow, capsys: pytest.CaptureFixture[str]
) -> None:
    assert launch(dataflow, "--update") == 1
    assert "the job to update must run" in capsys.readouterr().err
    assert launch(dataflow, "--version=none") == 1
    told = capsys.readouterr().err
    assert "is gs://my-bucket/templates/aml/none.json there? The build stages it\n" in told


def test_a_refusal_is_asked_once_and_told_with_the_next_step(
    dataflow: Dataflow, capsys: pytest.CaptureFixture[str]
) -> None:
    dataflow.refusal = (grpc.StatusCode.PERMISSION_DENIED, "the caller may not")
    assert launch(dataflow) == 1
    told = capsys.readouterr().err
    assert told == (
        "error: Dataflow refused 'aml': the caller may not; launching needs "
        "roles/dataflow.developer in my-project\n"
    )
    dataflow.refusal = (grpc.StatusCode.UNAVAILABLE, "away")
    assert launch(dataflow) == 1
    assert len(dataflow.requests) == 2


def test_validation_starts_nothing(dataflow: Dataflow, capsys: pytest.CaptureFixture[str]) -> None:
    assert launch(dataflow, "--validate_only") == 0
    assert dataflow.running == {}
    assert capsys.readouterr().out == "aml: Dataflow would launch it\n"


def test_a_dry_run_prints_the_request_and_asks_nobody(
    dataflow: Dataflow, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*WHERE, "--dry-run", "--update", "--rename=A=B", *GIVEN], nobody) == 0
    printed = json.loads(capsys.readouterr().out)
    request = LaunchFlexTemplateRequest()
    json_format.ParseDict(printed, LaunchFlexTemplateRequest.pb(request))
    launch(dataflow)
    launch(dataflow, "--update", "--rename=A=B")
    assert request == dataflow.requests[1]


def test_missing_credentials_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    def no_client() -> FlexTemplatesServiceClient:
        raise NO_CREDENTIALS

    assert main([*WHERE, *GIVEN], no_client) == 1
    assert "gcloud auth application-default login" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flag", "told"),
    [
        ("--bucket=gs://my-bucket/folder", "--bucket='gs://my-bucket/folder': expected the name"),
        ("--job_name=Aml", "--job_name='Aml': expected a-z"),
        ("--rename=A=B", "--rename is of --update"),
        ("--rename=A", "--rename='A': expected OLD=NEW"),
        ("--label=Team", "--label='Team': expected NAME=VALUE"),
        ("--max_workers=0", "--max_workers=0: expected 1 or more"),
        ("--pipeline=amll", "--pipeline=amll: expected one of aml, aml_velocity, change_log"),
    ],
)
def test_a_wrong_flag_is_told_and_nobody_is_asked(
    flag: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*WHERE, flag, *GIVEN], nobody) == 2
    assert capsys.readouterr().err.startswith(f"error: {told}")


def test_sums_do_not_run_in_the_mode_that_counts_twice(
    capsys: pytest.CaptureFixture[str],
) -> None:
    parameters = [text for text in GIVEN if not text.startswith("lookup_url")]
    command = [*WHERE, "--pipeline=aml_velocity", "--at_least_once", *parameters]
    assert main(command, nobody) == 2
    assert "may count what comes twice as two" in capsys.readouterr().err
