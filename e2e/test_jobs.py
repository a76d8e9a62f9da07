"""The main job through the unmodified official Python SDK: submit, query, result."""

import os
import re
import socket
import threading

import pytest

import objects
from jobs import digest, finished, hashed, query, submit
from objects import truth

JOB_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0800$")
UTC_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000$")
JOB_ID = re.compile(r"^f[0-9a-f]{12}1[0-9a-f]{3}[89ab][0-9a-f]{15}$")
UNKNOWN_JOB = "f93984788066911ed89ed352d4d9d2084"


def test_a_job_with_every_parameter_is_echoed_hashed_and_called_back(server, receiver, mode):
    content = objects.content(10_000, seed=1)
    objects.write(server.objects, f"all/{mode}.bin", content)
    client = server.sdk(mode)
    # The queue of a bucket is known from any job of it.
    queue = submit(client, server.bucket, f"all/{mode}.bin")["QueueId"]

    submitted = client.ci_create_file_hash_job(
        Bucket=server.bucket,
        InputObject=f"all/{mode}.bin",
        QueueId=queue,
        FileHashCodeConfig={"Type": "SHA256", "AddToHeader": "true"},
        CallBack=receiver.url("/all"),
        CallBackFormat="JSON",
        CallBackType="Url",
        CallBackMqConfig={"MqRegion": "gz", "MqMode": "Queue", "MqName": "unused"},
        UserData="my <data> & \"more\" 'of it'",
    )["JobsDetail"]

    assert isinstance(submitted, dict)
    job_id = submitted["JobId"]
    assert JOB_ID.match(job_id)
    assert JOB_TIME.match(submitted["CreationTime"])
    assert submitted == {
        "Code": "Success",
        "Message": None,
        "JobId": job_id,
        "State": "Submitted",
        "Progress": "0",
        "CreationTime": submitted["CreationTime"],
        "StartTime": "-",
        "EndTime": "-",
        "QueueId": queue,
        "Tag": "FileHashCode",
        "Input": {"BucketId": server.bucket, "Object": f"all/{mode}.bin", "Region": server.region},
        "Operation": {
            "FileHashCodeConfig": {"Type": "SHA256", "AddToHeader": "true"},
            "UserData": "my <data> & \"more\" 'of it'",
            "JobLevel": "0",
        },
    }

    job = finished(client, server.bucket, job_id)[job_id]
    result = job["Operation"].pop("FileHashCodeResult")
    assert JOB_TIME.match(job["StartTime"]) and JOB_TIME.match(job["EndTime"])
    assert submitted["CreationTime"] <= job["StartTime"] <= job["EndTime"]
    assert job == submitted | {
        "State": "Success",
        "Message": "success",
        "Progress": "100",
        "StartTime": job["StartTime"],
        "EndTime": job["EndTime"],
    }
    assert UTC_TIME.match(result["LastModified"])
    assert re.fullmatch(r'"[^"]+"', result["Etag"])
    assert result == {
        "SHA256": truth("SHA256", content),
        "FileSize": "10000",
        "LastModified": result["LastModified"],
        "Etag": result["Etag"],
    }
    receiver.wait_for("/all")


@pytest.mark.parametrize("algorithm", ["MD5", "SHA1", "SHA256"])
def test_objects_of_every_size_around_the_block_boundaries_are_hashed_right(server, algorithm):
    client = server.sdk()
    contents = {
        f"sizes/{algorithm}/{size}": objects.content(size, seed=size)
        for size in (0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 121, 127, 128, 129, 4096, 65_535, 65_536, 65_537, 1_000_000)
    }
    ids = {}
    for key, content in contents.items():
        objects.write(server.objects, key, content)
        ids[submit(client, server.bucket, key, algorithm)["JobId"]] = key
    for job_id, job in finished(client, server.bucket, *ids).items():
        key = ids[job_id]
        assert job["State"] == "Success", job
        assert job["Input"]["Object"] == key
        assert digest(job) == truth(algorithm, contents[key]), key
        assert job["Operation"]["FileHashCodeResult"]["FileSize"] == str(len(contents[key]))


