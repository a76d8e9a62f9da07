-- claim: a suspect is run alone once more.
update live set trials = trials + 1 where id = ?1
