// A Node addon that exports nothing: an addon of another version, as the loader sees it.
void *napi_register_module_v1(void *env, void *exports) {
  (void)env;
  return exports;
}
