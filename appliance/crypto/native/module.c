/* The Python face of the SM2 core: appliance.crypto._native, described in _native.pyi. */
#include "module.h"

#include "arithmetic.h"
#include "digest.h"

/* Hashing less than this is quicker than letting go of the GIL. */
#define GIL_OCTETS 2048

static PyObject *generate(PyObject *module, PyObject *Py_UNUSED(none))
{
    sm2_key *key;
    sm2_status status;
    Py_BEGIN_ALLOW_THREADS
    status = fastest()->generate(&key);
    Py_END_ALLOW_THREADS
    return wrap_key(PyModule_GetState(module), status, key);
}

static PyObject *load(PyObject *module, PyObject *source)
{
    Py_buffer buffer;
    sm2_key *key = NULL;
    sm2_status status = SM2_OUT_OF_RANGE;
    if (PyObject_GetBuffer(source, &buffer, PyBUF_SIMPLE) != 0)
        return NULL;
    if (buffer.len == 32) {
        Py_BEGIN_ALLOW_THREADS
        status = fastest()->load(&key, buffer.buf);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&buffer);
    return wrap_key(PyModule_GetState(module), status, key);
}

static PyObject *hash(PyObject *Py_UNUSED(module), PyObject *data)
{
    Py_buffer buffer;
    uint8_t digest[SM3_OCTETS];
    sm3 context;
    if (PyObject_GetBuffer(data, &buffer, PyBUF_SIMPLE) != 0)
        return NULL;
    PyThreadState *released = buffer.len < GIL_OCTETS ? NULL : PyEval_SaveThread();
    sm3_start(&context);
    sm3_add(&context, buffer.buf, (size_t)buffer.len);
    sm3_finish(&context, digest);
    if (released != NULL)
        PyEval_RestoreThread(released);
    PyBuffer_Release(&buffer);
    return PyBytes_FromStringAndSize((const char *)digest, sizeof digest);
}

static PyObject *message_digest(PyObject *module, PyObject *args)
{
    module_state *state = PyModule_GetState(module);
    Py_buffer public, message, id;
    uint8_t z[SM3_OCTETS], e[SM3_OCTETS];
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(args, "y*y*y*:message_digest", &public, &message, &id))
        return NULL;
    if (public.len != 64)
        PyErr_SetString(state->malformed, "an SM2 public key has 64 octets");
    else if (id.len > ID_OCTETS_MAX)
        PyErr_SetString(state->malformed, "an ID is longer than its 16-bit count of bits can tell");
    else {
        PyThreadState *released = message.len < GIL_OCTETS ? NULL : PyEval_SaveThread();
        sm2_identity(z, public.buf, id.buf, (size_t)id.len);
        sm2_digest(e, z, message.buf, (size_t)message.len);
        if (released != NULL)
            PyEval_RestoreThread(released);
        result = PyBytes_FromStringAndSize((const char *)e, sizeof e);
    }
    PyBuffer_Release(&public);
    PyBuffer_Release(&message);
    PyBuffer_Release(&id);
    return result;
}

static PyObject *check_public(PyObject *Py_UNUSED(module), PyObject *public)
{
    Py_buffer buffer;
    if (PyObject_GetBuffer(public, &buffer, PyBUF_SIMPLE) != 0)
        return NULL;
    int sound = buffer.len == 64 && fastest()->is_public(buffer.buf);
    PyBuffer_Release(&buffer);
    return PyBool_FromLong(sound);
}

static PyObject *path(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    return PyUnicode_FromString(fastest()->path);
}

/* One verification to do: copies of what Python gave, so that no object is touched without the GIL. */
typedef struct {
    int well_formed; /* all three had their length */
    int valid;
    uint8_t public[64], e[32], signature[64];
} task;

/* Fill a task from a tuple (public, e, signature); returns 0 with TypeError set for another type. */
static int read_task(task *work, PyObject *triple)
{
    Py_buffer public, e, signature;
    if (!PyTuple_Check(triple)) {
        PyErr_SetString(PyExc_TypeError, "a verification is a tuple (public, e, signature)");
        return 0;
    }
    if (!PyArg_ParseTuple(triple, "y*y*y*:verify_digest", &public, &e, &signature))
        return 0;
    work->valid = 0;
    work->well_formed = public.len == 64 && e.len == 32 && signature.len == 64;
    if (work->well_formed) {
        memcpy(work->public, public.buf, 64);
        memcpy(work->e, e.buf, 32);
        memcpy(work->signature, signature.buf, 64);
    }
    PyBuffer_Release(&public);
    PyBuffer_Release(&e);
    PyBuffer_Release(&signature);
    return 1;
}

static void run_task(task *work)
{
    if (work->well_formed)
        work->valid = fastest()->verify(work->public, work->e, work->signature);
}

