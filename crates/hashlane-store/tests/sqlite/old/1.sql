-- A store as schema 1 left it: two buckets, a job waiting, one leased, one succeeded with a callback due, one failed and
-- delivered, one cancelled. The checksum is the one that was written then.
update store set epoch = 3, pinged_ms = 1700000000000;
insert into bucket values (1, 'photos-1250000000', 1700000000000), (2, 'closed-1250000000', null);
insert into queue values (1, 'p0123456789abcdef0123456789abcdef', 1, 1700000000000, 1, 'queue-file-process-1', 0, 1000, 10,
  0, 0, 0, 'xml', null, 1700000000000);
insert into job (bucket, id, queue, key, algorithm, algorithm_as_given, add_to_header, level, user_data) values
  (1, x'01ee82c3d1e1b8008000000000000001', 1, 'waiting', 'sha256', 'SHA256', 0, 0, 'data'),
  (1, x'01ee82c3d1e1b8008000000000000002', 1, 'leased', 'sha1', 'SHA1', 1, 2, null);
insert into job (bucket, id, queue, key, algorithm, algorithm_as_given, add_to_header, level, state, progress, started_ms,
  ended_ms, size_bytes, etag, modified_ms, digest, checksum, target, target_format, delivery) values
  (1, x'01ee82c3d1e1b8008000000000000003', 1, 'done', 'md5', 'md5', 0, 0, 'succeeded', 100, 1700000001000, 1700000002000, 3,
   '"900150983cd24fb0d6963f7d28e17f72"', 1690000000000, x'900150983cd24fb0d6963f7d28e17f72', 423422237,
   'url:http://127.0.0.1:1/', 'xml', 'due');
insert into job (bucket, id, queue, key, algorithm, algorithm_as_given, add_to_header, level, state, progress, started_ms,
  ended_ms, error_code, error_message, target, target_format, delivery, delivery_attempts, delivery_said, delivery_ms) values
  (1, x'01ee82c3d1e1b8008000000000000004', 1, 'failed', 'md5', 'MD5', 0, 0, 'failed', 0, 1700000001000, 1700000002000,
   'not-found', 'no such object', 'url:http://127.0.0.1:1/', 'json', 'delivered', 1, '200 OK', 1700000003000);
insert into job (bucket, id, queue, key, algorithm, algorithm_as_given, add_to_header, level, state, progress, ended_ms) values
  (1, x'01ee82c3d1e1b8008000000000000005', 1, 'cancelled', 'md5', 'MD5', 0, 0, 'cancelled', 0, 1700000002000);
insert into live (id, bucket, queue, level, stage, due_ms, secret, attempts, started_ms, progress) values
  (x'01ee82c3d1e1b8008000000000000001', 1, 1, 0, 'hash', null, null, 0, null, 0),
  (x'01ee82c3d1e1b8008000000000000002', 1, 1, 2, 'hash', 1700000030000, 3298534883329, 1, 1700000001000, 40),
  (x'01ee82c3d1e1b8008000000000000003', 1, 1, 0, 'deliver', 1699999999000, null, 0, null, 0);
update total set jobs = 1;
