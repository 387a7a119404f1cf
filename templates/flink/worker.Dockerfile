# What runs a pipeline's steps beside Flink, Python's and Java's, and makes the job's jar. From the
# root of a checkout:
#   docker build -f templates/flink/worker.Dockerfile -t flink-worker .
ARG PYTHON_VERSION=3.12
# That of constraints.txt: what builds the job, Python's workers and Java's are of one version.
ARG BEAM_VERSION=2.77.0

FROM eclipse-temurin:17-jre AS jre

# One jar with KafkaIO, SQL, BigQuery and this project's own classes: no launch downloads Java.
FROM maven:3.9-eclipse-temurin-17 AS java
ARG BEAM_VERSION
WORKDIR /src
COPY templates/java templates/java
RUN mvn --batch-mode --quiet -f templates/java/pom.xml -Dbeam.version=${BEAM_VERSION} package

FROM rust:1-bookworm AS native
WORKDIR /src
COPY native ./
RUN PYO3_NO_PYTHON=1 cargo build --quiet --release --locked --target-dir target

FROM apache/beam_python${PYTHON_VERSION}_sdk:${BEAM_VERSION}
COPY --from=jre /opt/java/openjdk /opt/java/openjdk
COPY --from=java /src/templates/java/target/java-transforms.jar /opt/kamiflow/java-transforms.jar
WORKDIR /src
COPY . .
COPY --from=native /src/target/release/libkamiflow_native.so native/kamiflow_native.abi3.so
RUN pip install --no-cache-dir ".[encryption,mysql,postgresql]" -c constraints.txt
WORKDIR /template
COPY templates/*.py templates/
COPY templates/flink/*.py templates/flink/
COPY templates/flink/start-worker.sh /opt/kamiflow/start-worker.sh
# Without the variable each worker would make an environment of its own, in a folder of the image.
ENV JAVA_HOME=/opt/java/openjdk \
    KAMIFLOW_JAVA=/opt/kamiflow/java-transforms.jar \
    KAMIFLOW_LOG_FORMAT=json \
    PATH=/opt/java/openjdk/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1
# What cannot be imported ends the build, and not the first start.
RUN python -m templates.flink.build_jar --help
# By its number, since Kubernetes knows by no name that it is not root.
USER 10001:10001
