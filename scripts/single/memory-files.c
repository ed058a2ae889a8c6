/* What the single executable does before main. The code is put beside Node's at an address that is known only then, and
 * calls no library.
 *
 * It ends an executable whose last part is missing, which would be killed in the middle of whatever needs that part.
 *
 * It makes a memory file for each shared object that the executable has in itself, as the dynamic loader takes nothing but
 * files, and Node has no memfd_create(2). Where the kernel refuses, src/kernel/embedded.ts finds none and says so. */

enum { objects = 2 }; /* the addon, and ffi-rs */

#if defined(__x86_64__)
enum { memfd_create = 319, fcntl = 72, close = 3, write = 1, exit_group = 231, faccessat = 269 };

static long call(long number, long first, long second, long third)
{
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(first), "S"(second), "d"(third) : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
enum { memfd_create = 279, fcntl = 25, close = 57, write = 64, exit_group = 94, faccessat = 48 };

static long call(long number, long first, long second, long third)
{
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = first;
  register long x1 __asm__("x1") = second;
  register long x2 __asm__("x2") = third;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
  return x0;
}
#endif

enum { close_on_exec = 1, may_be_executed = 0x10 };
enum { copy_close_on_exec = 1030, first_free = 3 }; /* F_DUPFD_CLOEXEC, beyond stderr */

enum { working_directory = -100, not_there = -2, no_memory_behind = -14 }; /* AT_FDCWD, -ENOENT, -EFAULT */

/* Words that scripts/single/elf.mjs puts behind this code: of the preinit array, and where the executable's last bytes
 * are, which are the path "/". */
extern const struct {
  long preinit;
  const char *end;
} after __attribute__((visibility("hidden"))); /* reached from here, not by a table that is left out */

/* A system call reads the end: a read of it here would be SIGBUS. Nothing is there, or zeros to the end of a page. */
static void refuse_if_cut_short(void)
{
  static const char message[] = "vfioctl: this executable is cut short: install it again\n";
  long seen = call(faccessat, working_directory, (long)after.end, 0);
  if (seen != no_memory_behind && seen != not_there) return;
  call(write, 2, (long)message, sizeof message - 1);
  call(exit_group, 1, 0, 0);
}

static void make_memory_files(void)
{
  static const char name[] = "vfioctl";
  for (int i = 0; i < objects; i++) {
    long file = call(memfd_create, (long)name, close_on_exec | may_be_executed, 0);
    /* before Linux 6.3, the kernel does not know the second flag, and needs none */
    if (file < 0) file = call(memfd_create, (long)name, close_on_exec, 0);
    if (file < 0 || file >= first_free) continue;
    /* Whoever started this closed stdin, stdout or stderr, which Node puts /dev/null in the place of. In that place, the
     * memory file would get what is printed, and a device that is opened after it the rest. */
    call(fcntl, file, copy_close_on_exec, first_free);
    call(close, file, 0, 0);
  }
}

__attribute__((section(".first"), used)) void before_main(void)
{
  refuse_if_cut_short();
  make_memory_files();
}
