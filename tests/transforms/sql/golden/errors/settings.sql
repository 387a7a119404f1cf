SET 'table.local-time-zone' = 'Europe/Belin';
SET 'table.local-timezone' = 'UTC';
SET 'parallelism' = '4';
SET 'functions.module' = 'no_such_module_of_functions';
SET 'table.local-time-zone' = 'localtime';
