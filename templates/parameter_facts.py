"""What a parameter is, beyond its flag: its kind for the console, and the texts that it takes.

Patterns are POSIX's extended regular expressions, which Dataflow checks by: neither classes by a
letter nor groups with a question mark are in them.
"""

from __future__ import annotations

from collections.abc import Mapping

# A project of an organisation that is a domain has the domain before it.
_PROJECT = "([a-z][-a-z0-9.]*[a-z0-9]:)?[a-z][-a-z0-9]{4,28}[a-z0-9]"
_NAME = "[A-Za-z][-A-Za-z0-9._~+%]{2,254}"
_HOSTS = "^[^:/@ ,]+:[0-9]+(,[^:/@ ,]+:[0-9]+)*$"
SECRET = f"^secret://projects/{_PROJECT}/secrets/[-A-Za-z0-9_]+(/versions/[A-Za-z0-9]+)?$"
REPEATED_START = "["
"""Parameters that are several have them as a JSON list; one alone may stand by itself."""

PATTERNS: Mapping[str, str] = {
    "dead_letters": rf"^(pubsub:projects/{_PROJECT}/topics/{_NAME}"
    rf"|bigquery:{_PROJECT}[.][A-Za-z0-9_]+[.][-A-Za-z0-9_]+|gs://[^/]+/.+)$",
    "output_dir": "^gs://[^/]+/.+$",
    "kafka_brokers": _HOSTS,
    "kafka_start": "^(earliest|latest|committed|timestamp:[0-9]+)$",
    "schema_registry": "^https?://[^@, ]+(,https?://[^@, ]+)*$",
    "pubsub_project": f"^{_PROJECT}$",
    "pubsub_topic": f"^{_NAME}$",
    "batch_size": "^[0-9]{1,7}$",
    "lookup_url": "^[A-Za-z][-A-Za-z0-9+:]*://([^:/@]+@)?[^@]*$",
    "lookup_password": SECRET,
    "velocity_window_minutes": "^[1-9][0-9]*$",
    "velocity_slide_minutes": "^[1-9][0-9]*$",
    "velocity_late_minutes": "^[0-9]+$",
    "velocity_min_transfers": "^[1-9][0-9]*$",
    "velocity_min_total": "^[0-9]{1,30}([.][0-9]*)?$",
    "job": "^gs://[^/]+/.+$",
    "subscription": f"^(projects/{_PROJECT}/subscriptions/)?{_NAME}$",
    "subscription_streams": "^[1-9][0-9]*$",
    "splunk_url": "^https?://[^@; ]+(;https?://[^@; ]+)*$",
    "splunk_token": SECRET,
    "splunk_max_events_per_second": "^[0-9]+([.][0-9]+)?$",
    "splunk_max_in_flight": "^[1-9][0-9]*$",
    "splunk_batch_events": "^[1-9][0-9]*$",
    "splunk_ca": "^(gs://[^/]+/.+|secret://.+)$",
    "source_name": "^[A-Za-z_][A-Za-z0-9_]*$",
    "warehouse": f"^bigquery:{_PROJECT}$",
    "discovery_seconds": "^[0-9]+([.][0-9]+)?$",
    "keys": SECRET,
    "keys_kms": "^gcp-kms://projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$",
}
"""By the parameter's name; one that is several (a JSON list) has none."""

KINDS: Mapping[str, str] = {"job": "GCS_READ_FILE", "output_dir": "GCS_WRITE_FOLDER"}
"""Kinds that the flag does not tell by itself."""

HELPS: Mapping[str, str] = {
    "output_dir": "Folder in a bucket for dead letters that their own place refuses, as one over "
    "Pub/Sub's size. Without it the job does not get past such a letter.",
}
"""What a parameter is, where the flag is something else on other runners."""

SECRETS = frozenset({"splunk_token", "keys", "lookup_password"})
"""Parameters that name a secret, and whose value is not to be shown: it may be the secret."""

READ_AT_LAUNCH = frozenset({"job"})
"""Files that the pipeline reads from its own disk while it builds the job: fetched for it."""

WORDS: Mapping[str, str] = {
    "kafka": "Kafka",
    "pubsub": "Pub/Sub",
    "url": "URL",
    "sql": "SQL",
    "ca": "CA",
    "kms": "KMS",
    "splunk": "Splunk",
    "bigquery": "BigQuery",
}
"""Words of labels that are not written as in a flag's name."""
