// BullMQ: submits jobs and works on them, through its ordinary API (Queue.add, Worker with a processor whose return value is
// stored). Usage: node bullmq.mjs produce|work COUNT FOLDER PORT CONCURRENCY
//
// The producer prints the seconds from its first submit to the last stored result, as the queue counts them; afterwards it
// reads results back.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Queue, Worker } from "bullmq";

const [role, countText, folder, port, concurrencyText] = process.argv.slice(2);
const [count, concurrency] = [Number(countText), Number(concurrencyText)];
const connection = { host: "127.0.0.1", port: Number(port), maxRetriesPerRequest: null };

if (role === "work") {
  const hash = async (job) => createHash("sha256").update(await readFile(`${folder}/${job.data.key}`)).digest("hex");
  const worker = new Worker("hash", hash, { connection, concurrency });
  await worker.waitUntilReady();
  console.log("ready");
  process.on("SIGTERM", () => worker.close().then(() => process.exit(0)));
} else {
  const queue = new Queue("hash", { connection });
  await queue.waitUntilReady();
  const jobs = [];
  const started = performance.now();
  let next = 0;
  const submit = async () => {
    while (next < count) {
      const number = next++;
      jobs[number] = await queue.add("hash", { key: `small-${number % 256}` });
    }
  };
  await Promise.all(Array.from({ length: concurrency }, submit));
  const submitted = (performance.now() - started) / 1000;
  while ((await queue.getCompletedCount()) < count) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const seconds = (performance.now() - started) / 1000;
  for (const asked of jobs.filter((_, number) => number % 97 === 0)) {
    const job = await queue.getJob(asked.id);
    if (!/^[0-9a-f]{64}$/.test(job?.returnvalue)) throw new Error(`job ${asked.id} has no result`);
  }
  console.log(JSON.stringify({ seconds, submitted }));
  await queue.close();
}
