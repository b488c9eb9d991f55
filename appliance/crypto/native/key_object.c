/* The Python type Key: an opaque handle of a private key. */
#include "module.h"

#include "arithmetic.h"
#include "digest.h"
#include "sign.h"

/* A private key.  `users` counts the calls at work without the GIL; a key closed meanwhile is zeroed by the
 * last of them.  All fields are guarded by the GIL. */
typedef struct {
    PyObject_HEAD
    sm2_key *key;
    Py_ssize_t users;
    int closing;
} key_object;

static PyObject *raise_status(module_state *state, sm2_status status)
{
    switch (status) {
    case SM2_OUT_OF_RANGE:
        PyErr_SetString(state->malformed, "an SM2 private key is not in 1 .. n-2");
        break;
    case SM2_NO_MEMORY:
        PyErr_NoMemory();
        break;
    case SM2_NO_ENTROPY:
        PyErr_SetString(state->fault, "the kernel gives no randomness");
        break;
    default:
        PyErr_SetString(state->fault, "an SM2 computation did not verify");
        break;
    }
    return NULL;
}

static module_state *state_of(PyObject *self)
{
    return PyType_GetModuleState(Py_TYPE(self));
}

/* Begin to use an open key; returns 0 with Fault set when it is closed. */
static int enter(key_object *self)
{
    if (self->closing) {
        PyErr_SetString(state_of((PyObject *)self)->fault, "a closed key was used");
        return 0;
    }
    self->users++;
    return 1;
}

static void leave(key_object *self)
{
    self->users--;
    if (self->closing && self->users == 0)
        sm2_key_close(self->key);
}

PyObject *wrap_key(module_state *state, sm2_status status, sm2_key *key)
{
    if (status != SM2_OK)
        return raise_status(state, status);
    key_object *self = PyObject_New(key_object, state->key_type);
    if (self == NULL) {
        sm2_key_free(key);
        return NULL;
    }
    self->key = key;
    self->users = 0;
    self->closing = 0;
    return (PyObject *)self;
}

static void key_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    sm2_key_free(((key_object *)self)->key);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *key_public(PyObject *self, void *Py_UNUSED(closure))
{
    return PyBytes_FromStringAndSize((const char *)((key_object *)self)->key->public, 64);
}

static PyObject *key_locked(PyObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(((key_object *)self)->key->locked);
}

static PyObject *key_close(PyObject *self, PyObject *Py_UNUSED(none))
{
    key_object *held = (key_object *)self;
    held->closing = 1;
    if (held->users == 0)
        sm2_key_close(held->key);
    Py_RETURN_NONE;
}

static PyObject *key_export_into(PyObject *self, PyObject *target)
{
    Py_buffer buffer;
    if (PyObject_GetBuffer(target, &buffer, PyBUF_WRITABLE) != 0)
        return NULL;
    PyObject *result = NULL;
    if (buffer.len != 32)
        PyErr_SetString(PyExc_ValueError, "a private key takes a buffer of 32 octets");
    else if (enter((key_object *)self)) {
        sm2_key_export(((key_object *)self)->key, buffer.buf);
        leave((key_object *)self);
        result = Py_NewRef(Py_None);
    }
    PyBuffer_Release(&buffer);
    return result;
}

static PyObject *key_sign_digest(PyObject *self, PyObject *digest)
{
    key_object *held = (key_object *)self;
    uint8_t e[1][32], signature[1][64];
    sm2_status status;
    if (!PyBytes_Check(digest)) {
        PyErr_SetString(PyExc_TypeError, "a digest is bytes");
        return NULL;
    }
    if (PyBytes_GET_SIZE(digest) != 32) {
        PyErr_SetString(state_of(self)->malformed, "a digest has 32 octets");
        return NULL;
    }
    if (!enter(held))
        return NULL;
    memcpy(e[0], PyBytes_AS_STRING(digest), 32);
    Py_BEGIN_ALLOW_THREADS
    status = fastest()->sign(held->key, 1, e, signature);
    Py_END_ALLOW_THREADS
    leave(held);
    if (status != SM2_OK)
        return raise_status(state_of(self), status);
    return PyBytes_FromStringAndSize((const char *)signature[0], 64);
}

