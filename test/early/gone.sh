fact 'the first driver of both cards is e1000e again' 'seen $early e1000e && seen $twin e1000e'
