"""Callbacks to message queues: one suite that every kind of broker passes."""

import json
import time
import xml.etree.ElementTree as ElementTree

import objects
import pytest
from brokers import BROKERS, free_port
from jobs import finished, submit
from test_callbacks import delivery
from waiting import until


def config(broker, attempts=1000):
    """The broker is that of gz; bj has a user who may not publish, and behind sh nobody listens."""
    scheme = broker.url().split("://")[0]
    return f"""
[callback]
attempts = {attempts}
delays = ["0s", "100ms"]
allow_networks = ["127.0.0.0/8"]
[mq.gz]
url = "{broker.url()}"
[mq.bj]
url = "{broker.url(user="reader")}"
[mq.sh]
url = "{scheme}://127.0.0.1:{free_port()}"
"""


@pytest.fixture(scope="module", params=sorted(BROKERS))
def broker(request, tmp_path_factory):
    one = BROKERS[request.param](tmp_path_factory.mktemp(request.param))
    try:
        yield one.start()
    finally:
        one.discard()


@pytest.fixture(scope="module")
def service(broker, tmp_path_factory):
    """One service for all tests of a broker; they keep apart by the names of their queues."""
    from server import Server

    one = Server(tmp_path_factory.mktemp("service"), config(broker)).start()
    objects.write(one.objects, "object", b"callback")
    yield one
    one.discard()


def submit_tdmq(service, name, region="gz", mode="Queue", **more):
    target = {"MqRegion": region, "MqMode": mode, "MqName": name}
    return submit(service.sdk(), service.bucket, "object", CallBackType="TDMQ", CallBackMqConfig=target, **more)["JobId"]


def gather(broker, name, ids, seconds=120):
    """Takes from the queue until every id was seen, and returns all that was taken."""
    taken = []

    def all_seen():
        taken.extend(broker.take(name))
        return ids <= {it.headers["x-ci-job-id"] for it in taken}

    until(f"{len(ids)} messages in {name}", all_seen, seconds, every=0.2)
    return taken


def needs(broker, ability):
    if ability in broker.lacks:
        pytest.skip(f"the broker of this test has no way to be asked for: {ability}")


@pytest.mark.parametrize("mode", ["Queue", "Topic"])
def test_a_callback_arrives_once_and_is_the_body_of_the_url_callback(broker, service, mode):
    name = f"jobs-{mode}"
    broker.declare(name, mode)
    xml = submit_tdmq(service, name, mode=mode)
    record = delivery(service, xml, "delivered")
    assert (record["attempts"], record["last"]) == (1, "confirmed by the broker")
    (message,) = broker.take(name)
    assert ElementTree.fromstring(message.body).find("JobsDetail/JobId").text == xml
    expected = {"content-type": "application/xml", "x-ci-event": "TaskFinish", "x-ci-job-id": xml}
    assert {header: message.headers[header] for header in expected} == expected
    assert message.headers["x-ci-event-id"] and message.headers["x-ci-request-id"]

    as_json = submit_tdmq(service, name, mode=mode, CallBackFormat="JSON")
    delivery(service, as_json, "delivered")
    (message,) = broker.take(name)
    assert json.loads(message.body)["JobsDetail"]["JobId"] == as_json
    assert message.headers["content-type"] == "application/json"


def test_the_message_queue_of_a_queue_is_sent_to_for_jobs_that_say_nothing_else(broker, service, receiver):
    """NotifyConfig with TDMQ; a job's own URL wins over it."""
    broker.declare("of-the-queue")
    client = service.sdk()
    (queue,) = client.ci_get_media_queue(Bucket=service.bucket, UrlPath="/file_queue")["QueueList"]

    def notify(**config):
        update = {"Name": queue["Name"], "State": "Active", "NotifyConfig": config}
        client.ci_update_media_queue(
            Bucket=service.bucket, QueueId=queue["QueueId"], Request=update, UrlPath="/file_queue/"
        )

    notify(
        State="On",
        Event="TaskFinish",
        Type="TDMQ",
        MqRegion="gz",
        MqMode="Queue",
        MqName="of-the-queue",
        ResultFormat="JSON",
    )
    try:
        silent = submit(client, service.bucket, "object")["JobId"]
        own = submit(client, service.bucket, "object", CallBack=receiver.url("/own"))["JobId"]
        (message,) = gather(broker, "of-the-queue", {silent})
        assert message.headers["content-type"] == "application/json"
        (received,) = receiver.wait_for("/own")
        assert (received.headers["X-Ci-Job-Id"], received.headers["Content-Type"]) == (own, "application/xml")
    finally:
        notify(State="Off")


