
/*
 * Writes what cells hold as JSON.  Called by the server API and for other nodes
 * where they list; takes no lock and never allocates.
 */

#include "ngx_sio_show.h"
#include "sio_json.h"


static u_char *ngx_sio_show_user(ngx_sio_shared_t *sh, uint32_t claims,
    u_char *p);


size_t
ngx_sio_show_size(ngx_sio_shared_t *sh, const ngx_sio_socket_t *so)
{
    size_t                 n;
    uint32_t               m;
    ngx_sio_membership_t  *membership;

    n = NGX_SIO_ID_LEN + sizeof("[\"\"]null{}{}")
        + ngx_sio_string_size(sh, so->claims)
        + ngx_sio_string_size(sh, so->data)
        + ngx_sio_string_size(sh, sh->sessions[so->session].handshake);

    for (m = so->memberships; m; m = membership->next) {
        membership = &sh->memberships[m];

        n += 3 + 6 * ngx_sio_string_size(sh, sh->rooms[membership->room].name);
    }

    return n;
}


/* Six bytes at most come of one, so the copy behind them is read in time. */

u_char *
ngx_sio_show_name(ngx_sio_shared_t *sh, uint32_t block, u_char *p)
{
    sio_span_t  text;

    *p++ = '"';

    text.n = ngx_sio_string_size(sh, block);
    text.p = p + 5 * text.n;
    (void) ngx_sio_string_copy(sh, block, (u_char *) text.p, text.n);

    p += sio_json_escape(p, text);
    *p++ = '"';

    return p;
}


u_char *
ngx_sio_show_rooms(ngx_sio_shared_t *sh, const ngx_sio_socket_t *so, u_char *p)
{
    uint32_t               m;
    ngx_sio_membership_t  *membership;

    p = ngx_sprintf(p, "[\"%*s\"", (size_t) NGX_SIO_ID_LEN, so->id);

    for (m = so->memberships; m; m = membership->next) {
        membership = &sh->memberships[m];

        if (membership->until == NGX_SIO_FOREVER) {
            *p++ = ',';
            p = ngx_sio_show_name(sh, sh->rooms[membership->room].name, p);
        }
    }

    *p++ = ']';

    return p;
}


u_char *
ngx_sio_show_json(ngx_sio_shared_t *sh, uint32_t block, u_char *p)
{
    if (block == 0) {
        return ngx_cpymem(p, "{}", 2);
    }

    return p + ngx_sio_string_copy(sh, block, p,
                                   ngx_sio_string_size(sh, block));
}


u_char *
ngx_sio_show_socket(ngx_sio_shared_t *sh, const ngx_sio_socket_t *so,
    u_char *p)
{
    p = ngx_cpymem(p, "\"rooms\":", 8);
    p = ngx_sio_show_rooms(sh, so, p);
    p = ngx_cpymem(p, ",\"user\":", 8);
    p = ngx_sio_show_user(sh, so->claims, p);
    p = ngx_cpymem(p, ",\"data\":", 8);
    p = ngx_sio_show_json(sh, so->data, p);
    p = ngx_cpymem(p, ",\"handshake\":", 13);

    return ngx_sio_show_json(sh, sh->sessions[so->session].handshake, p);
}


/* The claims are read in the place of what is written, which is less. */

static u_char *
ngx_sio_show_user(ngx_sio_shared_t *sh, uint32_t claims, u_char *p)
{
    sio_json_t  object, sub;
    sio_span_t  text;

    text.p = p;
    text.n = ngx_sio_string_copy(sh, claims, p,
                                 ngx_sio_string_size(sh, claims));

    if (text.n == 0
        || sio_json_parse(text, SIO_JSON_DEPTH, &object, NULL) != SIO_OK)
    {
        return ngx_cpymem(p, "null", 4);
    }

    sub = sio_json_get(&object, "sub");

    if (sub.kind == SIO_JSON_NONE) {
        return ngx_cpymem(p, "null", 4);
    }

    return ngx_movemem(p, sub.raw.p, sub.raw.n);
}
