
/*
 * Gathers what other nodes answer to a question of the server API, for a
 * bounded time and in bounded memory, and writes their sockets in the shape of
 * our own.  What of a handshake is not shown of ours is not shown of theirs.
 */

#include "ngx_http_sio_api_args.h"
#include "ngx_http_sio_api_remote.h"
#include "ngx_http_sio_endpoint.h"


#define NGX_HTTP_SIO_API_REMOTE_TIME   3000         /* ms */
#define NGX_HTTP_SIO_API_REMOTE_BYTES  16777216     /* of all answers */
#define NGX_HTTP_SIO_API_REMOTE_HELD   134217728    /* bytes of a worker */
#define NGX_HTTP_SIO_API_REMOTE_SLICE  200          /* sockets in one turn */
#define NGX_HTTP_SIO_API_REMOTE_NAME   256          /* bytes of a member's */


static void ngx_http_sio_api_remote_cleanup(void *data);
static void ngx_http_sio_api_remote_answer(ngx_sio_cluster_question_t *q,
    const sio_adapter_response_t *response);
static void ngx_http_sio_api_remote_keep(ngx_http_sio_api_remote_t *remote,
    const sio_json_t *list);
static u_char *ngx_http_sio_api_remote_socket(u_char *p, const sio_json_t *v,
    sio_span_t namespace);
static u_char *ngx_http_sio_api_remote_member(u_char *p, const sio_json_t *v,
    const char *name, const char *none);
static u_char *ngx_http_sio_api_remote_handshake(u_char *p,
    const sio_json_t *v);
static u_char *ngx_http_sio_api_remote_map(u_char *p, const sio_json_t *v,
    const char *name);


/* What requests of this worker have of other nodes. */
static size_t  ngx_http_sio_api_remote_all;


ngx_http_sio_api_remote_t *
ngx_http_sio_api_remote_ask(ngx_http_sio_api_op_t *op, ngx_uint_t type)
{
    ngx_pool_cleanup_t         *cln;
    sio_adapter_request_t       request;
    ngx_http_sio_api_remote_t  *remote;

    remote = ngx_pcalloc(op->pool, sizeof(ngx_http_sio_api_remote_t));
    cln = ngx_pool_cleanup_add(op->pool, 0);

    if (remote == NULL || cln == NULL
        || ngx_array_init(&remote->lists, op->pool, 8, sizeof(sio_json_t))
           != NGX_OK)
    {
        return NULL;
    }

    cln->handler = ngx_http_sio_api_remote_cleanup;
    cln->data = remote;

    remote->op = op;
    remote->type = type;
    remote->end = ngx_current_msec + NGX_HTTP_SIO_API_REMOTE_TIME;
    remote->question.pool = op->pool;
    remote->question.handler = ngx_http_sio_api_remote_answer;
    remote->question.data = remote;

    ngx_memzero(&request, sizeof(sio_adapter_request_t));

    request.type = type;
    request.opts = 1;
    request.rooms.name = op->rooms.elts;
    request.rooms.n = op->rooms.nelts;
    request.except.name = op->except.elts;
    request.except.n = op->except.nelts;

    remote->cluster = ngx_sio_cluster_question(&remote->question, op->zone,
                                               op->namespace, &request);

    return remote;
}


static void
ngx_http_sio_api_remote_cleanup(void *data)
{
    ngx_http_sio_api_remote_t *remote = data;

    ngx_sio_cluster_question_close(&remote->question);

    ngx_http_sio_api_remote_all -= remote->held;
    remote->held = 0;
}


void
ngx_http_sio_api_remote_hold(ngx_http_sio_api_remote_t *remote, size_t n)
{
    remote->held += n;
    ngx_http_sio_api_remote_all += n;
}


static void
ngx_http_sio_api_remote_answer(ngx_sio_cluster_question_t *q,
    const sio_adapter_response_t *response)
{
    ngx_http_sio_api_remote_t  *remote;

    remote = q->data;

    if (response) {
        ngx_http_sio_api_remote_keep(remote,
                                     remote->type == SIO_ADAPTER_ROOMS
                                     ? &response->rooms : &response->sockets);
    }

    if (remote->waiting && ngx_sio_cluster_question_over(q)) {
        remote->waiting = 0;
        ngx_http_sio_api_wake(remote->op);
    }
}


