/* Stands in for libedgetpu: a TensorFlow Lite delegate that leaves all work to the CPU kernels, and misbehaves as the file named by FAKE_EDGETPU says.

   It claims no operation but puts itself before the first one's `invoke`. The structs are the heads of those in tensorflow/lite/core/c/common.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct { int size; int data[]; } IntArray;
typedef struct Context Context;
typedef struct { IntArray *inputs, *outputs; } Node;
typedef struct {
  void *(*init)(Context *, const char *, size_t);
  void (*free)(Context *, void *);
  int (*prepare)(Context *, Node *);
  int (*invoke)(Context *, Node *);
} Registration;
struct Context {
  size_t tensors_size;
  int (*get_execution_plan)(Context *, IntArray **);
  void *tensors, *impl;
  int (*resize_tensor)(Context *, void *, IntArray *);
  void (*report_error)(Context *, const char *, ...);
  int (*add_tensors)(Context *, int, int *);
  int (*get_node_and_registration)(Context *, int, Node **, Registration **);
};
typedef struct Delegate Delegate;
struct Delegate {
  void *data;
  int (*prepare)(Context *, Delegate *);
  void *copy_from, *copy_to, *free_buffer;
  long flags;
  void *builder;
};

enum { GOOD, FAIL, WRONG };
static struct { Node *node; int (*invoke)(Context *, Node *); } originals[64];
static int count_originals;

/* Does what the file says, such as "crash load", if it is for this stage. */
static int misbehave(const char *stage) {
  char word[64] = "", at[64] = "";
  const char *path = getenv("FAKE_EDGETPU");
  FILE *file = path ? fopen(path, "r") : NULL;
  if (!file) return GOOD;
  int read = fscanf(file, "%63s %63s", word, at);
  fclose(file);
  if (read != 2 || strcmp(at, stage)) return GOOD;
  if (!strcmp(word, "crash")) *(volatile int *)0 = 1;
  if (!strcmp(word, "abort")) abort();
  if (!strcmp(word, "hang")) for (;;) pause();
  if (!strcmp(word, "slow")) usleep(400000);
  if (!strcmp(word, "wrong")) return WRONG;
  return strcmp(word, "fail") ? GOOD : FAIL;
}

static int invoke(Context *context, Node *node) {
  int fate = misbehave("invoke");
  if (fate == FAIL) { context->report_error(context, "USB transfer error 5"); return 1; }
  if (fate == WRONG) return 0; /* the operation is left out */
  for (int i = count_originals - 1; i >= 0; i--)
    if (originals[i].node == node) return originals[i].invoke(context, node);
  return 1;
}

static int prepare(Context *context, Delegate *delegate) {
  Node *node;
  Registration *registration;
  IntArray *plan;
  (void)delegate;
  if (misbehave("allocate") == FAIL) return 1;
  if (context->get_execution_plan(context, &plan)) return 1;
  if (context->get_node_and_registration(context, plan->data[0], &node, &registration)) return 1;
  originals[count_originals].node = node;
  originals[count_originals++].invoke = registration->invoke;
  registration->invoke = invoke;
  return 0;
}

Delegate *tflite_plugin_create_delegate(char **keys, char **values, size_t count, void (*report)(const char *)) {
  (void)keys, (void)values, (void)count;
  if (misbehave("load") == FAIL) { report("no device"); return NULL; }
  Delegate *delegate = calloc(1, sizeof *delegate);
  delegate->prepare = prepare;
  return delegate;
}

void tflite_plugin_destroy_delegate(Delegate *delegate) { free(delegate); }
