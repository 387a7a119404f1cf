"""Where `make native` puts the compiled module kamiflow_native."""
