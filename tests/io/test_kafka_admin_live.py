"""A client that is kept for many questions, and a broker that is started again between two."""

from __future__ import annotations

import pytest

from pipeline_io.kafka_admin import KafkaAdmin, admin_of, kept_admins
from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_source import KafkaSource, Start, StartMode
from pipeline_io.kafka_topics import commit, plan_read
from tests.io.kafka_live import numbers, produce
from tests.stack.servers import Kafka
from tests.stack.topics import Topics


def kept_for(cluster: KafkaCluster) -> KafkaAdmin:
    with admin_of(cluster) as admin:
        return admin


@pytest.mark.slow
def test_a_broker_that_was_started_again_is_asked_through_a_new_client(
    kafka: Kafka, topic: Topics
) -> None:
    name = topic()
    produce(kafka.brokers, name, numbers(3))
    cluster = KafkaCluster(kafka.brokers)
    source = KafkaSource(cluster, (name,), group=name, start=Start(StartMode.COMMITTED))
    with kept_admins():
        plan = plan_read(source)
        commit(source, plan)
        first = kept_for(cluster)
        assert plan_read(source).offsets == 0
        assert kept_for(cluster) is first
        kafka.stop()
        kafka.start()
        # The library's old client would ask for the group in vain.
        assert plan_read(source).offsets == 0
        second = kept_for(cluster)
        assert second is not first
        assert plan_read(source).offsets == 0
        assert kept_for(cluster) is second
