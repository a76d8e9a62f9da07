"""Callbacks as a receiver sees them."""

import json
import socket
import xml.etree.ElementTree as ElementTree

import objects
import pytest
from conftest import TEST_CONFIG
from jobs import finished, submit
from objects import truth
from waiting import until


def delivery(server, job_id, state, seconds=30):
    """Waits until the callback of a job stands where it should, and returns the record of it."""

    def reached():
        record = server.admin_job(job_id)["delivery"]
        return record if record["state"] == state else None

    return until(f"the callback of {job_id} to be {state}", reached, seconds)


def as_dict(element):
    """An XML element as nested dicts of texts."""
    return {child.tag: as_dict(child) if len(child) else child.text for child in element}


def test_an_xml_callback_arrives_exactly_once_with_the_job_as_the_query_shows_it(server, receiver):
    objects.write(server.objects, "callback-xml", b"callback")
    client = server.sdk()
    job_id = submit(client, server.bucket, "callback-xml", CallBack=receiver.url("/xml"), UserData="<&>")["JobId"]
    job = finished(client, server.bucket, job_id)[job_id]
    record = delivery(server, job_id, "delivered")

    (received,) = receiver.at("/xml")
    assert record["attempts"] == 1
    assert received.headers["Content-Type"] == "application/xml"
    assert received.headers["X-Ci-Event"] == "TaskFinish"
    assert received.headers["X-Ci-Job-Id"] == job_id
    assert received.headers["X-Ci-Event-Id"]
    root = ElementTree.fromstring(received.body)
    assert root.tag == "Response"
    body = as_dict(root)
    assert body["EventName"] == "TaskFinish"
    detail = body["JobsDetail"]
    assert detail["Operation"]["FileHashCodeResult"]["MD5"] == truth("MD5", b"callback")
    assert detail["Operation"]["UserData"] == "<&>"
    # Progress belongs to queries; everything else is what the query says.
    assert detail == {name: value for name, value in job.items() if name != "Progress"}


def test_a_json_callback_arrives_exactly_once_with_every_leaf_a_text(server, receiver):
    objects.write(server.objects, "callback-json", b"callback")
    client = server.sdk()
    job_id = submit(
        client, server.bucket, "callback-json", "SHA1", CallBack=receiver.url("/json"), CallBackFormat="json"
    )["JobId"]
    finished(client, server.bucket, job_id)
    delivery(server, job_id, "delivered")

    (received,) = receiver.at("/json")
    assert received.headers["Content-Type"] == "application/json"
    body = json.loads(received.body)
    assert body["EventName"] == "TaskFinish"
    detail = body["JobsDetail"]
    assert detail["JobId"] == job_id
    assert detail["State"] == "Success"
    assert detail["Input"] == {"BucketId": server.bucket, "Object": "callback-json", "Region": server.region}
    result = detail["Operation"]["FileHashCodeResult"]
    assert (result["SHA1"], result["FileSize"]) == (truth("SHA1", b"callback"), "8")

    def leaves(value):
        return [leaf for item in value.values() for leaf in leaves(item)] if isinstance(value, dict) else [value]

    assert all(isinstance(leaf, str) and leaf for leaf in leaves(body)), body


def test_a_failed_job_is_called_back_too(server, receiver):
    client = server.sdk()
    job_id = submit(client, server.bucket, "not/there", CallBack=receiver.url("/failed"))["JobId"]
    (received,) = receiver.wait_for("/failed")
    detail = as_dict(ElementTree.fromstring(received.body))["JobsDetail"]
    assert (detail["JobId"], detail["State"], detail["Code"]) == (job_id, "Failed", "ResourceNotFound")
    assert detail["Message"]


def test_no_is_silent(server):
    objects.write(server.objects, "callback-no", b"callback")
    client = server.sdk()
    job_id = submit(client, server.bucket, "callback-no", CallBack="no")["JobId"]
    finished(client, server.bucket, job_id)
    assert server.admin_job(job_id)["delivery"]["state"] == "none"


def test_a_receiver_that_fails_twice_gets_the_third_attempt_of_the_same_event(server, receiver):
    objects.write(server.objects, "callback-retry", b"callback")
    receiver.answers("/retry", 500, 500, 200)
    client = server.sdk()
    job_id = submit(client, server.bucket, "callback-retry", CallBack=receiver.url("/retry"))["JobId"]
    record = delivery(server, job_id, "delivered")

    attempts = receiver.at("/retry")
    assert [it.status for it in attempts] == [500, 500, 200]
    assert record["attempts"] == 3
    assert len({it.headers["X-Ci-Event-Id"] for it in attempts}) == 1
    assert len({it.headers["x-ci-request-id"] for it in attempts}) == 3
    assert len({it.body for it in attempts}) == 1


