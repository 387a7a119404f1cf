#!/bin/sh
# One Python worker of the pool: Beam's boot, which is tried again where it ends before it can have
# worked. Flink asks the pool for a worker once, and waits for it for ever: a boot that fails (memory,
# a full disk, a file of the job that did not come) would leave the job standing still without a word.
set -u

BOOT=${KAMIFLOW_BOOT:-/opt/apache/beam/boot}
TRIES=${KAMIFLOW_BOOT_TRIES:-5}
PAUSE=${KAMIFLOW_BOOT_PAUSE:-2}
# Who has lived so long was connected: Flink sees its end, and asks for another worker. One that was
# connected sooner and ended is tried in vain, since Flink does not listen to it any more.
CONNECTED=${KAMIFLOW_BOOT_CONNECTED:-300}

child=
trap 'kill -TERM "$child" 2>/dev/null; wait "$child"; exit 143' TERM

try=1
while :; do
  started=$(date +%s)
  # The pool keeps a pipe to the standard output that it never reads: who fills it would stop.
  "$BOOT" "$@" >&2 &
  child=$!
  wait "$child" && exit 0
  code=$?
  lived=$(($(date +%s) - started))
  if [ "$lived" -ge "$CONNECTED" ] || [ "$try" -ge "$TRIES" ]; then
    exit "$code"
  fi
  echo "start-worker.sh: $BOOT ended with $code after $lived s; try $try of $TRIES" >&2
  try=$((try + 1))
  sleep "$PAUSE" &
  child=$!
  wait "$child"
done
