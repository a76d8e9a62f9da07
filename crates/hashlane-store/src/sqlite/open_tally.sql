-- open: how many live rows of which kind each queue has.
select queue, stage, due_ms is null, secret is not null, count(*) from live group by 1, 2, 3, 4