def test_the_three_algorithms_know_the_empty_object(server):
    client = server.sdk()
    objects.write(server.objects, "empty", b"")
    for algorithm, expected in {
        "MD5": "d41d8cd98f00b204e9800998ecf8427e",
        "SHA1": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "SHA256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    }.items():
        assert digest(hashed(client, server.bucket, "empty", algorithm)) == expected


@pytest.mark.parametrize("written", ["md5", "Md5", "sha1", "sHa256"])
def test_the_algorithm_is_accepted_in_any_case_and_echoed_as_written(server, written):
    """Rule W16.3."""
    client = server.sdk()
    objects.write(server.objects, "case", b"abc")
    job = hashed(client, server.bucket, "case", written)
    assert job["Operation"]["FileHashCodeConfig"]["Type"] == written
    assert digest(job) == truth(written.upper(), b"abc")


@pytest.mark.parametrize(
    "key",
    [
        "names/with several  spaces .txt",
        "names/100%.txt",
        "names/%2e%2e%2Fpercent",
        "names/a+b.txt",
        "names/a&b=c.txt",
        "names/<tag>.txt",
        "names/&amp;lt;.txt",
        "names/'single' and \"double\".txt",
        "names/目录/文件.txt",
        "names/Ключ и ḗ.txt",
        "names/😀🧮.bin",
        "names/back\\slash",
        "names/question?mark#hash",
        "names/semi;colon,comma:colon",
        "names/~tilde*star!",
        "names/.hidden",
        "names/...dots",
        "names/" + "long" * 50,
    ],
)
def test_any_object_name_is_taken_literally(server, key):
    client = server.sdk()
    content = key.encode()
    objects.write(server.objects, key, content)
    job = hashed(client, server.bucket, key, "SHA1")
    assert job["Input"]["Object"] == key
    assert digest(job) == truth("SHA1", content)


def test_several_jobs_are_answered_in_the_order_asked_and_unknown_ids_apart(server, mode):
    client = server.sdk(mode)
    objects.write(server.objects, "several", b"several")
    ids = [submit(client, server.bucket, "several", kind)["JobId"] for kind in ("MD5", "SHA1", "SHA256") for _ in range(5)]
    finished(client, server.bucket, *ids)
    asked = list(reversed(ids)) + [UNKNOWN_JOB, "no-such-job"]
    answer = client.ci_get_file_process_jobs(Bucket=server.bucket, JobIDs=",".join(asked))
    assert [job["JobId"] for job in answer["JobsDetail"]] == list(reversed(ids))
    assert answer["NonExistJobIds"] == [UNKNOWN_JOB, "no-such-job"]


def test_a_query_for_one_job_is_a_list_of_one_and_names_no_missing_ids(server, mode):
    """Rule W16.7."""
    client = server.sdk(mode)
    objects.write(server.objects, "one", b"one")
    job_id = submit(client, server.bucket, "one")["JobId"]
    answer = client.ci_get_file_process_jobs(Bucket=server.bucket, JobIDs=job_id)
    assert set(answer) == {"JobsDetail"}
    assert [job["JobId"] for job in answer["JobsDetail"]] == [job_id]


def test_an_unknown_id_alone_is_an_answer_and_not_an_error(server, mode):
    answer = server.sdk(mode).ci_get_file_process_jobs(Bucket=server.bucket, JobIDs=UNKNOWN_JOB)
    assert answer == {"NonExistJobIds": UNKNOWN_JOB}


@pytest.mark.parametrize("algorithm", ["MD5", "SHA1", "SHA256"])
def test_add_to_header_stores_the_digest_beside_other_metadata_and_leaves_the_object_alone(server, algorithm):
    """Rule W8.2."""
    client = server.sdk()
    name = f"user.x-cos-meta-{algorithm.lower()}"
    path = objects.write(server.objects, f"header/{algorithm}", b"header")
    os.setxattr(path, "user.x-cos-meta-author", b"x y")
    os.setxattr(path, name, b"an old value")
    before = os.stat(path)

    job = hashed(client, server.bucket, f"header/{algorithm}", algorithm, AddToHeader=True)

    assert job["Operation"]["FileHashCodeConfig"]["AddToHeader"] == "true"
    assert os.getxattr(path, name).decode() == truth(algorithm, b"header") == digest(job)
    assert os.getxattr(path, "user.x-cos-meta-author") == b"x y"
    after = os.stat(path)
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (before.st_ino, before.st_size, before.st_mtime_ns)
    with open(path, "rb") as file:
        assert file.read() == b"header"
    # The object's identity is not changed by what we wrote about it.
    again = hashed(client, server.bucket, f"header/{algorithm}", algorithm)
    assert again["Operation"]["FileHashCodeResult"]["Etag"] == job["Operation"]["FileHashCodeResult"]["Etag"]


@pytest.mark.parametrize("value", [None, False, "false"])
def test_without_add_to_header_nothing_is_written_to_the_object(server, value):
    client = server.sdk()
    path = objects.write(server.objects, "no-header", b"no header")
    more = {} if value is None else {"AddToHeader": value}
    job = hashed(client, server.bucket, "no-header", **more)
    assert job["Operation"]["FileHashCodeConfig"]["AddToHeader"] == "false"
    assert not [name for name in os.listxattr(path) if name.startswith("user.x-cos-meta-")]


def test_an_absent_object_fails_the_job_and_not_the_submission(server):
    client = server.sdk()
    job_id = submit(client, server.bucket, "not/there")["JobId"]
    job = finished(client, server.bucket, job_id)[job_id]
    assert (job["State"], job["Code"]) == ("Failed", "ResourceNotFound")
    assert job["Message"]
    assert "FileHashCodeResult" not in job["Operation"]
    assert str(server.objects) not in job["Message"], "a client learns nothing of the server's folders"


def test_object_names_cannot_leave_the_bucket(server):
    """`..`, absolute names and symbolic links that point out: a clear failure, never the file behind them."""
    client = server.sdk()
    outside = server.folder / "outside.txt"
    outside.write_text("secret")
    os.makedirs(server.objects / "links", exist_ok=True)
    os.symlink(outside, server.objects / "links" / "file")
    os.symlink(server.folder, server.objects / "links" / "folder")
    objects.write(server.objects, "links/inside.txt", b"inside")
    os.symlink("inside.txt", server.objects / "links" / "alias")
    keys = [
        "../outside.txt",
        "links/../../outside.txt",
        str(outside),
        "links/file",
        "links/folder/outside.txt",
    ]
    ids = {submit(client, server.bucket, key)["JobId"]: key for key in keys}
    for job_id, job in finished(client, server.bucket, *ids).items():
        assert job["State"] == "Failed", (ids[job_id], job)
        assert job["Code"] in {"ResourceNotFound", "ResourceAccessDenied"}, (ids[job_id], job)
    assert digest(hashed(client, server.bucket, "links/alias")) == truth("MD5", b"inside")


def test_what_is_no_regular_file_fails_at_once_and_does_not_hang(server):
    """Failure rule B7."""
    client = server.sdk()
    os.makedirs(server.objects / "odd" / "folder", exist_ok=True)
    os.mkfifo(server.objects / "odd" / "pipe")
    if os.geteuid() == 0:
        os.symlink("/dev/zero", server.objects / "odd" / "device")
    ids = {submit(client, server.bucket, key)["JobId"]: key for key in ("odd/pipe", "odd/folder", "odd/device")}
    for job in finished(client, server.bucket, *ids, seconds=20).values():
        assert job["State"] == "Failed", job
        assert job["Code"] in {"ResourceAccessDenied", "ResourceNotFound"}, job


def test_a_gibibyte_is_hashed_right_by_all_three_algorithms(server):
    objects.write_sparse(server.objects / "gibibyte", objects.GIB)
    client = server.sdk()
    ids = {submit(client, server.bucket, "gibibyte", kind)["JobId"]: kind for kind in objects.SPARSE_1_GIB}
    try:
        jobs = finished(client, server.bucket, *ids, seconds=120)
    finally:
        os.unlink(server.objects / "gibibyte")
    assert {ids[job_id]: digest(job) for job_id, job in jobs.items()} == objects.SPARSE_1_GIB


def test_a_job_belongs_to_its_bucket(new_server):
    """Through another bucket it does not exist."""
    server = new_server(
        """
[[bucket]]
name = "other-1250000000"
region = "ap-chongqing"
storage = "memory://"
"""
    ).start()
    objects.write(server.objects, "mine", b"mine")
    client = server.sdk()
    job_id = hashed(client, server.bucket, "mine")["JobId"]
    assert client.ci_get_file_process_jobs(Bucket="other-1250000000", JobIDs=job_id) == {"NonExistJobIds": job_id}
    assert query(client, server.bucket, job_id)[0]["JobId"] == job_id


class LosesOneAnswer:
    """A way to the server that carries every request there, and loses the first answer."""

    def __init__(self, port):
        self.lost = threading.Event()
        self._server = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client):
        with client, socket.create_connection(self._server) as server:
            threading.Thread(target=self._copy, args=(client, server), daemon=True).start()
            answer = server.recv(65536)
            if not self.lost.is_set():
                self.lost.set()
                return
            while answer:
                client.sendall(answer)
                answer = server.recv(65536)

    @staticmethod
    def _copy(client, server):
        try:
            while data := client.recv(65536):
                server.sendall(data)
        except OSError:
            pass

    def close(self):
        self._listener.close()


def test_a_submit_whose_answer_was_lost_is_one_job(new_server):
    """Failure rule A2: the SDK repeats it by itself, and hears of the job that there is."""
    own = new_server()
    own.start()
    way = LosesOneAnswer(own.port)
    try:
        client = own.sdk(Port=way.port)
        job_id = submit(client, own.bucket, "a", UserData="once")["JobId"]
        assert way.lost.is_set()
        listed = client.ci_list_media_jobs(Bucket=own.bucket, Path="/file_jobs", Tag="FileHashCode", QueueId="")
        jobs = listed["JobsDetail"]
        assert [job["JobId"] for job in (jobs if isinstance(jobs, list) else [jobs])] == [job_id]
        # Without the mark it is a job of its own.
        assert submit(client, own.bucket, "a", UserData="once")["JobId"] != job_id
    finally:
        way.close()
