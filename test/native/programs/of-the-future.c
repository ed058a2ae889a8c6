// With -DLIBRARY, a C library with a symbol of the future; without, an addon that needs it.
#ifdef LIBRARY
int of_the_future(void) { return 0; }
#else
extern int of_the_future(void);
void *napi_register_module_v1(void *env, void *exports) {
  (void)env;
  return of_the_future() == 0 ? exports : 0;
}
#endif
