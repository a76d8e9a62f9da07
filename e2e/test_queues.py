"""Queues, the service, lists and cancels through the unmodified official Python SDK."""

import json
import re
import urllib.request

import pytest

import objects
from jobs import finished, query, submit
from qcloud_cos import CosServiceError
from server import BUCKET, REGION
from waiting import until

UNKNOWN_QUEUE = "p00000000000040008000000000000000"


@pytest.fixture
def own(new_server):
    """A server of the test's own, since pausing a queue would hold the jobs of others."""
    return new_server().start()


def queues(client, **more):
    answer = client.ci_get_media_queue(Bucket=BUCKET, UrlPath="/file_queue", **more)
    return answer.get("QueueList", []), answer


def update(client, queue, name="queue", state="Active", **notify):
    config = {"State": "Off"} | notify
    answer = client.ci_update_media_queue(
        Bucket=BUCKET,
        QueueId=queue,
        Request={"Name": name, "State": state, "NotifyConfig": config},
        UrlPath="/file_queue/",
    )
    (one,) = answer["Queue"]
    return one


def listed(client, **more):
    answer = client.ci_list_media_jobs(Bucket=BUCKET, Tag="FileHashCode", Path="/file_jobs", **more)
    return answer.get("JobsDetail", []), answer["NextToken"]


def states(client, *ids):
    return [job["State"] for job in query(client, BUCKET, *ids)]


def cancelled_count(server):
    _, _, metrics = server.admin_get("/metrics")
    return int(re.search(r'hashlane_jobs_finished_total\{state="Cancel"\} (\d+)', metrics).group(1))


def test_the_queue_of_a_new_bucket_is_there_as_documented(own):
    (queue,), answer = queues(own.sdk())
    assert (answer["TotalCount"], answer["PageNumber"], answer["PageSize"]) == ("1", "1", "10")
    assert queue["QueueId"].startswith("p") and len(queue["QueueId"]) == 33
    assert (queue["Name"], queue["State"], queue["Category"]) == ("queue-file-process-1", "Active", "FileProcessing")
    assert (queue["MaxSize"], queue["MaxConcurrent"]) == ("10000000", "10000")
    assert queue["NotifyConfig"]["State"] == "Off"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0800", queue["CreateTime"])


def test_queues_are_asked_for_by_id_state_and_page(own):
    client = own.sdk()
    (queue,), _ = queues(client)
    ids = f"{queue['QueueId']},{UNKNOWN_QUEUE},pA"
    found, answer = queues(client, QueueIds=ids, State="Active", PageNumber="1", PageSize="10")
    assert [one["QueueId"] for one in found] == [queue["QueueId"]]
    assert answer["NonExistPIDs"] == [UNKNOWN_QUEUE, "pA"]
    assert queues(client, State="Paused")[0] == []
    with pytest.raises(CosServiceError) as refused:
        queues(client, PageSize="101")
    assert (refused.value.get_status_code(), refused.value.get_error_code()) == (400, "InvalidArgument")


def test_a_queue_is_updated_as_a_whole_or_not_at_all(own):
    client = own.sdk()
    (before,), _ = queues(client)
    address = {"State": "On", "Event": "TaskFinish", "Type": "Url", "Url": "http://127.0.0.1:9/q?a=1&b", "ResultFormat": "JSON"}
    changed = update(client, before["QueueId"], name="队列-1", **address)
    assert (changed["Name"], changed["State"]) == ("队列-1", "Active")
    assert {name: changed["NotifyConfig"][name] for name in address} == address
    assert queues(client)[0] == [changed]
    for wrong in [{"State": "On"}, address | {"Url": "ftp://x"}, address | {"Event": "TaskStart"}]:
        with pytest.raises(CosServiceError) as refused:
            update(client, before["QueueId"], name="other", state="Paused", **wrong)
        assert (refused.value.get_status_code(), refused.value.get_error_code()) == (400, "InvalidArgument")
    assert queues(client)[0] == [changed]
    with pytest.raises(CosServiceError) as refused:
        update(client, UNKNOWN_QUEUE)
    assert (refused.value.get_status_code(), refused.value.get_error_code()) == (400, "QueueNotFound")


