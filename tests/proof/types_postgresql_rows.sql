-- What the tables hold before a connector starts: typical, highest, lowest, NULL, zero, before the
-- epoch, old values, the infinities of numbers; from 51 on, the edges.
INSERT INTO all_types VALUES
  (1, 1234, 123456789, 1234567890123456789, 16384, 1.1, '3.141592653589793', 12345678.90,
   1234567890123456789012345678.0123456789, 1234567890123456789012345678901234567890.12345, 12345,
   123.4500, '$1,234.56', '2026-03-15', '13:14:15', '13:14:15.678', '13:14:15.678901',
   '13:14:15.678901+02', '2026-03-15 13:14:15', '2026-03-15 13:14:15.678',
   '2026-03-15 13:14:15.678901', '2026-03-15 11:14:15.678901+00', '2026-03-15 13:14:15.678+00',
   '1 day 02:03:04.000005', 't', 'char      ', 'typical', E'line 1\nline 2\ttab', 'MiXed',
   '\xdeadbeef00', '123e4567-e89b-12d3-a456-426614174000', '{"a": 1, "a": 2,  "b": [true, null]}',
   '{"a": 12345678901234567890, "b": [true, null, "ü"], "n": 1.50}', '<a x="1">tëxt</a>',
   '192.168.1.5/24', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '{1,2,3}',
   '{9223372036854775807}', '{a,"b,c","d\"e",NULL,"NULL",""}', '{1.50,-2.25}',
   '{2026-03-15,1969-12-31}', '{"2026-03-15 13:14:15.678901"}',
   '{123e4567-e89b-12d3-a456-426614174000}', '{t,f}',
   '"a"=>"1", "b"=>NULL, "new"=>"1", "ü,x"=>"y\"z"', 'top.middle.leaf', 'sehr glücklich', '1',
   '10101010', '10110', '(1.5,-2.25)', '[1,10)', '[6,)', '[1.5,2.5]',
   '["2026-01-01 00:00:00","2026-02-01 00:00:00")', '["2026-01-01 00:00:00+00",)',
   '[2026-01-01,2026-02-01)', '''cat'':3 ''fat'':2,11');
INSERT INTO all_types VALUES
  (2, 32767, 2147483647, 9223372036854775807, 4294967295, '3.4028235e+38',
   '1.7976931348623157e+308', 99999999.99, 9999999999999999999999999999.9999999999,
   9999999999999999999999999999999999999999999999999999999.99999, 99999,
   9999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999.99999999999999999999999999999999999999999999999999,
   '$9,999,999,999,999.99', '9999-12-31', '23:59:59', '23:59:59.999', '23:59:59.999999',
   '23:59:59.999999-12', '9999-12-31 23:59:59', '9999-12-31 23:59:59.999',
   '9999-12-31 23:59:59.999999', '9999-12-31 23:59:59.999999+00', '9999-12-31 23:59:59.999+00',
   '200 years 11 mons 30 days 23:59:59.999999', 't', 'ÄÖÜäöüß€世界',
   'zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz',
   'éééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé',
   'ZZZ',
   '\xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
   'ffffffff-ffff-ffff-ffff-ffffffffffff', '[1e308, 9223372036854775808]',
   '[1000000000000000000000000000000, 0.1000, "A"]', NULL, 'ffff:ffff::ffff', '2001:db8::/32',
   'ff:ff:ff:ff:ff:ff', 'ff:ff:ff:ff:ff:ff:ff:ff', '{2147483647,NULL,-2147483648}',
   '{-9223372036854775808,NULL}', NULL, '{99999999.99,NULL}', '{9999-12-31,NULL}', NULL, NULL,
   NULL, '"k"=>""', NULL, 'x,y', '1', '11111111',
   '1111111111111111111111111111111111111111111111111111111111111111111111',
   '(1.7976931348623157e+308,0)', '(,)', '[1,9223372036854775807)', NULL, NULL, NULL, NULL, NULL);
INSERT INTO all_types VALUES
  (3, -32768, -2147483648, -9223372036854775808, 0, '-3.4028235e+38', '-1.7976931348623157e+308',
   -99999999.99, -9999999999999999999999999999.9999999999,
   -9999999999999999999999999999999999999999999999999999999.99999, -99999,
   -0.00000000000000000000000000000000000000000000000001, '-$9,999,999,999,999.99', '0001-01-01',
   '00:00:01', '00:00:00.001', '00:00:00.000001', '00:00:00.000001+14', '1600-01-01 00:00:00',
   '1600-01-01 00:00:00.001', '1600-01-01 00:00:00.000001', '1600-01-01 00:00:00.000001+00',
   '1600-01-01 00:00:00.001+00', '-1 years -2 mons -3 days -04:05:06.789012', 'f', '          ',
   '', '', '', '\x', '00000000-0000-0000-0000-000000000000', 'null', 'null', NULL, '0.0.0.0',
   NULL, NULL, NULL, '{}', '{}', '{}', NULL, NULL, NULL, NULL, NULL, '', '', 'sad', '0',
   '00000001', '', '(-0.5,-1e-300)', 'empty', NULL, NULL, 'empty', NULL, NULL, '');
INSERT INTO all_types (id) VALUES (4);
INSERT INTO all_types VALUES
  (5, 0, 0, 0, NULL, 0, 0, 0.00, 0.0000000000, 0.00000, 0, 0, '$0.00', '1970-01-01', '00:00:00',
   '00:00:00', '00:00:00', '00:00:00+00', '1970-01-01 00:00:00', '1970-01-01 00:00:00',
   '1970-01-01 00:00:00', '1970-01-01 00:00:00+00', '1970-01-01 00:00:00+00', '00:00:00', NULL,
   '          ', ' trailing ', NULL, NULL, '\x00', NULL, '{}', '{}', NULL, NULL, NULL, NULL, NULL,
   NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '0', '00000000', '0',
   '(0,0)', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO all_types VALUES
  (6, -1, -1, -1, NULL, -1.5, '-2.2250738585072014e-308', -0.01, -0.0000000001, -0.00001, -1,
   -1000, '-$0.01', '1969-12-31', NULL, NULL, NULL, NULL, '1969-12-31 23:59:59',
   '1969-12-31 23:59:59.999', '1969-12-31 23:59:59.999999', '1969-12-31 23:59:59.999999+00',
   '1969-12-31 23:59:59.999+00', '-00:00:00.000001', NULL, 'x         ', NULL, 'NULL', NULL, NULL,
   NULL, NULL, '"text"', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
   NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO all_types VALUES
  (7, NULL, NULL, NULL, NULL, 'NaN', 'NaN', NULL, NULL, NULL, NULL, 100000000000000000000, NULL,
   '1582-10-04', NULL, NULL, NULL, '12:00:00.5+05:30', '1582-10-15 00:00:00',
   '1900-02-28 12:00:00.5', '1899-12-31 23:59:59.000001', '2026-10-25 01:30:00.5+00', NULL,
   '1 mon', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
   NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
   NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO all_types VALUES
  (8, NULL, NULL, NULL, NULL, 'Infinity', '-Infinity', NULL, NULL, NULL, NULL, NULL, NULL, NULL,
   NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
   NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
   NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO all_types VALUES
  (9, NULL, NULL, NULL, NULL, '-Infinity', 'Infinity', NULL, NULL, NULL, NULL, NULL, NULL, NULL,
   NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
   NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
   NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO all_types (id, c_date) VALUES (51, 'infinity');
INSERT INTO all_types (id, c_date) VALUES (52, '-infinity');
INSERT INTO all_types (id, c_timestamp0, c_timestamp3, c_timestamp6) VALUES
  (53, 'infinity', '-infinity', 'infinity');
INSERT INTO all_types (id, c_timestamptz, c_timestamptz3) VALUES (54, 'infinity', '-infinity');
INSERT INTO all_types (id, c_numeric) VALUES (55, 'NaN');
INSERT INTO all_types (id, c_numeric_10_2) VALUES (56, 'NaN');
INSERT INTO all_types (id, c_numeric) VALUES (57, 'Infinity');
INSERT INTO all_types (id, c_date, c_timestamp6, c_timestamptz) VALUES
  (58, '12000-01-01', '12000-01-01 00:00:00', '12000-01-01 00:00:00+00');
INSERT INTO all_types (id, c_timestamp0, c_timestamp3, c_timestamp6, c_timestamptz) VALUES
  (59, '0001-01-01 00:00:00', '0001-01-01 00:00:00.001', '0001-01-01 00:00:00.000001',
   '0001-01-01 00:00:00.000001+00');
INSERT INTO all_types (id, c_date, c_timestamp6, c_timestamptz) VALUES
  (60, '0044-03-15 BC', '0044-03-15 12:00:00 BC', '0044-03-15 12:00:00+00 BC');
INSERT INTO all_types (id, c_interval) VALUES (61, '178000000 years');
INSERT INTO all_types (id, c_interval) VALUES (62, '1000 years 11 mons 30 days 23:59:59.999999');
INSERT INTO all_types (id, c_money) VALUES (63, '$92,233,720,368,547,758.07');
INSERT INTO all_types (id, c_money) VALUES (64, '-$92,233,720,368,547,758.08');
INSERT INTO all_types (id, c_time0, c_time3, c_time6, c_timetz) VALUES
  (65, '24:00:00', '24:00:00', '24:00:00', '24:00:00+00');
INSERT INTO composite_key VALUES
  ('north', '2026-01-01', '00000000-0000-4000-8000-000000000001', '2026-01-01 08:00:00.000001', 1, 10.75, 'first'),
  ('north', '2026-01-01', '00000000-0000-4000-8000-000000000001', '2026-01-01 08:00:00.000001', 2147483647, -10.50, NULL),
  ('south', '2026-02-02', '00000000-0000-4000-8000-000000000002', '2026-02-02 02:02:02', 7, 99999999.99, 'moves'),
  ('gone', '1969-12-31', '00000000-0000-4000-8000-000000000006', '2026-02-02 02:02:02.5', 0, 0.01, 'deleted');
