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
    PyTypeObject *scalar_type;
    atomic_ullong nonces; /* counts those of two-party signing, so that no two derivations share their input */
} module_state;

/* The types `Key` and `Scalar`. */
extern PyType_Spec key_spec;
extern PyType_Spec scalar_spec;

/* Functions of the module that stand with Scalar. */
PyObject *scalar_draw(PyObject *module, PyObject *none);
PyObject *scalar_load(PyObject *module, PyObject *source);
PyObject *scalar_load_blinded(PyObject *module, PyObject *args);
PyObject *bind_many(PyObject *module, PyObject *triples);
PyObject *combine(PyObject *module, PyObject *args);
PyObject *add_points(PyObject *module, PyObject *args);

/* A new Key that owns `key`; or, when the status is not SM2_OK, NULL with the error set. */
PyObject *wrap_key(module_state *state, sm2_status status, sm2_key *key);

#endif
