// The addon's table of exports. Its surface, typed and described: src/kernel/addon.ts.
#include <napi.h>
#include <unistd.h>

#include <iterator>

#include "environment.h"
#include "events.h"
#include "memory.h"
#include "syscalls.h"

namespace vfioctl {
namespace {

void ExportWords(Napi::Env env, Napi::Object exports, Word* word) {
  const Napi::ArrayBuffer memory = Napi::ArrayBuffer::New(env, word, sizeof *word);
  exports["word"] = Napi::Int32Array::New(env, sizeof *word / sizeof(int32_t), memory, 0);
  const napi_property_descriptor calls[] = {
      {"readWord", nullptr, ReadWord, nullptr, nullptr, nullptr, napi_default_jsproperty, word},
      {"writeWord", nullptr, WriteWord, nullptr, nullptr, nullptr, napi_default_jsproperty, word},
  };
  napi_define_properties(env, exports, std::size(calls), calls);
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  auto* environment = new Environment();
  env.SetInstanceData(environment);

  exports["close"] = Napi::Function::New<Close>(env, "close");
  exports["ioctl"] = Napi::Function::New<Ioctl>(env, "ioctl");
  exports["ioctlAsync"] = Napi::Function::New<IoctlAsync>(env, "ioctlAsync");
  exports["read"] = Napi::Function::New<Read>(env, "read");
  exports["write"] = Napi::Function::New<Write>(env, "write");
  exports["pread"] = Napi::Function::New<Pread>(env, "pread");
  exports["pwrite"] = Napi::Function::New<Pwrite>(env, "pwrite");
  ExportWords(env, exports, &environment->word);
  exports["tryLock"] = Napi::Function::New<TryLock>(env, "tryLock");
  exports["pageSize"] = Napi::Number::New(env, static_cast<double>(sysconf(_SC_PAGESIZE)));
  exports["hugePageSize"] = Napi::Number::New(env, static_cast<double>(HugePageSize()));
  exports["Mapping"] = Mapping::DefineIn(env);
  exports["pageFrames"] = Napi::Function::New<PageFrames>(env, "pageFrames");
  exports["bindUnix"] = Napi::Function::New<BindUnix>(env, "bindUnix");
  exports["listen"] = Napi::Function::New<Listen>(env, "listen");
  exports["accept"] = Napi::Function::New<Accept>(env, "accept");
  exports["connectUnix"] = Napi::Function::New<ConnectUnix>(env, "connectUnix");
  exports["sendDescriptors"] = Napi::Function::New<SendDescriptors>(env, "sendDescriptors");
  exports["receiveDescriptors"] = Napi::Function::New<ReceiveDescriptors>(env, "receiveDescriptors");
  exports["pipe"] = Napi::Function::New<Pipe>(env, "pipe");
  exports["eventfd"] = Napi::Function::New<Eventfd>(env, "eventfd");
  exports["waitForEventfd"] = Napi::Function::New<WaitForEventfd>(env, "waitForEventfd");
  exports["Watch"] = Watch::DefineIn(env);
  return exports;
}

}  // namespace
}  // namespace vfioctl

static Napi::Object InitAddon(Napi::Env env, Napi::Object exports) { return vfioctl::Init(env, exports); }
NODE_API_MODULE(vfioctl, InitAddon)