static PyObject *verify_digest(PyObject *Py_UNUSED(module), PyObject *args)
{
    task work;
    if (!read_task(&work, args))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    run_task(&work);
    Py_END_ALLOW_THREADS
    return PyBool_FromLong(work.valid);
}

/* Read every triple, then verify all of them without the GIL; returns 0 with an error set. */
static int run_tasks(task *works, PyObject *triples)
{
    Py_ssize_t count = PyTuple_GET_SIZE(triples);
    for (Py_ssize_t i = 0; i < count; i++)
        if (!read_task(&works[i], PyTuple_GET_ITEM(triples, i)))
            return 0;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < count; i++)
        run_task(&works[i]);
    Py_END_ALLOW_THREADS
    return 1;
}

static PyObject *verify_digests(PyObject *Py_UNUSED(module), PyObject *triples)
{
    PyObject *result = NULL, *frozen = PySequence_Tuple(triples);
    if (frozen == NULL)
        return NULL;
    Py_ssize_t count = PyTuple_GET_SIZE(frozen);
    task *works = PyMem_Calloc((size_t)count, sizeof *works);
    if (works == NULL)
        PyErr_NoMemory();
    else if (run_tasks(works, frozen) && (result = PyList_New(count)) != NULL)
        for (Py_ssize_t i = 0; i < count; i++)
            PyList_SET_ITEM(result, i, PyBool_FromLong(works[i].valid));
    PyMem_Free(works);
    Py_DECREF(frozen);
    return result;
}

/* The module ------------------------------------------------------------------------------------ */

static PyMethodDef functions[] = {
    {"generate", generate, METH_NOARGS, "Draw a new private key."},
    {"load", load, METH_O, "Take a private key from a buffer of 32 octets."},
    {"sm3", hash, METH_O, "Hash data."},
    {"message_digest", message_digest, METH_VARARGS, "e = SM3(Z || message), of (public, message, id)."},
    {"check_public", check_public, METH_O, "Tell whether X||Y is a point of the curve."},
    {"path", path, METH_NOARGS, "Tell which arithmetic this processor gets."},
    {"verify_digest", verify_digest, METH_VARARGS, "Verify (public, e, signature)."},
    {"verify_digests", verify_digests, METH_O, "Verify many (public, e, signature)."},
    {"draw_scalar", scalar_draw, METH_NOARGS, "Draw a secret number in 1 .. n-1."},
    {"load_scalar", scalar_load, METH_O, "Take a secret number from a buffer of 32 octets."},
    {"load_blinded", scalar_load_blinded, METH_VARARGS, "blob - mask, of (blob, mask)."},
    {"bind_many", bind_many, METH_O, "rho Q1 + K for many (rho, q1, k)."},
    {"combine", combine, METH_VARARGS, "z G - c P, of (z, c, p)."},
    {"add_points", add_points, METH_VARARGS, "a + b."},
    {NULL, NULL, 0, NULL},
};

static int import_errors(module_state *state)
{
    PyObject *errors = PyImport_ImportModule("appliance.errors");
    if (errors == NULL)
        return -1;
    state->fault = PyObject_GetAttrString(errors, "Fault");
    state->malformed = PyObject_GetAttrString(errors, "Malformed");
    Py_DECREF(errors);
    return state->fault != NULL && state->malformed != NULL ? 0 : -1;
}

static int execute(PyObject *module)
{
    module_state *state = PyModule_GetState(module);
    atomic_init(&state->nonces, 0);
    if (fastest()->initialise() != 0) {
        PyErr_NoMemory();
        return -1;
    }
    if (import_errors(state) != 0)
        return -1;
    state->key_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &key_spec, NULL);
    state->scalar_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &scalar_spec, NULL);
    if (state->key_type == NULL || state->scalar_type == NULL)
        return -1;
    return PyModule_AddType(module, state->key_type) != 0 ? -1 : PyModule_AddType(module, state->scalar_type);
}

static int traverse(PyObject *module, visitproc visit, void *arg)
{
    module_state *state = PyModule_GetState(module);
    Py_VISIT(state->fault);
    Py_VISIT(state->malformed);
    Py_VISIT(state->key_type);
    Py_VISIT(state->scalar_type);
    return 0;
}

static int clear(PyObject *module)
{
    module_state *state = PyModule_GetState(module);
    Py_CLEAR(state->fault);
    Py_CLEAR(state->malformed);
    Py_CLEAR(state->key_type);
    Py_CLEAR(state->scalar_type);
    return 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, execute}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "appliance.crypto._native",
    .m_doc = "The SM2 core in C.",
    .m_size = sizeof(module_state),
    .m_methods = functions,
    .m_slots = slots,
    .m_traverse = traverse,
    .m_clear = clear,
};

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModuleDef_Init(&definition);
}
