-- open_service, close_service: a bucket and the state of its service.
insert into bucket (number, name, service_created_ms) values (?1, ?2, ?3)
on conflict (number) do update set service_created_ms = excluded.service_created_ms
