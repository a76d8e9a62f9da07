"""Submitting and awaiting jobs through the official SDK."""

from waiting import until

FINAL = {"Success", "Failed", "Cancel"}
# The server answers at most this many ids in one query.
IDS_PER_QUERY = 50


def submit(client, bucket, key, algorithm="MD5", **more):
    """Submits a job and returns its JobsDetail."""
    config = {"Type": algorithm} | ({"AddToHeader": more.pop("AddToHeader")} if "AddToHeader" in more else {})
    answer = client.ci_create_file_hash_job(Bucket=bucket, InputObject=key, FileHashCodeConfig=config, **more)
    return answer["JobsDetail"]


def query(client, bucket, *ids):
    """The JobsDetail of each id that exists, in order."""
    return client.ci_get_file_process_jobs(Bucket=bucket, JobIDs=",".join(ids))["JobsDetail"]


def finished(client, bucket, *ids, seconds=60):
    """Waits until all jobs are final and returns their JobsDetail by id."""
    done = {}

    def all_done():
        left = [job_id for job_id in ids if job_id not in done]
        for start in range(0, len(left), IDS_PER_QUERY):
            for job in query(client, bucket, *left[start : start + IDS_PER_QUERY]):
                if job["State"] in FINAL:
                    done[job["JobId"]] = job
        return len(done) == len(set(ids))

    until(f"the end of {len(ids)} jobs", all_done, seconds)
    return done


def hashed(client, bucket, key, algorithm="MD5", seconds=60, **more):
    """Submits a job, waits for it, and returns its JobsDetail, which is a success."""
    job_id = submit(client, bucket, key, algorithm, **more)["JobId"]
    job = finished(client, bucket, job_id, seconds=seconds)[job_id]
    assert job["State"] == "Success", job
    return job


def digest(job):
    """The one digest of a finished job."""
    result = job["Operation"]["FileHashCodeResult"]
    (name,) = set(result) & {"MD5", "SHA1", "SHA256"}
    return result[name]
