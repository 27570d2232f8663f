
/*
 * Templates of room names and the like: split once when the configuration is
 * read, matched whenever a client names a room.  Never fills names in: the
 * caller knows where their values come from.
 */

#include "sio_template.h"


static sio_template_part_t *sio_template_add(sio_template_t *t,
    sio_template_kind_t kind, const char **why);
static int sio_template_name(sio_span_t *rest, sio_span_t *name,
    const char **why);
static sio_span_t sio_template_text(sio_span_t *rest);
static int sio_template_find(sio_span_t name, size_t *from, size_t to,
    sio_span_t text);


int
sio_template_parse(sio_span_t text, sio_template_t *t, const char **why)
{
    sio_template_part_t  *part;

    memset(t, 0, sizeof(sio_template_t));

    if (text.n == 0) {
        *why = "is empty";
        return SIO_ERROR;
    }

    while (text.n != 0) {

        if (*text.p == '*') {
            part = sio_template_add(t, SIO_TEMPLATE_STAR, why);
            text.p++;
            text.n--;
            t->stars++;

        } else if (*text.p == '$') {
            part = sio_template_add(t, SIO_TEMPLATE_NAME, why);

            if (part != NULL
                && sio_template_name(&text, &part->text, why) != SIO_OK)
            {
                return SIO_ERROR;
            }

            t->names++;

        } else {
            part = sio_template_add(t, SIO_TEMPLATE_TEXT, why);

            if (part != NULL) {
                part->text = sio_template_text(&text);
            }
        }

        if (part == NULL) {
            return SIO_ERROR;
        }
    }

    return SIO_OK;
}


/*
 * The first place where a text fits between two stars leaves the most for what
 * follows, so no other one needs to be tried; the last text must fit the end.
 */

int
sio_template_match(const sio_template_t *t, sio_span_t name)
{
    size_t                      at, from, to;
    unsigned                    i, gap;
    const sio_template_part_t  *part;

    if (t->names != 0) {
        return 0;
    }

    at = 0;
    gap = 0;

    for (i = 0; i < t->n; i++) {
        part = &t->parts[i];

        if (part->kind == SIO_TEMPLATE_STAR) {
            gap++;
            continue;
        }

        from = at + gap;

        if (from > name.n || part->text.n > name.n - from) {
            return 0;
        }

        to = gap == 0 ? from : name.n - part->text.n;

        if (i == t->n - 1) {
            from = to;
        }

        if (!sio_template_find(name, &from, to, part->text)) {
            return 0;
        }

        at = from + part->text.n;
        gap = 0;
    }

    return gap == 0 ? at == name.n : name.n - at >= gap;
}


static sio_template_part_t *
sio_template_add(sio_template_t *t, sio_template_kind_t kind,
    const char **why)
{
    if (t->n == SIO_TEMPLATE_PARTS) {
        *why = "has too many parts";
        return NULL;
    }

    t->parts[t->n].kind = kind;

    return &t->parts[t->n++];
}


/* Takes ${name} off the front of rest. */

static int
sio_template_name(sio_span_t *rest, sio_span_t *name, const char **why)
{
    size_t  i;

    if (rest->n < 2 || rest->p[1] != '{') {
        *why = "has a \"$\" that is not followed by \"{\"";
        return SIO_ERROR;
    }

    for (i = 2; i < rest->n && rest->p[i] != '}'; i++) {

        if (rest->p[i] == '$' || rest->p[i] == '{') {
            break;
        }
    }

    if (i == rest->n || rest->p[i] != '}') {
        *why = "has a \"${\" without its \"}\"";
        return SIO_ERROR;
    }

    if (i == 2) {
        *why = "has an empty name in \"${}\"";
        return SIO_ERROR;
    }

    name->p = rest->p + 2;
    name->n = i - 2;

    rest->p += i + 1;
    rest->n -= i + 1;

    return SIO_OK;
}


/* Takes what stands before the next star or name off the front of rest. */

static sio_span_t
sio_template_text(sio_span_t *rest)
{
    sio_span_t  text;

    text.p = rest->p;
    text.n = 0;

    while (rest->n != 0 && *rest->p != '*' && *rest->p != '$') {
        rest->p++;
        rest->n--;
        text.n++;
    }

    return text;
}


/* Moves *from to the first place in [*from, to] where text stands in name. */

static int
sio_template_find(sio_span_t name, size_t *from, size_t to, sio_span_t text)
{
    for ( /* void */ ; *from <= to; (*from)++) {

        if (memcmp(name.p + *from, text.p, text.n) == 0) {
            return 1;
        }
    }

    return 0;
}
