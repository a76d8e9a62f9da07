// The official Node SDK, unmodified, against the built binary: file hash jobs, synchronous hashes, errors, storage.
'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { setTimeout: pause } = require('node:timers/promises');

const { BUCKET, REGION, Server, ci } = require('./server');

const AT = { Bucket: BUCKET, Region: REGION };
const HELLO = { MD5: digest('md5', 'hello'), SHA1: digest('sha1', 'hello'), SHA256: digest('sha256', 'hello') };
const WAIT_MS = 30_000;

let server;
let client;

before(async () => {
  server = await Server.start();
  client = server.client();
});

after(async () => {
  assert.equal(await server.stop(), 0);
});

function digest(algorithm, content) {
  return crypto.createHash(algorithm).update(content).digest('hex');
}

function submission(key, type, more = '') {
  return (
    `<Request><Tag>FileHashCode</Tag><Input><Object>${key}</Object></Input>` +
    `<Operation><FileHashCodeConfig><Type>${type}</Type></FileHashCodeConfig>${more}</Operation></Request>`
  );
}

async function submit(key, type, more) {
  const answer = await ci(client, 'POST', 'file_jobs', { Body: submission(key, type, more) });
  return answer.Response.JobsDetail;
}

// Waits for the thing itself: the final state.
async function finished(id) {
  for (const deadline = Date.now() + WAIT_MS; Date.now() < deadline; await pause(20)) {
    const job = (await ci(client, 'GET', `file_jobs/${id}`)).Response.JobsDetail;
    if (['Success', 'Failed', 'Cancel'].includes(job.State)) return job;
  }
  throw new Error(`waited in vain for the end of ${id}`);
}

async function refusal(promise) {
  return promise.then(
    (answer) => assert.fail(`not refused: ${JSON.stringify(answer)}`),
    (error) => error,
  );
}

for (const type of ['MD5', 'SHA1', 'SHA256']) {
  test(`a ${type} job is submitted, ends, and tells digest, size and time`, async () => {
    server.write('jobs/a b+c.txt', 'hello');
    const submitted = await submit('jobs/a b+c.txt', type, '<UserData>album 7</UserData>');
    assert.equal(submitted.State, 'Submitted');
    assert.match(submitted.JobId, /^f[0-9a-f]{32}$/);
    const job = await finished(submitted.JobId);
    assert.equal(job.State, 'Success', JSON.stringify(job));
    assert.equal(job.Input.Object, 'jobs/a b+c.txt');
    assert.equal(job.Operation.UserData, 'album 7');
    const result = job.Operation.FileHashCodeResult;
    assert.equal(result[type], HELLO[type]);
    assert.equal(result.FileSize, '5');
    assert.match(result.Etag, /^".+"$/);
  });
}

test('several jobs of one query come as a list, and unknown ones by their ids', async () => {
  server.write('several', 'hello');
  const ids = [(await submit('several', 'MD5')).JobId, (await submit('several', 'SHA1')).JobId];
  const unknown = 'f93984788066911ed89ed352d4d9d2084';
  const { Response } = await ci(client, 'GET', `file_jobs/${[...ids, unknown].join(',')}`);
  assert.deepEqual(Response.JobsDetail.map((job) => job.JobId), ids);
  assert.equal(Response.NonExistJobIds, unknown);
});

test('a job on a missing object fails and says why', async () => {
  const job = await finished((await submit('missing', 'MD5')).JobId);
  assert.deepEqual([job.State, job.Code], ['Failed', 'ResourceNotFound']);
});

for (const [type, element] of [['md5', 'MD5'], ['sha1', 'SHA1'], ['sha256', 'SHA256']]) {
  test(`a synchronous ${type} gives the digest at once`, async () => {
    server.write('目录/é😀.bin', 'hello');
    const Query = { 'ci-process': 'filehash', type, addtoheader: 'false' };
    const { Response } = await client.request({ ...AT, Method: 'GET', Key: '目录/é😀.bin', Query });
    assert.equal(Response.FileHashCodeResult[element], HELLO[element]);
    assert.equal(Response.FileHashCodeResult.FileSize, '5');
    assert.deepEqual(Response.Input, { Bucket: BUCKET, Object: '目录/é😀.bin', Region: REGION });
  });
}

test('a synchronous hash of a missing object is NoSuchKey', async () => {
  const Query = { 'ci-process': 'filehash', type: 'md5' };
  const error = await refusal(client.request({ ...AT, Method: 'GET', Key: 'missing', Query }));
  assert.deepEqual([error.statusCode, error.code], [404, 'NoSuchKey']);
  assert.ok(error.headers['x-cos-request-id']);
});

test('refusals come with status, code, message and request id', async () => {
  for (const [Body, status, code] of [
    [submission('a', 'MD6'), 400, 'InvalidArgument'],
    ['no XML', 400, 'InvalidContent'],
    [submission('a', 'MD5').replace('<Tag>', '<QueueId>p2911917386e148639319e13c285cc774</QueueId><Tag>'), 400, 'QueueNotFound'],
  ]) {
    const error = await refusal(ci(client, 'POST', 'file_jobs', { Body }));
    assert.deepEqual([error.statusCode, error.code], [status, code]);
    assert.ok(error.message);
    assert.equal(error.error.RequestId, error.headers['x-ci-request-id']);
  }
  const stranger = server.client({ SecretKey: 'wrong' });
  const error = await refusal(ci(stranger, 'GET', 'file_jobs/f93984788066911ed89ed352d4d9d2084'));
  assert.deepEqual([error.statusCode, error.code], [403, 'SignatureDoesNotMatch']);
});

