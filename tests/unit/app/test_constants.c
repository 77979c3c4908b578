#include "app/field_memory.h"

#include <stdlib.h>

#include "app/image.h"
#include "field_lists.h"
#include "server/handler.h"
#include "support.h"

#define ROUNDS 6 /* more than a list needs to be found */

static struct wr_image *open_image(struct wr_images *images)
{
    char why[WR_WHY_MAX];
    int32_t err = 0;
    struct wr_image *image;

    wr_images_init(images);
    image = wr_image_open(images, WR_TEST_PLUGIN, why, &err);
    if (!image)
        fail_msg("%s", why);
    return image;
}

static void close_image(struct wr_images *images, struct wr_image *image)
{
    wr_image_unref(image);
    wr_images_fini(images);
}

static void constants__of_an_image__are_its_literals_and_nothing_that_is_written(void **state)
{
    static const char own[] = "own";
    static char data[] = "data";
    char stack[] = "stack", *heap = strdup("heap");
    struct wr_images images;
    struct wr_image *image = open_image(&images);
    const char *name = wr_image_plugin(image)->name;

    (void)state;
    assert_non_null(heap);
    assert_true(wr_image_has_constant(image, name, strlen(name) + 1));
    assert_false(wr_image_has_constant(image, name, SIZE_MAX)); /* its end is not among them */
    assert_false(wr_image_has_constant(image, name, (size_t)1 << 30));
    assert_false(wr_image_has_constant(image, NULL, 1));
    assert_false(wr_image_has_constant(image, own, sizeof own)); /* another image's */
    assert_false(wr_image_has_constant(image, data, sizeof data));
    assert_false(wr_image_has_constant(image, stack, sizeof stack));
    assert_false(wr_image_has_constant(image, heap, strlen(heap) + 1));
    /* it has addresses, which the loader writes: its segment has the right to be written to */
    assert_false(wr_image_has_constant(image, wr_image_plugin(image), 1));
    free(heap);
    close_image(&images, image);
}

static void list__of_constants__is_found_by_its_addresses_alone(void **state)
{
    struct wr_images images;
    struct wr_image *image = open_image(&images);
    const char *name = wr_image_plugin(image)->name;
    const weir_header list[] = {{name, name}, {NULL, NULL}};
    const weir_header longer[] = {{name, name}, {name, name}, {NULL, NULL}};
    const weir_header tail[] = {{name, name + 1}, {NULL, NULL}};
    struct wr_field_memory *m = wr_field_memory_new(image);
    const struct wr_field_block *block;

    (void)state;
    assert_null(wr_field_memory_latest(m, list));
    for (int i = 0; i < ROUNDS; i++)
        give(m, list);
    block = wr_field_memory_latest(m, list);
    check_block(block, "hello: hello\r\n");
    assert_ptr_equal(give(m, list), block);
    assert_null(wr_field_memory_latest(m, longer));
    assert_null(wr_field_memory_latest(m, tail));
    for (int i = 0; i < 100; i++) { /* in turns */
        give(m, longer);
        give(m, tail);
        check_block(give(m, list), "hello: hello\r\n");
        assert_ptr_equal(wr_field_memory_latest(m, list), block);
    }
    wr_field_memory_free(m);
    close_image(&images, image);
}

static void list__with_one_text_elsewhere__is_compared_each_time(void **state)
{
    struct wr_images images;
    struct wr_image *image = open_image(&images);
    const char *name = wr_image_plugin(image)->name;
    char changing[] = "one";
    const weir_header lists[][3] = {{{name, name}, {name, changing}, {NULL, NULL}},
                                    {{changing, name}, {name, name}, {NULL, NULL}}};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(lists); i++) {
        struct wr_field_memory *m = wr_field_memory_new(image);

        for (int round = 0; round < ROUNDS; round++)
            give(m, lists[i]);
        assert_non_null(give(m, lists[i]));
        assert_null(wr_field_memory_latest(m, lists[i]));
        memcpy(changing, "two", sizeof changing);
        assert_null(wr_field_memory_find(m, lists[i]));
        memcpy(changing, "one", sizeof changing);
        assert_non_null(wr_field_memory_find(m, lists[i]));
        wr_field_memory_free(m);
    }
    close_image(&images, image);
}

/* As for a mount that takes the place of another, whose image may be at the same address. */
static void memory__of_an_image_that_is_loaded_again__knows_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct wr_images images;
        struct wr_image *image = open_image(&images);
        const char *name = wr_image_plugin(image)->name;
        const weir_header list[] = {{name, name}, {NULL, NULL}};
        struct wr_field_memory *m = wr_field_memory_new(image);

        assert_null(give(m, list));
        assert_null(give(m, list));
        check_block(give(m, list), "hello: hello\r\n");
        wr_field_memory_free(m);
        close_image(&images, image);
    }
}

WR_TESTS(cmocka_unit_test(constants__of_an_image__are_its_literals_and_nothing_that_is_written),
         cmocka_unit_test(list__of_constants__is_found_by_its_addresses_alone),
         cmocka_unit_test(list__with_one_text_elsewhere__is_compared_each_time),
         cmocka_unit_test(memory__of_an_image_that_is_loaded_again__knows_nothing));
