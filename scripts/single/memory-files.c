/* What the single executable does before main: it makes a memory file for each shared object that it has in itself, as
 * the dynamic loader takes nothing but files, and Node has no memfd_create(2). The code is put beside Node's at an address
 * that is known only then, and calls no library. Where the kernel refuses, src/kernel/embedded.ts finds none and says so. */

enum { objects = 2 }; /* the addon, and ffi-rs */

#if defined(__x86_64__)
enum { memfd_create = 319 };

static long call(long number, const char *name, long flags)
{
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(name), "S"(flags) : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
enum { memfd_create = 279 };

static long call(long number, const char *name, long flags)
{
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = (long)name;
  register long x1 __asm__("x1") = flags;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1) : "memory");
  return x0;
}
#endif

enum { close_on_exec = 1, may_be_executed = 0x10 };

__attribute__((section(".first"), used)) void make_memory_files(void)
{
  static const char name[] = "vfioctl";
  for (int i = 0; i < objects; i++) {
    /* before Linux 6.3, the kernel does not know the second flag, and needs none */
    if (call(memfd_create, name, close_on_exec | may_be_executed) < 0) call(memfd_create, name, close_on_exec);
  }
}