def test_a_receiver_that_never_takes_it_is_given_up_with_the_reason_on_record(server, receiver):
    """Failure rule D10."""
    objects.write(server.objects, "callback-given-up", b"callback")
    receiver.answers("/given-up", *[503] * 20)
    client = server.sdk()
    job_id = submit(client, server.bucket, "callback-given-up", CallBack=receiver.url("/given-up"))["JobId"]
    record = delivery(server, job_id, "failed")
    assert record["attempts"] == 5 == len(receiver.at("/given-up"))
    assert "503" in record["last"]
    assert finished(client, server.bucket, job_id)[job_id]["State"] == "Success", "the job itself is not changed"


def test_a_redirect_is_a_failed_attempt_and_is_not_followed(server, receiver):
    """Failure rule D2."""
    objects.write(server.objects, "callback-redirect", b"callback")
    receiver.answers("/redirect", 302, 200)
    client = server.sdk()
    job_id = submit(client, server.bucket, "callback-redirect", CallBack=receiver.url("/redirect"))["JobId"]
    assert delivery(server, job_id, "delivered")["attempts"] == 2


def test_a_receiver_that_hangs_does_not_hold_up_the_others(server, receiver):
    from receiver import Receiver

    hanging = Receiver()
    try:
        hanging.holds("/hang")
        objects.write(server.objects, "callback-hang", b"callback")
        client = server.sdk()
        for _ in range(20):
            submit(client, server.bucket, "callback-hang", CallBack=hanging.url("/hang"))
        hanging.wait_for("/hang")
        for _ in range(40):
            submit(client, server.bucket, "callback-hang", CallBack=receiver.url("/healthy"))
        # Far less than the ten seconds after which a hanging delivery is given up.
        receiver.wait_for("/healthy", count=40, seconds=8)
    finally:
        hanging.close()


def test_hundreds_of_receivers_that_hang_do_not_hold_up_the_others(server, receiver):
    """Failure rule D6: each is another address, and takes connections without ever answering."""
    with socket.create_server(("0.0.0.0", 0), backlog=2048) as silent:
        port = silent.getsockname()[1]
        objects.write(server.objects, "callback-silent", b"callback")
        client = server.sdk()
        hanging = [f"http://127.0.{number // 250}.{number % 250 + 1}:{port}/" for number in range(700)]
        for number, url in enumerate(hanging):
            submit(client, server.bucket, "callback-silent", CallBack=url)
            if number % 35 == 34:
                path = f"/beside/{number}"
                submit(client, server.bucket, "callback-silent", CallBack=receiver.url(path))
                # Far less than the ten seconds after which a hanging delivery is given up.
                receiver.wait_for(path, seconds=8)


def test_a_message_queue_without_a_broker_is_accepted_and_recorded_as_not_delivered(server):
    objects.write(server.objects, "callback-mq", b"callback")
    client = server.sdk()
    job_id = submit(
        client,
        server.bucket,
        "callback-mq",
        CallBackType="TDMQ",
        CallBackMqConfig={"MqRegion": "gz", "MqMode": "Topic", "MqName": "jobs"},
    )["JobId"]
    job = finished(client, server.bucket, job_id)[job_id]
    assert job["State"] == "Success"
    assert "no broker is configured" in delivery(server, job_id, "failed")["last"]


def test_a_receiver_with_the_public_library_verifies_our_signatures(new_server, receiver):
    """Failure rule D8, with the library `standardwebhooks`; two secrets, as during a rotation."""
    from standardwebhooks import Webhook, WebhookVerificationError

    old, new = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
    signing = f'signing_secrets = ["{new}", "{old}"]'
    server = new_server(TEST_CONFIG.replace("[callback]", f"[callback]\n{signing}")).start()
    objects.write(server.objects, "callback-signed", b"callback")
    receiver.answers("/signed", 500, 200)
    client = server.sdk()
    job_id = submit(
        client, server.bucket, "callback-signed", CallBack=receiver.url("/signed"), CallBackFormat="JSON"
    )["JobId"]
    delivery(server, job_id, "delivered")

    attempts = receiver.at("/signed")
    assert len(attempts) == 2
    for attempt in attempts:
        for secret in [old, new]:
            assert Webhook(secret).verify(attempt.body, dict(attempt.headers))["JobsDetail"]["JobId"] == job_id
        with pytest.raises(WebhookVerificationError):
            Webhook("whsec_" + "A" * 32).verify(attempt.body, dict(attempt.headers))
        with pytest.raises(WebhookVerificationError):
            Webhook(new).verify(attempt.body + b" ", dict(attempt.headers))
    assert {it.headers["webhook-id"] for it in attempts} == {attempts[0].headers["X-Ci-Event-Id"]}
    assert new not in server.log_text() and old not in server.log_text()


def test_an_address_that_is_not_allowed_is_never_connected_to(new_server, receiver):
    """Loopback is refused unless the configuration lists it.

    Failure rule D1.
    """
    server = new_server('[callback]\nattempts = 2\ndelays = ["0s", "20ms"]\n').start()
    objects.write(server.objects, "callback-guard", b"callback")
    client = server.sdk()
    job_id = submit(client, server.bucket, "callback-guard", CallBack=receiver.url("/guard"))["JobId"]
    assert delivery(server, job_id, "failed")["last"]
    assert receiver.all() == []
