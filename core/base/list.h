/*
 * list.h — a doubly linked list of structs that embed their link.
 *
 * An empty head points to itself; so does a link that is in no list. Removing twice is harmless.
 */
#ifndef WR_BASE_LIST_H
#define WR_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct wr_list {
    struct wr_list *prev, *next;
};

#define WR_CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define WR_LIST_FOREACH(it, head)                                                                  \
    for (struct wr_list *it = (head)->next; it != (head); it = it->next)

/* The loop's body may remove `it`, and no other link. */
#define WR_LIST_FOREACH_SAFE(it, head)                                                             \
    for (struct wr_list *it = (head)->next, *it##_next = it->next; it != (head);                   \
         it = it##_next, it##_next = it->next)

static inline void wr_list_init(struct wr_list *l)
{
    l->prev = l->next = l;
}

static inline bool wr_list_is_empty(const struct wr_list *head)
{
    return head->next == head;
}

static inline void wr_list_append(struct wr_list *head, struct wr_list *l)
{
    l->prev = head->prev;
    l->next = head;
    head->prev->next = l;
    head->prev = l;
}

static inline void wr_list_remove(struct wr_list *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    wr_list_init(l);
}

#endif
