"""A Kafka cluster of one broker: the mock of librdkafka, in a process of its own that does what it is told on stdin.

    topic NAME   makes a topic of three partitions
    deny NAME    answers what is asked of the topic with TOPIC_AUTHORIZATION_FAILED
    down, up     breaks all connections and refuses new ones; takes them again

Each is answered with `done`; the first line of the output is the address.
"""

import ctypes
import sys
from pathlib import Path

import confluent_kafka

TOPIC_AUTHORIZATION_FAILED = 29
BROKER = 1

(library,) = (Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs").glob("librdkafka*.so*")
rdkafka = ctypes.CDLL(str(library))
for name in ["rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"]:
    getattr(rdkafka, name).restype = ctypes.c_void_p
rdkafka.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p

PRODUCER = 0
error = ctypes.create_string_buffer(512)
handle = ctypes.c_void_p(
    rdkafka.rd_kafka_new(PRODUCER, ctypes.c_void_p(rdkafka.rd_kafka_conf_new()), error, ctypes.c_size_t(512))
)
cluster = ctypes.c_void_p(rdkafka.rd_kafka_mock_cluster_new(handle, 1))
print(rdkafka.rd_kafka_mock_cluster_bootstraps(cluster).decode(), flush=True)

for line in sys.stdin:
    word, *names = line.split()
    topic = names[0].encode() if names else None
    if word == "topic":
        rdkafka.rd_kafka_mock_topic_create(cluster, topic, 3, 1)
    elif word == "deny":
        rdkafka.rd_kafka_mock_topic_set_error(cluster, topic, TOPIC_AUTHORIZATION_FAILED)
    elif word == "down":
        rdkafka.rd_kafka_mock_broker_set_down(cluster, BROKER)
    elif word == "up":
        rdkafka.rd_kafka_mock_broker_set_up(cluster, BROKER)
    print("done", flush=True)
