INSERT INTO declared_loss VALUES (2, 5, 60, 0, 0);
