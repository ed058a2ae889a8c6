# Second half of the guest's first process: runs the command, its output through virtio ports to the host.
# The host ends the machine as soon as it has the status: no time lost on shutting down, nothing to hang in.
set -e
fifos=/run/fifos
mkdir $fifos /run/home
mkfifo $fifos/stdout $fifos/stderr
# The middle number is the serial device's place among the virtio devices.
until status_port=$(ls /dev/vport*p3 2>/dev/null); do sleep 0.05; done
ports=${status_port%3}
cat $fifos/stdout >"${ports}1" & out=$!
cat $fifos/stderr >"${ports}2" & err=$!

set +e
sh /run/vm/command.sh </dev/null >$fifos/stdout 2>$fifos/stderr
status=$?

# A background process of the command may hold its output open for ever.
tries=0
while kill -0 $out 2>/dev/null || kill -0 $err 2>/dev/null; do
  tries=$((tries + 1))
  [ $tries -le 50 ] || break
  sleep 0.02
done
echo $status >"$status_port"
while :; do sleep 1000; done
