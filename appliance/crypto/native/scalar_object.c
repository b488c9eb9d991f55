/* The Python type Scalar: an opaque handle of a secret number in 1 .. n-1, and what is done with such. */
#include "module.h"

#include "arithmetic.h"
#include "secrecy.h"
#include "vault.h"

/* The slot is NULL once closed.  Guarded by the GIL: work without it is done on a copy. */
typedef struct {
    PyObject_HEAD
    scalar *slot;
    int locked;
} scalar_object;

static const struct number_arithmetic *numbers(void)
{
    return fastest()->numbers;
}

static PyObject *raise_status(module_state *state, sm2_status status, const char *why)
{
    if (status == SM2_NO_MEMORY)
        return PyErr_NoMemory();
    PyErr_SetString(status == SM2_OUT_OF_RANGE ? state->malformed : state->fault,
                    status == SM2_OUT_OF_RANGE ? why
                    : status == SM2_NO_ENTROPY ? "the kernel gives no randomness"
                                               : "a secret number is gone");
    return NULL;
}

static module_state *state_of(PyObject *self)
{
    return PyType_GetModuleState(Py_TYPE(self));
}

/* Copy the number of an open handle; returns 0 with the error set. */
static int copy_out(scalar *out, PyObject *object, module_state *state)
{
    if (!Py_IS_TYPE(object, state->scalar_type)) {
        PyErr_SetString(PyExc_TypeError, "a Scalar is wanted");
        return 0;
    }
    scalar_object *held = (scalar_object *)object;
    if (held->slot == NULL) {
        PyErr_SetString(state->fault, "a closed secret number was used");
        return 0;
    }
    *out = *held->slot;
    return 1;
}

/* A handle that takes a number over; the caller's copy is wiped. */
static PyObject *wrap(module_state *state, scalar *value)
{
    scalar_object *self = PyObject_New(scalar_object, state->scalar_type);
    if (self != NULL) {
        self->slot = vault_take(&self->locked);
        if (self->slot == NULL) {
            Py_CLEAR(self);
            PyErr_NoMemory();
        } else
            *self->slot = *value;
    }
    wipe(value, sizeof *value);
    return (PyObject *)self;
}

static void close_slot(scalar_object *self)
{
    if (self->slot != NULL)
        vault_return(self->slot);
    self->slot = NULL;
}

static void scalar_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    close_slot((scalar_object *)self);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *scalar_close(PyObject *self, PyObject *Py_UNUSED(none))
{
    close_slot((scalar_object *)self);
    Py_RETURN_NONE;
}

static PyObject *scalar_locked(PyObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(((scalar_object *)self)->locked);
}

static PyObject *octets_or_error(module_state *state, sm2_status status, const uint8_t *octets, Py_ssize_t size,
                                 const char *why)
{
    wipe_stack();
    if (status != SM2_OK)
        return raise_status(state, status, why);
    return PyBytes_FromStringAndSize((const char *)octets, size);
}

static PyObject *number_or_error(module_state *state, sm2_status status, scalar *value, const char *why)
{
    wipe_stack();
    return status == SM2_OK ? wrap(state, value) : raise_status(state, status, why);
}

/* Making numbers -------------------------------------------------------------------------------- */

PyObject *scalar_draw(PyObject *module, PyObject *Py_UNUSED(none))
{
    scalar value;
    return number_or_error(PyModule_GetState(module), numbers()->draw(&value), &value, "");
}

PyObject *scalar_load(PyObject *module, PyObject *source)
{
    Py_buffer buffer;
    scalar value;
    if (PyObject_GetBuffer(source, &buffer, PyBUF_SIMPLE) != 0)
        return NULL;
    sm2_status status = buffer.len == 32 ? numbers()->read(&value, buffer.buf) : SM2_OUT_OF_RANGE;
    PyBuffer_Release(&buffer);
    return number_or_error(PyModule_GetState(module), status, &value, "a secret number is not in 1 .. n-1");
}

PyObject *scalar_load_blinded(PyObject *module, PyObject *args)
{
    Py_buffer blob, mask;
    scalar value;
    sm2_status status = SM2_OUT_OF_RANGE;
    if (!PyArg_ParseTuple(args, "y*y*:load_blinded", &blob, &mask))
        return NULL;
    if (blob.len == 32 && mask.len == 32)
        status = numbers()->unblind(&value, blob.buf, mask.buf);
    PyBuffer_Release(&blob);
    PyBuffer_Release(&mask);
    return number_or_error(PyModule_GetState(module), status, &value, "no blinded number");
}