static void
ngx_http_sio_api_remote_keep(ngx_http_sio_api_remote_t *remote,
    const sio_json_t *list)
{
    u_char      *p;
    sio_json_t  *copy;

    if (list->kind != SIO_JSON_ARRAY || list->raw.n == 2) {
        return;
    }

    p = NULL;
    copy = NULL;

    if (remote->bytes + list->raw.n <= NGX_HTTP_SIO_API_REMOTE_BYTES
        && ngx_http_sio_api_remote_all < NGX_HTTP_SIO_API_REMOTE_HELD)
    {
        p = ngx_pnalloc(remote->op->pool, list->raw.n);
        copy = p ? ngx_array_push(&remote->lists) : NULL;
    }

    if (copy == NULL) {
        remote->dropped++;
        return;
    }

    /* so that many small ones are bounded, too */

    remote->bytes += list->raw.n + sizeof(sio_json_t);
    ngx_http_sio_api_remote_hold(remote, list->raw.n + sizeof(sio_json_t));

    ngx_memcpy(p, list->raw.p, list->raw.n);
    *copy = *list;
    copy->raw.p = p;
}


ngx_int_t
ngx_http_sio_api_remote_wait(ngx_http_sio_api_remote_t *remote)
{
    ngx_msec_int_t  left;

    remote->waiting = 0;
    remote->op->wait = 0;

    if (remote->cluster != NGX_SIO_CLUSTER_SENT
        || ngx_sio_cluster_question_over(&remote->question))
    {
        return NGX_OK;
    }

    left = (ngx_msec_int_t) (remote->end - ngx_current_msec);

    if (left <= 0) {
        return NGX_OK;
    }

    remote->waiting = 1;
    remote->op->wait = left;

    return NGX_AGAIN;
}


ngx_uint_t
ngx_http_sio_api_remote_next(ngx_http_sio_api_remote_t *remote, sio_json_t *v)
{
    sio_json_t         *list;
    sio_json_member_t   m;

    list = remote->lists.elts;

    for ( /* void */ ; remote->list < remote->lists.nelts; remote->list++) {

        if (!remote->begun) {
            remote->begun = 1;
            sio_json_iter(&remote->it, &list[remote->list]);
        }

        if (sio_json_next(&remote->it, &m)) {
            *v = m.value;
            return 1;
        }

        remote->begun = 0;
    }

    return 0;
}


ngx_int_t
ngx_http_sio_api_remote_sockets(ngx_http_sio_api_remote_t *remote,
    sio_span_t namespace, ngx_uint_t *n)
{
    u_char      *p;
    sio_json_t   v;
    ngx_uint_t   i;

    for (i = 0; i < NGX_HTTP_SIO_API_REMOTE_SLICE; i++) {

        if (!ngx_http_sio_api_remote_next(remote, &v)) {
            return NGX_OK;
        }

        if (sio_json_get(&v, "id").kind != SIO_JSON_STRING) {
            continue;
        }

        p = ngx_http_sio_api_reserve(remote->op->out,
                                     v.raw.n + namespace.n + 128);
        if (p == NULL) {
            return NGX_ERROR;
        }

        if ((*n)++) {
            *p++ = ',';
        }

        p = ngx_http_sio_api_remote_socket(p, &v, namespace);
        ngx_http_sio_api_commit(remote->op->out, p);
    }

    return NGX_AGAIN;
}


