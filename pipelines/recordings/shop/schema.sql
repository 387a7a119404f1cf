-- The tables as they are at the end of the recording.
CREATE TABLE items (
  id BIGINT PRIMARY KEY,
  name VARCHAR(200),
  price DECIMAL(10, 2),
  status VARCHAR(20) NOT NULL,
  created_at DATETIME(6) NOT NULL,
  updated_at TIMESTAMP(6) NULL
);
CREATE TABLE items_full (
  id BIGINT PRIMARY KEY,
  name VARCHAR(200),
  price DECIMAL(10, 2),
  status VARCHAR(20) NOT NULL,
  created_at DATETIME(6) NOT NULL,
  updated_at TIMESTAMP(6) NULL
);
-- In mid-stream it lost its column name, its column status became state, and two columns came.
CREATE TABLE items_evo (
  id BIGINT PRIMARY KEY,
  price DECIMAL(10, 2),
  state VARCHAR(20) NOT NULL,
  created_at DATETIME(6) NOT NULL,
  updated_at TIMESTAMP(6) NULL,
  qty INT,
  flag TINYINT(1) NOT NULL DEFAULT 1
);