@pytest.mark.parametrize("mode", ["Queue", "Topic"])
def test_a_queue_that_is_missing_is_a_failed_delivery_at_once(broker, service, mode):
    needs(broker, "missing")
    job_id = submit_tdmq(service, f"nowhere-{mode}", mode=mode)
    record = delivery(service, job_id, "failed")
    assert record["attempts"] == 1
    assert "missing" in record["last"] and f"nowhere-{mode}" in record["last"]
    assert finished(service.sdk(), service.bucket, job_id)[job_id]["State"] == "Success"


def test_a_missing_permission_is_a_failed_delivery_at_once(broker, service):
    needs(broker, "denied")
    broker.guard("guarded")
    job_id = submit_tdmq(service, "guarded", region="bj")
    record = delivery(service, job_id, "failed")
    assert record["attempts"] == 1
    assert "permission denied" in record["last"], record


def test_a_region_without_a_broker_is_a_failed_delivery_that_says_so(service):
    record = delivery(service, submit_tdmq(service, "jobs", region="hk"), "failed")
    assert "no broker is configured for the region hk" in record["last"]


def test_one_queue_that_is_missing_spoils_nothing_for_the_others(broker, service):
    needs(broker, "missing")
    broker.declare("present")
    ids, lost = set(), []
    for _ in range(20):
        lost.append(submit_tdmq(service, "absent"))
        lost.append(submit_tdmq(service, "absent", mode="Topic"))
        ids.add(submit_tdmq(service, "present"))
    assert {it.headers["x-ci-job-id"] for it in gather(broker, "present", ids)} == ids
    for job_id in lost:
        assert delivery(service, job_id, "failed")["attempts"] == 1


def test_a_broker_that_is_not_there_is_tried_again(service):
    job_id = submit_tdmq(service, "jobs", region="sh")
    until("two attempts", lambda: service.admin_job(job_id)["delivery"]["attempts"] >= 2)
    assert "not reachable" in service.admin_job(job_id)["delivery"]["last"]


@pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=[pytest.mark.long, pytest.mark.timeout(1800)])])
def test_a_broker_that_is_killed_in_the_middle_gets_every_callback(broker, service, count):
    name = f"restart-{count}"
    broker.declare(name)
    ids = {submit_tdmq(service, name) for _ in range(count // 2)}
    taken = []

    def some_arrived():
        taken.extend(broker.take(name))
        return taken

    until("the first messages", some_arrived)
    broker.kill()
    ids |= {submit_tdmq(service, name) for _ in range(count - count // 2)}
    broker.start()
    missing = ids - {it.headers["x-ci-job-id"] for it in taken}
    messages = taken + gather(broker, name, missing, seconds=120 + count / 10)
    events = {it.headers["x-ci-job-id"]: set() for it in messages}
    for message in messages:
        events[message.headers["x-ci-job-id"]].add(message.headers["x-ci-event-id"])
    assert set(events) == ids
    assert all(len(it) == 1 for it in events.values()), "what arrives twice is the same event"
    for job_id in ids:
        delivery(service, job_id, "delivered")


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_broker_that_is_down_for_a_minute_gets_what_became_due_meanwhile(broker, service):
    name = "minute"
    broker.declare(name)
    before = {submit_tdmq(service, name) for _ in range(50)}
    taken = gather(broker, name, before)
    broker.kill()
    came_down = time.monotonic()
    ids = {submit_tdmq(service, name) for _ in range(500)}
    until("a minute to pass", lambda: time.monotonic() - came_down >= 60, 90, every=0.5)
    assert all(service.admin_job(job_id)["delivery"]["state"] != "failed" for job_id in ids), "none is given up"
    broker.start()
    # What was postponed waits up to as long as the broker had been silent.
    taken += gather(broker, name, ids, seconds=240)
    assert {it.headers["x-ci-job-id"] for it in taken} == before | ids
    for job_id in before | ids:
        delivery(service, job_id, "delivered")


def test_no_log_and_no_command_shows_the_password_of_a_broker(broker, service):
    shown = service.command("config", "show", "--config", service.config)
    assert shown.returncode == 0 and "127.0.0.1" in shown.stdout, shown.stderr
    for text in [shown.stdout, shown.stderr, service.log_text()]:
        assert "not-a-secret" not in text
