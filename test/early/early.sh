fact 'the first driver of the card, and the only one, is vfio-pci' 'seen $early vfio-pci'
fact 'its twin is with e1000e' 'seen $twin e1000e'
fact 'nothing else of the machine is with vfio-pci' '[ "$(ls -d /sys/bus/pci/drivers/vfio-pci/0000:* | wc -l)" = 1 ]'