/* Hash and sign all messages, a tuple of bytes, without the GIL. */
static sm2_status sign_all(sm2_key *key, PyObject *messages, uint8_t (*signatures)[64])
{
    size_t count = (size_t)PyTuple_GET_SIZE(messages);
    uint8_t digests[GROUP_MAX][32];
    for (size_t done = 0; done < count;) {
        size_t n = count - done < GROUP_MAX ? count - done : GROUP_MAX;
        for (size_t i = 0; i < n; i++) {
            PyObject *message = PyTuple_GET_ITEM(messages, (Py_ssize_t)(done + i));
            sm2_digest(digests[i], key->z, PyBytes_AS_STRING(message), (size_t)PyBytes_GET_SIZE(message));
        }
        sm2_status status = fastest()->sign(key, n, digests, signatures + done);
        if (status != SM2_OK)
            return status;
        done += n;
    }
    return SM2_OK;
}

static PyObject *list_of_signatures(uint8_t (*signatures)[64], Py_ssize_t count)
{
    PyObject *list = PyList_New(count);
    for (Py_ssize_t i = 0; list != NULL && i < count; i++) {
        PyObject *item = PyBytes_FromStringAndSize((const char *)signatures[i], 64);
        if (item == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, i, item);
    }
    return list;
}

/* A tuple of bytes nobody else can change, or NULL with an error set. */
static PyObject *frozen_messages(PyObject *messages)
{
    PyObject *tuple = PySequence_Tuple(messages);
    for (Py_ssize_t i = 0; tuple != NULL && i < PyTuple_GET_SIZE(tuple); i++) {
        if (!PyBytes_Check(PyTuple_GET_ITEM(tuple, i))) {
            PyErr_SetString(PyExc_TypeError, "a message is bytes");
            Py_CLEAR(tuple);
        }
    }
    return tuple;
}

static PyObject *key_sign_many(PyObject *self, PyObject *messages)
{
    key_object *held = (key_object *)self;
    PyObject *result = NULL, *frozen = frozen_messages(messages);
    if (frozen == NULL)
        return NULL;
    size_t count = (size_t)PyTuple_GET_SIZE(frozen);
    uint8_t (*signatures)[64] = PyMem_Calloc(count, sizeof *signatures);
    if (signatures == NULL)
        PyErr_NoMemory();
    else if (enter(held)) {
        sm2_status status;
        Py_BEGIN_ALLOW_THREADS
        status = sign_all(held->key, frozen, signatures);
        Py_END_ALLOW_THREADS
        leave(held);
        result = status == SM2_OK ? list_of_signatures(signatures, (Py_ssize_t)count)
                                  : raise_status(state_of(self), status);
    }
    PyMem_Free(signatures);
    Py_DECREF(frozen);
    return result;
}

static PyGetSetDef key_getset[] = {
    {"public", key_public, NULL, "X||Y, 64 octets.", NULL},
    {"locked", key_locked, NULL, "Whether the secret pages cannot be swapped out.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef key_methods[] = {
    {"sign_digest", key_sign_digest, METH_O, "Sign e, 32 octets."},
    {"sign_many", key_sign_many, METH_O, "Sign each message under the default ID."},
    {"export_into", key_export_into, METH_O, "Write d to a writable buffer of 32 octets."},
    {"close", key_close, METH_NOARGS, "Zero the private half."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot key_slots[] = {
    {Py_tp_doc, "An SM2 private key in locked memory."},
    {Py_tp_dealloc, key_dealloc},
    {Py_tp_getset, key_getset},
    {Py_tp_methods, key_methods},
    {0, NULL},
};

PyType_Spec key_spec = {
    .name = "appliance.crypto._native.Key",
    .basicsize = sizeof(key_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = key_slots,
};
