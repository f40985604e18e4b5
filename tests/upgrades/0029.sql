UPDATE patient SET centre_id = (SELECT max(id) FROM organisation WHERE kind = 'centre') WHERE id = 1;
