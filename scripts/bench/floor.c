// The least that a trapped read can take in Node: the same pread(2) from C inside Node's process, in a loop of its own, or
// by a call of Node-API for each that takes no arguments and checks nothing.
#include <node_api.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fd;

static napi_value of(napi_env env, napi_callback_info info) {
	size_t count = 1;
	napi_value value;
	napi_get_cb_info(env, info, &count, &value, NULL, NULL);
	napi_get_value_int32(env, value, &fd);
	return NULL;
}

static napi_value once(napi_env env, napi_callback_info info) {
	(void)env, (void)info;
	uint32_t word;
	syscall(SYS_pread64, fd, &word, sizeof word, 0);
	return NULL;
}

static napi_value often(napi_env env, napi_callback_info info) {
	size_t count = 1;
	napi_value value;
	int32_t times = 0;
	napi_get_cb_info(env, info, &count, &value, NULL, NULL);
	napi_get_value_int32(env, value, &times);
	while (times-- > 0) once(env, info);
	return NULL;
}

NAPI_MODULE_INIT() {
	const napi_property_descriptor calls[] = {
		{"of", NULL, of, NULL, NULL, NULL, napi_default, NULL},
		{"once", NULL, once, NULL, NULL, NULL, napi_default, NULL},
		{"often", NULL, often, NULL, NULL, NULL, napi_default, NULL},
	};
	napi_define_properties(env, exports, sizeof calls / sizeof *calls, calls);
	return exports;
}
