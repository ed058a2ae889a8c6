. ./early.sh
fact 'the built-in driver is kept away' '[ ! -e /sys/bus/pci/drivers/serial ]'
fact 'then its device is bound early too' 'says vfioctl bind $serial --early && grep -q $serial $rule && grep -q $early $rule'
