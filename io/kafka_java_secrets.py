"""References to secrets that Java's Kafka clients resolve themselves, where they run: what is sent
to a runner with the job then names a secret and does not hold it."""

from __future__ import annotations

from pathlib import PurePosixPath

from pipeline_io.kafka_errors import KafkaConfigError

_CLASSES = "org.apache.kafka.common.config.provider"
PROVIDERS = {
    "config.providers": "env,directory",
    "config.providers.env.class": f"{_CLASSES}.EnvVarConfigProvider",
    "config.providers.directory.class": f"{_CLASSES}.DirectoryConfigProvider",
}
"""The properties by which a client knows both kinds of references."""


def java_reference(reference: str) -> str:
    """A reference in Java's words: `env://NAME` or `file://PATH`. Raises KafkaConfigError.

    Java puts the secret in as it is: a file must not end with a line end, and a password in
    sasl.jaas.config must hold neither a quote nor a backslash.
    """
    scheme, _, name = reference.partition("://")
    if scheme == "env":
        return f"${{env:{name}}}"
    path = PurePosixPath(name)
    if scheme == "file" and path.is_absolute() and not set(name) & set(":}"):
        return f"${{directory:{path.parent}:{path.name}}}"
    message = (
        f"{reference}: Java's Kafka clients read secrets by env://NAME and file:///PATH alone "
        "where they run; give one of these, or leave --java_reads_secrets out, which "
        "reads the secret where the job is started and sends it with the job"
    )
    raise KafkaConfigError(message)
