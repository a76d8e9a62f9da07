// pg-boss: submits jobs and works on them, through its ordinary API (send; fetch in batches, complete each with its result).
// work() is not used: it stores no results of batches, and one job per poll would measure its polling interval.
// Usage: node pgboss.mjs produce|work COUNT FOLDER URL CONCURRENCY
//
// The producer prints the seconds from its first submit to the last stored result; afterwards it reads results back.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import PgBoss from "pg-boss";

const [role, countText, folder, url, concurrencyText] = process.argv.slice(2);
const [count, concurrency] = [Number(countText), Number(concurrencyText)];
// Connections of each process: a few per core.
const boss = new PgBoss({ connectionString: url, max: 10, supervise: false, schedule: false });
boss.on("error", (error) => { console.error(error); process.exit(1); });
await boss.start();
await boss.createQueue("hash");
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

if (role === "work") {
  console.log("ready");
  process.on("SIGTERM", () => process.exit(0));
  const work = async (job) => {
    const digest = createHash("sha256").update(await readFile(`${folder}/${job.data.key}`)).digest("hex");
    await boss.complete("hash", job.id, { digest });
  };
  for (;;) {
    const jobs = await boss.fetch("hash", { batchSize: concurrency });
    if (jobs.length === 0) await pause(5);
    await Promise.all(jobs.map(work));
  }
} else {
  const ids = [];
  const started = performance.now();
  let next = 0;
  const submit = async () => {
    while (next < count) {
      const number = next++;
      ids[number] = await boss.send("hash", { key: `small-${number % 256}` });
    }
  };
  await Promise.all(Array.from({ length: concurrency }, submit));
  const submitted = (performance.now() - started) / 1000;
  const sql = "select count(*)::int as done from pgboss.job where name = 'hash' and state = 'completed'";
  while ((await boss.getDb().executeSql(sql)).rows[0].done < count) await pause(20);
  const seconds = (performance.now() - started) / 1000;
  for (const id of ids.filter((_, number) => number % 97 === 0)) {
    const job = await boss.getJobById("hash", id);
    if (!/^[0-9a-f]{64}$/.test(job?.output?.digest)) throw new Error(`job ${id} has no result`);
  }
  console.log(JSON.stringify({ seconds, submitted }));
  await boss.stop({ graceful: false });
  process.exit(0);
}
