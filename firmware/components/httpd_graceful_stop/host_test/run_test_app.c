/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The test app for chips (test_apps/loopback) on the native board: its app_main() is called test_app_main() here, and
 * the board is switched off when it has returned.
 */
#include "board_test.h"

void test_app_main(void);

void app_main(void)
{
    test_app_main();
    board_exit(0);
}
