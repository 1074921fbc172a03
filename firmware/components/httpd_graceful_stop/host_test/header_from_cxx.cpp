/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The header used from C++11 to C++20, as Arduino sketches do. Only compiled.
 */
#include "httpd_graceful_stop.h"

class Server
{
public:
    esp_err_t begin()
    {
        const httpd_graceful_stop_config_t limits = HTTPD_GRACEFUL_STOP_CONFIG_DEFAULT();
        esp_err_t err = httpd_graceful_stop_create(&limits, &gs_);
        const httpd_config_t config = HTTPD_DEFAULT_CONFIG();
        return err == ESP_OK ? httpd_graceful_stop_start(gs_, &config) : err;
    }

    esp_err_t end()
    {
        httpd_graceful_stop_report_t report = {};
        esp_err_t err = httpd_graceful_stop_stop(gs_, &report);
        return report.phase_ms[HTTPD_GRACEFUL_STOP_DRAIN] <= report.total_ms ? err : ESP_FAIL;
    }

private:
    httpd_graceful_stop_handle_t gs_ = nullptr;
};

esp_err_t run_once()
{
    Server server;
    esp_err_t err = server.begin();
    return err == ESP_OK ? server.end() : err;
}
