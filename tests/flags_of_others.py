"""Flags that pages name and that are of other people's programs."""

from __future__ import annotations

# Beam's, and those of protoc.
OTHERS_FLAGS = {
    # Of python -m tests.proof.
    "--seed",
    "--flavour",
    "--mutations",
    "--help",
    "--runner",
    "--job_endpoint",
    "--parallelism",
    "--prism_location",
    "--environment_type",
    "--environment_config",
    "--include_imports",
    "--descriptor_set_out",
    # Of gcloud, kubectl and python -m templates.metadata.
    *("--all-containers", "--from", "--ignore-not-found", "--member", "--role"),
    *("--data-file", "--replicas", "--sdk_worker_parallelism", "--max_num_workers"),
    *("--freshness", "--previous", "--secret", "--severity", "--since", "--status", "--tail"),
    *("--location", "--repository-format", "--substitutions", "--uniform-bucket-level-access"),
    *("--config-from-file", "--notification-channels", "--policy-from-file", "--raw", "--write"),
}