for (const [what, hours] of [['behind', -2], ['ahead', 2]]) {
  test(`a client whose clock is ${what} learns the time from the refusal and goes on`, async () => {
    const wrong = server.client({ SystemClockOffset: hours * 3600_000 });
    const { Response } = await ci(wrong, 'GET', 'file_jobs/f93984788066911ed89ed352d4d9d2084');
    assert.equal(Response.NonExistJobIds, 'f93984788066911ed89ed352d4d9d2084');
    assert.ok(Math.abs(wrong.options.SystemClockOffset) < 60_000, `${wrong.options.SystemClockOffset}`);
  });
}

test('a client that may not correct its clock is told in the words that it knows', async () => {
  const behind = server.client({ SystemClockOffset: -2 * 3600_000, CorrectClockSkew: false });
  const late = await refusal(ci(behind, 'GET', 'file_jobs/f93984788066911ed89ed352d4d9d2084'));
  assert.deepEqual([late.statusCode, late.code, late.message], [403, 'AccessDenied', 'Request has expired']);
  const ahead = server.client({ SystemClockOffset: 2 * 3600_000, CorrectClockSkew: false });
  const early = await refusal(ci(ahead, 'GET', 'file_jobs/f93984788066911ed89ed352d4d9d2084'));
  assert.deepEqual([early.statusCode, early.code], [403, 'RequestTimeTooSkewed']);
});

test('queues are listed and updated, jobs are listed and cancelled', async () => {
  server.write('queued', 'hello');
  const listed = await ci(client, 'GET', 'file_queue', { Query: { state: 'All' } });
  const queue = [listed.Response.QueueList].flat()[0];
  const update = (state) =>
    `<Request><Name>${queue.Name}</Name><State>${state}</State><NotifyConfig><State>Off</State></NotifyConfig></Request>`;
  const paused = await ci(client, 'PUT', `file_queue/${queue.QueueId}`, { Body: update('Paused') });
  assert.equal(paused.Response.Queue.State, 'Paused');
  const { JobId } = await submit('queued', 'MD5');
  const jobs = await ci(client, 'GET', 'file_jobs', { Query: { tag: 'FileHashCode', queueId: queue.QueueId, states: 'Pause' } });
  assert.deepEqual([jobs.Response.JobsDetail].flat().map((job) => job.JobId), [JobId]);
  await ci(client, 'PUT', `jobs/${JobId}`, { Query: { cancel: '' } });
  assert.equal((await finished(JobId)).State, 'Cancel');
  const active = await ci(client, 'PUT', `file_queue/${queue.QueueId}`, { Body: update('Active') });
  assert.equal(active.Response.Queue.State, 'Active');
});

test('objects are put, looked at, read whole and in part, copied, listed and deleted', async () => {
  const put = await client.putObject({ ...AT, Key: 'put/a b.txt', Body: 'hello', Headers: { 'x-cos-meta-author': 'me' } });
  assert.match(put.ETag, /^".+"$/);
  assert.equal(fs.readFileSync(path.join(server.objects, 'put/a b.txt'), 'utf8'), 'hello');
  const head = await client.headObject({ ...AT, Key: 'put/a b.txt' });
  assert.deepEqual([head.ETag, head.headers['content-length'], head.headers['x-cos-meta-author']], [put.ETag, '5', 'me']);
  const whole = await client.getObject({ ...AT, Key: 'put/a b.txt' });
  assert.equal(whole.Body.toString(), 'hello');
  const part = await client.getObject({ ...AT, Key: 'put/a b.txt', Range: 'bytes=1-2' });
  assert.deepEqual([part.statusCode, part.Body.toString()], [206, 'el']);
  const CopySource = `${BUCKET}.cos.${REGION}.myqcloud.com/put/a%20b.txt`;
  await client.putObjectCopy({ ...AT, Key: 'put/copy', CopySource });
  const list = await client.getBucket({ ...AT, Prefix: 'put/' });
  assert.deepEqual(list.Contents.map((object) => object.Key), ['put/a b.txt', 'put/copy']);
  await client.deleteMultipleObject({ ...AT, Objects: [{ Key: 'put/a b.txt' }, { Key: 'put/copy' }] });
  const gone = await refusal(client.headObject({ ...AT, Key: 'put/copy' }));
  assert.equal(gone.statusCode, 404);
  await client.deleteObject({ ...AT, Key: 'put/copy' });
});

test('a synchronous hash stores its digest where headObject finds it, and keeps the rest', async () => {
  await client.putObject({ ...AT, Key: 'headed', Body: 'hello', Headers: { 'x-cos-meta-author': 'me' } });
  const Query = { 'ci-process': 'filehash', type: 'sha1', addtoheader: 'true' };
  await client.request({ ...AT, Method: 'GET', Key: 'headed', Query });
  const { headers } = await client.headObject({ ...AT, Key: 'headed' });
  assert.deepEqual([headers['x-cos-meta-sha1'], headers['x-cos-meta-author']], [HELLO.SHA1, 'me']);
});

test('a large file is uploaded in parts and hashed as one', async () => {
  const content = crypto.createHash('shake256', { outputLength: 3 << 20 }).update('large').digest();
  const file = path.join(server.folder, 'large.bin');
  fs.writeFileSync(file, content);
  await client.sliceUploadFile({ ...AT, Key: 'large.bin', FilePath: file, ChunkSize: 1 << 20 });
  const job = await finished((await submit('large.bin', 'SHA256')).JobId);
  assert.equal(job.Operation.FileHashCodeResult.SHA256, digest('sha256', content), JSON.stringify(job));
});