static PyObject *scalar_inverse(PyObject *self, PyObject *Py_UNUSED(none))
{
    module_state *state = state_of(self);
    scalar x, value;
    if (!copy_out(&x, self, state))
        return NULL;
    sm2_status status = numbers()->inverse(&value, &x);
    wipe(&x, sizeof x);
    return number_or_error(state, status, &value, "");
}

static PyObject *scalar_times(PyObject *self, PyObject *other)
{
    module_state *state = state_of(self);
    scalar x, y, value;
    if (!copy_out(&x, self, state) || !copy_out(&y, other, state))
        return NULL;
    sm2_status status = numbers()->product(&value, &x, &y);
    wipe(&x, sizeof x);
    wipe(&y, sizeof y);
    return number_or_error(state, status, &value, "");
}

/* Numbers to points ----------------------------------------------------------------------------- */

static PyObject *scalar_times_base(PyObject *self, PyObject *Py_UNUSED(none))
{
    module_state *state = state_of(self);
    scalar x;
    uint8_t point[64];
    sm2_status status;
    if (!copy_out(&x, self, state))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = numbers()->base(point, &x);
    Py_END_ALLOW_THREADS
    wipe(&x, sizeof x);
    return octets_or_error(state, status, point, sizeof point, "");
}

static PyObject *scalar_times_point(PyObject *self, PyObject *q)
{
    module_state *state = state_of(self);
    scalar x;
    uint8_t point[64];
    sm2_status status = SM2_OUT_OF_RANGE;
    Py_buffer buffer;
    if (PyObject_GetBuffer(q, &buffer, PyBUF_SIMPLE) != 0)
        return NULL;
    int there = copy_out(&x, self, state);
    if (there && buffer.len == 64) {
        Py_BEGIN_ALLOW_THREADS
        status = numbers()->point(point, &x, buffer.buf);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&buffer);
    wipe(&x, sizeof x);
    return there ? octets_or_error(state, status, point, sizeof point, "not a point of the curve") : NULL;
}

/* Nonces of one share: a list of (Scalar, point), made NUMBERS_MAX at a time without the GIL. */
static PyObject *pairs_of(module_state *state, size_t n, scalar made[], uint8_t points[][64])
{
    PyObject *pairs = PyList_New((Py_ssize_t)n);
    for (size_t i = 0; pairs != NULL && i < n; i++) {
        PyObject *number = wrap(state, &made[i]);
        PyObject *pair = number == NULL ? NULL : Py_BuildValue("(Ny#)", number, points[i], (Py_ssize_t)64);
        if (pair == NULL)
            Py_CLEAR(pairs);
        else
            PyList_SET_ITEM(pairs, (Py_ssize_t)i, pair);
    }
    return pairs;
}

static PyObject *scalar_nonces(PyObject *self, PyObject *hedges)
{
    module_state *state = state_of(self);
    uint8_t hedge[NUMBERS_MAX][32], points[NUMBERS_MAX][64];
    scalar share, made[NUMBERS_MAX];
    sm2_status status;
    PyObject *frozen = PySequence_Tuple(hedges);
    if (frozen == NULL)
        return NULL;
    size_t n = (size_t)PyTuple_GET_SIZE(frozen);
    int sound = n >= 1 && n <= NUMBERS_MAX;
    for (size_t i = 0; sound && i < n; i++) {
        PyObject *each = PyTuple_GET_ITEM(frozen, (Py_ssize_t)i);
        sound = PyBytes_Check(each) && PyBytes_GET_SIZE(each) == 32;
        if (sound)
            memcpy(hedge[i], PyBytes_AS_STRING(each), 32);
    }
    Py_DECREF(frozen);
    if (!sound) {
        PyErr_SetString(PyExc_ValueError, "1 to 64 hedges are wanted, 32 octets each");
        return NULL;
    }
    if (!copy_out(&share, self, state))
        return NULL;
    uint64_t number = atomic_fetch_add(&state->nonces, n);
    Py_BEGIN_ALLOW_THREADS
    status = numbers()->nonces(n, &share, number, hedge, made, points);
    Py_END_ALLOW_THREADS
    wipe(&share, sizeof share);
    wipe_stack();
    PyObject *pairs = status == SM2_OK ? pairs_of(state, n, made, points) : raise_status(state, status, "");
    wipe(made, sizeof made);
    return pairs;
}

/* Numbers to answers: the nonce is closed whatever comes of it -------------------------------------- */

static int spend(scalar *x, scalar *nonce, PyObject *self, PyObject *other)
{
    module_state *state = state_of(self);
    int there = copy_out(nonce, other, state);
    if (there)
        close_slot((scalar_object *)other);
    return there && copy_out(x, self, state);
}

