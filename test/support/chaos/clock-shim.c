/* Moves the wall clock of a process while it runs; monotonic time goes on as it is. Built and preloaded by
 * process-shims.ts. The file CLOCK_OFFSET_FILE holds the offset in milliseconds, 8 bytes, little-endian.
 *
 * Only what the program itself asks is moved, not what libraries ask that were loaded later: they hand such
 * times to the kernel as ends of waits, and the kernel's clock has not moved. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *offset_ms;
static uintptr_t program_start, program_end;
static int (*real_clock_gettime)(clockid_t, struct timespec *);

static int take_program(struct dl_phdr_info *info, size_t size, void *data) {
  (void)size;
  (void)data;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *part = &info->dlpi_phdr[i];
    if (part->p_type != PT_LOAD || (part->p_flags & PF_X) == 0) continue;
    uintptr_t start = info->dlpi_addr + part->p_vaddr;
    if (program_end == 0) program_start = start;
    program_end = start + part->p_memsz;
  }
  /* The program comes first. */
  return 1;
}

__attribute__((constructor)) static void configure(void) {
  real_clock_gettime = (__typeof__(real_clock_gettime))dlsym(RTLD_NEXT, "clock_gettime");
  dl_iterate_phdr(take_program, NULL);
  const char *name = getenv("CLOCK_OFFSET_FILE");
  int file = name == NULL ? -1 : open(name, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  void *page = mmap(NULL, sizeof *offset_ms, PROT_READ, MAP_SHARED, file, 0);
  if (page != MAP_FAILED) offset_ms = page;
  close(file);
}

static int64_t offset_for(void *caller) {
  uintptr_t at = (uintptr_t)caller;
  return offset_ms != NULL && at >= program_start && at < program_end ? *offset_ms : 0;
}

static void move(struct timespec *time, int64_t ms) {
  int64_t ns = time->tv_nsec + ms % 1000 * 1000000;
  time->tv_sec += ms / 1000 + (ns >= 1000000000) - (ns < 0);
  time->tv_nsec = ns >= 1000000000 ? ns - 1000000000 : ns < 0 ? ns + 1000000000 : ns;
}

static int plain_clock_gettime(clockid_t clock, struct timespec *time) {
  if (real_clock_gettime != NULL) return real_clock_gettime(clock, time);
  return syscall(SYS_clock_gettime, clock, time);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  int result = plain_clock_gettime(clock, time);
  int is_wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
  if (result == 0 && is_wall) move(time, offset_for(__builtin_return_address(0)));
  return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  (void)zone;
  struct timespec now;
  if (plain_clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  move(&now, offset_for(__builtin_return_address(0)));
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *result) {
  struct timespec now;
  if (plain_clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  move(&now, offset_for(__builtin_return_address(0)));
  if (result != NULL) *result = now.tv_sec;
  return now.tv_sec;
}
