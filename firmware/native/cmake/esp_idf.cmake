# The native board with an ESP-IDF's own esp_http_server and lwIP in the place of the port and of Debian's lwIP:
#
#   cmake -S firmware/native -B build/native-idf -G Ninja -DESP_IDF_DIR=<that ESP-IDF>
#
# All else stays the same, so what differs between the two builds is the port's doing. An LWIP_DIR given as well is kept.

if(NOT EXISTS "${ESP_IDF_DIR}/components/esp_http_server/src/httpd_main.c")
    message(FATAL_ERROR "ESP_IDF_DIR='${ESP_IDF_DIR}' is no ESP-IDF: it has no components/esp_http_server")
endif()
set(ESP_HTTP_SERVER_DIR "${CMAKE_CURRENT_SOURCE_DIR}/esp_idf_http_server")
set(ESP_HTTP_SERVER_KCONFIG "${ESP_IDF_DIR}/components/esp_http_server/Kconfig")
if(NOT LWIP_DIR)
    set(LWIP_DIR "${ESP_IDF_DIR}/components/lwip/lwip")
    if(NOT EXISTS "${LWIP_DIR}/src/include/lwip/init.h")
        message(FATAL_ERROR "'${LWIP_DIR}' is empty: fetch ESP-IDF's submodules with 'git submodule update --init'")
    endif()
endif()

file(STRINGS "${ESP_IDF_DIR}/tools/cmake/version.cmake" version_lines REGEX "set\\(IDF_VERSION_(MAJOR|MINOR|PATCH) ")
foreach(part MAJOR MINOR PATCH)
    string(REGEX MATCH "IDF_VERSION_${part} ([0-9]+)" found "${version_lines}")
    set(ESP_IDF_VERSION_${part} "${CMAKE_MATCH_1}")
    if(ESP_IDF_VERSION_${part} STREQUAL "")
        message(FATAL_ERROR "'${ESP_IDF_DIR}/tools/cmake/version.cmake' does not say which version this ESP-IDF is")
    endif()
endforeach()
set(ESP_IDF_VERSION "${ESP_IDF_VERSION_MAJOR}.${ESP_IDF_VERSION_MINOR}.${ESP_IDF_VERSION_PATCH}")
message(STATUS "esp_http_server and lwIP of ESP-IDF ${ESP_IDF_VERSION}: ${ESP_IDF_DIR}, ${LWIP_DIR}")

# The firmware asks for the version to know what the server can do. The other ports know no API older than 5.1's.
set(known_version "${ESP_IDF_VERSION}")
if(ESP_IDF_VERSION VERSION_LESS 5.1)
    set(known_version 5.1.0)
endif()
string(REGEX MATCH "([0-9]+)\\.([0-9]+)\\.([0-9]+)" found "${known_version}")
add_compile_definitions(ESP_IDF_VERSION_MAJOR=${CMAKE_MATCH_1} ESP_IDF_VERSION_MINOR=${CMAKE_MATCH_2}
    ESP_IDF_VERSION_PATCH=${CMAKE_MATCH_3} NATIVE_IDF_NAME="v${ESP_IDF_VERSION}")
