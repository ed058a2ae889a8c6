// The byte order of what a device has in its registers and its memory: little-endian, whatever the processor's is.
#pragma once

#include <cstdint>

namespace vfioctl {

// From the processor's order to the device's, or back.
template <typename T>
constexpr T InDeviceOrder(T value) {
  if constexpr (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ || sizeof(T) == 1) {
    return value;
  } else if constexpr (sizeof(T) == 2) {
    return __builtin_bswap16(value);
  } else if constexpr (sizeof(T) == 4) {
    return __builtin_bswap32(value);
  } else {
    return __builtin_bswap64(value);
  }
}

}  // namespace vfioctl
