/* Lets chosen system calls fail. Built and preloaded by shim.ts; configured by the environment:
 *
 *   FAULT_CALL     comma-separated names of calls (fsync,fdatasync,write,pwrite,read,open,rename …)
 *   FAULT_PATH     part of the path of the file
 *   FAULT_ARM      a file; while it does not exist nothing fails
 *   FAULT_NTH      the first matching call that fails, from 1
 *   FAULT_TIMES    how many fail from there on; 0 = all
 *   FAULT_ERRNO    number; 0 = none, the call is carried out
 *   FAULT_SHORT    1: a write writes half of its bytes (before failing, when there is an errno)
 *   FAULT_SLEEP_MS the call waits so long first; -1 = so many ms as FAULT_ARM holds, and no longer than it
 *                  exists
 *   FAULT_KILL     1: the process ends there by SIGKILL
 *   FAULT_NOTE     a file; a line is added to it for each call that was tampered with
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const char *calls, *path_part, *arm, *note;
static long nth, times, error_number, is_short, sleep_ms, must_kill;
static atomic_long seen;

static long number(const char *name) {
  const char *text = getenv(name);
  return text == NULL ? 0 : strtol(text, NULL, 10);
}

__attribute__((constructor)) static void configure(void) {
  path_part = getenv("FAULT_PATH");
  arm = getenv("FAULT_ARM");
  note = getenv("FAULT_NOTE");
  nth = number("FAULT_NTH");
  times = number("FAULT_TIMES");
  error_number = number("FAULT_ERRNO");
  is_short = number("FAULT_SHORT");
  sleep_ms = number("FAULT_SLEEP_MS");
  must_kill = number("FAULT_KILL");
  calls = getenv("FAULT_CALL");
}

static int is_chosen(const char *call) {
  if (calls == NULL) return 0;
  size_t length = strlen(call);
  for (const char *at = calls; (at = strstr(at, call)) != NULL; at += length) {
    if ((at == calls || at[-1] == ',') && (at[length] == 0 || at[length] == ',')) return 1;
  }
  return 0;
}

static void write_note(const char *call, const char *path) {
  if (note == NULL) return;
  char line[4352];
  int bytes = snprintf(line, sizeof line, "%s %s\n", call, path);
  int file = syscall(SYS_openat, AT_FDCWD, note, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) return;
  syscall(SYS_write, file, line, bytes);
  syscall(SYS_close, file);
}

static int is_armed(void) { return syscall(SYS_faccessat, AT_FDCWD, arm, F_OK) == 0; }

static void sleep_for(long ms) {
  struct timespec left = {ms / 1000, ms % 1000 * 1000000};
  while (nanosleep(&left, &left) != 0 && errno == EINTR);
}

static void sleep_while_armed(void) {
  char text[32] = "";
  int file = syscall(SYS_openat, AT_FDCWD, arm, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  syscall(SYS_read, file, text, sizeof text - 1);
  syscall(SYS_close, file);
  for (long left = strtol(text, NULL, 10); left > 0 && is_armed(); left -= 10) sleep_for(left < 10 ? left : 10);
}

/* Whether this call is to be tampered with; waits, or ends the process, if told to. */
static int hits(const char *call, const char *path) {
  if (!is_chosen(call) || path == NULL) return 0;
  if (path_part != NULL && strstr(path, path_part) == NULL) return 0;
  if (arm != NULL && !is_armed()) return 0;
  long count = atomic_fetch_add(&seen, 1) + 1;
  if (count < nth || (times > 0 && count >= nth + times)) return 0;
  write_note(call, path);
  if (must_kill) syscall(SYS_kill, getpid(), SIGKILL);
  if (sleep_ms > 0) sleep_for(sleep_ms);
  if (sleep_ms < 0) sleep_while_armed();
  return 1;
}

static int hits_file(const char *call, int file) {
  if (!is_chosen(call)) return 0;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t bytes = readlink(link, path, sizeof path - 1);
  if (bytes < 0) return 0;
  path[bytes] = 0;
  return hits(call, path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL(result)          \
  do {                        \
    if (error_number != 0) {  \
      errno = error_number;   \
      return result;          \
    }                         \
  } while (0)

int fsync(int file) {
  if (hits_file("fsync", file)) FAIL(-1);
  return REAL(fsync)(file);
}

int fdatasync(int file) {
  if (hits_file("fdatasync", file)) FAIL(-1);
  return REAL(fdatasync)(file);
}

ssize_t write(int file, const void *bytes, size_t count) {
  if (file > 2 && hits_file("write", file)) {
    if (is_short && count > 1) {
      ssize_t done = syscall(SYS_write, file, bytes, count / 2);
      if (error_number == 0) return done;
    }
    FAIL(-1);
  }
  return syscall(SYS_write, file, bytes, count);
}

static ssize_t any_pwrite(int file, const void *bytes, size_t count, off_t offset) {
  if (hits_file("pwrite", file)) {
    if (is_short && count > 1) {
      ssize_t done = syscall(SYS_pwrite64, file, bytes, count / 2, offset);
      if (error_number == 0) return done;
    }
    FAIL(-1);
  }
  return syscall(SYS_pwrite64, file, bytes, count, offset);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset) {
  return any_pwrite(file, bytes, count, offset);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off_t offset) {
  return any_pwrite(file, bytes, count, offset);
}

ssize_t read(int file, void *bytes, size_t count) {
  if (hits_file("read", file)) FAIL(-1);
  return syscall(SYS_read, file, bytes, count);
}

ssize_t pread(int file, void *bytes, size_t count, off_t offset) {
  if (hits_file("read", file)) FAIL(-1);
  return syscall(SYS_pread64, file, bytes, count, offset);
}

ssize_t pread64(int file, void *bytes, size_t count, off_t offset) {
  return pread(file, bytes, count, offset);
}

#undef fread_unlocked /* a macro, too */

/* Sequential reads of RocksDB: its write-ahead logs, MANIFEST, CURRENT. */
size_t fread_unlocked(void *bytes, size_t size, size_t count, FILE *file) {
  if (hits_file("read", fileno(file)) && error_number != 0) {
    /* An error of the stream, and not its end, needs the flag. */
    file->_flags |= 0x20;
    errno = error_number;
    return 0;
  }
  return REAL(fread_unlocked)(bytes, size, count, file);
}

static int any_open(const char *path, int flags, mode_t mode) {
  if (hits((flags & (O_WRONLY | O_RDWR)) != 0 ? "create" : "open", path)) FAIL(-1);
  return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static mode_t mode_of(int flags, va_list more) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
}

int open(const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  mode_t mode = mode_of(flags, more);
  va_end(more);
  return any_open(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  mode_t mode = mode_of(flags, more);
  va_end(more);
  return any_open(path, flags | O_LARGEFILE, mode);
}

int rename(const char *from, const char *to) {
  if (hits("rename", to)) FAIL(-1);
  return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlink(const char *path) {
  if (hits("unlink", path)) FAIL(-1);
  return syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int mkdir(const char *path, mode_t mode) {
  if (hits("mkdir", path)) FAIL(-1);
  return syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int ftruncate(int file, off_t length) {
  if (hits_file("truncate", file)) FAIL(-1);
  return syscall(SYS_ftruncate, file, length);
}