static u_char *
ngx_http_sio_api_remote_socket(u_char *p, const sio_json_t *v,
    sio_span_t namespace)
{
    sio_json_t  handshake;

    *p++ = '{';
    p = ngx_http_sio_api_remote_member(p, v, "id", NULL);
    p = ngx_sprintf(p, ",\"namespace\":\"%*s\",", namespace.n, namespace.p);
    p = ngx_http_sio_api_remote_member(p, v, "rooms", "[]");
    *p++ = ',';
    p = ngx_http_sio_api_remote_member(p, v, "user", "null");
    *p++ = ',';
    p = ngx_http_sio_api_remote_member(p, v, "data", "{}");
    p = ngx_sprintf(p, ",\"handshake\":{");

    handshake = sio_json_get(v, "handshake");
    p = ngx_http_sio_api_remote_handshake(p, &handshake);

    *p++ = '}';
    *p++ = '}';

    return p;
}


/* Nothing, comma included, of one that is not there and has no default. */

static u_char *
ngx_http_sio_api_remote_member(u_char *p, const sio_json_t *v,
    const char *name, const char *none)
{
    sio_json_t  m;

    m = sio_json_get(v, name);

    if (m.kind == SIO_JSON_NONE) {
        return none ? ngx_sprintf(p, "\"%s\":%s", name, none) : p;
    }

    p = ngx_sprintf(p, "\"%s\":", name);

    return ngx_cpymem(p, m.raw.p, m.raw.n);
}


static u_char *
ngx_http_sio_api_remote_handshake(u_char *p, const sio_json_t *v)
{
    u_char       *start;
    const char  **name;

    static const char  *names[] = {
        "address", "secure", "transport", "time", NULL
    };

    for (name = names; *name; name++) {
        start = p;
        p = ngx_http_sio_api_remote_member(p, v, *name, NULL);

        if (p != start) {
            *p++ = ',';
        }
    }

    p = ngx_http_sio_api_remote_map(p, v, "query");
    *p++ = ',';

    return ngx_http_sio_api_remote_map(p, v, "headers");
}


static u_char *
ngx_http_sio_api_remote_map(u_char *p, const sio_json_t *v, const char *name)
{
    size_t             n;
    u_char             key[NGX_HTTP_SIO_API_REMOTE_NAME];
    ngx_str_t          text;
    ngx_uint_t         shown;
    sio_json_t         map;
    sio_json_iter_t    it;
    sio_json_member_t  m;

    p = ngx_sprintf(p, "\"%s\":{", name);

    map = sio_json_get(v, name);

    if (map.kind != SIO_JSON_OBJECT) {
        *p++ = '}';
        return p;
    }

    sio_json_iter(&it, &map);

    while (sio_json_next(&it, &m)) {

        if (sio_json_string(&m.key, key, sizeof(key), &n) != SIO_OK) {
            continue;
        }

        text.data = key;
        text.len = n;
        shown = name[0] == 'q' ? !ngx_http_sio_describe_secret(&text)
                               : ngx_http_sio_describe_harmless(&text);

        if (!shown) {
            continue;
        }

        if (p[-1] != '{') {
            *p++ = ',';
        }

        p = ngx_cpymem(p, m.key.raw.p, m.key.raw.n);
        *p++ = ':';
        p = ngx_cpymem(p, m.value.raw.p, m.value.raw.n);
    }

    *p++ = '}';

    return p;
}


ngx_uint_t
ngx_http_sio_api_remote_lack(const ngx_http_sio_api_remote_t *remote)
{
    if (remote->cluster != NGX_SIO_CLUSTER_SENT || remote->question.failed
        || !remote->question.counted)
    {
        return NGX_MAX_UINT32_VALUE;
    }

    return ngx_sio_cluster_question_missing(&remote->question)
           + remote->dropped;
}


u_char *
ngx_http_sio_api_remote_write(ngx_http_sio_api_remote_t *remote, u_char *p)
{
    ngx_uint_t  missing;

    missing = ngx_sio_cluster_question_missing(&remote->question)
              + remote->dropped;

    if (missing) {
        p = ngx_sprintf(p, ",\"missing\":%ui", missing);
    }

    if (remote->question.failed
        || (remote->question.cl && !remote->question.counted))
    {
        remote->cluster = NGX_SIO_CLUSTER_DOWN;
    }

    return ngx_sprintf(p, "%s", ngx_http_sio_api_cluster(remote->cluster));
}