static PyObject *scalar_answer(PyObject *self, PyObject *args)
{
    PyObject *other;
    Py_buffer r;
    scalar x, nonce;
    uint8_t s3[32];
    if (!PyArg_ParseTuple(args, "Oy*:answer", &other, &r))
        return NULL;
    int there = spend(&x, &nonce, self, other);
    sm2_status status = SM2_OUT_OF_RANGE;
    if (there && r.len == 32)
        status = numbers()->answer(s3, &x, &nonce, r.buf);
    PyBuffer_Release(&r);
    wipe(&x, sizeof x);
    wipe(&nonce, sizeof nonce);
    return there ? octets_or_error(state_of(self), status, s3, 32, "r is not below n, or k + r is 0") : NULL;
}

static PyObject *scalar_finish(PyObject *self, PyObject *args)
{
    PyObject *other;
    Py_buffer rho, s3, r;
    scalar x, nonce;
    uint8_t s[32];
    if (!PyArg_ParseTuple(args, "Oy*y*y*:finish", &other, &rho, &s3, &r))
        return NULL;
    int there = spend(&x, &nonce, self, other);
    sm2_status status = SM2_OUT_OF_RANGE;
    if (there && rho.len == 16 && s3.len == 32 && r.len == 32)
        status = numbers()->finish(s, &x, &nonce, rho.buf, s3.buf, r.buf);
    PyBuffer_Release(&rho);
    PyBuffer_Release(&s3);
    PyBuffer_Release(&r);
    wipe(&x, sizeof x);
    wipe(&nonce, sizeof nonce);
    return there ? octets_or_error(state_of(self), status, s, 32, "s3 or r is not below n") : NULL;
}

static PyObject *scalar_respond(PyObject *self, PyObject *args)
{
    PyObject *other;
    Py_buffer c;
    scalar x, nonce;
    uint8_t z[32];
    if (!PyArg_ParseTuple(args, "Oy*:respond", &other, &c))
        return NULL;
    int there = spend(&x, &nonce, self, other);
    sm2_status status = SM2_OUT_OF_RANGE;
    if (there && c.len == 32)
        status = numbers()->respond(z, &x, &nonce, c.buf);
    PyBuffer_Release(&c);
    wipe(&x, sizeof x);
    wipe(&nonce, sizeof nonce);
    return there ? octets_or_error(state_of(self), status, z, 32, "a challenge has 32 octets") : NULL;
}

static PyObject *scalar_blinded(PyObject *self, PyObject *mask)
{
    module_state *state = state_of(self);
    Py_buffer buffer;
    scalar x;
    uint8_t blob[32];
    sm2_status status = SM2_OUT_OF_RANGE;
    if (PyObject_GetBuffer(mask, &buffer, PyBUF_SIMPLE) != 0)
        return NULL;
    int there = copy_out(&x, self, state);
    if (there && buffer.len == 32)
        status = numbers()->blind(blob, &x, buffer.buf);
    PyBuffer_Release(&buffer);
    wipe(&x, sizeof x);
    return there ? octets_or_error(state, status, blob, 32, "a mask has 32 octets") : NULL;
}

static PyObject *scalar_export_into(PyObject *self, PyObject *target)
{
    Py_buffer buffer;
    scalar x;
    if (PyObject_GetBuffer(target, &buffer, PyBUF_WRITABLE) != 0)
        return NULL;
    PyObject *result = NULL;
    if (buffer.len != 32)
        PyErr_SetString(PyExc_ValueError, "a secret number takes a buffer of 32 octets");
    else if (copy_out(&x, self, state_of(self))) {
        scalar_write(buffer.buf, &x);
        wipe(&x, sizeof x);
        result = Py_NewRef(Py_None);
    }
    PyBuffer_Release(&buffer);
    return result;
}

/* Public ---------------------------------------------------------------------------------------- */

/* Fill a binding from a tuple (rho, q1, k); wrong lengths are no point.  Returns 0 with an error set. */
static int read_binding(binding *out, int *well_formed, PyObject *triple)
{
    Py_buffer rho, q1, k;
    if (!PyTuple_Check(triple)) {
        PyErr_SetString(PyExc_TypeError, "a binding is a tuple (rho, q1, k)");
        return 0;
    }
    if (!PyArg_ParseTuple(triple, "y*y*y*:bind_many", &rho, &q1, &k))
        return 0;
    *well_formed = rho.len == 16 && q1.len == 64 && k.len == 64;
    memset(out, 0, sizeof *out); /* (0, 0) is no point of the curve */
    if (*well_formed) {
        memcpy(out->rho, rho.buf, 16);
        memcpy(out->q1, q1.buf, 64);
        memcpy(out->k, k.buf, 64);
    }
    PyBuffer_Release(&rho);
    PyBuffer_Release(&q1);
    PyBuffer_Release(&k);
    return 1;
}