def test_an_answer_can_be_sent_back_as_an_update(own):
    """A program reads a queue, changes one value, and sends the rest as it was; empty elements are None in the SDK."""
    client = own.sdk()
    (queue,), _ = queues(client)
    request = {"Name": "renamed", "State": queue["State"], "NotifyConfig": queue["NotifyConfig"]}
    client.ci_update_media_queue(Bucket=BUCKET, QueueId=queue["QueueId"], Request=request, UrlPath="/file_queue/")
    (after,), _ = queues(client)
    assert after == queue | {"Name": "renamed", "UpdateTime": after["UpdateTime"]}


def test_a_paused_queue_holds_its_jobs_and_gives_them_back(own):
    client = own.sdk()
    for number in range(5):
        objects.write(own.objects, f"o{number}", b"abc")
    (queue,), _ = queues(client)
    update(client, queue["QueueId"], state="Paused")
    ids = [submit(client, BUCKET, f"o{number}")["JobId"] for number in range(5)]
    assert states(client, *ids) == ["Pause"] * 5
    assert [job["JobId"] for job in listed(client, States="Pause", OrderByTime="Asc")[0]] == ids
    update(client, queue["QueueId"])
    done = finished(client, BUCKET, *ids)
    assert {job["State"] for job in done.values()} == {"Success"}
    starts = [done[job_id]["StartTime"] for job_id in ids]
    assert starts == sorted(starts), "the oldest first"


def test_the_target_is_the_queues_at_the_end_of_the_job_and_stays_over_retries_and_replays(own, receiver):
    client = own.sdk()
    objects.write(own.objects, "frozen", b"abc")
    (queue,), _ = queues(client)

    def target(path, **more):
        address = {"State": "On", "Event": "TaskFinish", "Type": "Url", "Url": receiver.url(path)}
        update(client, queue["QueueId"], **address | more)

    target("/before")
    update(client, queue["QueueId"], state="Paused")
    job = submit(client, BUCKET, "frozen")["JobId"]
    # The job waits while its queue says something else; then its first attempt is held until the queue says so again.
    receiver.answers("/at-the-end", 500)
    held = receiver.holds("/at-the-end")
    target("/at-the-end")
    receiver.wait_for("/at-the-end")
    target("/after", ResultFormat="JSON")
    held.set()
    first, second = receiver.wait_for("/at-the-end", count=2)
    assert first.body == second.body
    until("the delivery", lambda: own.admin_job(job)["delivery"]["state"] == "delivered")
    own.admin_post("/api/deliveries/replay", {"job": job})
    again = receiver.wait_for("/at-the-end", count=3)[2]
    assert (again.body, again.headers["Content-Type"]) == (first.body, "application/xml")
    assert {it.headers["X-Ci-Event-Id"] for it in receiver.all()} == {first.headers["X-Ci-Event-Id"]}
    assert not receiver.at("/before") and not receiver.at("/after")


def test_the_callbacks_of_a_queue_are_sent_for_jobs_that_say_nothing(own, receiver):
    client = own.sdk()
    objects.write(own.objects, "told", b"abc")
    (queue,), _ = queues(client)
    update(
        client, queue["QueueId"], State="On", Event="TaskFinish", Type="Url", Url=receiver.url("/queue"), ResultFormat="JSON"
    )
    job_id = submit(client, BUCKET, "told")["JobId"]
    (hit,) = receiver.wait_for("/queue")
    assert json.loads(hit.body)["JobsDetail"]["JobId"] == job_id


def test_a_waiting_job_is_cancelled_and_a_finished_one_is_not(own):
    client = own.sdk()
    objects.write(own.objects, "a", b"abc")
    done = submit(client, BUCKET, "a")["JobId"]
    finished(client, BUCKET, done)
    (queue,), _ = queues(client)
    update(client, queue["QueueId"], state="Paused")
    held = submit(client, BUCKET, "a")["JobId"]
    for _ in range(2):
        client.ci_cancel_jobs(Bucket=BUCKET, JobID=held)
    assert states(client, held) == ["Cancel"]
    for job_id, status, code in [(done, 403, "AccessDenied"), ("f93984788066911ed89ed352d4d9d2084", 400, "ResourceNotFound")]:
        with pytest.raises(CosServiceError) as refused:
            client.ci_cancel_jobs(Bucket=BUCKET, JobID=job_id)
        assert (refused.value.get_status_code(), refused.value.get_error_code()) == (status, code)
    assert states(client, done) == ["Success"]
    assert cancelled_count(own) == 1, "a repeated cancel is counted once"


