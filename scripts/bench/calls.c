// What the bench compares with: the same system calls from C. `calls CASE COUNT …` runs one case COUNT times and prints
// nanoseconds for each time; `calls threads CASE COUNT …` in a process with threads. Descriptors are inherited.
#include <errno.h>
#include <linux/vfio.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void) {
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

static uint64_t number(char **args, int index) {
	if (args[index] == NULL) {
		fprintf(stderr, "argument %d is missing\n", index + 1);
		exit(2);
	}
	return strtoull(args[index], NULL, 0);
}

// pread|pwrite FD OFFSET SIZE
static double transfer(long count, char **args, ssize_t (*call)(int, void *, size_t, off_t)) {
	int fd = number(args, 0);
	off_t offset = number(args, 1);
	size_t size = number(args, 2);
	void *bytes = calloc(1, size);
	double start = now();
	for (long i = 0; i < count; i++)
		if (call(fd, bytes, size, offset) != (ssize_t)size) fail("transfer");
	return now() - start;
}

static void *idle(void *nothing) {
	pause();
	return nothing;
}

// As Node's are: libc and the kernel do more for each call of a process that has a second one.
static void start_thread(void) {
	pthread_t thread;
	if (pthread_create(&thread, NULL, idle, NULL) != 0) fail("pthread_create");
}

static ssize_t write_at(int fd, void *bytes, size_t size, off_t offset) { return pwrite(fd, bytes, size, offset); }

// load FD OFFSET SIZE: from a mapping, in 32-bit loads
static double load(long count, char **args) {
	size_t size = number(args, 2);
	volatile uint32_t *mapped = mmap(NULL, 4096, PROT_READ, MAP_SHARED, number(args, 0), number(args, 1));
	if (mapped == MAP_FAILED) fail("mmap");
	uint32_t *bytes = malloc(size);
	volatile uint32_t used = 0;
	double start = now();
	for (long i = 0; i < count; i++) {
		for (size_t word = 0; word < size / 4; word++) bytes[word] = mapped[word];
		used += bytes[0];
	}
	return now() - start;
}

static void signal_event(int fd) {
	uint64_t one = 1;
	if (write(fd, &one, sizeof one) != sizeof one) fail("write");
}

static uint64_t wait_event(int fd) {
	struct pollfd polled = {fd, POLLIN, 0};
	uint64_t events;
	if (poll(&polled, 1, 10000) != 1) fail("poll");
	if (read(fd, &events, sizeof events) != sizeof events) fail("read");
	return events;
}

// interrupt: an event that is there when it is waited for
static double interrupt(long count) {
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	double start = now();
	for (long i = 0; i < count; i++) {
		signal_event(fd);
		wait_event(fd);
	}
	return now() - start;
}

// peer IN OUT: answers each event, until there comes one of more than 1
static void answer(int in, int out) {
	while (wait_event(in) == 1) signal_event(out);
}

// woken: an event that another process sends meanwhile
static double woken(long count) {
	int there = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	int back = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	pid_t peer = fork();
	if (peer < 0) fail("fork");
	if (peer == 0) {
		answer(there, back);
		_exit(0);
	}
	double start = now();
	for (long i = 0; i < count; i++) {
		signal_event(there);
		wait_event(back);
	}
	double took = now() - start;
	uint64_t end = 2;
	if (write(there, &end, sizeof end) != sizeof end) fail("write");
	waitpid(peer, NULL, 0);
	return took;
}

static void map(int container, void *memory, uint64_t iova, uint64_t size) {
	struct vfio_iommu_type1_dma_map request = {sizeof request, VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
						   (uintptr_t)memory, iova, size};
	if (ioctl(container, VFIO_IOMMU_MAP_DMA, &request) < 0) fail("VFIO_IOMMU_MAP_DMA");
}

static void unmap(int container, uint32_t flags, uint64_t iova, uint64_t size) {
	struct vfio_iommu_type1_dma_unmap request = {sizeof request, flags, iova, size};
	if (ioctl(container, VFIO_IOMMU_UNMAP_DMA, &request) < 0) fail("VFIO_IOMMU_UNMAP_DMA");
}

// map CONTAINER SIZE LIVE ROUNDS: map and unmap beside that many mappings of a page, which take longer to make than what
// is measured; so the rounds are here, and the fastest counts
static double map_unmap(long count, char **args) {
	int container = number(args, 0);
	uint64_t size = number(args, 1);
	uint64_t live = number(args, 2);
	uint64_t end = 0xfee00000;
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) fail("mmap");
	for (uint64_t i = 1; i <= live; i++) map(container, memory, end - i * 4096, 4096);
	uint64_t iova = (end - live * 4096 - size) / size * size;
	double fastest = INFINITY;
	for (uint64_t round = number(args, 3); round > 0; round--) {
		double start = now();
		for (long i = 0; i < count; i++) {
			map(container, memory, iova, size);
			unmap(container, 0, iova, size);
		}
		double took = now() - start;
		if (took < fastest) fastest = took;
	}
	unmap(container, VFIO_DMA_UNMAP_FLAG_ALL, 0, 0);
	return fastest;
}

int main(int argc, char **argv) {
	if (argc > 1 && strcmp(argv[1], "threads") == 0) {
		start_thread();
		argv++;
		argc--;
	}
	if (argc < 3) {
		fprintf(stderr, "usage: calls [threads] CASE COUNT [ARGS...]\n");
		return 2;
	}
	const char *name = argv[1];
	long count = number(argv, 2);
	char **args = argv + 3;
	double took;
	if (strcmp(name, "pread") == 0) took = transfer(count, args, pread);
	else if (strcmp(name, "pwrite") == 0) took = transfer(count, args, write_at);
	else if (strcmp(name, "load") == 0) took = load(count, args);
	else if (strcmp(name, "interrupt") == 0) took = interrupt(count);
	else if (strcmp(name, "woken") == 0) took = woken(count);
	else if (strcmp(name, "map") == 0) took = map_unmap(count, args);
	else if (strcmp(name, "peer") == 0) {
		answer(number(args, 0), number(args, 1));
		return 0;
	} else {
		fprintf(stderr, "no case %s\n", name);
		return 2;
	}
	printf("%f\n", took / count);
	return 0;
}
