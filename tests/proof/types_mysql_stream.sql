-- What changes while the connectors stream, after the rows that come once more.
UPDATE all_types SET c_varchar = 'changed' WHERE id = 1;
UPDATE all_types SET c_varchar = 'changed twice' WHERE id = 1;
INSERT INTO all_types (id, c_text) VALUES (98, 'deleted');
DELETE FROM all_types WHERE id = 98;
UPDATE all_types SET id = 113 WHERE id = 13;
INSERT INTO all_types (id, c_text) VALUES (99, 'the end of the workload');
UPDATE composite_key SET amount = 11.75, note = 'corrected' WHERE tenant = 'north' AND seq = 1;
INSERT INTO composite_key VALUES
  ('öst', '2026-03-01', '2026-02-28 00:00:00', 9, 0.00, 'streamed');
UPDATE composite_key SET tenant = 'west', booked_on = '9999-12-31',
  booked_at = '9999-12-31 23:59:59.999999', seq = 8, note = 'end of time' WHERE tenant = 'south';
DELETE FROM composite_key WHERE tenant = 'gone';
INSERT INTO composite_key VALUES
  ('zz', '1969-12-31', '1969-12-31 23:59:59.999999', 0, NULL, 'the end of the workload');