def test_a_running_job_is_cancelled_within_a_moment(own):
    """Failure rule A12."""
    client = own.sdk()
    objects.write_sparse(own.objects / "huge", 64 * objects.GIB)
    job_id = submit(client, BUCKET, "huge", "SHA256")["JobId"]
    until("the job to run", lambda: states(client, job_id) == ["Running"])
    client.ci_cancel_jobs(Bucket=BUCKET, JobID=job_id)
    assert states(client, job_id) == ["Cancel"]
    until("reading to stop", lambda: "hashlane_lanes_busy 0\n" in own.admin_get("/metrics")[2], seconds=30)
    assert states(client, job_id) == ["Cancel"]
    assert cancelled_count(own) == 1


def test_a_list_is_paged_by_token_and_meets_each_job_once(own):
    client = own.sdk()
    ids = [submit(client, BUCKET, f"absent-{number}")["JobId"] for number in range(12)]
    finished(client, BUCKET, *ids)
    for order, expected in [("Asc", ids), ("Desc", ids[::-1])]:
        met, token = [], ""
        while True:
            jobs, token = listed(client, OrderByTime=order, Size=5, NextToken=token, States="Failed")
            met += [job["JobId"] for job in jobs]
            if not token:
                break
            # A job that comes between two pages is no repeat and no gap.
            submit(client, BUCKET, "later")
        assert [job_id for job_id in met if job_id in ids] == expected
        assert len(met) == len(set(met))
    assert listed(client, States="Success")[0] == []
    early = "2020-01-01T00:00:00+0800"
    assert listed(client, EndCreationTime=early)[0] == []
    assert len(listed(client, StartCreationTime=early, Size=100)[0]) > 12


def test_the_service_of_a_bucket_is_listed(own, mode):
    client = own.sdk(mode)
    submit(client, BUCKET, "a")
    answer = client.ci_get_bucket(Regions=REGION, BucketNames=BUCKET, Path="/file_bucket")
    service = answer["FileBucketList"]
    assert (service["BucketId"], service["Name"], service["Region"]) == (BUCKET, BUCKET, REGION)
    assert answer["TotalCount"] == "1"
    assert "FileBucketList" not in client.ci_get_bucket(BucketNames="absent-1", Path="/file_bucket")


def test_a_queue_made_by_an_operator_takes_jobs(own):
    """Rule W13.4."""
    made = own.command("queue", "create", "night", "--max-concurrent", "1", "--json")
    assert made.returncode == 0, made.stderr
    queue = json.loads(made.stdout)
    client = own.sdk()
    assert [one["Name"] for one in queues(client)[0]] == ["queue-file-process-1", "night"]
    objects.write(own.objects, "a", b"abc")
    job = submit(client, BUCKET, "a", QueueId=queue["queue_id"])
    assert job["QueueId"] == queue["queue_id"]
    assert finished(client, BUCKET, job["JobId"])[job["JobId"]]["State"] == "Success"
    assert [one["JobId"] for one in listed(client, QueueId=queue["queue_id"])[0]] == [job["JobId"]]


def test_a_page_of_another_site_cannot_make_a_queue(own):
    body = json.dumps({"bucket": BUCKET, "name": "evil"}).encode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for headers in [{"Content-Type": "text/plain"}, {"Content-Type": "application/json", "Origin": "http://evil.example"}]:
        request = urllib.request.Request(own.admin + "/api/queues", data=body, headers=headers, method="POST")
        with pytest.raises(urllib.error.HTTPError) as refused:
            opener.open(request, timeout=10)
        assert refused.value.code in (403, 415)
    status, _, listed_queues = own.admin_get("/api/queues")
    assert status == 200 and "evil" not in listed_queues