static PyObject *list_of_sums(const binding *bindings, Py_ssize_t count)
{
    PyObject *list = PyList_New(count);
    for (Py_ssize_t i = 0; list != NULL && i < count; i++) {
        PyObject *sum = bindings[i].valid
                            ? PyBytes_FromStringAndSize((const char *)bindings[i].sum, 64)
                            : Py_NewRef(Py_None);
        if (sum == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, i, sum);
    }
    return list;
}

PyObject *bind_many(PyObject *Py_UNUSED(module), PyObject *triples)
{
    PyObject *result = NULL, *frozen = PySequence_Tuple(triples);
    if (frozen == NULL)
        return NULL;
    Py_ssize_t count = PyTuple_GET_SIZE(frozen), read = 0;
    binding *bindings = PyMem_Calloc((size_t)count, sizeof *bindings);
    if (bindings == NULL)
        PyErr_NoMemory();
    else {
        int well_formed;
        while (read < count && read_binding(&bindings[read], &well_formed, PyTuple_GET_ITEM(frozen, read)))
            read++;
    }
    if (bindings != NULL && read == count) {
        Py_BEGIN_ALLOW_THREADS
        for (Py_ssize_t done = 0; done < count; done += NUMBERS_MAX)
            numbers()->bind((size_t)(count - done < NUMBERS_MAX ? count - done : NUMBERS_MAX), bindings + done);
        Py_END_ALLOW_THREADS
        result = list_of_sums(bindings, count);
    }
    PyMem_Free(bindings);
    Py_DECREF(frozen);
    return result;
}

static PyObject *point_or_none(int there, const uint8_t point[64])
{
    if (!there)
        Py_RETURN_NONE;
    return PyBytes_FromStringAndSize((const char *)point, 64);
}

PyObject *combine(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer z, c, p;
    uint8_t point[64];
    int there = 0;
    if (!PyArg_ParseTuple(args, "y*y*y*:combine", &z, &c, &p))
        return NULL;
    if (z.len == 32 && c.len == 32 && p.len == 64)
        there = numbers()->combine(point, z.buf, c.buf, p.buf);
    PyBuffer_Release(&z);
    PyBuffer_Release(&c);
    PyBuffer_Release(&p);
    return point_or_none(there, point);
}

PyObject *add_points(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer a, b;
    uint8_t point[64];
    int there = 0;
    if (!PyArg_ParseTuple(args, "y*y*:add_points", &a, &b))
        return NULL;
    if (a.len == 64 && b.len == 64)
        there = numbers()->sum(point, a.buf, b.buf);
    PyBuffer_Release(&a);
    PyBuffer_Release(&b);
    return point_or_none(there, point);
}

static PyGetSetDef scalar_getset[] = {
    {"locked", scalar_locked, NULL, "Whether the number cannot be swapped out.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef scalar_methods[] = {
    {"inverse", scalar_inverse, METH_NOARGS, "The inverse mod n."},
    {"times", scalar_times, METH_O, "The product with another, mod n."},
    {"times_base", scalar_times_base, METH_NOARGS, "The multiple of G."},
    {"times_point", scalar_times_point, METH_O, "The multiple of a point."},
    {"nonces", scalar_nonces, METH_O, "Nonces and their points, for hedges of 32 octets each."},
    {"answer", scalar_answer, METH_VARARGS, "x (nonce + r), of (nonce, r)."},
    {"finish", scalar_finish, METH_VARARGS, "rho nonce + x s3 - r, of (nonce, rho, s3, r)."},
    {"respond", scalar_respond, METH_VARARGS, "nonce + c x, of (nonce, c)."},
    {"blinded", scalar_blinded, METH_O, "x + mask."},
    {"export_into", scalar_export_into, METH_O, "Write x to a writable buffer of 32 octets."},
    {"close", scalar_close, METH_NOARGS, "Zero it."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot scalar_slots[] = {
    {Py_tp_doc, "A secret number in 1 .. n-1, in locked memory."},
    {Py_tp_dealloc, scalar_dealloc},
    {Py_tp_getset, scalar_getset},
    {Py_tp_methods, scalar_methods},
    {0, NULL},
};

PyType_Spec scalar_spec = {
    .name = "appliance.crypto._native.Scalar",
    .basicsize = sizeof(scalar_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = scalar_slots,
};
