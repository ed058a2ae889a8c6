// Unix sockets of SOCK_SEQPACKET: a message is whole, with the descriptors that came with it, or an error.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "args.h"
#include "environment.h"
#include "syscalls.h"

namespace vfioctl {
namespace {

// SCM_MAX_FD of the kernel: a message with more is EINVAL.
constexpr size_t kMostDescriptors = 253;

bool ReadAddress(const Napi::Value& value, sockaddr_un* address) {
  if (!value.IsString()) {
    ThrowType(value.Env(), "path must be a string");
    return false;
  }
  const std::string path = value.As<Napi::String>().Utf8Value();
  // An empty one, or one that begins with NUL, would name no file.
  if (path.empty() || path.find('\0') != std::string::npos) {
    ThrowRange(value.Env(), "path must have a character, and no NUL");
    return false;
  }
  if (path.size() >= sizeof address->sun_path) {
    ThrowSystemError(value.Env(), ENAMETOOLONG, "bind");
    return false;
  }
  *address = {};
  address->sun_family = AF_UNIX;
  memcpy(address->sun_path, path.c_str(), path.size());
  return true;
}

// Closes what was opened, whose failure is in errno.
Napi::Value Failed(Napi::Env env, int fd, const char* syscall) {
  const int number = errno;
  if (fd >= 0) close(fd);
  ThrowSystemError(env, number, syscall);
  return {};
}

Napi::Value Kept(Napi::Env env, int fd) {
  env.GetInstanceData<Environment>()->descriptors.insert(fd);
  return Napi::Number::New(env, fd);
}

int NewSocket() { return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); }

}  // namespace

// The file has the socket's own mode, less the umask's, from its first moment.
Napi::Value BindUnix(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  sockaddr_un address;
  if (!ReadAddress(info[0], &address)) return {};
  const int fd = NewSocket();
  if (fd < 0) return Failed(env, fd, "socket");
  if (fchmod(fd, S_IRUSR | S_IWUSR) < 0) return Failed(env, fd, "fchmod");
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) return Failed(env, fd, "bind");
  return Kept(env, fd);
}

void Listen(const Napi::CallbackInfo& info) {
  int fd;
  if (!ReadDescriptor(info[0], &fd)) return;
  if (listen(fd, SOMAXCONN) < 0) ThrowSystemError(info.Env(), errno, "listen");
}

// {fd, pid, uid}: who it was at its connect(2).
Napi::Value Accept(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  int listener;
  if (!ReadDescriptor(info[0], &listener)) return {};
  const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return Failed(env, fd, "accept4");
  ucred peer;
  socklen_t length = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) return Failed(env, fd, "getsockopt");
  Napi::Object accepted = Napi::Object::New(env);
  accepted.Set("fd", Kept(env, fd));
  accepted.Set("pid", Napi::Number::New(env, peer.pid));
  accepted.Set("uid", Napi::Number::New(env, peer.uid));
  return accepted;
}

Napi::Value ConnectUnix(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  sockaddr_un address;
  if (!ReadAddress(info[0], &address)) return {};
  const int fd = NewSocket();
  if (fd < 0) return Failed(env, fd, "socket");
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) return Failed(env, fd, "connect");
  return Kept(env, fd);
}

void SendDescriptors(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  int fd;
  Bytes bytes;
  int32_t* descriptors;
  size_t count;
  if (!ReadDescriptor(info[0], &fd)) return;
  if (!ElementsOf<int32_t, napi_int32_array>(info[2], &descriptors, &count)) {
    ThrowType(env, "descriptors must be an Int32Array");
    return;
  }
  if (count > kMostDescriptors) {
    ThrowRange(env, "a message carries at most " + std::to_string(kMostDescriptors) + " descriptors");
    return;
  }
  if (!ReadBytes(info[1], "bytes", &bytes)) return;
  const size_t size = count * sizeof(int);
  std::vector<uint8_t> control(CMSG_SPACE(size));
  iovec part = {bytes.data, bytes.length};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (count > 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(header), descriptors, size);
  }
  if (sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) ThrowSystemError(env, errno, "sendmsg");
}

// {length, descriptors}: length is 0 once the other end is closed. What does not fit is EMSGSIZE, and none is kept.
Napi::Value ReceiveDescriptors(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  int fd;
  Bytes bytes;
  if (!ReadDescriptor(info[0], &fd) || !ReadBytes(info[1], "into", &bytes)) return {};
  std::vector<uint8_t> control(CMSG_SPACE(kMostDescriptors * sizeof(int)));
  iovec part = {bytes.data, bytes.length};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t length = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (length < 0) {
    ThrowSystemError(env, errno, "recvmsg");
    return {};
  }
  std::vector<int> received;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    const size_t before = received.size();
    received.resize(before + count);
    memcpy(received.data() + before, CMSG_DATA(header), count * sizeof(int));
  }
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    for (const int it : received) close(it);
    ThrowSystemError(env, EMSGSIZE, "recvmsg");
    return {};
  }
  Napi::Int32Array descriptors = Napi::Int32Array::New(env, received.size());
  for (size_t i = 0; i < received.size(); i++) {
    descriptors[i] = received[i];
    env.GetInstanceData<Environment>()->descriptors.insert(received[i]);
  }
  Napi::Object answer = Napi::Object::New(env);
  answer.Set("length", Napi::Number::New(env, static_cast<double>(length)));
  answer.Set("descriptors", descriptors);
  return answer;
}

}  // namespace vfioctl
