/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * How the camera is wired, from the boards' public pin tables: AI-Thinker ESP32-CAM (as in esp32-camera's own example)
 * and Espressif's ESP32-S3-EYE. -1: not connected.
 */
#pragma once

#include "sdkconfig.h"

#if CONFIG_HIL_CAMERA_AI_THINKER

#define CAMERA_PIN_PWDN  32
#define CAMERA_PIN_RESET (-1)
#define CAMERA_PIN_XCLK  0
#define CAMERA_PIN_SDA   26
#define CAMERA_PIN_SCL   27
#define CAMERA_PIN_D0    5
#define CAMERA_PIN_D1    18
#define CAMERA_PIN_D2    19
#define CAMERA_PIN_D3    21
#define CAMERA_PIN_D4    36
#define CAMERA_PIN_D5    39
#define CAMERA_PIN_D6    34
#define CAMERA_PIN_D7    35
#define CAMERA_PIN_VSYNC 25
#define CAMERA_PIN_HREF  23
#define CAMERA_PIN_PCLK  22

#elif CONFIG_HIL_CAMERA_S3_EYE

#define CAMERA_PIN_PWDN  (-1)
#define CAMERA_PIN_RESET (-1)
#define CAMERA_PIN_XCLK  15
#define CAMERA_PIN_SDA   4
#define CAMERA_PIN_SCL   5
#define CAMERA_PIN_D0    11
#define CAMERA_PIN_D1    9
#define CAMERA_PIN_D2    8
#define CAMERA_PIN_D3    10
#define CAMERA_PIN_D4    12
#define CAMERA_PIN_D5    18
#define CAMERA_PIN_D6    17
#define CAMERA_PIN_D7    16
#define CAMERA_PIN_VSYNC 6
#define CAMERA_PIN_HREF  7
#define CAMERA_PIN_PCLK  13

#endif
