/* What the two files of Python glue share. */
#ifndef SHIYIN_MODULE_H
#define SHIYIN_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "key.h"

typedef struct {
    PyObject *fault;     /* appliance.errors.Fault */
    PyObject *malformed; /* appliance.errors.Malformed */
    PyTypeObject *key_type;
} module_state;

/* The type `Key`. */
extern PyType_Spec key_spec;

/* A new Key that owns `key`; or, when the status is not SM2_OK, NULL with the error set. */
PyObject *wrap_key(module_state *state, sm2_status status, sm2_key *key);

#endif
