"""Launches a pipeline on Dataflow from its Flex Template, or replaces a running job by it.

    python -m templates.launch --pipeline=aml --project=P --region=R --bucket=B --dry_run \\
        kafka_brokers=HOST:9092 schema_registry=https://HOST pubsub_project=P pubsub_topic=T \\
        lookup_url=postgresql+psycopg://HOST/customers dead_letters=pubsub:projects/P/topics/L

Parameters are those of templates/PIPELINE/metadata.json, and are checked before Dataflow is asked.
--update replaces the running job of the same name, which hands over its state: steps that have
other names now are told by --rename OLD=NEW. The template is the one that the build has staged in
the bucket, templates/PIPELINE/VERSION.json there.

Exit codes: 0 launched, 1 Dataflow refused it, 2 a flag or a parameter is wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence

from google.api_core.exceptions import AlreadyExists, GoogleAPICallError, NotFound, PermissionDenied
from google.auth.exceptions import GoogleAuthError
from google.cloud.dataflow_v1beta3 import (
    FlexTemplatesServiceClient,
    LaunchFlexTemplateRequest,
    LaunchFlexTemplateResponse,
)
from google.protobuf import json_format

from templates.launch_checks import (
    LaunchError,
    check_parameters,
    given_of,
    metadata_of,
    pipelines,
)
from templates.launch_request import LATEST, Launch, request_of

REFUSED = 1
WRONG = 2
TIMEOUT_SECONDS = 60.0
"""Dataflow answers when the launcher is on its way, which takes it a few seconds."""

MakeClient = Callable[[], FlexTemplatesServiceClient]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m templates.launch",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--pipeline", required=True, help=f"The template: {', '.join(pipelines())}.")
    add("--project", required=True, help="The project that runs the job.")
    add("--region", required=True, help="The region that runs it, such as europe-west1.")
    add("--bucket", required=True, help="The bucket with the templates; the job's files are there.")
    add("--version", default=LATEST, help=f"The commit of the template. Default: {LATEST}.")
    add("--job_name", help="The job's name. Default: the pipeline's, with - for _.")
    add("--update", action="store_true", help="Replace the running job of that name.")
    add(
        "--rename",
        action="append",
        default=[],
        metavar="OLD=NEW",
        help="With --update: a step that has another name now; may be repeated.",
    )
    add("--at_least_once", action="store_true", help="Dataflow's cheaper streaming mode.")
    add("--service_account", metavar="EMAIL", help="Whose rights the workers have.")
    add("--network", help="The workers' network.")
    add("--subnetwork", help="The workers' subnetwork: regions/R/subnetworks/S.")
    add("--public_ips", action="store_true", help="Workers have addresses in the internet.")
    add("--num_workers", type=int, help="Workers at the start.")
    add("--max_workers", type=int, help="Workers at most.")
    add("--machine_type", help="The workers' machines, such as n2-standard-2.")
    add("--kms_key", help="The key in Cloud KMS that the job's state is encrypted with.")
    add("--label", action="append", default=[], metavar="NAME=VALUE", help="A label of the job.")
    add("--validate_only", action="store_true", help="Dataflow looks at the request, no more.")
    add("--dry_run", "--dry-run", action="store_true", help="Print the request, and ask nobody.")
    add("parameters", nargs="*", metavar="NAME=VALUE", help="The template's parameters.")
    return parser


def flags() -> set[str]:
    """The flags of a launch."""
    return set(_parser()._option_string_actions)  # noqa: SLF001  (argparse tells it by no other)


def launch_of(flags: argparse.Namespace) -> Launch:
    """The launch that the flags describe. Raises LaunchError."""
    renamed = {}
    for text in flags.rename:
        old, equals, new = text.partition("=")
        if not equals or not old or not new:
            message = f"--rename={text!r}: expected OLD=NEW, the step's names"
            raise LaunchError(message)
        renamed[old] = new
    return Launch(
        pipeline=flags.pipeline,
        project=flags.project,
        region=flags.region,
        bucket=flags.bucket,
        parameters=given_of(flags.parameters),
        version=flags.version,
        job_name=flags.job_name,
        update=flags.update,
        renamed=renamed,
        at_least_once=flags.at_least_once,
        validate_only=flags.validate_only,
        service_account=flags.service_account,
        network=flags.network,
        subnetwork=flags.subnetwork,
        public_ips=flags.public_ips,
        num_workers=flags.num_workers,
        max_workers=flags.max_workers,
        machine_type=flags.machine_type,
        kms_key=flags.kms_key,
        labels=tuple(flags.label),
    )


def text_of(request: LaunchFlexTemplateRequest) -> str:
    """The request as JSON, as Dataflow's REST interface takes it."""
    document = json_format.MessageToDict(LaunchFlexTemplateRequest.pb(request))
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def send(request: LaunchFlexTemplateRequest, make_client: MakeClient) -> LaunchFlexTemplateResponse:
    """Dataflow's answer. Raises LaunchError with what to do about a refusal."""
    launch = request.launch_parameter
    try:
        # Without a retry: a launch whose answer was lost may have started a job.
        return make_client().launch_flex_template(request, retry=None, timeout=TIMEOUT_SECONDS)
    except GoogleAuthError as error:
        message = f"no credentials: {error}; log in by `gcloud auth application-default login`"
    except GoogleAPICallError as error:
        message = (
            f"Dataflow refused {launch.job_name!r}: {error.message}{_next_step(error, request)}"
        )
    raise LaunchError(message)


def _next_step(error: GoogleAPICallError, request: LaunchFlexTemplateRequest) -> str:
    launch = request.launch_parameter
    match error:
        case PermissionDenied():
            return f"; launching needs roles/dataflow.developer in {request.project_id}"
        case NotFound():
            return (
                f"; is {launch.container_spec_gcs_path} there? The build stages it"
                f"{', and the job to update must run' if launch.update else ''}"
            )
        case AlreadyExists():
            return "; a job of this name runs: replace it by --update, or choose --job_name"
    return ""


def main(
    argv: Sequence[str] | None = None, make_client: MakeClient = FlexTemplatesServiceClient
) -> int:
    """Launches what the command line describes; returns the exit code."""
    given = _parser().parse_args(argv)
    try:
        metadata = metadata_of(given.pipeline)
        launch = launch_of(given)
        check_parameters(metadata, launch.parameters)
        request = request_of(launch, metadata)
    except LaunchError as error:
        return _tell(error, WRONG)
    if given.dry_run:
        sys.stdout.write(text_of(request))
        return 0
    try:
        job = send(request, make_client).job
    except LaunchError as error:
        return _tell(error, REFUSED)
    if launch.validate_only:
        sys.stdout.write(f"{launch.name}: Dataflow would launch it\n")
        return 0
    sys.stdout.write(
        f"{launch.name}: job {job.id} in {launch.region}\n"
        f"https://console.cloud.google.com/dataflow/jobs/{launch.region}/{job.id}"
        f"?project={launch.project}\n"
    )
    return 0


def _tell(error: LaunchError, code: int) -> int:
    sys.stderr.write(f"error: {error}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
